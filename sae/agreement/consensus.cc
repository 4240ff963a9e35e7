#include "sae/agreement/consensus.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace seedbed {
namespace {

// Two latents that are found in one another; nodes number all latents of all dictionaries.
struct Link {
  double cosine;
  int64_t a;
  int64_t b;
};

class Grouping {
 public:
  Grouping(const SiblingMatchings& siblings, double threshold) : siblings_(siblings) {
    int64_t nodes = 0;
    for (int64_t s = 0; s < siblings.dictionaries(); ++s) {
      first_nodes_.push_back(nodes);
      nodes += siblings.latents(s);
    }
    groups_.resize(static_cast<size_t>(nodes));
    group_of_.resize(static_cast<size_t>(nodes));
    std::iota(group_of_.begin(), group_of_.end(), int64_t{0});
    for (int64_t s = 0; s < siblings.dictionaries(); ++s) {
      for (int64_t latent = 0; latent < siblings.latents(s); ++latent) {
        groups_[static_cast<size_t>(first_nodes_[static_cast<size_t>(s)] + latent)] = {
            {static_cast<int32_t>(s), static_cast<int32_t>(latent)}};
      }
    }
    for (const Link& link : Links(threshold)) Join(link);
  }

  const std::vector<std::vector<ConsensusMember>>& groups() const { return groups_; }

 private:
  std::vector<Link> Links(double threshold) const {
    std::vector<Link> links;
    for (int64_t a = 0; a < siblings_.dictionaries(); ++a) {
      for (int64_t b = a + 1; b < siblings_.dictionaries(); ++b) {
        const Counterparts& pair = siblings_.Of(a, b);
        for (int64_t latent = 0; latent < pair.latents(); ++latent) {
          if (!pair.Strict(latent, threshold)) continue;
          const auto i = static_cast<size_t>(latent);
          links.push_back({std::min(pair.decoder.cosine[i], pair.encoder.cosine[i]),
                           first_nodes_[static_cast<size_t>(a)] + latent,
                           first_nodes_[static_cast<size_t>(b)] + pair.decoder.counterpart[i]});
        }
      }
    }
    std::sort(links.begin(), links.end(), [](const Link& x, const Link& y) {
      return std::make_tuple(-x.cosine, x.a, x.b) < std::make_tuple(-y.cosine, y.a, y.b);
    });
    return links;
  }

  void Join(const Link& link) {
    auto a = static_cast<size_t>(group_of_[static_cast<size_t>(link.a)]);
    auto b = static_cast<size_t>(group_of_[static_cast<size_t>(link.b)]);
    if (a == b || HaveDictionaryInCommon(groups_[a], groups_[b])) return;
    if (groups_[a].size() < groups_[b].size()) std::swap(a, b);
    for (const ConsensusMember& member : groups_[b]) {
      group_of_[static_cast<size_t>(first_nodes_[static_cast<size_t>(member.dictionary)] + member.latent)] =
          static_cast<int64_t>(a);
    }
    groups_[a].insert(groups_[a].end(), groups_[b].begin(), groups_[b].end());
    groups_[b].clear();
  }

  static bool HaveDictionaryInCommon(const std::vector<ConsensusMember>& a, const std::vector<ConsensusMember>& b) {
    for (const ConsensusMember& x : a) {
      for (const ConsensusMember& y : b) {
        if (x.dictionary == y.dictionary) return true;
      }
    }
    return false;
  }

  const SiblingMatchings& siblings_;
  std::vector<int64_t> first_nodes_;  // [S]
  std::vector<int64_t> group_of_;     // [nodes]
  std::vector<std::vector<ConsensusMember>> groups_;
};

double CosineWith(const SiblingMatchings& siblings, const ConsensusMember& member, const ConsensusMember& other) {
  const Counterparts& counterparts = siblings.Of(member.dictionary, other.dictionary);
  const auto i = static_cast<size_t>(member.latent);
  double cosine = 0;
  for (const SideCounterparts* side : {&counterparts.decoder, &counterparts.encoder}) {
    if (side->counterpart[i] == other.latent) cosine += side->cosine[i] / 2;
  }
  return cosine;
}

ConsensusLatent WithCenter(const SiblingMatchings& siblings, std::vector<ConsensusMember> members) {
  std::sort(members.begin(), members.end(),
            [](const ConsensusMember& a, const ConsensusMember& b) { return a.dictionary < b.dictionary; });
  ConsensusLatent latent;
  latent.mean_cosine = -2;
  for (const ConsensusMember& member : members) {
    double sum = 0;
    for (const ConsensusMember& other : members) {
      if (other.dictionary != member.dictionary) sum += CosineWith(siblings, member, other);
    }
    const double mean = sum / static_cast<double>(members.size() - 1);
    if (mean <= latent.mean_cosine) continue;
    latent.mean_cosine = mean;
    latent.center = member;
  }
  latent.members = std::move(members);
  return latent;
}

}  // namespace

std::vector<ConsensusLatent> FindConsensus(const SiblingMatchings& siblings, double threshold, int64_t least_members) {
  std::vector<ConsensusLatent> consensus;
  const Grouping grouping(siblings, threshold);
  for (const std::vector<ConsensusMember>& group : grouping.groups()) {
    if (static_cast<int64_t>(group.size()) >= std::max<int64_t>(2, least_members)) {
      consensus.push_back(WithCenter(siblings, group));
    }
  }
  std::sort(consensus.begin(), consensus.end(), [](const ConsensusLatent& a, const ConsensusLatent& b) {
    return std::make_tuple(-static_cast<int64_t>(a.members.size()), a.center.dictionary, a.center.latent) <
           std::make_tuple(-static_cast<int64_t>(b.members.size()), b.center.dictionary, b.center.latent);
  });
  return consensus;
}

}  // namespace seedbed
