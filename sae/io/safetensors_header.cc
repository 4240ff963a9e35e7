#include "sae/io/safetensors_header.h"

#include <limits>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "nlohmann/json.hpp"

namespace seedbed {
namespace {

constexpr absl::string_view kMetadata = "__metadata__";

// Takes nlohmann-json's events one by one, so that nothing is built that the format does not have and a doubled key is
// seen (a DOM keeps the last in silence). Every callback returns false to stop at the first error.
class HeaderHandler : public nlohmann::json::json_sax_t {
 public:
  absl::StatusOr<SafetensorsHeader> Take(bool parsed) {
    if (!status_.ok()) return status_;
    if (!parsed || place_ != Place::kEnd) return absl::InvalidArgumentError("the header is not a JSON object");
    return std::move(header_);
  }

  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a boolean"); }
  bool number_integer(number_integer_t value) override { return Unexpected(absl::StrCat(value)); }
  bool number_float(number_float_t, const string_t& text) override { return Unexpected(text); }
  bool binary(binary_t&) override { return Unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::kArray || value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Unexpected(absl::StrCat(value));
    }
    Array().push_back(static_cast<int64_t>(value));
    return true;
  }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadata) {
      header_.metadata[field_] = std::move(value);
      return true;
    }
    if (place_ == Place::kEntry && field_ == "dtype") {
      entry_.dtype = std::move(value);
      return true;
    }
    return Unexpected(absl::StrCat("the string ", Quoted(value)));
  }

  bool start_object(size_t) override {
    if (place_ == Place::kStart) {
      place_ = Place::kTop;
      return true;
    }
    if (place_ != Place::kTop) return Unexpected("an object");
    place_ = name_ == kMetadata ? Place::kMetadata : Place::kEntry;
    fields_.clear();
    entry_ = SafetensorsEntry();
    return true;
  }

  bool key(string_t& value) override {
    if (place_ == Place::kTop) {
      name_ = std::move(value);
      if (!names_.insert(name_).second) return Fail("is there twice");
      return true;
    }
    field_ = std::move(value);
    if (!fields_.insert(field_).second) return Fail(absl::StrCat("has the field ", Quoted(field_), " twice"));
    if (place_ == Place::kEntry && field_ != "dtype" && field_ != "shape" && field_ != "data_offsets") {
      return Fail(absl::StrCat("has the unknown field ", Quoted(field_)));
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kTop) {
      place_ = Place::kEnd;
      return true;
    }
    if (place_ == Place::kEntry && !FinishEntry()) return false;
    place_ = Place::kTop;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::kEntry || field_ == "dtype") return Unexpected("an array");
    place_ = Place::kArray;
    return true;
  }

  bool end_array() override {
    place_ = Place::kEntry;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(absl::StrCat("the header is not valid UTF-8 JSON at byte ", position));
    }
    return false;
  }

 private:
  // Where in the header the parser stands; there is nothing deeper than this.
  enum class Place { kStart, kTop, kMetadata, kEntry, kArray, kEnd };

  std::vector<int64_t>& Array() { return field_ == "shape" ? entry_.shape : entry_.data_offsets; }

  bool FinishEntry() {
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (fields_.count(field) == 0) return Fail(absl::StrCat("lacks the field \"", field, "\""));
    }
    if (entry_.data_offsets.size() != 2) {
      return Fail(absl::StrCat("has ", entry_.data_offsets.size(), " data_offsets, 2 are needed"));
    }
    header_.entries.emplace(name_, std::move(entry_));
    return true;
  }

  bool Unexpected(absl::string_view found) {
    switch (place_) {
      case Place::kStart:
      case Place::kEnd:
        return FailHeader(absl::StrCat("the header is ", found, ", a JSON object is needed"));
      case Place::kTop:
        return Fail(absl::StrCat("is ", found, ", an object is needed"));
      case Place::kMetadata:
        return Fail(absl::StrCat("has ", found, " for ", Quoted(field_), ", a string is needed"));
      case Place::kEntry:
        return Fail(absl::StrCat("has ", found, " for \"", field_, "\", ",
                                 field_ == "dtype" ? "a string is needed" : "an array of integers is needed"));
      case Place::kArray:
        return Fail(
            absl::StrCat("has ", found, " in \"", field_, "\", an integer from 0 to 9223372036854775807 is needed"));
    }
    return false;
  }

  bool Fail(absl::string_view message) { return FailHeader(absl::StrCat("tensor ", Quoted(name_), " ", message)); }

  bool FailHeader(absl::string_view message) {
    status_ = absl::InvalidArgumentError(message);
    return false;
  }

  Place place_ = Place::kStart;
  std::string name_;              // Of the tensor.
  std::string field_;             // In it.
  std::set<std::string> names_;   // Seen so far, "__metadata__" too.
  std::set<std::string> fields_;  // Seen so far in this object.
  SafetensorsEntry entry_;
  SafetensorsHeader header_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::string_view json) {
  HeaderHandler handler;
  const bool parsed = nlohmann::json::sax_parse(json.begin(), json.end(), &handler);
  return handler.Take(parsed);
}

}  // namespace seedbed
