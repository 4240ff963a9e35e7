#include "client/yaml_tree.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/utf8.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/mark.h"
#include "yaml-cpp/parser.h"

namespace seedbed {
namespace {

// Grows the tree as yaml-cpp reports what it reads. Refuses by throwing yaml-cpp's own exception, which ends its parse.
class TreeBuilder final : public YAML::EventHandler {
 public:
  YamlNode Take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(mark, anchor, "?", NodeAt(mark, YamlNode::Kind::kNull));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Refuse(mark, "found an alias; allowed plain values");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = NodeAt(mark, YamlNode::Kind::kScalar);
    node.text = value;
    node.quoted = tag == "!";
    Add(mark, anchor, tag, std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, Add(mark, anchor, tag, NodeAt(mark, YamlNode::Kind::kList)));
  }
  void OnSequenceEnd() override { open_.pop_back(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, Add(mark, anchor, tag, NodeAt(mark, YamlNode::Kind::kMap)));
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  // A list or map whose end has not come. Its node stays where it is: its parent gains nothing before it is closed.
  struct OpenNode {
    YamlNode* node;
    bool expects_value = false;  // A map's key has been read, its value has not.
  };

  [[noreturn]] static void Refuse(const YAML::Mark& mark, const std::string& message) {
    throw YAML::ParserException(mark, message);
  }

  static YamlNode NodeAt(const YAML::Mark& mark, YamlNode::Kind kind) {
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    return node;
  }

  void Open(const YAML::Mark& mark, YamlNode* node) {
    if (open_.size() >= kMaxYamlDepth) {
      Refuse(mark, absl::StrCat("found lists or mappings within each other; allowed ", kMaxYamlDepth, " levels"));
    }
    open_.push_back({node});
  }

  YamlNode* Add(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& tag, YamlNode node) {
    if (anchor != YAML::NullAnchor) Refuse(mark, "found an anchor; allowed plain values");
    if (!tag.empty() && tag != "?" && tag != "!") {
      Refuse(mark, absl::StrCat("found the tag ", QuoteForMessage(tag), "; allowed plain values"));
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return &root_;
    }
    OpenNode& parent = open_.back();
    if (parent.node->kind == YamlNode::Kind::kList) {
      parent.node->items.push_back(std::move(node));
      return &parent.node->items.back();
    }
    if (!parent.expects_value) return AddKey(mark, parent, std::move(node));
    parent.expects_value = false;
    parent.node->entries.back().value = std::move(node);
    return &parent.node->entries.back().value;
  }

  static YamlNode* AddKey(const YAML::Mark& mark, OpenNode& map, YamlNode key) {
    if (key.kind != YamlNode::Kind::kScalar) Refuse(mark, "found a key that is not a word; allowed words");
    auto& entries = map.node->entries;
    if (entries.size() == kMaxYamlKeys) {
      Refuse(mark, absl::StrCat("found more keys in a mapping; allowed ", kMaxYamlKeys));
    }
    const auto earlier =
        std::find_if(entries.begin(), entries.end(), [&](const YamlEntry& entry) { return entry.key == key.text; });
    if (earlier != entries.end()) {
      Refuse(mark, absl::StrCat(QuoteForMessage(key.text), ": found a second time (first on line ", earlier->line,
                                "); allowed once"));
    }
    entries.push_back({key.text, key.line, YamlNode()});
    map.expects_value = true;
    return &entries.back().value;
  }

  YamlNode root_;
  std::vector<OpenNode> open_;
};

absl::Status Refused(const std::string& file, int line, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(file, ":", line, ": ", message));
}

// yaml-cpp skips or stops at some control characters; a file that has them is not one that a person wrote.
absl::Status CheckIsText(const std::string& file, const std::string& contents) {
  int line = 1;
  for (const unsigned char c : contents) {
    if (c == '\n') ++line;
    if ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f) {
      return Refused(file, line, absl::StrCat("found the byte ", static_cast<int>(c), "; allowed YAML, which is text"));
    }
  }
  if (ReplaceInvalidUtf8(contents) == contents) return absl::OkStatus();
  return Refused(file, 1, "found bytes that are not UTF-8; allowed YAML, which is text");
}

}  // namespace

absl::StatusOr<YamlNode> ParseYaml(const std::string& file, const std::string& contents) {
  if (contents.size() > kMaxYamlBytes) {
    return absl::OutOfRangeError(
        absl::StrCat(file, ": found ", contents.size(), " bytes; allowed at most ", kMaxYamlBytes));
  }
  if (absl::Status text = CheckIsText(file, contents); !text.ok()) return text;
  try {
    std::istringstream stream(contents);
    YAML::Parser parser(stream);
    TreeBuilder builder;
    parser.HandleNextDocument(builder);
    TreeBuilder second;
    if (parser.HandleNextDocument(second)) {
      return absl::InvalidArgumentError(absl::StrCat(file, ": found a second YAML document; allowed one"));
    }
    return builder.Take();
  } catch (const YAML::Exception& error) {
    return Refused(file, error.mark.is_null() ? 1 : error.mark.line + 1, error.msg);
  }
}

std::string QuoteForMessage(absl::string_view text) {
  constexpr size_t kLongest = 60;
  const bool cut = text.size() > kLongest;
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(text.substr(0, kLongest)), cut ? "..." : "", "\"");
}

}  // namespace seedbed
