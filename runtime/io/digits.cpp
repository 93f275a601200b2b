// A stand-in for MNIST that needs no file: digits drawn as strokes under random maps.
#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/core/arguments.h"
#include "runtime/core/threads.h"
#include "runtime/random/math.h"
#include "runtime/random/philox.h"

namespace dl::rt {
namespace {

constexpr int kSide = 28;
constexpr int kArcPieces = 10;

struct Point {
  float x, y;
};

// A straight line, or an arc of an ellipse, in the unit square with y downwards. Angles are turns, clockwise from the
// right.
struct Stroke {
  bool arc;
  float a, b, c, d; // a line from (a, b) to (c, d); an arc around (a, b) with radii c and d
  float from, to;
};

constexpr Stroke line(float x0, float y0, float x1, float y1) { return {false, x0, y0, x1, y1, 0, 0}; }
constexpr Stroke arc(float x, float y, float rx, float ry, float from, float to) {
  return {true, x, y, rx, ry, from, to};
}

// Two ways to write each digit; a drawn image takes one of them.
const std::vector<Stroke> kGlyphs[10][2] = {
    {{arc(.5f, .5f, .28f, .4f, 0, 1)}, {arc(.5f, .5f, .22f, .4f, 0, 1)}},
    {{line(.5f, .1f, .5f, .9f)}, {line(.35f, .27f, .53f, .1f), line(.53f, .1f, .53f, .9f)}},
    {{arc(.5f, .33f, .25f, .23f, .5f, 1.1f), line(.7f, .46f, .25f, .88f), line(.25f, .88f, .78f, .88f)},
     {arc(.48f, .32f, .24f, .22f, .45f, 1.05f), line(.71f, .39f, .3f, .85f), arc(.38f, .83f, .09f, .07f, .25f, .9f),
      line(.4f, .78f, .8f, .9f)}},
    {{arc(.46f, .3f, .24f, .2f, .58f, 1.25f), arc(.46f, .7f, .28f, .2f, .75f, 1.42f)},
     {line(.25f, .12f, .7f, .12f), line(.7f, .12f, .46f, .44f), arc(.46f, .67f, .26f, .23f, .75f, 1.42f)}},
    {{line(.6f, .1f, .2f, .62f), line(.2f, .62f, .82f, .62f), line(.62f, .1f, .62f, .9f)},
     {line(.28f, .12f, .25f, .5f), line(.25f, .5f, .74f, .5f), line(.74f, .14f, .7f, .9f)}},
    {{line(.74f, .12f, .32f, .12f), line(.32f, .12f, .29f, .46f), arc(.48f, .65f, .27f, .24f, .62f, 1.4f)},
     {line(.76f, .1f, .36f, .14f), line(.36f, .14f, .3f, .44f), arc(.46f, .63f, .24f, .22f, .65f, 1.36f)}},
    {{arc(.78f, .6f, .5f, .5f, .52f, .72f), arc(.5f, .66f, .23f, .23f, 0, 1)},
     {line(.56f, .1f, .3f, .58f), arc(.5f, .68f, .22f, .2f, 0, 1)}},
    {{line(.22f, .14f, .78f, .14f), line(.78f, .14f, .42f, .9f)},
     {line(.24f, .14f, .76f, .14f), line(.76f, .14f, .44f, .9f), line(.42f, .5f, .74f, .5f)}},
    {{arc(.5f, .3f, .2f, .2f, 0, 1), arc(.5f, .7f, .24f, .2f, 0, 1)},
     {arc(.52f, .29f, .19f, .18f, 0, 1), arc(.47f, .69f, .22f, .22f, 0, 1)}},
    {{arc(.5f, .34f, .23f, .23f, 0, 1), line(.73f, .36f, .66f, .9f)},
     {arc(.48f, .33f, .22f, .22f, 0, 1), arc(.22f, .42f, .49f, .5f, 0, .2f)}},
};

// The random numbers of one image, in a stream of its own.
class ImageRandom {
public:
  ImageRandom(uint64_t seed, int64_t image) : seed(seed), image(static_cast<uint64_t>(image)) {}

  uint32_t word() {
    if (used == 4) {
      block = {{counter++, 0, static_cast<uint32_t>(image), static_cast<uint32_t>(image >> 32)}};
      philox(block, static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
      used = 0;
    }
    return block.word[used++];
  }
  float between(float low, float high) { return low + (high - low) * (static_cast<float>(word() >> 8) * 0x1p-24f); }

private:
  uint64_t seed, image;
  PhiloxBlock block{};
  uint32_t counter = 0;
  int used = 4;
};

// x' = xx x + xy y + x0, y' likewise; from the unit square to pixels.
struct Map {
  float xx, xy, x0, yx, yy, y0;
  Point operator()(Point p) const { return {xx * p.x + xy * p.y + x0, yx * p.x + yy * p.y + y0}; }
};

Map randomMap(ImageRandom &random) {
  float turn = random.between(-.045f, .045f);
  Turn rotation = portableTurn(turn < 0 ? turn + 1 : turn);
  float cosine = static_cast<float>(rotation.cosine), sine = static_cast<float>(rotation.sine);
  float width = random.between(17, 24), height = random.between(18, 23), shear = random.between(-.3f, .2f);
  Map map{width * cosine, height * (shear * cosine - sine), 0, width * sine, height * (shear * sine + cosine), 0};
  Point middle = map({.5f, .5f});
  map.x0 = kSide / 2.0f + random.between(-2, 2) - middle.x;
  map.y0 = kSide / 2.0f + random.between(-2, 2) - middle.y;
  return map;
}

// Brightens the pixels near a piece of a stroke: full inside the radius, fading over one pixel at its edge.
void drawPiece(Point p, Point q, float radius, float *image) {
  float reach = radius + 1;
  auto clamped = [](float v) { return static_cast<int>(std::clamp(v, 0.0f, static_cast<float>(kSide - 1))); };
  int left = clamped(std::min(p.x, q.x) - reach), right = clamped(std::max(p.x, q.x) + reach);
  int top = clamped(std::min(p.y, q.y) - reach), bottom = clamped(std::max(p.y, q.y) + reach);
  float dx = q.x - p.x, dy = q.y - p.y, scale = 1 / std::max(dx * dx + dy * dy, 1e-6f);
  for (int row = top; row <= bottom; ++row)
    for (int column = left; column <= right; ++column) {
      float px = static_cast<float>(column) - p.x, py = static_cast<float>(row) - p.y;
      float t = std::clamp((px * dx + py * dy) * scale, 0.0f, 1.0f);
      float ex = px - t * dx, ey = py - t * dy;
      float level = std::clamp(radius + .5f - std::sqrt(ex * ex + ey * ey), 0.0f, 1.0f);
      float &pixel = image[row * kSide + column];
      pixel = std::max(pixel, level);
    }
}

void drawStroke(const Stroke &stroke, const Map &map, float radius, float wobble, ImageRandom &random, float *image) {
  auto shifted = [&](float x, float y) {
    return Point{x + random.between(-wobble, wobble), y + random.between(-wobble, wobble)};
  };
  if (!stroke.arc) {
    Point from = shifted(stroke.a, stroke.b), to = shifted(stroke.c, stroke.d);
    drawPiece(map(from), map(to), radius, image);
    return;
  }
  Point centre = shifted(stroke.a, stroke.b);
  float rx = stroke.c * random.between(.88f, 1.12f), ry = stroke.d * random.between(.88f, 1.12f);
  Point before{};
  for (int i = 0; i <= kArcPieces; ++i) {
    float turn = stroke.from + (stroke.to - stroke.from) * static_cast<float>(i) / kArcPieces;
    Turn at = portableTurn(turn - std::floor(turn));
    Point here = map({centre.x + rx * static_cast<float>(at.cosine), centre.y + ry * static_cast<float>(at.sine)});
    if (i)
      drawPiece(before, here, radius, image);
    before = here;
  }
}

void drawDigit(int64_t digit, ImageRandom &random, float *image) {
  std::fill_n(image, kSide * kSide, 0.0f);
  Map map = randomMap(random);
  float radius = random.between(.8f, 1.7f), wobble = .035f;
  for (const Stroke &stroke : kGlyphs[digit][random.word() >> 31])
    drawStroke(stroke, map, radius, wobble, random, image);
  float noise = random.between(0, .12f);
  for (int i = 0; i < kSide * kSide; i += 4) {
    uint32_t bits = random.word();
    for (int k = 0; k < 4; ++k) {
      float grain = static_cast<float>(static_cast<int>(bits >> (8 * k) & 255) - 128) * (1 / 128.0f);
      image[i + k] = std::clamp(image[i + k] + noise * grain, 0.0f, 1.0f);
    }
  }
}

} // namespace
} // namespace dl::rt

using namespace dl::rt;

// in: n, seed (i64).  out: images f32[n, 784] in 0..1, labels i64[n]. The same seed gives the same images everywhere;
// image i does not depend on n.
DL_RUNTIME_FUNCTION(synthetic_digits) {
  call.expect(2, 2);
  int64_t n = call.integer(0);
  if (n < 0)
    call.failHere("cannot draw ", n, " digits");
  int64_t shape[2] = {n, kSide * kSide};
  float *images = elements<float>(call.tensorResult(0, DL_F32, shape, 2));
  int64_t *labels = elements<int64_t>(call.tensorResult(1, DL_I64, shape, 1));
  uint64_t seed = static_cast<uint64_t>(call.integer(1));
  parallelFor(0, n, 16, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      ImageRandom random(seed, i);
      labels[i] = static_cast<int64_t>(uint64_t{random.word()} * 10 >> 32);
      drawDigit(labels[i], random, images + i * kSide * kSide);
    }
  });
}
