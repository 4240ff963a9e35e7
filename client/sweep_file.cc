#include "client/sweep_file.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/sweep_schema.h"
#include "client/yaml_tree.h"
#include "common/file.h"
#include "common/status.h"
#include "proto/rpc/status.h"

namespace seedbed {
namespace {

// Levenshtein's distance: the fewest insertions, deletions and replacements of a letter between the two.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

const SweepField* FindField(const std::string& key) {
  for (const SweepField& field : SweepFields()) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

// "train." -> auxiliary, batch_tokens, ...
std::set<std::string> KeysOfSection(const std::string& prefix) {
  std::set<std::string> keys;
  for (const SweepField& field : SweepFields()) {
    absl::string_view rest = field.key;
    if (absl::ConsumePrefix(&rest, prefix)) keys.insert(std::string(rest.substr(0, rest.find('.'))));
  }
  return keys;
}

std::string Absolute(const std::string& folder, const std::string& path) {
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

std::string Describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a mapping";
    case YamlNode::Kind::kScalar:
      return QuoteForMessage(node.text);
  }
  return "";
}

// Fills a SweepFile from the tree of its YAML.
class SweepReader {
 public:
  SweepReader(SweepFile& file, std::string folder) : file_(file), folder_(std::move(folder)) {}

  absl::Status Read(const YamlNode& root) {
    if (root.kind != YamlNode::Kind::kMap) {
      return absl::InvalidArgumentError(absl::StrCat(file_.path, ":", root.line, ": found ", Describe(root),
                                                     "; allowed a mapping of keys, as in ", "\"name: my-sweep\""));
    }
    RETURN_IF_ERROR(ReadSection("", root));
    return CheckRequired();
  }

 private:
  absl::Status Bad(int line, const std::string& key, absl::string_view found, absl::string_view allowed) const {
    return absl::InvalidArgumentError(
        absl::StrCat(file_.path, ":", line, ": ", key, ": found ", found, "; allowed ", allowed));
  }

  absl::Status ReadSection(const std::string& prefix, const YamlNode& map) {
    const std::set<std::string> known = KeysOfSection(prefix);
    for (const YamlEntry& entry : map.entries) {
      const std::string key = prefix + entry.key;
      if (known.count(entry.key) == 0) return UnknownKey(key, entry, known);
      file_.lines[key] = entry.line;
      if (const SweepField* field = FindField(key); field != nullptr) {
        RETURN_IF_ERROR(ReadField(*field, entry));
      } else if (entry.value.kind != YamlNode::Kind::kMap) {
        return Bad(entry.line, key, Describe(entry.value),
                   absl::StrCat("a mapping of ", absl::StrJoin(KeysOfSection(key + "."), ", ")));
      } else {
        RETURN_IF_ERROR(ReadSection(key + ".", entry.value));
      }
    }
    return absl::OkStatus();
  }

  absl::Status UnknownKey(const std::string& key, const YamlEntry& entry, const std::set<std::string>& known) const {
    const auto nearest = std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
      return EditDistance(entry.key, a) < EditDistance(entry.key, b);
    });
    const std::string quoted = QuoteForMessage(key);
    return Bad(entry.line, quoted == absl::StrCat("\"", key, "\"") ? key : quoted, "an unknown key",
               absl::StrCat(absl::StrJoin(known, ", "), "; nearest: ", *nearest));
  }

  absl::Status ReadField(const SweepField& field, const YamlEntry& entry) {
    if (field.keyed) return ReadKeyed(field, entry);
    if (!field.list) return ReadOne(field, field.key, entry.line, entry.value);
    if (!field.members.empty()) return ReadElements(field, entry);
    const std::string allowed = absl::StrCat("a list, each ", field.Allowed());
    if (entry.value.kind == YamlNode::Kind::kScalar) {
      return Bad(entry.line, field.key, absl::StrCat("the single value ", Describe(entry.value)),
                 absl::StrCat(allowed, ", as in [", entry.value.text.substr(0, 60), "]"));
    }
    if (entry.value.kind != YamlNode::Kind::kList) return Bad(entry.line, field.key, Describe(entry.value), allowed);
    if (entry.value.items.empty()) return Bad(entry.line, field.key, "an empty list", allowed);
    return ReadList(field, entry.value);
  }

  absl::Status ReadKeyed(const SweepField& field, const YamlEntry& entry) {
    const std::string allowed = absl::StrCat("a mapping of names to ", field.Allowed());
    if (entry.value.kind != YamlNode::Kind::kMap) return Bad(entry.line, field.key, Describe(entry.value), allowed);
    for (const YamlEntry& element : entry.value.entries) {
      const std::string key = absl::StrCat(field.key, ".", element.key);
      file_.lines[key] = element.line;
      if (element.value.kind != YamlNode::Kind::kScalar) {
        return Bad(element.line, key, Describe(element.value), field.Allowed());
      }
      absl::StatusOr<SweepValue> value = ReadSweepValue(field, element.value);
      if (!value.ok()) return Bad(element.line, key, value.status().message(), field.Allowed());
      value->key = element.key;
      field.set(*value, file_.spec);
    }
    return absl::OkStatus();
  }

  // Of a field with members.
  absl::Status ReadElements(const SweepField& field, const YamlEntry& entry) {
    const bool single = field.TakesSingleValue();
    if (single && entry.value.kind == YamlNode::Kind::kScalar) {
      return ReadElement(field, field.key, entry.line, entry.value);
    }
    if (entry.value.kind != YamlNode::Kind::kList || entry.value.items.empty()) {
      const std::string found = entry.value.kind == YamlNode::Kind::kList ? "an empty list" : Describe(entry.value);
      return Bad(entry.line, field.key, found,
                 absl::StrCat(single ? absl::StrCat(field.members[0].Allowed(), ", or ") : "", "a list, each ",
                              field.Allowed()));
    }
    for (size_t i = 0; i < entry.value.items.size(); ++i) {
      const std::string key = absl::StrCat(field.key, "[", i, "]");
      const YamlNode& item = entry.value.items[i];
      file_.lines[key] = item.line;
      RETURN_IF_ERROR(ReadElement(field, key, item.line, item));
    }
    return absl::OkStatus();
  }

  absl::Status ReadElement(const SweepField& field, const std::string& key, int line, const YamlNode& node) {
    field.set({}, file_.spec);
    if (node.kind == YamlNode::Kind::kMap) return ReadMembers(field, key, node);
    if (node.kind != YamlNode::Kind::kScalar || !field.TakesSingleValue()) {
      return Bad(line, key, Describe(node), field.Allowed());
    }
    return ReadOne(field.members[0], key, line, node);
  }

  absl::Status ReadMembers(const SweepField& field, const std::string& element, const YamlNode& map) {
    std::set<std::string> known;
    for (const SweepField& member : field.members) known.insert(member.key);
    for (const YamlEntry& entry : map.entries) {
      const std::string key = absl::StrCat(element, ".", entry.key);
      if (known.count(entry.key) == 0) return UnknownKey(key, entry, known);
      file_.lines[key] = entry.line;
      const auto member = std::find_if(field.members.begin(), field.members.end(),
                                       [&](const SweepField& member) { return member.key == entry.key; });
      RETURN_IF_ERROR(ReadOne(*member, key, entry.line, entry.value));
    }
    for (const SweepField& member : field.members) {
      const std::string key = absl::StrCat(element, ".", member.key);
      if (member.need == SweepField::Need::kAlways && file_.lines.count(key) == 0)
        return Missing(map.line, key, member);
    }
    return absl::OkStatus();
  }

  absl::Status ReadList(const SweepField& field, const YamlNode& list) {
    std::map<std::string, size_t> seen;  // Canonical text of a value to its place.
    for (size_t i = 0; i < list.items.size(); ++i) {
      const std::string key = absl::StrCat(field.key, "[", i, "]");
      const YamlNode& item = list.items[i];
      file_.lines[key] = item.line;
      RETURN_IF_ERROR(ReadOne(field, key, item.line, item));
      if (field.repeats) continue;
      const auto [earlier, is_new] = seen.emplace(CanonicalText(field, item), i);
      if (!is_new) {
        return Bad(item.line, key, absl::StrCat(item.text.substr(0, 60), " a second time"),
                   absl::StrCat("each value once (first at ", field.key, "[", earlier->second, "])"));
      }
    }
    return absl::OkStatus();
  }

  static std::string CanonicalText(const SweepField& field, const YamlNode& item) {
    const SweepValue value = *ReadSweepValue(field, item);
    return absl::StrCat(value.text, " ", value.integer, " ", value.unsigned_int, " ", value.number);
  }

  absl::Status ReadOne(const SweepField& field, const std::string& key, int line, const YamlNode& node) {
    if (node.kind != YamlNode::Kind::kScalar) return Bad(line, key, Describe(node), field.Allowed());
    absl::StatusOr<SweepValue> value = ReadSweepValue(field, node);
    if (!value.ok()) return Bad(line, key, value.status().message(), field.Allowed());
    if (field.type == SweepField::Type::kPath) value->text = Absolute(folder_, value->text);
    if (!value->automatic) field.set(*value, file_.spec);
    return absl::OkStatus();
  }

  absl::Status CheckRequired() const {
    for (const SweepField& field : SweepFields()) {
      const auto section = file_.lines.find(field.key.substr(0, field.key.rfind('.')));
      const bool has_section = section != file_.lines.end();
      if (file_.lines.count(field.key) > 0 || !IsNeeded(field, has_section)) continue;
      return Missing(has_section ? section->second : 1, field.key, field);
    }
    return absl::OkStatus();
  }

  bool IsNeeded(const SweepField& field, bool has_section) const {
    switch (field.need) {
      case SweepField::Need::kNever:
        return false;
      case SweepField::Need::kAlways:
        return true;
      case SweepField::Need::kUnlessFolder:
        return file_.spec.activations().source() != v1::ACTIVATION_SOURCE_FOLDER;
      case SweepField::Need::kWithSection:
        return has_section;
    }
    return false;
  }

  absl::Status Missing(int line, const std::string& key, const SweepField& field) const {
    return Bad(line, key, "nothing",
               absl::StrCat(field.list ? "a list, each " : "", field.Allowed(), "; it has no default"));
  }

  SweepFile& file_;
  const std::string folder_;
};

// The line of the key, or of the nearest one around it that is in the file; 0 when there is none.
int LineOf(const SweepFile& file, std::string key) {
  while (!key.empty()) {
    if (const auto line = file.lines.find(key); line != file.lines.end()) return line->second;
    const size_t cut = key.find_last_of(".[");
    key.resize(cut == std::string::npos ? 0 : cut);
  }
  return 0;
}

}  // namespace

absl::StatusOr<SweepFile> ParseSweepFile(const std::string& path, const std::string& contents,
                                         const std::string& folder) {
  ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(path, contents));
  SweepFile file;
  file.path = path;
  RETURN_IF_ERROR(SweepReader(file, folder).Read(root));
  return file;
}

absl::StatusOr<SweepFile> LoadSweepFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string contents, ReadFile(path, kMaxYamlBytes));
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) return ErrnoStatus(error.value(), path);
  return ParseSweepFile(path, contents, absolute.parent_path().string());
}

absl::Status InTermsOfFile(const SweepFile& file, const absl::Status& error) {
  std::vector<std::string> lines;
  for (const FieldViolation& violation : GetFieldViolations(error)) {
    const std::string key(absl::StripPrefix(violation.field, "spec."));
    const int line = LineOf(file, key);
    const std::string place = line > 0 ? absl::StrCat(file.path, ":", line) : file.path;
    lines.push_back(absl::StrCat(place, ": ", key, ": ", violation.description));
  }
  if (lines.empty()) return error;
  return absl::Status(error.code(), absl::StrJoin(lines, "; "));
}

}  // namespace seedbed
