#include "sae/collectives/progress.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace seedbed {

std::string EncodeProgress(const RankProgress& progress) {
  return absl::StrCat(progress.collectives, " ", progress.beats, " ", progress.host, " ", progress.phase);
}

absl::StatusOr<RankProgress> DecodeProgress(absl::string_view text) {
  const std::vector<std::string> fields = absl::StrSplit(text, absl::MaxSplits(' ', 3));
  RankProgress progress;
  if (fields.size() != 4 || !absl::SimpleAtoi(fields[0], &progress.collectives) ||
      !absl::SimpleAtoi(fields[1], &progress.beats)) {
    return absl::InvalidArgumentError(absl::StrCat("progress of a rank: \"", text, "\""));
  }
  progress.host = fields[2];
  progress.phase = fields[3];
  return progress;
}

std::string WaitingFor(int rank, const std::vector<RankProgress>& before, const std::vector<RankProgress>& after) {
  const int64_t here = after[static_cast<size_t>(rank)].collectives;
  std::vector<std::string> missing;
  for (size_t peer = 0; peer < after.size(); ++peer) {
    if (peer == static_cast<size_t>(rank)) continue;
    const RankProgress& progress = after[peer];
    std::string name = absl::StrCat("rank ", peer, " (", progress.host);
    if (progress.beats == before[peer].beats) {
      missing.push_back(absl::StrCat(name, ", no sign of life)"));
    } else if (progress.collectives < here) {
      missing.push_back(absl::StrCat(name, progress.phase.empty() ? "" : ", at ", progress.phase, ")"));
    }
  }
  if (missing.empty()) return "all ranks are alive and have come to it, so the network between them stands still";
  return absl::StrCat("waiting for ", absl::StrJoin(missing, ", "));
}

void Arrivals::Look(const std::vector<RankProgress>& ranks, absl::Duration now) {
  newest_.resize(ranks.size());
  all_have_come_ = true;
  one_is_lost_ = false;
  for (size_t peer = 0; peer < ranks.size(); ++peer) {
    if (newest_[peer].beats != ranks[peer].beats) newest_[peer] = {ranks[peer].beats, now};
    if (ranks[peer].collectives >= ranks[rank_].collectives) continue;
    all_have_come_ = false;
    one_is_lost_ |= now - newest_[peer].since >= patience_;
  }
}

std::string OperationIn(absl::string_view phase, absl::string_view operation) {
  return absl::StrCat(phase, phase.empty() ? "" : ": ", operation);
}

absl::Status StallError(int rank, absl::string_view operation, absl::Duration timeout, absl::string_view waiting_for) {
  return absl::DeadlineExceededError(absl::StrCat("rank ", rank, ": ", operation, ": no progress for ",
                                                  absl::ToDoubleSeconds(timeout), " s; ", waiting_for));
}

}  // namespace seedbed
