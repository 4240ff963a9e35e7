// A seedbed-trainer process as its worker sees it, and a folder with all that a gang needs.
#ifndef SEEDBED_TESTS_WORKER_TRAINER_RANK_PROCESS_H_
#define SEEDBED_TESTS_WORKER_TRAINER_RANK_PROCESS_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/subprocess.h"
#include "proto/framing/framing.h"
#include "seedbed/v1/trainer.pb.h"

namespace seedbed {

// A folder with a small model, tokens, artifacts and scratch; removed at the end of the scope.
class TrainerFixture {
 public:
  static constexpr int64_t kSequenceLength = 16;
  static constexpr int64_t kSequences = 50;

  TrainerFixture();
  ~TrainerFixture();

  std::string Path(const std::string& name) const;

  // One rank alone: two epochs in batches of 64, no runs yet.
  v1::TrainerSpec Spec() const;
  // The same for rank `rank` of `world_size`; each has a scratch folder of its own.
  v1::TrainerSpec SpecOfRank(const v1::TrainerSpec& spec, int rank, int world_size) const;

  // Names and contents of the export of a run; empty if there is none.
  std::map<std::string, std::string> ExportOf(const v1::TrainerSpec& spec, const std::string& run_id) const;

 private:
  std::string root_;
};

// As a worker writes it for a rank.
void WriteSpec(const v1::TrainerSpec& spec, const std::string& path);

// Of the stream and of its one token file.
void SetSequences(v1::TrainerSpec& spec, int64_t sequences);

// A TopK SAE that suits the fixture.
void AddRun(v1::TrainerSpec& spec, const std::string& run_id, const std::string& hookpoint, uint64_t seed);

// Started with a pipe as standard input, which the fixture holds, and one for messages. Killed when destroyed.
class RankProcess {
 public:
  // `task`: "--spec" or "--inspect", with the file `task_path`. `log_path`: where its standard error goes.
  RankProcess(const std::string& task, const std::string& task_path, const std::string& log_path);
  RankProcess(const std::string& spec_path, const std::string& log_path) : RankProcess("--spec", spec_path, log_path) {}

  // Reads messages until one satisfies `wanted`; nullopt at the end of the pipe, or after `patience` (and a failure of
  // the test).
  std::optional<v1::RankMessage> WaitFor(const std::function<bool(const v1::RankMessage&)>& wanted,
                                         absl::Duration patience = absl::Seconds(60));

  // Reads what is left and reaps the process.
  ExitStatus Finish();

  // What the worker's death does.
  void CloseInput() { input_.Close(); }
  // The worker's lease lasts until then, by Clock::Monotonic().
  void RunUntil(absl::Duration lease_over_at);
  // The worker no longer reads.
  void CloseMessages() { messages_fd_.Close(); }
  void Signal(int signal) { process_->Signal(signal); }

  // The last lines of its standard error.
  std::string LogTail() const;

  // All that were read so far.
  const std::vector<v1::RankMessage>& messages() const { return messages_; }
  // The only one of that kind.
  const v1::Failure& failure() const;
  std::map<std::string, v1::RunEnded> ended() const;

 private:
  std::string log_path_;
  OwnedFd input_;
  OwnedFd messages_fd_;
  std::optional<Subprocess> process_;
  FrameReader reader_;
  std::vector<v1::RankMessage> messages_;
};

// Starts all ranks of `spec`, brings them together and waits for them, all of which have to succeed.
std::vector<RankProcess> RunGang(const TrainerFixture& fixture, const v1::TrainerSpec& spec, int world_size);

}  // namespace seedbed

#endif  // SEEDBED_TESTS_WORKER_TRAINER_RANK_PROCESS_H_
