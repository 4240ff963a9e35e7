#include "sae/io/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "tests/common/testing.h"
#include "tests/sae/io/test_files.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

template <typename T>
absl::string_view Bytes(const std::vector<T>& values) {
  return absl::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

std::string File(absl::string_view header, absl::string_view data) {
  const uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof length);
  return absl::StrCat(file, header, data);
}

std::string Entry(absl::string_view name, absl::string_view dtype, absl::string_view shape, absl::string_view offsets) {
  return absl::StrCat("\"", name, R"(":{"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":)", offsets,
                      "}");
}

class SafetensorsTest : public ::testing::Test {
 protected:
  absl::StatusOr<SafetensorsFile> Open(absl::string_view contents) {
    return SafetensorsFile::Open(WriteTestFile(folder_.Path("x.safetensors"), contents));
  }

  void ExpectRefused(absl::string_view contents, const std::vector<std::string>& parts) {
    const auto file = Open(contents);
    ASSERT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << contents.substr(0, 200);
    EXPECT_THAT(file.status().message(), HasSubstr("x.safetensors: "));
    EXPECT_THAT(file.status().message(), SizeIs(testing::Lt(600u)));
    for (const std::string& part : parts) EXPECT_THAT(file.status().message(), HasSubstr(part));
  }

  // A file with this header and 8 bytes of data.
  void ExpectHeaderRefused(absl::string_view header, const std::vector<std::string>& parts) {
    ExpectRefused(File(header, "12345678"), parts);
  }

  TempFolder folder_;
};

TEST_F(SafetensorsTest, NamesAMissingFile) {
  const auto file = SafetensorsFile::Open(folder_.Path("absent.safetensors"));
  EXPECT_EQ(file.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(file.status().message(), HasSubstr("absent.safetensors"));
}

TEST_F(SafetensorsTest, RefusesAFileThatEndsBeforeItsHeader) {
  ExpectRefused("", {"has 0 bytes"});
  ExpectRefused("1234567", {"has 7 bytes"});
  ExpectRefused(File("{}", "").substr(0, 9), {"header of 2 bytes", "1 follow"});
}

TEST_F(SafetensorsTest, RefusesAHeaderLengthBeyondAnyBound) {
  ExpectRefused(std::string(16, '\xff'), {"18446744073709551615", "100000000"});
  const uint64_t length = 100'000'001;
  ExpectRefused(absl::StrCat(std::string(reinterpret_cast<const char*>(&length), 8), "{}"), {"100000001"});
}

TEST_F(SafetensorsTest, RefusesAHeaderThatIsNotAJsonObject) {
  ExpectHeaderRefused("", {"not valid UTF-8 JSON"});
  ExpectHeaderRefused("{", {"not valid UTF-8 JSON"});
  ExpectHeaderRefused("{} x", {"not valid UTF-8 JSON"});
  ExpectHeaderRefused("[]", {"the header is an array"});
  ExpectHeaderRefused("\"x\"", {"JSON object is needed"});
  ExpectHeaderRefused("7", {"JSON object is needed"});
  ExpectHeaderRefused("null", {"JSON object is needed"});
  ExpectHeaderRefused("{\"\xc3\x28\": 1}", {"not valid UTF-8 JSON"});
}

TEST_F(SafetensorsTest, RefusesDeepNestingBeforeItCanHurt) {
  ExpectHeaderRefused(std::string(1'000'000, '['), {"array"});
  std::string objects;
  for (int i = 0; i < 200'000; ++i) objects += "{\"a\":";
  ExpectHeaderRefused(objects, {"tensor \"a\"", "unknown field \"a\""});
  ExpectHeaderRefused(Entry("a", "F32", "[[2]]", "[0,8]"), {"the header"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[[2]]", "[0,8]") + "}", {"tensor \"a\"", "an array", "\"shape\""});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[{}]", "[0,8]") + "}", {"tensor \"a\"", "an object"});
}

TEST_F(SafetensorsTest, RefusesDoubledNames) {
  const std::string a = Entry("a", "F32", "[2]", "[0,8]");
  ExpectHeaderRefused("{" + a + "," + a + "}", {"tensor \"a\"", "twice"});
  ExpectHeaderRefused(R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                      {"tensor \"a\"", "\"dtype\" twice"});
  ExpectHeaderRefused(R"({"__metadata__":{"k":"v","k":"w"},)" + a + "}", {"__metadata__", "\"k\" twice"});
  ExpectHeaderRefused(R"({"__metadata__":{},"__metadata__":{},)" + a + "}", {"__metadata__", "twice"});
}

TEST_F(SafetensorsTest, RefusesMetadataThatIsNotStrings) {
  const std::string a = Entry("a", "F32", "[2]", "[0,8]");
  ExpectHeaderRefused(R"({"__metadata__":{"k":1},)" + a + "}", {"__metadata__", "\"k\"", "a string is needed"});
  ExpectHeaderRefused(R"({"__metadata__":{"k":{}},)" + a + "}", {"__metadata__", "an object"});
  ExpectHeaderRefused(R"({"__metadata__":[],)" + a + "}", {"__metadata__", "an object is needed"});
}

TEST_F(SafetensorsTest, RefusesFieldsThatAreMissingUnknownOrOfAnotherType) {
  ExpectHeaderRefused(R"({"a":1})", {"tensor \"a\"", "an object is needed"});
  ExpectHeaderRefused(R"({"a":{"dtype":"F32","shape":[2]}})", {"tensor \"a\"", "lacks", "data_offsets"});
  ExpectHeaderRefused(R"({"a":{"shape":[2],"data_offsets":[0,8]}})", {"lacks", "dtype"});
  ExpectHeaderRefused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"z":1}})", {"unknown field \"z\""});
  ExpectHeaderRefused(R"({"a":{"dtype":1,"shape":[2],"data_offsets":[0,8]}})", {"\"dtype\"", "a string is needed"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "2", "[0,8]") + "}", {"\"shape\"", "an array"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[\"2\"]", "[0,8]") + "}", {"the string \"2\"", "\"shape\""});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[2]", "[0]") + "}", {"1 data_offsets, 2 are needed"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[2]", "[0,4,8]") + "}", {"3 data_offsets"});
}

TEST_F(SafetensorsTest, RefusesNumbersThatAreNotSizes) {
  ExpectHeaderRefused("{" + Entry("a", "F32", "[-2]", "[0,8]") + "}", {"tensor \"a\"", "-2", "\"shape\""});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[2]", "[-8,0]") + "}", {"-8", "\"data_offsets\""});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[2.0]", "[0,8]") + "}", {"2.0"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[true]", "[0,8]") + "}", {"a boolean"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[null]", "[0,8]") + "}", {"null"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[9223372036854775808]", "[0,8]") + "}", {"9223372036854775808"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[2]", "[0,1e999]") + "}", {"the header is not valid"});
}

TEST_F(SafetensorsTest, RefusesShapesThatOverflow) {
  const std::string large = "4611686018427387904";  // 2^62
  ExpectHeaderRefused("{" + Entry("a", "F32", "[" + large + ",4]", "[0,8]") + "}", {"tensor \"a\"", "overflows"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[" + large + "]", "[0,8]") + "}", {"overflows"});
  ExpectHeaderRefused("{" + Entry("a", "U8", "[0," + large + "," + large + "]", "[0,0]") + "}", {"overflows"});
}

TEST_F(SafetensorsTest, RefusesAnUnknownDtype) {
  ExpectHeaderRefused("{" + Entry("a", "F31", "[2]", "[0,8]") + "}",
                      {"tensor \"a\"", "\"F31\"", "F32", "BF16", "BOOL"});
  ExpectHeaderRefused("{" + Entry("a", "", "[2]", "[0,8]") + "}", {"allowed are"});
}

TEST_F(SafetensorsTest, RefusesOffsetsThatDoNotFitTheFile) {
  ExpectHeaderRefused("{" + Entry("a", "F32", "[2]", "[8,0]") + "}", {"tensor \"a\"", "[8, 0]", "backwards"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[3]", "[0,12]") + "}", {"tensor \"a\"", "8 bytes of data", "cut off"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[1]", "[9223372036854775803,9223372036854775807]") + "}", {"cut off"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[1]", "[0,8]") + "}", {"tensor \"a\"", "[1] of F32 needs 4"});
}

TEST_F(SafetensorsTest, RefusesOverlapsAndHoles) {
  const auto two = [](absl::string_view a, absl::string_view b) {
    return "{" + Entry("a", "F32", "[1]", a) + "," + Entry("b", "F32", "[1]", b) + "}";
  };
  ExpectHeaderRefused(two("[0,4]", "[0,4]"), {"tensor \"b\"", "over another"});
  ExpectHeaderRefused(two("[0,4]", "[2,6]"), {"tensor \"b\"", "over another"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[1]", "[4,8]") + "}", {"tensor \"a\"", "hole"});
  ExpectHeaderRefused("{" + Entry("a", "F32", "[1]", "[0,4]") + "}", {"8 bytes of data", "cover 4"});
  ExpectHeaderRefused("{}", {"cover 0"});
}

TEST_F(SafetensorsTest, ErrorsStayReadableWhateverTheNames) {
  const std::string name(100'000, 'n');
  ExpectHeaderRefused("{" + Entry(name, "F31", "[2]", "[0,8]") + "}", {"nnn...\""});
  ExpectHeaderRefused("{" + Entry("a\\nb", "F31", "[2]", "[0,8]") + "}", {"tensor \"a\\nb\""});
}

TEST_F(SafetensorsTest, EveryTruncationOfAGoodFileIsRefused) {
  const std::string good =
      File("{" + Entry("a", "F32", "[1]", "[0,4]") + "," + Entry("b", "U8", "[4]", "[4,8]") + "}", "12345678");
  ASSERT_TRUE(Open(good).ok());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(Open(good.substr(0, size)).status().code(), absl::StatusCode::kInvalidArgument) << size;
  }
}

TEST_F(SafetensorsTest, DamageIsRefusedOrHarmless) {
  const std::string good = *ReadFile(SEEDBED_TEST_DATA "/reference.safetensors");
  std::mt19937 random(0);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = good;
    for (int j = 0; j < 1 + i % 3; ++j) damaged[random() % 224] = static_cast<char>(random());
    const auto file = Open(damaged);
    if (!file.ok()) {
      ASSERT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
      ++refused;
      continue;
    }
    for (const auto& [name, view] : file->tensors()) {
      ASSERT_EQ(std::string(view.bytes).size(), view.elements() * TensorTypeBytes(view.type)) << name;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST_F(SafetensorsTest, OpensWhatTheReferenceLibraryWrote) {
  const auto file = SafetensorsFile::Open(SEEDBED_TEST_DATA "/reference.safetensors");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->metadata(), ElementsAre(Pair("format", "pt")));
  ASSERT_THAT(file->tensors(), SizeIs(3));
  const TensorView decoder = *file->Find("decoder");
  EXPECT_EQ(decoder.type, TensorType::kF32);
  EXPECT_THAT(decoder.shape, ElementsAre(2, 3));
  EXPECT_EQ(decoder.elements(), 6);
  std::vector<float> values(6);
  ASSERT_EQ(decoder.bytes.size(), 24);
  std::memcpy(values.data(), decoder.bytes.data(), 24);
  EXPECT_THAT(values, ElementsAre(-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f));
  EXPECT_THAT(file->Find("scalar")->shape, IsEmpty());
  EXPECT_EQ(file->Find("scalar")->elements(), 1);
  EXPECT_EQ(file->Find("empty")->elements(), 0);
}

TEST_F(SafetensorsTest, WritesTheReferenceLibrarysBytes) {
  const std::vector<float> decoder = {-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f};
  const std::vector<float> scalar = {7.0f};
  const std::string path = folder_.Path("written.safetensors");
  // In another order than the file's.
  ASSERT_TRUE(WriteSafetensors(path,
                               {{"scalar", TensorType::kF32, {}, Bytes(scalar)},
                                {"empty", TensorType::kF32, {0, 3}, ""},
                                {"decoder", TensorType::kF32, {2, 3}, Bytes(decoder)}},
                               {{"format", "pt"}})
                  .ok());
  EXPECT_EQ(*ReadFile(path), *ReadFile(SEEDBED_TEST_DATA "/reference.safetensors"));
}

TEST_F(SafetensorsTest, EveryTypeComesBackAsItWasWritten) {
  const std::string bytes = "0123456789abcdef";
  const std::string path = folder_.Path("types.safetensors");
  for (const TensorType type :
       {TensorType::kF64, TensorType::kF32, TensorType::kF16, TensorType::kBF16, TensorType::kI64, TensorType::kI32,
        TensorType::kI16, TensorType::kI8, TensorType::kU8, TensorType::kBool}) {
    const int64_t count = static_cast<int64_t>(bytes.size() / TensorTypeBytes(type));
    ASSERT_TRUE(WriteSafetensors(path, {{"a \"quoted\" näme", type, {count}, bytes}}, {}).ok());
    const auto file = SafetensorsFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_THAT(file->metadata(), IsEmpty());
    EXPECT_EQ(file->Find("a \"quoted\" näme")->type, type);
    EXPECT_EQ(file->Find("a \"quoted\" näme")->bytes, bytes);
    // Data begins at a multiple of 8.
    EXPECT_EQ((ReadFile(path)->size() - bytes.size()) % 8, 0u);
  }
}

TEST_F(SafetensorsTest, FindNamesFileAndTensor) {
  const auto file = SafetensorsFile::Open(SEEDBED_TEST_DATA "/reference.safetensors");
  ASSERT_TRUE(file.ok());
  const auto found = file->Find("encoder");
  EXPECT_EQ(found.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(found.status().message(), HasSubstr("reference.safetensors"));
  EXPECT_THAT(found.status().message(), HasSubstr("\"encoder\""));
}

TEST_F(SafetensorsTest, WriterRefusesWhatTheFormatCannotHold) {
  const std::string path = folder_.Path("refused.safetensors");
  const auto code = [&](std::vector<TensorToWrite> tensors, std::map<std::string, std::string> metadata) {
    return WriteSafetensors(path, std::move(tensors), metadata).code();
  };
  const TensorToWrite good = {"a", TensorType::kU8, {1}, "x"};
  EXPECT_EQ(code({good, good}, {}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({{"__metadata__", TensorType::kU8, {1}, "x"}}, {}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({{"a", TensorType::kU8, {2}, "x"}}, {}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({{"a", TensorType::kU8, {-1}, ""}}, {}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({{"\xff", TensorType::kU8, {1}, "x"}}, {}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({good}, {{"k", "\xff"}}), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(PathExists(path));
}

TEST_F(SafetensorsTest, WriterLeavesNothingBehindOnAFullDisk) {
  const std::vector<char> bytes(1 << 20);
  const TensorToWrite tensor = {"a", TensorType::kU8, {1 << 20}, Bytes(bytes)};
  const absl::Status missing = WriteSafetensors(folder_.Path("absent/x"), {tensor}, {});
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  const std::string link = folder_.Path("full");
  ASSERT_EQ(symlink("/dev/full", link.c_str()), 0);
  EXPECT_EQ(WriteSafetensors(link, {tensor}, {}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(PathExists(link));
}

}  // namespace
}  // namespace seedbed
