#include "sae/io/json_object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/common/testing.h"
#include "tests/sae/io/test_files.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

JsonObject Parsed(absl::string_view text) { return JsonObject::Parse(text, "f.json").value(); }

template <typename T>
void ExpectError(const absl::StatusOr<T>& result, const std::vector<std::string>& parts) {
  ASSERT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  for (const std::string& part : parts) EXPECT_THAT(result.status().message(), HasSubstr(part));
}

TEST(JsonObject, RefusesWhatIsNotAnObject) {
  ExpectError(JsonObject::Parse("{\"a\": ", "f.json"), {"f.json", "not valid JSON"});
  ExpectError(JsonObject::Parse("{\"a\": \"\xff\"}", "f.json"), {"f.json", "not valid JSON"});
  ExpectError(JsonObject::Parse("[1]", "f.json"), {"f.json", "an array", "object is needed"});
  ExpectError(JsonObject::Parse(std::string(1 << 20, '['), "f.json"), {"f.json", "not valid JSON"});
}

TEST(JsonObject, RefusesAFileThatIsTooLarge) {
  const TempFolder folder;
  const std::string path = WriteTestFile(folder.Path("f.json"), "{\"a\": 1}");
  EXPECT_EQ(JsonObject::ReadFrom(path, 4).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(JsonObject::ReadFrom(path).ok());
}

TEST(JsonObject, NamesFileFieldAndWhatWasFound) {
  const JsonObject json = Parsed(R"({"text": "x", "number": 1.5, "inner": {"deep": true}, "mixed": ["a", 2]})");
  ExpectError(json.String("absent"), {"f.json", "\"absent\"", "missing"});
  ExpectError(json.String("number"), {"f.json", "\"number\"", "1.5", "a string is needed"});
  ExpectError(json.Number("text"), {"\"x\"", "a number is needed"});
  ExpectError(json.Boolean("number"), {"1.5", "true or false"});
  ExpectError(json.Integer("number", 0, 9), {"1.5", "an integer from 0 to 9"});
  ExpectError(json.Object("text"), {"\"x\"", "an object is needed"});
  ExpectError(json.Object("inner")->Integer("deep", 0, 9), {"\"inner.deep\"", "true"});
  ExpectError(json.Strings("inner"), {"\"inner.deep\"", "a string is needed"});
  ExpectError(json.StringList("text"), {"\"x\"", "an array of strings is needed"});
  ExpectError(json.StringList("mixed"), {"\"mixed[1]\"", "2", "a string is needed"});
  ExpectError(json.ObjectList("mixed"), {"\"mixed[0]\"", "\"a\"", "an object is needed"});
  ExpectError(json.ObjectList("text"), {"\"x\"", "an array of objects is needed"});
  ExpectError(json.Numbers("text"), {"\"x\"", "an object is needed"});
  ExpectError(json.Unsigned("number"), {"1.5", "a whole number from 0 is needed"});
}

TEST(JsonObject, AnErrorIsOneLineWhateverTheFileHolds) {
  const JsonObject json = Parsed(R"({"kind": "a\nb\u0000", "x\ny": 1, "inner\n": {"deep": 1}})");
  const std::string kind = *json.String("kind");
  EXPECT_EQ(json.Error("kind", "is \"" + kind + "\", allowed is \"c\"").message(),
            R"(f.json: field "kind" is "a\nb\000", allowed is "c")");
  EXPECT_EQ(json.String("x\ny").status().message(), R"(f.json: field "x\ny" is 1, a string is needed)");
  EXPECT_EQ(json.Object("inner\n")->String("deep").status().message(),
            R"(f.json: field "inner\n.deep" is 1, a string is needed)");
}

TEST(JsonObject, HoldsIntegersToTheirBounds) {
  const JsonObject json = Parsed(R"({"low": -1, "high": 10, "huge": 18446744073709551615, "even": 9})");
  ExpectError(json.Integer("low", 0, 9), {"-1"});
  ExpectError(json.Integer("high", 0, 9), {"10"});
  ExpectError(json.Integer("huge", 0, 9), {"18446744073709551615"});
  EXPECT_EQ(*json.Integer("even", 0, 9), 9);
}

TEST(JsonObject, ReadsEveryKindOfField) {
  const JsonObject json = Parsed(
      R"({"s": "x", "i": 3, "f": 0.5, "b": true, "n": null, "o": {"k": "v"}, "l": ["a", "b"], "big": 123456789012})");
  EXPECT_EQ(*json.String("s"), "x");
  EXPECT_EQ(*json.Number("i"), 3.0);
  EXPECT_EQ(*json.Number("f"), 0.5);
  EXPECT_TRUE(*json.Boolean("b"));
  EXPECT_TRUE(json.Has("s"));
  EXPECT_FALSE(json.Has("n"));
  EXPECT_FALSE(json.Has("absent"));
  EXPECT_EQ(*json.Object("o")->String("k"), "v");
  EXPECT_THAT(*json.Strings("o"), ElementsAre(Pair("k", "v")));
  EXPECT_THAT(*json.StringList("l"), ElementsAre("a", "b"));
  EXPECT_EQ(json.Object("o")->ToText(), R"({"k":"v"})");
}

TEST(JsonObject, ReadsNumbersAndObjectsInside) {
  const JsonObject json = Parsed(R"({"seed": 18446744073709551615, "m": {"a": 1, "b": 0.5, "c": null, "d": [1]},
                                     "files": [{"name": "x"}, {"name": 7}]})");
  EXPECT_EQ(*json.Unsigned("seed"), 18446744073709551615u);
  EXPECT_THAT(*json.Numbers("m"), ElementsAre(Pair("a", 1.0), Pair("b", 0.5)));
  const std::vector<JsonObject> files = *json.ObjectList("files");
  ASSERT_EQ(files.size(), 2);
  EXPECT_EQ(*files[0].String("name"), "x");
  ExpectError(files[1].String("name"), {"f.json", "\"files[1].name\"", "7"});
}

}  // namespace
}  // namespace seedbed
