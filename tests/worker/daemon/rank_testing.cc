#include "tests/worker/daemon/rank_testing.h"

#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"

namespace seedbed {

v1::DesiredRank DesiredOn(const std::string& slot_id, const std::string& gang_id, int rank, int world_size) {
  v1::DesiredRank desired;
  desired.mutable_key()->set_gang_id(gang_id);
  desired.mutable_key()->set_attempt(1);
  desired.mutable_key()->set_rank(rank);
  desired.set_slot_id(slot_id);
  desired.set_world_size(world_size);
  desired.mutable_gang()->set_sweep_id("sweep");
  desired.mutable_gang()->set_gang_id(gang_id);
  desired.mutable_gang()->set_attempt(1);
  for (const char* run : {"-run0", "-run1"}) desired.mutable_gang()->add_runs()->set_run_id(gang_id + run);
  return desired;
}

v1::Slot CpuSlot(int index) {
  v1::Slot slot;
  slot.set_slot_id(absl::StrCat("cpu:", index));
  slot.set_device(v1::DEVICE_KIND_CPU);
  slot.set_threads(1);
  return slot;
}

v1::InspectionRequest InspectionOf(const std::string& id, const std::string& name, const std::string& starts) {
  v1::InspectionRequest request;
  request.set_inspection_id(id);
  request.mutable_spec()->set_name(name);
  request.mutable_spec()->mutable_model()->set_path(starts);
  return request;
}

std::vector<int> ReadPids(const std::string& path) {
  std::ifstream file(path);
  std::vector<int> pids;
  int pid = 0;
  while (file >> pid) pids.push_back(pid);
  return pids;
}

RankFolders::RankFolders() {
  (void)MakeFolders(artifacts());
  (void)MakeFolders(scratch());
}

RankOptions RankFolders::Options() const {
  RankOptions options;
  options.trainer_path = SEEDBED_FAKE_TRAINER;
  options.artifact_root = artifacts();
  options.scratch_root = scratch();
  options.stop_grace = absl::Seconds(5);
  return options;
}

std::string RankFolders::File(const std::string& gang_id, int rank, const std::string& suffix) const {
  return absl::StrCat(artifacts(), "/", gang_id, "-a1-r", rank, suffix);
}

std::vector<int> RankFolders::Starts(const std::string& gang_id, int rank) const {
  return ReadPids(File(gang_id, rank, ".starts"));
}

bool RankFolders::SawEndOfInput(const std::string& gang_id, int rank) const {
  return PathExists(File(gang_id, rank, ".eof"));
}

absl::Duration RankFolders::Lease(const std::string& gang_id, int rank) const {
  const auto contents = ReadFile(File(gang_id, rank, ".lease"));
  int64_t milliseconds = 0;
  const bool good = contents.ok() && absl::SimpleAtoi(*contents, &milliseconds);
  return good ? absl::Milliseconds(milliseconds) : absl::ZeroDuration();
}

v1::TrainerSpec RankFolders::Spec(const std::string& gang_id, int rank) const {
  v1::TrainerSpec spec;
  const auto contents = ReadFile(File(gang_id, rank, ".spec"));
  if (contents.ok()) spec.ParseFromString(*contents);
  return spec;
}

bool IsAlive(int pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string number, name, state;
  return (file >> number >> name >> state) && state != "Z" && state != "X";
}

}  // namespace seedbed
