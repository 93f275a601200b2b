#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/io/idx.h"
#include "runtime/io/image.h"
#include "runtime/io/npy.h"
#include "runtime/io/safetensors.h"
#include "tests/runtime/support.h"

namespace dl::test {
namespace {

class Files : public testing::Test {
protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / ("dl-files-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  Tensor path(const std::string &name) const { return text((folder / name).string()); }

  std::string write(const std::string &name, const std::string &bytes) const {
    std::ofstream(folder / name, std::ios::binary) << bytes;
    return (folder / name).string();
  }

  std::string bytesOf(const std::string &name) const {
    std::ifstream stream(folder / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  std::filesystem::path folder;
};

bool has(const std::string &message, std::string_view part) { return message.find(part) != message.npos; }

const std::string kIdx("\0\0\x08\x02\0\0\0\x02\0\0\0\x03\x01\x02\x03\x04\x05\x06", 18);

std::string gzip(const std::string &data) {
  std::string out(compressBound(data.size()) + 64, '\0');
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST_F(Files, IdxPlainAndPacked) {
  write("a.idx", kIdx);
  write("a.gz", gzip(kIdx));
  write("two.gz", gzip(kIdx.substr(0, 7)) + gzip(kIdx.substr(7)));
  for (const char *name : {"a.idx", "a.gz", "two.gz"})
    expectClose<uint8_t>(result("read_idx", {path(name)}, {DType::u8, {-1, 3}}), {1, 2, 3, 4, 5, 6}, 0);
}

TEST_F(Files, IdxErrorsNameFileAndReason) {
  Want want{DType::u8, {-1, -1}};
  auto problem = [&](const std::string &bytes) {
    write("bad", bytes);
    return call("read_idx", {path("bad")}, {want}).error;
  };
  EXPECT_TRUE(has(call("read_idx", {path("absent")}, {want}).error, "absent: No such file or directory"));
  EXPECT_TRUE(has(problem("ab"), "bad: truncated: an IDX file has at least 4 bytes, this one 2"));
  EXPECT_TRUE(has(problem("PK\3\4aaaa"), "no IDX file"));
  EXPECT_TRUE(has(problem(kIdx.substr(0, 9)), "truncated: the IDX header needs 12 bytes"));
  EXPECT_TRUE(has(problem(kIdx.substr(0, 15)), "truncated: u8[2, 3] does not fit the 3 bytes after the header"));
  EXPECT_TRUE(has(problem(kIdx + "x"), "1 bytes are left"));
  EXPECT_TRUE(has(problem(gzip(kIdx).substr(0, 20)), "the gzip data is truncated"));
  std::string damaged = gzip(kIdx);
  damaged[damaged.size() - 6] ^= 1;
  EXPECT_TRUE(has(problem(damaged), "the gzip data is damaged"));
  EXPECT_TRUE(
      has(problem(std::string("\0\0\x08\x04\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 20)),
          "does not fit"));
  write("good", kIdx);
  EXPECT_TRUE(
      has(call("read_idx", {path("good")}, {{DType::u8, {-1, 4}}}).error, "holds u8[2, 3], u8[_, 4] is expected"));
  EXPECT_TRUE(
      has(call("read_idx", {path("good")}, {{DType::i32, {-1, 3}}}).error, "holds u8[2, 3], i32[_, 3] is expected"));
  EXPECT_TRUE(has(call("read_idx", {text(folder.string())}, {want}).error, "is a directory"));
}

TEST(Idx, BigEndianElements) {
  const uint8_t bytes[] = {0, 0, 0x0C, 1, 0, 0, 0, 2, 0, 0, 1, 0, 0xFF, 0xFF, 0xFF, 0xFE};
  rt::Result<rt::Array> array = rt::parseIdx(bytes);
  ASSERT_TRUE(array);
  EXPECT_EQ(array->dtype, DL_I32);
  int32_t values[2];
  std::memcpy(values, array->bytes.data(), 8);
  EXPECT_EQ(values[0], 256);
  EXPECT_EQ(values[1], -2);
}

TEST_F(Files, NpyRoundTrip) {
  Tensor a = numbers<float>({2, 3, 4});
  ASSERT_EQ(call("write_npy", {path("a.npy"), a}, {}).error, "");
  EXPECT_EQ(bytesOf("a.npy").size() % 64, 24u * 4 % 64);
  Tensor b = result("read_npy", {path("a.npy")}, {DType::f32, {-1, -1, -1}});
  EXPECT_EQ(b.shape(), a.shape());
  EXPECT_EQ(std::memcmp(a.raw(), b.raw(), 96), 0);
  Tensor wide = result("read_npy", {path("a.npy")}, {DType::f64, {2, 3, 4}});
  EXPECT_EQ(wide.data<double>()[5], static_cast<double>(a.data<float>()[5]));
  for (Tensor scalar : {Tensor(2.5), Tensor(int64_t{-3}), Tensor(true)}) {
    ASSERT_EQ(call("write_npy", {path("s.npy"), scalar}, {}).error, "");
    EXPECT_EQ(result("read_npy", {path("s.npy")}, {scalar.dtype(), {}}).item(), scalar.item());
  }
}

std::string npy(const std::string &header, const std::string &data) {
  std::string out("\x93NUMPY\1\0", 8);
  out += static_cast<char>(header.size() & 255);
  out += static_cast<char>(header.size() >> 8);
  return out + header + data;
}

TEST_F(Files, NpyVariants) {
  write("f.npy", npy("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }\n",
                     std::string("\1\0\2\0\3\0\4\0\5\0\6\0", 12)));
  expectClose<int32_t>(result("read_npy", {path("f.npy")}, {DType::i32, {2, 3}}), {1, 3, 5, 2, 4, 6}, 0);
  write("b.npy", npy("{'shape': (1,), 'descr': '>f4', 'fortran_order': False}", std::string("\x3F\x80\0\0", 4)));
  expectClose<float>(result("read_npy", {path("b.npy")}, {DType::f32, {-1}}), {1}, 0);
  write("h.npy", npy("{'descr': '<f2', 'fortran_order': False, 'shape': (3,)}", std::string("\0\x3C\0\xC0\1\0", 6)));
  expectClose<float>(result("read_npy", {path("h.npy")}, {DType::f32, {-1}}), {1, -2, 0x1p-24}, 0);
}

TEST_F(Files, NpyErrors) {
  auto problem = [&](const std::string &bytes) {
    write("bad", bytes);
    return call("read_npy", {path("bad")}, {{DType::f32, {-1}}}).error;
  };
  std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)}";
  EXPECT_TRUE(has(problem(""), "no .npy file"));
  EXPECT_TRUE(has(problem(npy(good, "").substr(0, 30)), "truncated in the .npy header"));
  EXPECT_TRUE(has(problem(npy(good, "1234")), "truncated: f32[4] does not fit the 4 bytes"));
  EXPECT_TRUE(has(problem(npy("{'descr': '<f4'}", "")), "header is damaged"));
  EXPECT_TRUE(
      has(problem(npy("{'descr': '<c8', 'fortran_order': False, 'shape': (4,)}", "")), "'<c8' is not supported"));
  EXPECT_TRUE(has(problem(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9)}", "")),
                  "does not fit"));
  EXPECT_TRUE(has(problem(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9223372036854775807)}", "")),
                  "does not fit"));
}

TEST_F(Files, NpzRoundTripAndErrors) {
  Tensor a = numbers<double>({3, 2}), b = Tensor::from<int64_t>({4, 5}, {2});
  ASSERT_EQ(call("write_npz", {path("x.npz"), text("a\nb"), a, b}, {}).error, "");
  EXPECT_EQ(result("zip_names", {path("x.npz")}, kText).text(), "a.npy\nb.npy");
  expectClose<int64_t>(result("read_npz", {path("x.npz"), text("b")}, {DType::i64, {-1}}), {4, 5}, 0);
  EXPECT_EQ(std::memcmp(result("read_npz", {path("x.npz"), text("a")}, {DType::f64, {3, 2}}).raw(), a.raw(), 48), 0);
  EXPECT_TRUE(has(call("read_npz", {path("x.npz"), text("c")}, {{DType::f64, {-1}}}).error,
                  "cannot read c.npy in the archive"));
  write("cut.npz", bytesOf("x.npz").substr(0, 100));
  EXPECT_TRUE(
      has(call("read_npz", {path("cut.npz"), text("a")}, {{DType::f64, {-1}}}).error, "no readable zip archive"));
  EXPECT_TRUE(has(call("write_npz", {text("/nowhere/x.npz"), text("a"), a}, {}).error, "cannot write /nowhere/x.npz"));
}

TEST_F(Files, SafeTensorsRoundTrip) {
  Tensor w = numbers<float>({2, 3}), n = Tensor(int64_t{7}), flag = Tensor::from<bool>({true, false}, {2}),
         rate = Tensor(0.25f);
  ASSERT_EQ(call("save", {path("m"), text("fc.weight\nsteps\n\"mask\"\nlr"), w, n, flag, rate}, {}).error, "");
  EXPECT_EQ(result("saved_names", {path("m")}, kText).text(), "fc.weight\nsteps\n\"mask\"\nlr");
  Outcome loaded = call("load", {path("m"), text("lr\nfc.weight\n\"mask\"\nsteps")},
                        {{DType::f32, {}}, {DType::f32, {2, 3}}, {DType::boolean, {-1}}, kInteger});
  ASSERT_EQ(loaded.error, "");
  EXPECT_EQ(loaded.results[0].item(), 0.25);
  EXPECT_EQ(std::memcmp(loaded.results[1].raw(), w.raw(), 24), 0);
  EXPECT_TRUE(loaded.results[2].data<bool>()[0]);
  EXPECT_EQ(loaded.results[3].item(), 7);
}

TEST_F(Files, LoadNamesWhatDoesNotFit) {
  ASSERT_EQ(call("save", {path("m"), text("a\nb"), numbers<float>({2, 3}), numbers<float>({4})}, {}).error, "");
  Want a{DType::f32, {2, 3}}, c{DType::f32, {4}};
  EXPECT_TRUE(has(call("load", {path("m"), text("a\nc")}, {a, c}).error, "m: missing c; unexpected b"));
  EXPECT_TRUE(has(call("load", {path("m"), text("a")}, {a}).error, "m: unexpected b"));
  EXPECT_EQ(call("load", {path("m"), text("a"), integer(0)}, {a}).error, "");
  EXPECT_TRUE(has(call("load", {path("m"), text("a\nb")}, {{DType::f32, {3, 2}}, c}).error,
                  "m: a: holds f32[2, 3], f32[3, 2] is expected"));
  EXPECT_TRUE(has(call("load", {path("m"), text("a\nb")}, {a, {DType::i64, {4}}}).error,
                  "b: holds f32[4], i64[4] is expected"));
}

std::string safetensors(const std::string &header, const std::string &data = "") {
  uint64_t size = header.size();
  return std::string(reinterpret_cast<char *>(&size), 8) + header + data;
}

TEST(SafeTensors, DamagedFilesAreErrors) {
  auto problem = [](const std::string &bytes) {
    rt::Result<rt::SafeTensors> file =
        rt::SafeTensors::parse({reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()});
    return file ? std::string() : file.message();
  };
  std::string entry = "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}";
  EXPECT_EQ(problem(safetensors("{" + entry + "}  ", "1234")), "");
  EXPECT_EQ(problem(safetensors("{\"__metadata__\":{\"k\":[1,{\"x\":null}]}," + entry + "}", "1234")), "");
  EXPECT_TRUE(has(problem("abc"), "it has only 3 bytes"));
  EXPECT_TRUE(has(problem(std::string(8, '\xFF')), "a header of 18446744073709551615 bytes"));
  EXPECT_TRUE(has(problem(safetensors("{" + entry + "}", "123")), "`a` lies outside the file"));
  EXPECT_TRUE(has(problem(safetensors("{" + entry + "," + entry + "}", "1234")), "`a` is there twice"));
  EXPECT_TRUE(has(problem(safetensors("{" + entry, "1234")), "header is damaged"));
  EXPECT_TRUE(has(problem(safetensors("{" + entry + "}x", "1234")), "header is damaged"));
  EXPECT_TRUE(has(problem(safetensors(std::string(100000, '['))), "header is damaged"));
  EXPECT_TRUE(has(problem(safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", "1234")),
                  "does not fill"));
  EXPECT_TRUE(has(problem(safetensors("{\"a\":{\"dtype\":\"F8\",\"shape\":[2],\"data_offsets\":[0,4]}}", "1234")),
                  "F8, which is not supported"));
  EXPECT_TRUE(has(problem(safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", "1234")),
                  "outside the file"));
  EXPECT_TRUE(has(problem(safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", "1234")),
                  "does not fill"));
}

TEST_F(Files, CsvRoundTripAndErrors) {
  Tensor a = Tensor::from<double>({1, 0.1, -2e-30, 1e300}, {2, 2});
  ASSERT_EQ(call("write_csv", {path("a.csv"), a}, {}).error, "");
  EXPECT_EQ(bytesOf("a.csv"), "1,0.1\n-2e-30,1e+300\n");
  EXPECT_EQ(std::memcmp(result("read_csv", {path("a.csv"), integer(0)}, {DType::f64, {-1, 2}}).raw(), a.raw(), 32), 0);
  write("b.csv", "# comment\nx;y\n\n1; 2\r\n+3\t4\n");
  expectClose<float>(result("read_csv", {path("b.csv"), integer(1)}, {DType::f32, {-1, -1}}), {1, 2, 3, 4}, 0);
  write("empty.csv", "");
  EXPECT_EQ(result("read_csv", {path("empty.csv"), integer(0)}, {DType::f64, {-1, -1}}).numel(), 0);
  auto problem = [&](const std::string &bytes) {
    write("bad.csv", bytes);
    return call("read_csv", {path("bad.csv"), integer(0)}, {{DType::f64, {-1, -1}}}).error;
  };
  EXPECT_TRUE(has(problem("1,2\n3,x y\n"), "bad.csv: line 2: \"x y\" is no number"));
  EXPECT_TRUE(has(problem("1,2\n3\n"), "line 2: 1 columns, the lines before have 2"));
  EXPECT_TRUE(has(problem("1,,2\n"), "line 1: \"\" is no number"));
  EXPECT_TRUE(has(problem("1,2abc\n"), "line 1: \"2abc\" is no number"));
}

TEST_F(Files, ImagesRoundTrip) {
  for (int64_t channels : {1, 2, 3, 4}) {
    Tensor image = Tensor::zeros(DType::u8, {5, 7, channels});
    for (int64_t i = 0; i < image.numel(); ++i)
      image.data<uint8_t>()[i] = static_cast<uint8_t>(i * 37);
    ASSERT_EQ(call("write_image", {path("a.png"), image}, {}).error, "");
    Tensor back = result("read_image", {path("a.png")}, {DType::u8, {-1, -1, channels}});
    EXPECT_EQ(back.shape(), image.shape());
    EXPECT_EQ(std::memcmp(back.raw(), image.raw(), static_cast<size_t>(image.numel())), 0) << channels;
    std::string bytes = bytesOf("a.png");
    EXPECT_EQ(result("decode_image", {text(bytes)}, {DType::u8, {5, 7, channels}}).numel(), image.numel());
  }
  for (int64_t channels : {1, 3}) {
    Tensor image = Tensor::zeros(DType::u8, {16, 24, channels});
    for (int64_t i = 0; i < image.numel(); ++i)
      image.data<uint8_t>()[i] = static_cast<uint8_t>(i / (24 * channels) * 10 + 20);
    ASSERT_EQ(call("write_image", {path("a.jpg"), image}, {}).error, "");
    Tensor back = result("read_image", {path("a.jpg")}, {DType::u8, {-1, -1, channels}});
    ASSERT_EQ(back.shape(), image.shape());
    for (int64_t i = 0; i < image.numel(); ++i)
      ASSERT_NEAR(back.data<uint8_t>()[i], image.data<uint8_t>()[i], 6);
  }
}

TEST_F(Files, ImageErrors) {
  Want any{DType::u8, {-1, -1, -1}};
  Tensor image = Tensor::zeros(DType::u8, {40, 40, 3});
  for (const char *name : {"a.png", "a.jpg"}) {
    ASSERT_EQ(call("write_image", {path(name), image}, {}).error, "");
    std::string bytes = bytesOf(name);
    for (size_t size : {size_t{3}, size_t{20}, bytes.size() / 2}) {
      write("cut", bytes.substr(0, size));
      EXPECT_NE(call("read_image", {path("cut")}, {any}).error, "") << name << " " << size;
    }
  }
  write("text", "hello");
  EXPECT_TRUE(has(call("read_image", {path("text")}, {any}).error, "neither a PNG nor a JPEG file"));
  EXPECT_TRUE(has(call("read_image", {path("a.png")}, {{DType::u8, {-1, -1, 1}}}).error,
                  "holds u8[40, 40, 3], u8[_, _, 1] is expected"));
  EXPECT_TRUE(has(call("write_image", {path("a.bmp"), image}, {}).error, "the extension must be"));
  EXPECT_TRUE(has(call("write_image", {path("a.png"), numbers<float>({2, 2})}, {}).error, "not f32[2, 2]"));
  EXPECT_TRUE(has(call("write_image", {path("a.jpg"), Tensor::zeros(DType::u8, {2, 2, 4})}, {}).error,
                  "JPEG has 1 or 3 channels"));
}

TEST_F(Files, TextAndFolders) {
  EXPECT_EQ(result("file_exists", {path("t.txt")}, {DType::boolean, {}}).item(), 0);
  ASSERT_EQ(call("write_text", {path("t.txt"), text("héllo\n")}, {}).error, "");
  EXPECT_EQ(result("file_exists", {path("t.txt")}, {DType::boolean, {}}).item(), 1);
  EXPECT_EQ(result("read_text", {path("t.txt")}, kText).text(), "héllo\n");
  EXPECT_EQ(call("list_files", {text(folder.string())}, kTexts).results.at(0).text(), "t.txt");
  EXPECT_TRUE(has(call("list_files", {path("none")}, kTexts).error, "cannot read the folder"));
}

// As a device such as /dev/null is.
TEST_F(Files, APipeIsWrittenToAndNotReplaced) {
  std::string pipe = (folder / "pipe").string();
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  int reader = open(pipe.c_str(), O_RDWR | O_NONBLOCK);
  ASSERT_EQ(call("write_text", {path("pipe"), text("x")}, {}).error, "");
  char read[8];
  EXPECT_EQ(::read(reader, read, sizeof read), 1);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  close(reader);
}

TEST_F(Files, AFailedWriteLeavesTheOldFile) {
  EXPECT_TRUE(has(call("write_text", {text("/nowhere/t.txt"), text("x")}, {}).error,
                  "cannot write /nowhere/t.txt: No such file or directory"));
  std::filesystem::create_directory(folder / "taken");
  EXPECT_TRUE(has(call("write_text", {path("taken"), text("x")}, {}).error, "cannot write"));
  EXPECT_EQ(call("list_files", {text(folder.string())}, kTexts).results.at(0).text(), "taken");
  if (std::ofstream("/dev/full")) {
    EXPECT_TRUE(has(call("write_text", {text("/dev/full/x"), text("x")}, {}).error, "cannot write"));
  }
}

TEST(Mnist, RealFilesWhereGiven) {
  const char *folder = std::getenv("DL_MNIST");
  if (!folder)
    GTEST_SKIP() << "DL_MNIST names no folder";
  std::string base(folder);
  Tensor images = result("read_idx", {text(base + "/t10k-images-idx3-ubyte.gz")}, {DType::u8, {-1, 28, 28}});
  Tensor labels = result("read_idx", {text(base + "/t10k-labels-idx1-ubyte.gz")}, {DType::u8, {-1}});
  ASSERT_TRUE(images.valid());
  EXPECT_EQ(images.size(0), labels.size(0));
  for (uint8_t label : labels.span<uint8_t>())
    ASSERT_LT(label, 10);
}

} // namespace
} // namespace dl::test
