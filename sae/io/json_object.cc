#include "sae/io/json_object.h"

#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/quoted.h"
#include "common/status.h"
#include "nlohmann/json.hpp"

namespace seedbed {
namespace {

// What was found, short enough for one line whatever the file holds.
std::string Shown(const nlohmann::json& value) {
  constexpr size_t kLongest = 60;
  if (value.is_structured()) return absl::StrCat("an ", value.type_name());
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
  if (text.size() > kLongest) text = absl::StrCat(text.substr(0, kLongest), "...");
  return text;
}

}  // namespace

JsonObject::JsonObject(std::shared_ptr<const nlohmann::json> json, std::string source, std::string prefix)
    : json_(std::move(json)), source_(std::move(source)), prefix_(std::move(prefix)) {}

absl::StatusOr<JsonObject> JsonObject::Parse(absl::string_view text, absl::string_view source) {
  auto json = std::make_shared<nlohmann::json>(
      nlohmann::json::parse(text.begin(), text.end(), /*cb=*/nullptr, /*allow_exceptions=*/false));
  if (json->is_discarded()) return absl::InvalidArgumentError(absl::StrCat(source, ": is not valid JSON"));
  if (!json->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": holds ", Shown(*json), ", a JSON object is needed"));
  }
  return JsonObject(std::move(json), std::string(source), "");
}

absl::StatusOr<JsonObject> JsonObject::ReadFrom(const std::string& path, size_t max_bytes) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, max_bytes));
  return Parse(text, path);
}

bool JsonObject::Has(const std::string& field) const {
  const auto found = json_->find(field);
  return found != json_->end() && !found->is_null();
}

absl::Status JsonObject::Error(const std::string& field, absl::string_view message) const {
  return absl::InvalidArgumentError(
      absl::StrCat(source_, ": ", EscapeControlCharacters(absl::StrCat("field \"", prefix_, field, "\" ", message))));
}

absl::StatusOr<const nlohmann::json*> JsonObject::Find(const std::string& field) const {
  const auto found = json_->find(field);
  if (found == json_->end()) return Error(field, "is missing");
  return &*found;
}

absl::Status JsonObject::WrongType(const std::string& field, const nlohmann::json& found,
                                   absl::string_view wanted) const {
  return Error(field, absl::StrCat("is ", Shown(found), ", ", wanted, " is needed"));
}

absl::StatusOr<std::string> JsonObject::String(const std::string& field) const {
  ASSIGN_OR_RETURN(const nlohmann::json* value, Find(field));
  if (!value->is_string()) return WrongType(field, *value, "a string");
  return value->get<std::string>();
}

absl::StatusOr<bool> JsonObject::Boolean(const std::string& field) const {
  ASSIGN_OR_RETURN(const nlohmann::json* value, Find(field));
  if (!value->is_boolean()) return WrongType(field, *value, "true or false");
  return value->get<bool>();
}

absl::StatusOr<double> JsonObject::Number(const std::string& field) const {
  ASSIGN_OR_RETURN(const nlohmann::json* value, Find(field));
  if (!value->is_number()) return WrongType(field, *value, "a number");
  return value->get<double>();
}

absl::StatusOr<int64_t> JsonObject::Integer(const std::string& field, int64_t least, int64_t most) const {
  ASSIGN_OR_RETURN(const nlohmann::json* value, Find(field));
  const std::string wanted = absl::StrCat("an integer from ", least, " to ", most);
  if (!value->is_number_integer()) return WrongType(field, *value, wanted);
  const bool too_large = value->is_number_unsigned() &&
                         value->get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (too_large || value->get<int64_t>() < least || value->get<int64_t>() > most) {
    return WrongType(field, *value, wanted);
  }
  return value->get<int64_t>();
}

absl::StatusOr<uint64_t> JsonObject::Unsigned(const std::string& field) const {
  ASSIGN_OR_RETURN(const nlohmann::json* value, Find(field));
  if (!value->is_number_unsigned()) return WrongType(field, *value, "a whole number from 0");
  return value->get<uint64_t>();
}

absl::StatusOr<JsonObject> JsonObject::Object(const std::string& field) const {
  ASSIGN_OR_RETURN(const nlohmann::json* value, Find(field));
  if (!value->is_object()) return WrongType(field, *value, "an object");
  return JsonObject(std::shared_ptr<const nlohmann::json>(json_, value), source_, absl::StrCat(prefix_, field, "."));
}

absl::StatusOr<std::map<std::string, std::string>> JsonObject::Strings(const std::string& field) const {
  ASSIGN_OR_RETURN(const nlohmann::json* value, Find(field));
  if (!value->is_object()) return WrongType(field, *value, "an object");
  std::map<std::string, std::string> strings;
  for (const auto& [key, entry] : value->items()) {
    if (!entry.is_string()) return WrongType(absl::StrCat(field, ".", absl::CHexEscape(key)), entry, "a string");
    strings.emplace(key, entry.get<std::string>());
  }
  return strings;
}

absl::StatusOr<std::map<std::string, double>> JsonObject::Numbers(const std::string& field) const {
  ASSIGN_OR_RETURN(const nlohmann::json* value, Find(field));
  if (!value->is_object()) return WrongType(field, *value, "an object");
  std::map<std::string, double> numbers;
  for (const auto& [key, entry] : value->items()) {
    if (entry.is_number()) numbers.emplace(key, entry.get<double>());
  }
  return numbers;
}

absl::StatusOr<std::vector<std::string>> JsonObject::StringList(const std::string& field) const {
  ASSIGN_OR_RETURN(const nlohmann::json* value, Find(field));
  if (!value->is_array()) return WrongType(field, *value, "an array of strings");
  std::vector<std::string> strings;
  for (const nlohmann::json& entry : *value) {
    if (!entry.is_string()) return WrongType(absl::StrCat(field, "[", strings.size(), "]"), entry, "a string");
    strings.push_back(entry.get<std::string>());
  }
  return strings;
}

absl::StatusOr<std::vector<JsonObject>> JsonObject::ObjectList(const std::string& field) const {
  ASSIGN_OR_RETURN(const nlohmann::json* value, Find(field));
  if (!value->is_array()) return WrongType(field, *value, "an array of objects");
  std::vector<JsonObject> objects;
  for (const nlohmann::json& entry : *value) {
    const std::string name = absl::StrCat(field, "[", objects.size(), "]");
    if (!entry.is_object()) return WrongType(name, entry, "an object");
    objects.push_back(
        JsonObject(std::shared_ptr<const nlohmann::json>(json_, &entry), source_, absl::StrCat(prefix_, name, ".")));
  }
  return objects;
}

std::string JsonObject::ToText() const { return json_->dump(); }

}  // namespace seedbed
