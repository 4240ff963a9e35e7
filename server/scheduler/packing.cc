#include "server/scheduler/packing.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"

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

}  // namespace

std::vector<std::vector<int>> PackGangs(absl::Span<const PackableRun> runs, const PackingOptions& options) {
  const size_t limit = static_cast<size_t>(std::max(1, options.most_runs_per_gang));
  std::vector<std::vector<int>> gangs;
  absl::flat_hash_map<std::string, size_t> open;  // The gang of each stream that still takes runs.
  for (const std::vector<int>& siblings : GroupSiblings(runs)) {
    const std::string& stream_key = runs[siblings.front()].stream_key;
    for (size_t begin = 0; begin < siblings.size(); begin += limit) {
      const size_t end = std::min(begin + limit, siblings.size());
      const auto gang = open.find(stream_key);
      if (gang == open.end() || gangs[gang->second].size() + (end - begin) > limit) {
        open[stream_key] = gangs.size();
        gangs.emplace_back();
      }
      std::vector<int>& members = gangs[open[stream_key]];
      members.insert(members.end(), siblings.begin() + begin, siblings.begin() + end);
    }
  }
  return gangs;
}

}  // namespace seedbed
