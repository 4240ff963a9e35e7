// The keys of a sweep file: the one table of their names, types, ranges and of where they go in a SweepSpec.
#ifndef SEEDBED_CLIENT_SWEEP_SCHEMA_H_
#define SEEDBED_CLIENT_SWEEP_SCHEMA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/yaml_tree.h"
#include "seedbed/v1/sweep.pb.h"

namespace seedbed {

// One value of a sweep file; the member that the field's type names is set.
struct SweepValue {
  std::string key;            // Of a keyed field.
  std::string text;           // kText, kPath, kChoice
  int64_t integer = 0;        // kInteger, kBytes; of a kChoice its index
  uint64_t unsigned_int = 0;  // kUnsigned
  double number = 0;          // kNumber
  bool automatic = false;     // It is the field's automatic, and no value is to be set.
};

struct SweepField {
  enum class Type { kName, kText, kPath, kChoice, kInteger, kUnsigned, kNumber, kBytes };
  // When a file must have it: never, always, unless activations come from a folder, with its section.
  enum class Need { kNever, kAlways, kUnlessFolder, kWithSection };
  // What a kNumber may be.
  enum class Range { kPositive, kNotNegative, kCosine };

  std::string key;  // "train.auxiliary.alpha"
  Type type = Type::kText;
  Need need = Need::kNever;
  bool list = false;     // One value or more.
  bool repeats = false;  // Values of the list may be equal.
  bool keyed = false;    // A mapping of names, any that the user likes, to values.
  int64_t least = 0;     // Of a kInteger.
  int64_t most = 0;
  Range range = Range::kPositive;
  std::vector<std::string> choices;
  std::string automatic;  // Of a kNumber the word that says as much as leaving the key out; empty = there is none.
  // Of a list whose elements may be mappings: their keys. Where the first of them alone is required, a single value
  // stands for it, and, alone, for a list of one.
  std::vector<SweepField> members;
  // Puts one value into the spec; called once for each value of a list. Of a field with members it adds the element
  // that they fill in, and gets no value.
  void (*set)(const SweepValue& value, seedbed::v1::SweepSpec& spec) = nullptr;

  // Of a field with members.
  bool TakesSingleValue() const;

  // "an integer, 1..64", "sequential or shuffled"; of one value or element, also where the field is a list.
  std::string Allowed() const;
};

// Every field, in the order of the proto.
const std::vector<SweepField>& SweepFields();

// The value that `scalar` (of kind kScalar) holds. The error's message is what was found: "7.5", "the text \"7\"".
absl::StatusOr<SweepValue> ReadSweepValue(const SweepField& field, const YamlNode& scalar);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_SWEEP_SCHEMA_H_
