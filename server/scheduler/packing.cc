#include "server/scheduler/packing.h"

#include <algorithm>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "server/scheduler/gang_estimate.h"

namespace seedbed {
namespace {

// Indices of each sibling set within its stream, by first appearance.
std::vector<std::vector<int>> GroupSiblings(absl::Span<const PackableRun> runs) {
  absl::flat_hash_map<std::pair<std::string, std::string>, size_t> position;
  std::vector<std::vector<int>> sets;
  for (int i = 0; i < static_cast<int>(runs.size()); ++i) {
    const auto [found, inserted] = position.emplace(std::pair(runs[i].stream_key, runs[i].sibling_set_id), sets.size());
    if (inserted) sets.emplace_back();
    sets[found->second].push_back(i);
  }
  return sets;
}

// Indices that are together, and what they take.
struct Group {
  std::vector<int> members;
  int64_t bytes = 0;
  int64_t largest_bytes = 0;
  absl::btree_set<std::string> hookpoints;

  void Add(const Group& other) {
    members.insert(members.end(), other.members.begin(), other.members.end());
    bytes += other.bytes;
    largest_bytes = std::max(largest_bytes, other.largest_bytes);
    hookpoints.insert(other.hookpoints.begin(), other.hookpoints.end());
  }
};

bool FitTogether(const Group& a, const Group& b, const PackingOptions& options) {
  if (a.members.empty()) return true;
  const size_t limit = static_cast<size_t>(std::max(1, options.most_runs_per_gang));
  if (a.members.size() + b.members.size() > limit) return false;
  if (options.rank_bytes == 0) return true;
  Group both = a;
  both.Add(b);
  return LargestRankRunsBytes(both.bytes, both.largest_bytes, options.ranks) +
             static_cast<int64_t>(both.hookpoints.size()) * options.hookpoint_bytes <=
         options.rank_bytes;
}

// Siblings in as few parts as fit in a gang each.
std::vector<Group> SplitSiblings(absl::Span<const PackableRun> runs, const std::vector<int>& siblings,
                                 const PackingOptions& options) {
  std::vector<Group> parts(1);
  for (const int index : siblings) {
    Group one = {{index}, runs[index].bytes, runs[index].bytes, {}};
    one.hookpoints.insert(runs[index].hookpoints.begin(), runs[index].hookpoints.end());
    if (!FitTogether(parts.back(), one, options)) parts.emplace_back();
    parts.back().Add(one);
  }
  return parts;
}

}  // namespace

std::vector<std::vector<int>> PackGangs(absl::Span<const PackableRun> runs, const PackingOptions& options) {
  std::vector<Group> gangs;
  absl::flat_hash_map<std::string, size_t> open;  // The gang of each stream that still takes runs.
  for (const std::vector<int>& siblings : GroupSiblings(runs)) {
    const std::string& stream_key = runs[siblings.front()].stream_key;
    for (const Group& part : SplitSiblings(runs, siblings, options)) {
      const auto gang = open.find(stream_key);
      if (gang == open.end() || !FitTogether(gangs[gang->second], part, options)) {
        open[stream_key] = gangs.size();
        gangs.emplace_back();
      }
      gangs[open[stream_key]].Add(part);
    }
  }
  std::vector<std::vector<int>> members;
  for (Group& gang : gangs) members.push_back(std::move(gang.members));
  return members;
}

}  // namespace seedbed
