#include "runtime/io/image.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <jpeglib.h>
#include <png.h>

#include "runtime/io/file.h"

namespace dl::rt {
namespace {

constexpr uint64_t kMaxPixels = uint64_t{1} << 28;
constexpr int kMaxScans = 200; // of a progressive JPEG; more are an attack
constexpr int kJpegQuality = 92;

Result<Array> decodePng(std::span<const uint8_t> bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()))
    return error("damaged PNG: ", image.message);
  if (uint64_t{image.width} * image.height > kMaxPixels) {
    png_image_free(&image);
    return error("a picture of ", image.width, " by ", image.height, " is too large");
  }
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  bool color = image.format & PNG_FORMAT_FLAG_COLOR, alpha = image.format & PNG_FORMAT_FLAG_ALPHA;
  image.format = color ? (alpha ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB) : (alpha ? PNG_FORMAT_GA : PNG_FORMAT_GRAY);
  int64_t channels = PNG_IMAGE_PIXEL_CHANNELS(image.format);
  Array array{DL_U8, {image.height, image.width, channels}, {}};
  array.bytes.resize(PNG_IMAGE_SIZE(image));
  if (!png_image_finish_read(&image, nullptr, array.bytes.data(), 0, nullptr)) {
    Error failure = error("damaged PNG: ", image.message);
    png_image_free(&image);
    return failure;
  }
  return array;
}

Result<std::string> encodePng(int64_t height, int64_t width, int64_t channels, const uint8_t *pixels) {
  constexpr png_uint_32 formats[] = {PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB, PNG_FORMAT_RGBA};
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = formats[channels - 1];
  std::string out(PNG_IMAGE_PNG_SIZE_MAX(image), '\0');
  png_alloc_size_t size = out.size();
  if (!png_image_write_to_memory(&image, out.data(), &size, 0, pixels, 0, nullptr))
    return error(image.message);
  out.resize(size);
  return out;
}

// libjpeg reports errors by a function that must not return. The functions between setjmp and longjmp hold no C++
// objects.
struct JpegErrors {
  jpeg_error_mgr manager;
  std::jmp_buf environment;
  char message[JMSG_LENGTH_MAX];
};

void jpegFail(j_common_ptr info) {
  auto *errors = reinterpret_cast<JpegErrors *>(info->err);
  info->err->format_message(info, errors->message);
  longjmp(errors->environment, 1);
}

void jpegWarn(j_common_ptr info, int level) {
  if (level < 0) // the data is damaged, though a picture would come out
    jpegFail(info);
}

void jpegProgress(j_common_ptr info) {
  auto *errors = reinterpret_cast<JpegErrors *>(info->err);
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) {
    std::snprintf(errors->message, sizeof errors->message, "more than %d scans", kMaxScans);
    longjmp(errors->environment, 1);
  }
}

void initErrors(JpegErrors &errors) {
  jpeg_std_error(&errors.manager);
  errors.manager.error_exit = jpegFail;
  errors.manager.emit_message = jpegWarn;
  errors.message[0] = 0;
}

struct Pixels {
  uint8_t *data; // from malloc
  int64_t height, width, channels;
};

bool decodeJpegRaw(const uint8_t *bytes, size_t size, Pixels &out, JpegErrors &errors) {
  jpeg_decompress_struct info;
  jpeg_progress_mgr progress{};
  std::memset(&info, 0, sizeof info);
  info.err = &errors.manager;
  out.data = nullptr;
  if (setjmp(errors.environment)) {
    jpeg_destroy_decompress(&info);
    std::free(out.data);
    return false;
  }
  jpeg_create_decompress(&info);
  progress.progress_monitor = jpegProgress;
  info.progress = &progress;
  jpeg_mem_src(&info, bytes, size);
  jpeg_read_header(&info, TRUE);
  bool grey = info.num_components == 1;
  if (!grey && info.jpeg_color_space != JCS_YCbCr && info.jpeg_color_space != JCS_RGB) {
    std::snprintf(errors.message, sizeof errors.message, "only grey and RGB pictures are supported");
    longjmp(errors.environment, 1);
  }
  if (uint64_t{info.image_width} * info.image_height > kMaxPixels) {
    std::snprintf(errors.message, sizeof errors.message, "a picture of %u by %u is too large", info.image_width,
                  info.image_height);
    longjmp(errors.environment, 1);
  }
  info.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&info);
  out.height = info.output_height;
  out.width = info.output_width;
  out.channels = info.output_components;
  size_t row = static_cast<size_t>(out.width * out.channels);
  out.data = static_cast<uint8_t *>(std::malloc(row * info.output_height));
  while (out.data && info.output_scanline < info.output_height) {
    JSAMPROW line = out.data + row * info.output_scanline;
    jpeg_read_scanlines(&info, &line, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return out.data != nullptr;
}

Result<Array> decodeJpeg(std::span<const uint8_t> bytes) {
  JpegErrors errors;
  initErrors(errors);
  Pixels pixels{};
  if (!decodeJpegRaw(bytes.data(), bytes.size(), pixels, errors))
    return error("damaged JPEG: ", errors.message[0] ? errors.message : "out of memory");
  Array array{DL_U8, {pixels.height, pixels.width, pixels.channels}, {}};
  array.bytes.assign(pixels.data, pixels.data + array.numel());
  std::free(pixels.data);
  return array;
}

struct Encoded {
  unsigned char *data; // from libjpeg's malloc
  unsigned long size;
};

bool encodeJpegRaw(int64_t height, int64_t width, int64_t channels, const uint8_t *pixels, Encoded &out,
                   JpegErrors &errors) {
  jpeg_compress_struct info;
  std::memset(&info, 0, sizeof info);
  info.err = &errors.manager;
  out = {};
  if (setjmp(errors.environment)) {
    jpeg_destroy_compress(&info);
    std::free(out.data);
    return false;
  }
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &out.data, &out.size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = static_cast<int>(channels);
  info.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, kJpegQuality, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW line = const_cast<uint8_t *>(pixels) + info.next_scanline * width * channels;
    jpeg_write_scanlines(&info, &line, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  return true;
}

Result<std::string> encodeJpeg(int64_t height, int64_t width, int64_t channels, const uint8_t *pixels) {
  if (channels != 1 && channels != 3)
    return error("JPEG has 1 or 3 channels, not ", channels);
  JpegErrors errors;
  initErrors(errors);
  Encoded encoded;
  if (!encodeJpegRaw(height, width, channels, pixels, encoded, errors))
    return error(errors.message);
  std::string out(reinterpret_cast<char *>(encoded.data), encoded.size);
  std::free(encoded.data);
  return out;
}

} // namespace

Result<Array> decodeImage(std::span<const uint8_t> bytes) {
  std::string_view text = asText(bytes);
  if (text.starts_with("\x89PNG"))
    return decodePng(bytes);
  if (text.starts_with("\xFF\xD8"))
    return decodeJpeg(bytes);
  return error("neither a PNG nor a JPEG file");
}

Result<Array> readImage(const std::string &path) {
  Result<std::vector<uint8_t>> bytes = readFile(path);
  if (!bytes)
    return bytes.failure();
  Result<Array> array = decodeImage(*bytes);
  if (!array)
    return error(path, ": ", array.message());
  return array;
}

Result<Done> writeImage(const std::string &path, const ArrayView &array) {
  size_t rank = array.sizes.size();
  if (array.dtype != DL_U8 || (rank != 2 && rank != 3))
    return error("cannot write ", path, ": a picture is u8[height, width, channels], not ",
                 arrayText(array.dtype, array.sizes));
  int64_t height = array.sizes[0], width = array.sizes[1], channels = rank == 3 ? array.sizes[2] : 1;
  if (height < 1 || width < 1 || channels < 1 || channels > 4 || static_cast<uint64_t>(height) > kMaxPixels ||
      static_cast<uint64_t>(width) > kMaxPixels / static_cast<uint64_t>(height))
    return error("cannot write ", path, ": ", arrayText(array.dtype, array.sizes), " is no picture");
  auto *pixels = static_cast<const uint8_t *>(array.data);
  bool jpeg = path.ends_with(".jpg") || path.ends_with(".jpeg");
  if (!jpeg && !path.ends_with(".png"))
    return error("cannot write ", path, ": the extension must be .png, .jpg or .jpeg");
  Result<std::string> bytes =
      jpeg ? encodeJpeg(height, width, channels, pixels) : encodePng(height, width, channels, pixels);
  if (!bytes)
    return error("cannot write ", path, ": ", bytes.message());
  std::string_view parts[] = {*bytes};
  return writeFile(path, parts);
}

} // namespace dl::rt
