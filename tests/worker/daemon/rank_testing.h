// What the tests of the worker daemon share: ranks to ask for, and what the fake trainer leaves behind.
#ifndef SEEDBED_TESTS_WORKER_DAEMON_RANK_TESTING_H_
#define SEEDBED_TESTS_WORKER_DAEMON_RANK_TESTING_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "seedbed/v1/worker.pb.h"
#include "tests/common/testing.h"
#include "worker/daemon/rank_process.h"

namespace seedbed {

// Rank `rank` of attempt 1 of the gang, with runs "GANG-run0" and "GANG-run1". The part of `gang_id` before the first
// "-" is what the fake trainer does.
v1::DesiredRank DesiredOn(const std::string& slot_id, const std::string& gang_id, int rank = 0, int world_size = 1);

v1::Slot CpuSlot(int index);

// Of a sweep `name`: what of it is before the first "-" is what the fake trainer does. It leaves its process ids in the
// file `starts`.
v1::InspectionRequest InspectionOf(const std::string& id, const std::string& name, const std::string& starts);

// One number a line, from a file that may not be there.
std::vector<int> ReadPids(const std::string& path);

// A scratch and an artifact folder, and the fake trainer.
class RankFolders {
 public:
  RankOptions Options() const;
  std::string artifacts() const { return folder_.Path("artifacts"); }
  std::string scratch() const { return folder_.Path("scratch"); }
  std::string Path(const std::string& name) const { return folder_.Path(name); }

  // Process ids of the starts of a rank of attempt 1, oldest first.
  std::vector<int> Starts(const std::string& gang_id, int rank = 0) const;
  bool SawEndOfInput(const std::string& gang_id, int rank = 0) const;
  // The first time that the fake trainer was told to run until; zero if none.
  absl::Duration Lease(const std::string& gang_id, int rank = 0) const;
  v1::TrainerSpec Spec(const std::string& gang_id, int rank = 0) const;

  RankFolders();

 private:
  std::string File(const std::string& gang_id, int rank, const std::string& suffix) const;
  TempFolder folder_;
};

// The process is there and no zombie.
bool IsAlive(int pid);

}  // namespace seedbed

#endif  // SEEDBED_TESTS_WORKER_DAEMON_RANK_TESTING_H_
