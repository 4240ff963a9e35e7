#include "sae/lm/hookpoint_resolution.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

bool IsPattern(const std::string& name) { return name.find_first_of("*?[") != std::string::npos; }

bool Matches(const std::string& pattern, const Hookpoint& hookpoint) {
  const std::vector<std::string> spellings = SpellingsOf(hookpoint);
  return std::any_of(spellings.begin(), spellings.end(), [&pattern](const std::string& spelling) {
    return fnmatch(pattern.c_str(), spelling.c_str(), /*flags=*/0) == 0;
  });
}

absl::StatusOr<std::vector<Hookpoint>> Expand(const std::string& pattern, const HookpointInventory& inventory) {
  std::vector<Hookpoint> matching;
  for (const Hookpoint& hookpoint : inventory.All()) {
    if (Matches(pattern, hookpoint)) matching.push_back(hookpoint);
  }
  if (!matching.empty()) return matching;
  return absl::InvalidArgumentError(
      absl::StrCat("hookpoint pattern \"", pattern, "\" matches nothing in the model; it has ", inventory.ToString()));
}

absl::StatusOr<std::vector<Hookpoint>> Resolve(const std::string& name, const HookpointInventory& inventory) {
  if (IsPattern(name)) return Expand(name, inventory);
  ASSIGN_OR_RETURN(const Hookpoint hookpoint, ParseHookpoint(name));
  RETURN_IF_ERROR(CheckHookpoint(hookpoint, inventory));
  return std::vector<Hookpoint>{hookpoint};
}

}  // namespace

absl::StatusOr<std::vector<Hookpoint>> ResolveHookpoints(const HookpointInventory& inventory,
                                                         const std::vector<std::string>& names) {
  if (names.empty()) return absl::InvalidArgumentError("no hookpoint is given, at least one is needed");
  std::vector<Hookpoint> resolved;
  std::map<Hookpoint, std::string> named_by;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const std::vector<Hookpoint> meant, Resolve(name, inventory));
    for (const Hookpoint& hookpoint : meant) {
      const auto [earlier, inserted] = named_by.emplace(hookpoint, name);
      if (!inserted) {
        return absl::InvalidArgumentError(absl::StrCat("hookpoint \"", hookpoint.ToString(), "\" is named twice: by \"",
                                                       earlier->second, "\" and by \"", name, "\""));
      }
      resolved.push_back(hookpoint);
    }
  }
  return resolved;
}

}  // namespace seedbed
