// What is wrong with a sweep, field by field.
#ifndef SEEDBED_SERVER_SCHEDULER_VIOLATIONS_H_
#define SEEDBED_SERVER_SCHEDULER_VIOLATIONS_H_

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace seedbed {

struct SpecViolation {
  std::string field;        // Path within SweepSpec: "sae.k[1]".
  std::string description;  // What was found and what is allowed: "is 600; must be at most latents (512)".
};

// Gathers violations. Not thread-safe.
class ViolationList {
 public:
  void Add(absl::string_view field, absl::string_view description) {
    violations_.push_back({std::string(field), std::string(description)});
  }

  // Adds "is 0; must be 1..64" unless low <= value <= high. NaN is in no range.
  template <typename T>
  void CheckRange(absl::string_view field, T value, T low, T high) {
    static_assert(std::is_arithmetic_v<T>);
    if (!(value >= low && value <= high)) Add(field, absl::StrCat("is ", value, "; must be ", low, "..", high));
  }

  bool empty() const { return violations_.empty(); }
  std::vector<SpecViolation> Take() { return std::move(violations_); }

 private:
  std::vector<SpecViolation> violations_;
};

// "sae.k[1]".
std::string ElementPath(absl::string_view list, int64_t index);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_VIOLATIONS_H_
