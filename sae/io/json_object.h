// A JSON object from a file, read field by field with errors that name file and field.
#ifndef SEEDBED_SAE_IO_JSON_OBJECT_H_
#define SEEDBED_SAE_IO_JSON_OBJECT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

namespace seedbed {

// Immutable, cheap to copy, thread-safe. Every getter gives INVALID_ARGUMENT, naming file and field, what was found and
// what is allowed, when the field is missing, of another type or out of range.
class JsonObject {
 public:
  // `source` is the file that messages name.
  static absl::StatusOr<JsonObject> Parse(absl::string_view text, absl::string_view source);
  // Refuses a file larger than `max_bytes`.
  static absl::StatusOr<JsonObject> ReadFrom(const std::string& path, size_t max_bytes = size_t{16} << 20);

  const std::string& source() const { return source_; }

  // False also for a field that is null.
  bool Has(const std::string& field) const;

  absl::StatusOr<std::string> String(const std::string& field) const;
  absl::StatusOr<bool> Boolean(const std::string& field) const;
  absl::StatusOr<double> Number(const std::string& field) const;
  // Bounds are inclusive.
  absl::StatusOr<int64_t> Integer(const std::string& field, int64_t least, int64_t most) const;
  absl::StatusOr<uint64_t> Unsigned(const std::string& field) const;
  absl::StatusOr<JsonObject> Object(const std::string& field) const;
  // An object whose values are all strings.
  absl::StatusOr<std::map<std::string, std::string>> Strings(const std::string& field) const;
  // Those values of an object that are numbers; others are left out.
  absl::StatusOr<std::map<std::string, double>> Numbers(const std::string& field) const;

  absl::StatusOr<std::vector<std::string>> StringList(const std::string& field) const;
  absl::StatusOr<std::vector<JsonObject>> ObjectList(const std::string& field) const;

  // The object as JSON, keys sorted, on one line.
  std::string ToText() const;

  // "FILE: field "rope_parameters.rope_theta" MESSAGE". Control characters come escaped, so that one error is one line
  // whatever the file holds.
  absl::Status Error(const std::string& field, absl::string_view message) const;

 private:
  JsonObject(std::shared_ptr<const nlohmann::json> json, std::string source, std::string prefix);

  absl::StatusOr<const nlohmann::json*> Find(const std::string& field) const;
  absl::Status WrongType(const std::string& field, const nlohmann::json& found, absl::string_view wanted) const;

  std::shared_ptr<const nlohmann::json> json_;
  std::string source_;
  std::string prefix_;  // "rope_parameters." in the object of that field.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_IO_JSON_OBJECT_H_
