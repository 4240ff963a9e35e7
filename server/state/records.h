// What State keeps of each sweep, gang and sibling set, and what is derived from it.
#ifndef SEEDBED_SERVER_STATE_RECORDS_H_
#define SEEDBED_SERVER_STATE_RECORDS_H_

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "seedbed/v1/coordinator.pb.h"
#include "seedbed/v1/event.pb.h"
#include "server/state/slot_usage.h"

namespace seedbed {

// Indexed by the enum's values.
using RunCounts = std::array<int64_t, v1::RunState_ARRAYSIZE>;
using SweepCounts = std::array<int64_t, v1::SweepState_ARRAYSIZE>;
using Labels = absl::btree_map<std::string, std::string>;
using FailureCounts = std::array<int, v1::FailureKind_ARRAYSIZE>;

// Whom sweeps belong to that name nobody.
inline constexpr char kDefaultUser[] = "default";

struct UserRecord {
  std::string name;
  int most_slots = 0;  // Quota; 0 = none.
  double share = 1;
  SlotUsage usage;
  int64_t gangs_queued = 0;
};

struct SweepRecord {
  std::string sweep_id;
  UserRecord* user = nullptr;
  v1::SweepSpec spec;
  Labels labels;  // That its gangs' workers must have.
  std::string idempotency_key;
  std::string request_sha256;
  int64_t submitted_unix_ms = 0;
  int64_t ended_unix_ms = 0;  // 0 = not yet.
  int64_t last_event = 0;     // Number of its newest event.
  bool started = false;       // A gang of it had slots at least once.
  bool cancelled = false;
  std::vector<std::string> run_ids;  // In the order of the grid.
  std::vector<std::string> gang_ids;
  std::vector<std::string> sibling_set_ids;
  // By stream key and what NameOfBatches gives: the first run that succeeded there, whose batches all others must have
  // been trained on.
  absl::flat_hash_map<std::pair<std::string, std::string>, std::string> first_succeeded;
  RunCounts run_counts = {};
};

struct GangRecord {
  // While it is QUEUED again, `placements` are still those of the attempt that ended: whoever places it next makes
  // sure that those ranks are gone.
  v1::Gang gang;
  const SweepRecord* sweep = nullptr;
  int64_t order = 0;                                    // Position among all gangs ever submitted.
  int64_t placed_unix_ms = 0;                           // Of the latest attempt.
  v1::DeviceKind device = v1::DEVICE_KIND_UNSPECIFIED;  // Likewise.
  std::vector<std::string> attempt_run_ids;             // What the current attempt trains, fixed when it was placed.
  int unended_runs = 0;
  FailureCounts failed_attempts = {};  // By kind of failure.
};

// An attempt that did the whole work of its gang: what rates are measured by.
struct WholeAttempt {
  v1::GangEstimate work;
  int runs = 0;
  int ranks = 0;
  double seconds = 0;
};

struct SiblingSetRecord {
  v1::SiblingSet set;
  std::string sweep_id;
  int unended_runs = 0;
  bool announced = false;  // Its SiblingSetFinished was applied.
};

// SUCCEEDED, FAILED or CANCELLED: it never changes again.
bool HasEnded(v1::RunState state);

// Every run of it has ended.
bool HasEnded(const SweepRecord& sweep);

v1::SweepState DeriveSweepState(const SweepRecord& sweep);

// What decides a run's batches within its stream: "layers.9", and of a transcoder "layers.9.mlp_in -> layers.9.mlp".
std::string NameOfBatches(const v1::SaeSpec& sae);

// "queued", "training", "user_error", ...: the enum value without its prefix, in lower case.
std::string RunStateName(v1::RunState state);
std::string SweepStateName(v1::SweepState state);
std::string FailureKindName(v1::FailureKind kind);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_STATE_RECORDS_H_
