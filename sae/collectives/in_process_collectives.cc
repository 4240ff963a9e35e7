#include "sae/collectives/in_process_collectives.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "sae/collectives/progress.h"

namespace seedbed {
namespace {

// What the ranks of a group share.
struct Meeting {
  Meeting(int world_size, absl::Duration timeout) : timeout(timeout), ranks(static_cast<size_t>(world_size)) {}

  struct Rank {
    int64_t entered = 0;                  // Collectives that it has come to.
    int64_t fetched = 0;                  // Collectives in which it has all that the others sent it.
    const TensorsByRank* send = nullptr;  // Of the collective entered last, until all have fetched.
    std::string phase;
    bool ended = false;  // Destroyed, or failed: `send` is not to be read.
  };

  const absl::Duration timeout;
  absl::Mutex mutex;
  std::vector<Rank> ranks ABSL_GUARDED_BY(mutex);
};

class InProcessCollectives final : public Collectives {
 public:
  InProcessCollectives(std::shared_ptr<Meeting> meeting, int rank, int world_size)
      : meeting_(std::move(meeting)), rank_(static_cast<size_t>(rank)), world_size_(world_size) {}

  ~InProcessCollectives() override {
    absl::MutexLock lock(&meeting_->mutex);
    meeting_->ranks[rank_].ended = true;
  }

  int rank() const override { return static_cast<int>(rank_); }
  int world_size() const override { return world_size_; }
  at::Device device() const override { return at::kCPU; }

  void SetPhase(std::string phase) override {
    absl::MutexLock lock(&meeting_->mutex);
    meeting_->ranks[rank_].phase = std::move(phase);
  }

  absl::Status AwaitAll() override;

 private:
  absl::Status Transfer(absl::string_view operation, const TensorsByRank& send, const TensorsByRank& receive) override;

  // Waits until all have entered this rank's collective. All of them succeed or none does: a rank that gives up has
  // ended, before the last one enters.
  absl::Status AwaitAllEntered(absl::string_view operation, absl::Duration timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(meeting_->mutex);
  void AwaitAllFetched() ABSL_EXCLUSIVE_LOCKS_REQUIRED(meeting_->mutex);

  // "waiting for rank 1 (has ended), rank 2 (at step 3, block 1)"; empty when all have entered and none has ended.
  std::string WaitingFor() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(meeting_->mutex);

  const std::shared_ptr<Meeting> meeting_;
  const size_t rank_;
  const int world_size_;
  absl::Status failure_;
};

// Copies what `sent` has for rank `rank`.
absl::Status Fetch(const TensorsByRank& sent, size_t rank, const std::vector<at::Tensor>& receive) {
  const std::vector<at::Tensor>& tensors = sent[rank];
  bool fits = tensors.size() == receive.size();
  for (size_t i = 0; fits && i < receive.size(); ++i) {
    fits = tensors[i].sizes() == receive[i].sizes() && tensors[i].scalar_type() == receive[i].scalar_type();
    if (fits) receive[i].copy_(tensors[i]);
  }
  return fits ? absl::OkStatus() : absl::InternalError("the ranks disagree on what is sent");
}

absl::Status InProcessCollectives::Transfer(absl::string_view operation, const TensorsByRank& send,
                                            const TensorsByRank& receive) {
  if (!failure_.ok()) return failure_;
  std::vector<const TensorsByRank*> sent;
  {
    absl::MutexLock lock(&meeting_->mutex);
    meeting_->ranks[rank_].send = &send;
    ++meeting_->ranks[rank_].entered;
    failure_ = AwaitAllEntered(operation, meeting_->timeout);
    meeting_->ranks[rank_].ended = !failure_.ok();
    if (!failure_.ok()) return failure_;
    for (const Meeting::Rank& peer : meeting_->ranks) sent.push_back(peer.send);
  }
  for (size_t peer = 0; peer < sent.size(); ++peer) failure_.Update(Fetch(*sent[peer], rank_, receive[peer]));
  absl::MutexLock lock(&meeting_->mutex);
  ++meeting_->ranks[rank_].fetched;
  AwaitAllFetched();
  meeting_->ranks[rank_].ended = !failure_.ok();
  return failure_;
}

// A thread that lives may always still come.
absl::Status InProcessCollectives::AwaitAll() {
  if (!failure_.ok()) return failure_;
  absl::MutexLock lock(&meeting_->mutex);
  ++meeting_->ranks[rank_].entered;
  failure_ = AwaitAllEntered("waiting for all ranks", absl::InfiniteDuration());
  meeting_->ranks[rank_].ended = !failure_.ok();
  return failure_;
}

absl::Status InProcessCollectives::AwaitAllEntered(absl::string_view operation, absl::Duration timeout) {
  const auto settled = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(meeting_->mutex) {
    const std::vector<Meeting::Rank>& ranks = meeting_->ranks;
    const int64_t here = ranks[rank_].entered;
    return std::any_of(ranks.begin(), ranks.end(), [](const Meeting::Rank& peer) { return peer.ended; }) ||
           std::all_of(ranks.begin(), ranks.end(), [&](const Meeting::Rank& peer) { return peer.entered >= here; });
  };
  const bool in_time = meeting_->mutex.AwaitWithTimeout(absl::Condition(&settled), timeout);
  const std::string waiting_for = WaitingFor();
  if (waiting_for.empty()) return absl::OkStatus();
  const std::string where = OperationIn(meeting_->ranks[rank_].phase, operation);
  if (!in_time) return StallError(rank(), where, timeout, waiting_for);
  return absl::UnavailableError(absl::StrCat("rank ", rank_, ": ", where, ": ", waiting_for));
}

// Nobody can fail to fetch, so this needs no timeout.
void InProcessCollectives::AwaitAllFetched() {
  const auto complete = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(meeting_->mutex) {
    const std::vector<Meeting::Rank>& ranks = meeting_->ranks;
    return std::none_of(ranks.begin(), ranks.end(),
                        [here = ranks[rank_].fetched](const Meeting::Rank& peer) { return peer.fetched < here; });
  };
  meeting_->mutex.Await(absl::Condition(&complete));
}

std::string InProcessCollectives::WaitingFor() const {
  std::vector<std::string> gone;   // Ended before it came, so never will.
  std::vector<std::string> late;   // May still come.
  std::vector<std::string> ended;  // Came, and has waited in vain, too: for those who did not.
  for (size_t peer = 0; peer < meeting_->ranks.size(); ++peer) {
    const Meeting::Rank& other = meeting_->ranks[peer];
    const std::string phase = other.phase.empty() ? "" : absl::StrCat(" (at ", other.phase, ")");
    const std::string name = absl::StrCat("rank ", peer, other.ended ? " (has ended)" : phase);
    if (other.entered < meeting_->ranks[rank_].entered) {
      (other.ended ? gone : late).push_back(name);
    } else if (other.ended) {
      ended.push_back(name);
    }
  }
  const std::vector<std::string>& missing = !gone.empty() ? gone : late.empty() ? ended : late;
  return missing.empty() ? "" : absl::StrCat("waiting for ", absl::StrJoin(missing, ", "));
}

}  // namespace

std::vector<std::unique_ptr<Collectives>> MakeInProcessGroup(int world_size, absl::Duration timeout) {
  const auto meeting = std::make_shared<Meeting>(world_size, timeout);
  std::vector<std::unique_ptr<Collectives>> group;
  for (int rank = 0; rank < world_size; ++rank) {
    group.push_back(std::make_unique<InProcessCollectives>(meeting, rank, world_size));
  }
  return group;
}

std::unique_ptr<Collectives> MakeLocalCollectives() {
  return std::move(MakeInProcessGroup(1, absl::InfiniteDuration()).front());
}

}  // namespace seedbed
