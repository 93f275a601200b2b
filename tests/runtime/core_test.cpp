#include <atomic>
#include <cstring>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "runtime/core/memory.h"
#include "runtime/core/sanitizer.h"
#include "tests/runtime/support.h"

namespace dl::test {
namespace {

extern "C" {
void *_mlir_memref_to_llvm_alloc(uint64_t);
void *_mlir_memref_to_llvm_aligned_alloc(uint64_t, uint64_t);
void _mlir_memref_to_llvm_free(void *);
void memrefCopy(int64_t, void *, void *);
}

std::string errorOf(dl_function function, const dl_value *in = nullptr, int64_t numIn = 0) {
  dl_error *error = dl_invoke(function, in, numIn, nullptr, 0);
  std::string message = error ? dl_error_message(error) : "";
  dl_error_free(error);
  return message;
}

TEST(Memory, BlocksAreAlignedDistinctAndReused) {
  std::set<void *> blocks;
  for (size_t bytes : {0, 1, 63, 64, 65, 1000, 1024, 1025, 5000, 1 << 20, 5 << 20}) {
    void *block = dl_alloc(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u);
    std::memset(block, 1, bytes);
    EXPECT_TRUE(blocks.insert(block).second);
  }
  for (void *block : blocks)
    dl_free(block);
  uint64_t before = dl_heap_allocations();
  for (int round = 0; round < 100; ++round) {
    void *a = dl_alloc(1000), *b = dl_alloc(5 << 20);
    dl_free(a);
    dl_free(b);
  }
  EXPECT_EQ(dl_heap_allocations(), before);
  dl_free(nullptr);
}

TEST(Memory, EverySizeFitsItsClass) {
  for (size_t bytes = 1; bytes < 40000; bytes += 37) {
    auto *block = static_cast<char *>(dl_alloc(bytes));
    std::memset(block, 7, bytes); // the address sanitizer sees an overrun
    dl_free(block);
  }
}

TEST(Memory, ImpossibleSizesAreErrors) {
  auto allocate = +[](const dl_site *, const dl_value *in, int64_t, dl_value *, int64_t) {
    dl_free(_mlir_memref_to_llvm_alloc(static_cast<uint64_t>(in[0].i)));
  };
  dl_value size{};
  size.dtype = DL_I64;
  size.i = -8;
  EXPECT_EQ(errorOf(allocate, &size, 1), "out of memory: -8 bytes");
  size.i = int64_t{1} << 60;
  EXPECT_EQ(errorOf(allocate, &size, 1), "out of memory: 1152921504606846976 bytes");
  size.i = 100;
  EXPECT_EQ(errorOf(allocate, &size, 1), "");
}

TEST(Memory, BlocksMayBeFreedByAnotherThread) {
  int64_t before = rt::liveBlocks();
  std::vector<void *> blocks;
  for (int i = 0; i < 100; ++i)
    blocks.push_back(dl_alloc(128));
  std::thread([&] {
    for (void *block : blocks)
      dl_free(block);
  }).join();
  EXPECT_EQ(rt::liveBlocks(), before);
  void *fromThread = nullptr;
  std::thread([&] { fromThread = dl_alloc(64); }).join();
  std::memset(fromThread, 1, 64);
  dl_free(fromThread);
}

TEST(Memory, AFailedCallReleasesWhatItAllocated) {
  void *older = dl_alloc(64);
  int64_t before = rt::liveBlocks();
  auto leaky = +[](const dl_site *, const dl_value *, int64_t, dl_value *, int64_t) {
    for (int i = 0; i < 10; ++i)
      dl_alloc(100 << i);
    dl_fail(nullptr, "stop");
  };
  EXPECT_EQ(errorOf(leaky), "stop");
  EXPECT_EQ(rt::liveBlocks(), before);
  auto keeps = +[](const dl_site *, const dl_value *, int64_t, dl_value *, int64_t) { dl_alloc(100); };
  EXPECT_EQ(errorOf(keeps), "");
  EXPECT_EQ(rt::liveBlocks(), before + 1);
  dl_free(older);
}

TEST(Memory, AFailedInnerCallKeepsTheOuterOnesBlocks) {
  auto outer = +[](const dl_site *, const dl_value *, int64_t, dl_value *out, int64_t) {
    out[0].data = dl_alloc(64);
    auto inner = +[](const dl_site *, const dl_value *, int64_t, dl_value *, int64_t) {
      dl_alloc(64);
      dl_fail(nullptr, "inner");
    };
    dl_error *error = dl_invoke(inner, nullptr, 0, nullptr, 0);
    out[1].i = error != nullptr;
    dl_error_free(error);
  };
  int64_t before = rt::liveBlocks();
  dl_value out[2] = {};
  EXPECT_EQ(dl_invoke(outer, nullptr, 0, out, 2), nullptr);
  EXPECT_EQ(out[1].i, 1);
  EXPECT_EQ(rt::liveBlocks(), before + 1);
  dl_free(out[0].data);
}

TEST(Errors, RenderPlaceAndCaret) {
  auto failing = +[](const dl_site *, const dl_value *, int64_t, dl_value *, int64_t) {
    static const dl_site site{"mlp.dl", "  let θ = x @ w1", 12, 11, 6, 0};
    dl_fail(&site, "inner dimensions differ, 784 and 512");
  };
  dl_error *error = dl_invoke(failing, nullptr, 0, nullptr, 0);
  ASSERT_NE(error, nullptr);
  EXPECT_STREQ(dl_error_text(error), "error: inner dimensions differ, 784 and 512\n"
                                     "  --> mlp.dl:12:11\n"
                                     "   |\n"
                                     "12 |   let θ = x @ w1\n"
                                     "   |           ^^^^^^\n");
  ASSERT_NE(dl_error_site(error), nullptr);
  EXPECT_EQ(dl_error_site(error)->line, 12);
  EXPECT_STREQ(dl_error_site(error)->file, "mlp.dl");
  dl_error_free(error);
}

TEST(Errors, WithoutAPlaceThereIsOnlyTheMessage) {
  Outcome outcome = call("error", {text("no luck")}, {});
  EXPECT_EQ(outcome.error, "no luck");
  EXPECT_EQ(outcome.text, "error: no luck\n");
}

TEST(Errors, InterruptStopsAtThePollAndIsOver) {
  auto loop = +[](const dl_site *, const dl_value *, int64_t, dl_value *, int64_t) {
    for (int i = 0; i < 10; ++i)
      if (dl_interrupted)
        dl_poll_interrupt(nullptr);
  };
  EXPECT_EQ(errorOf(loop), "");
  dl_interrupt();
  EXPECT_EQ(errorOf(loop), "interrupted");
  EXPECT_EQ(errorOf(loop), "");
}

struct Marks {
  std::vector<std::atomic<int>> seen;
  std::atomic<int> nested{0};
};

TEST(Threads, EveryIndexRunsOnceForAnyNumberOfThreads) {
  int32_t threads = dl_num_threads();
  for (int n : {1, 2, 5}) {
    dl_set_num_threads(n);
    EXPECT_EQ(dl_num_threads(), n);
    for (int64_t size : {0, 1, 7, 1000}) {
      Marks marks{std::vector<std::atomic<int>>(static_cast<size_t>(size))};
      dl_parallel_for(
          10, 10 + size, 3,
          [](int64_t begin, int64_t end, void *context) {
            auto *m = static_cast<Marks *>(context);
            for (int64_t i = begin; i < end; ++i)
              ++m->seen[static_cast<size_t>(i - 10)];
            dl_parallel_for(
                0, 100, 1,
                [](int64_t a, int64_t b, void *c) { static_cast<Marks *>(c)->nested += static_cast<int>(b - a); }, m);
          },
          &marks);
      for (auto &count : marks.seen)
        EXPECT_EQ(count, 1);
      EXPECT_EQ(marks.nested % 100, 0);
    }
  }
  dl_set_num_threads(threads);
}

TEST(Threads, AnErrorInAWorkerReachesTheCallerAndFreesItsBlocks) {
  int32_t threads = dl_num_threads();
  dl_set_num_threads(4);
  auto failing = +[](const dl_site *, const dl_value *, int64_t, dl_value *, int64_t) {
    dl_parallel_for(
        0, 1000, 10,
        [](int64_t begin, int64_t end, void *) {
          void *block = dl_alloc(256);
          if (begin <= 500 && 500 < end) {
            static const dl_site site{"loop.dl", "x[i]", 3, 1, 4, 0};
            dl_fail(&site, "index 500");
          }
          dl_free(block);
        },
        nullptr);
  };
  int64_t before = rt::liveBlocks();
  for (int round = 0; round < 50; ++round) {
    dl_error *error = dl_invoke(failing, nullptr, 0, nullptr, 0);
    ASSERT_NE(error, nullptr);
    EXPECT_STREQ(dl_error_message(error), "index 500");
    EXPECT_EQ(dl_error_site(error)->line, 3);
    dl_error_free(error);
  }
  EXPECT_EQ(rt::liveBlocks(), before);
  dl_set_num_threads(threads);
}

TEST(Threads, TheFirstOfSeveralErrorsIsReported) {
  int32_t threads = dl_num_threads();
  dl_set_num_threads(4);
  auto failing = +[](const dl_site *, const dl_value *, int64_t, dl_value *, int64_t) {
    dl_parallel_for(
        0, 1000, 1, [](int64_t begin, int64_t, void *) { dl_fail(nullptr, begin == 0 ? "first" : "later"); }, nullptr);
  };
  for (int round = 0; round < 50; ++round)
    EXPECT_EQ(errorOf(failing), "first");
  dl_set_num_threads(threads);
}

struct Memref2 {
  float *allocated, *aligned;
  int64_t offset, sizes[2], strides[2];
};
struct Unranked {
  int64_t rank;
  void *descriptor;
};

TEST(Memref, CopiesBetweenLayouts) {
  float from[6] = {1, 2, 3, 4, 5, 6}, to[8] = {};
  Memref2 source{from, from, 0, {3, 2}, {1, 3}}; // the transpose of [2, 3]
  Memref2 target{to, to, 1, {3, 2}, {2, 1}};
  Unranked a{2, &source}, b{2, &target};
  memrefCopy(sizeof(float), &a, &b);
  EXPECT_EQ(std::vector<float>(to, to + 8), (std::vector<float>{0, 1, 4, 2, 5, 3, 6, 0}));
}

TEST(Symbols, TheTableHoldsEveryFunctionOfTheRuntime) {
  EXPECT_EQ(dl_runtime_symbol("dl_rt_nothing"), nullptr);
  EXPECT_EQ(dl_runtime_symbol("dl_alloc"), reinterpret_cast<void *>(dl_alloc));
  std::regex definition("DL_RUNTIME_FUNCTION\\(([a-z0-9_]+)\\)");
  int count = 0;
  for (const char *file : {"core/checks.cpp", "io/functions.cpp", "io/digits.cpp", "kernels/nonzero.cpp",
                           "kernels/matmul.cpp", "kernels/conv.cpp", "kernels/pool.cpp", "kernels/ragged.cpp",
                           "random/random.cpp", "text/functions.cpp", "text/program.cpp"}) {
    std::ifstream stream(std::string(DL_RUNTIME_SOURCE) + "/" + file);
    ASSERT_TRUE(stream) << file;
    std::stringstream content;
    content << stream.rdbuf();
    std::string source = content.str();
    for (std::sregex_iterator at(source.begin(), source.end(), definition), end; at != end; ++at, ++count)
      EXPECT_NE(dl_runtime_symbol(("dl_rt_" + (*at)[1].str()).c_str()), nullptr) << (*at)[1];
  }
  EXPECT_GT(count, 40);
}

TEST(Checks, AssertionsFillInTheirValues) {
  EXPECT_EQ(
      call("assert_failed", {text("index {0} is out of range for size {1}, {2} {x}"), integer(-7), Tensor(2.5)}, {})
          .error,
      "index -7 is out of range for size 2.5, {2} {x}");
  EXPECT_EQ(call("assert_failed", {text("{")}, {}).error, "{");
}

extern "C" void dl_rt_check_arguments(const dl_site *, const char *, const int64_t *, int64_t, int64_t,
                                      const dl_value *, int64_t, int64_t);

TEST(Checks, ArgumentsOfExportedFunctions) {
  auto predict = +[](const dl_site *, const dl_value *in, int64_t numIn, dl_value *, int64_t numOut) {
    static const int64_t table[] = {DL_F32, 2, -1, 784, 0, 0, 0, 0, 0, 0, DL_I64, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    dl_rt_check_arguments(nullptr, "predict", table, 2, 0, in, numIn, numOut);
  };
  auto check = [&](const std::vector<Tensor> &arguments) {
    std::vector<dl_value> in;
    for (const Tensor &argument : arguments)
      in.push_back(argument.value());
    return errorOf(predict, in.data(), static_cast<int64_t>(in.size()));
  };
  Tensor good = Tensor::zeros(DType::f32, {3, 784});
  EXPECT_EQ(check({good, integer(1)}), "");
  EXPECT_EQ(check({good}), "predict: takes 2 arguments, 1 are given");
  EXPECT_EQ(check({Tensor::zeros(DType::f32, {3, 700}), integer(1)}),
            "predict: argument 1 is f32[3, 700], f32[_, 784] is expected");
  EXPECT_EQ(check({Tensor::zeros(DType::f64, {3, 784}), integer(1)}),
            "predict: argument 1 is f64[3, 784], f32[_, 784] is expected");
  EXPECT_EQ(check({good, Tensor(1.0f)}), "predict: argument 2 is f32, i64 is expected");
}

int64_t deepest = 0;

void recurse(const dl_site *site, const dl_value *in, int64_t numIn, dl_value *out, int64_t numOut) {
  volatile char frame[1000] = {};
  deepest = std::max(deepest, in->i);
  dl_value next{};
  next.i = in->i + 1;
  dl_rt_check_arguments(site, "f", nullptr, 0, 0, in, numIn, numOut);
  recurse(site, &next, numIn, out, numOut);
  frame[0] = 1;
}

TEST(Checks, EndlessRecursionIsAnError) {
  dl_value start{};
  EXPECT_EQ(errorOf(recurse, &start), "f: the recursion is too deep");
#if !DL_ADDRESS_SANITIZER
  EXPECT_GT(deepest, 200000); // whatever stack the thread itself has
#endif
  std::string inThread;
  std::thread([&] { inThread = errorOf(recurse, &start); }).join();
  EXPECT_EQ(inThread, "f: the recursion is too deep");
  EXPECT_EQ(errorOf(recurse, &start), "f: the recursion is too deep"); // the stack is there again
}

TEST(TensorClass, OwnsBorrowsAndConverts) {
  Tensor a = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  ASSERT_TRUE(a.valid());
  EXPECT_EQ(a.size(1), 3);
  EXPECT_EQ(a.data<double>(), nullptr);
  Tensor shared = a, copied = a.clone();
  shared.data<float>()[0] = 9;
  EXPECT_EQ(a.data<float>()[0], 9);
  EXPECT_EQ(copied.data<float>()[0], 1);

  std::vector<int64_t> mine{7, 8};
  Tensor borrowed = Tensor::borrow(mine.data(), {2});
  EXPECT_EQ(borrowed.value().data, mine.data());

  EXPECT_EQ(Tensor(2.5f).value().f, 2.5);
  EXPECT_EQ(Tensor(true).value().i, 1);
  EXPECT_EQ(Tensor(int64_t{-3}).item(), -3);
  EXPECT_EQ(Tensor::string("héé").text(), "héé");

  EXPECT_FALSE(Tensor::zeros(DType::f32, {-1}).valid());
  EXPECT_FALSE(Tensor::zeros(DType::f32, {int64_t{1} << 62, 16}).valid());
  EXPECT_FALSE(Tensor::from<float>({1, 2}, {3}).valid());
  EXPECT_FALSE(Tensor().valid());
  EXPECT_EQ(Tensor::zeros(DType::f64, {0, 3}).numel(), 0);
}

} // namespace
} // namespace dl::test
