#include "server/coordinator/report_check.h"

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/status.h"
#include "server/scheduler/scheduling_validation.h"
#include "server/scheduler/violations.h"

namespace seedbed {
namespace {

constexpr int kMostSlots = 1024;
constexpr int kMostRanks = 4096;
constexpr int kMostInspections = 256;
constexpr size_t kMostIdBytes = 256;

absl::Status Wrong(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

bool IsId(absl::string_view id) { return !id.empty() && id.size() <= kMostIdBytes; }

absl::Status CheckSlots(const v1::WorkerReport& report, absl::flat_hash_set<absl::string_view>& slots) {
  if (report.slots_size() > kMostSlots) {
    return Wrong("slots", absl::StrCat("has ", report.slots_size(), "; at most ", kMostSlots, " are allowed"));
  }
  for (int i = 0; i < report.slots_size(); ++i) {
    const v1::Slot& slot = report.slots(i);
    const std::string field = ElementPath("slots", i);
    if (!IsId(slot.slot_id())) return Wrong(field, "slot_id must have 1..256 bytes");
    if (slot.device() != v1::DEVICE_KIND_CPU && slot.device() != v1::DEVICE_KIND_CUDA) {
      return Wrong(field, absl::StrCat("device is ", slot.device(), "; must be CPU or CUDA"));
    }
    if (slot.memory_bytes() < 0) {
      return Wrong(field, absl::StrCat("memory_bytes is ", slot.memory_bytes(), "; must be 0 or above"));
    }
    if (!slots.insert(slot.slot_id()).second) {
      return Wrong(field, absl::StrCat("slot_id ", Quoted(slot.slot_id()), " is there twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLabels(const v1::WorkerReport& report) {
  if (report.labels_size() > kMostLabels) {
    return Wrong("labels", absl::StrCat("has ", report.labels_size(), "; at most ", kMostLabels, " are allowed"));
  }
  for (const auto& [key, value] : report.labels()) {
    if (IsPlainName(key) && IsPlainName(value)) continue;
    return Wrong("labels", absl::StrCat("has ", Quoted(key), ": ", Quoted(value),
                                        "; both must be 1..64 characters of [A-Za-z0-9._-]"));
  }
  return absl::OkStatus();
}

absl::Status CheckRank(const v1::RankStatus& rank, const std::string& field,
                       const absl::flat_hash_set<absl::string_view>& slots) {
  if (!IsId(rank.key().gang_id()) || rank.key().attempt() < 1 || rank.key().rank() < 0) {
    return Wrong(field, "key names no rank of an attempt");
  }
  if (!slots.contains(rank.slot_id())) {
    return Wrong(field, absl::StrCat("is on slot ", Quoted(rank.slot_id()), ", which is not among slots"));
  }
  if (rank.state() == v1::RANK_STATE_UNSPECIFIED || !v1::RankState_IsValid(rank.state())) {
    return Wrong(field, absl::StrCat("state is ", rank.state(), "; must be a known one"));
  }
  for (const v1::RunOutcome& outcome : rank.outcomes()) {
    if (outcome.has_result() == outcome.has_failure()) {
      return Wrong(field, absl::StrCat("the outcome of ", Quoted(outcome.run_id()),
                                       " must have exactly one of result and failure"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckReport(const v1::WorkerReport& report) {
  if (!IsPlainName(report.worker_name())) {
    return Wrong("worker_name",
                 absl::StrCat("is ", Quoted(report.worker_name()), "; must be 1..64 characters of [A-Za-z0-9._-]"));
  }
  if (!IsId(report.instance_id())) return Wrong("instance_id", "must have 1..256 bytes");
  if (report.sequence() == 0) return Wrong("sequence", "is 0; counts from 1");
  RETURN_IF_ERROR(CheckLabels(report));
  absl::flat_hash_set<absl::string_view> slots;
  RETURN_IF_ERROR(CheckSlots(report, slots));
  if (report.ranks_size() > kMostRanks) {
    return Wrong("ranks", absl::StrCat("has ", report.ranks_size(), "; at most ", kMostRanks, " are allowed"));
  }
  for (int i = 0; i < report.ranks_size(); ++i) {
    RETURN_IF_ERROR(CheckRank(report.ranks(i), ElementPath("ranks", i), slots));
  }
  if (report.inspection_results_size() > kMostInspections) {
    return Wrong("inspection_results", absl::StrCat("has ", report.inspection_results_size(), "; at most ",
                                                    kMostInspections, " are allowed"));
  }
  return absl::OkStatus();
}

}  // namespace seedbed
