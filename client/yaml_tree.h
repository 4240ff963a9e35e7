// YAML as a plain tree with line numbers: what yaml-cpp reads, less what a file of settings has no use for (anchors,
// aliases, tags, several documents, keys that are not text), and more strictly (a key may be given once).
#ifndef SEEDBED_CLIENT_YAML_TREE_H_
#define SEEDBED_CLIENT_YAML_TREE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedbed {

inline constexpr size_t kMaxYamlBytes = size_t{1} << 20;
inline constexpr int kMaxYamlDepth = 16;
inline constexpr size_t kMaxYamlKeys = 256;  // Of one mapping.

struct YamlEntry;

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  int line = 1;         // From 1.
  std::string text;     // Of a scalar.
  bool quoted = false;  // A scalar in quotes, or a block scalar: text, whatever it looks like.
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;  // Of a map, in the order of the file; keys differ.
};

struct YamlEntry {
  std::string key;
  int line = 1;  // Of the key.
  YamlNode value;
};

// `file` is what errors call it. INVALID_ARGUMENT "FILE:LINE: ..." for what is not one YAML document, goes deeper than
// kMaxYamlDepth, has more than kMaxYamlKeys in one mapping, or has what is left out above; OUT_OF_RANGE beyond
// kMaxYamlBytes. An empty document is a null.
absl::StatusOr<YamlNode> ParseYaml(const std::string& file, const std::string& contents);

// The text as an error message quotes it: printable, on one line, cut at 60 characters.
std::string QuoteForMessage(absl::string_view text);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_YAML_TREE_H_
