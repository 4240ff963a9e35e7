#include "sae/collectives/progress_board.h"

#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/status.h"
#include "sae/collectives/c10d_status.h"

namespace seedbed {
namespace {

constexpr absl::Duration kBeat = absl::Milliseconds(250);
// Between two looks a live rank beats at least once, also on a busy machine.
constexpr int kBeatsBetweenLooks = 4;
constexpr absl::Duration kLookPatience = absl::Seconds(3);
constexpr absl::Duration kStopPatience = absl::Seconds(1);

std::string KeyOf(int rank) { return absl::StrCat("progress/", rank); }

std::vector<uint8_t> ToBytes(const std::string& text) { return {text.begin(), text.end()}; }

}  // namespace

struct ProgressBoard::State {
  int rank = 0;
  int world_size = 1;
  c10::intrusive_ptr<c10d::Store> store;

  absl::Mutex mutex;
  RankProgress mine ABSL_GUARDED_BY(mutex);
  bool stop_wanted ABSL_GUARDED_BY(mutex) = false;
  bool beat_wanted ABSL_GUARDED_BY(mutex) = false;  // At once.
  bool look_wanted ABSL_GUARDED_BY(mutex) = false;
  bool looked ABSL_GUARDED_BY(mutex) = false;
  bool ended ABSL_GUARDED_BY(mutex) = false;
  std::vector<RankProgress> before ABSL_GUARDED_BY(mutex);
  std::vector<RankProgress> after ABSL_GUARDED_BY(mutex);
  bool follows_all ABSL_GUARDED_BY(mutex) = false;  // Every beat looks at all ranks.
  int64_t looks_at_all ABSL_GUARDED_BY(mutex) = 0;
  std::vector<RankProgress> newest ABSL_GUARDED_BY(mutex);

  absl::Status Publish();
  absl::StatusOr<std::vector<RankProgress>> ReadAll() const;
  // Waits for the next beat; false when it is to stop.
  bool AwaitBeat();
  // The two looks, and the beats between them. False when it is to stop.
  absl::StatusOr<bool> Look();
  absl::Status LookAtAll();
};

absl::Status ProgressBoard::State::Publish() {
  std::string text;
  {
    absl::MutexLock lock(&mutex);
    ++mine.beats;
    text = EncodeProgress(mine);
  }
  return CatchC10d("progress", rank, [&] { store->set(KeyOf(rank), ToBytes(text)); });
}

absl::StatusOr<std::vector<RankProgress>> ProgressBoard::State::ReadAll() const {
  std::vector<std::string> keys;
  for (int peer = 0; peer < world_size; ++peer) keys.push_back(KeyOf(peer));
  std::vector<std::vector<uint8_t>> values;
  RETURN_IF_ERROR(CatchC10d("progress", rank, [&] { values = store->multiGet(keys); }));
  std::vector<RankProgress> ranks;
  for (const std::vector<uint8_t>& value : values) {
    ASSIGN_OR_RETURN(RankProgress progress, DecodeProgress(std::string(value.begin(), value.end())));
    ranks.push_back(std::move(progress));
  }
  return ranks;
}

bool ProgressBoard::State::AwaitBeat() {
  absl::MutexLock lock(&mutex);
  const auto woken = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return stop_wanted || beat_wanted; };
  mutex.AwaitWithTimeout(absl::Condition(&woken), kBeat);
  beat_wanted = false;
  return !stop_wanted;
}

absl::StatusOr<bool> ProgressBoard::State::Look() {
  ASSIGN_OR_RETURN(std::vector<RankProgress> first, ReadAll());
  for (int i = 0; i < kBeatsBetweenLooks; ++i) {
    if (!AwaitBeat()) return false;
    RETURN_IF_ERROR(Publish());
  }
  ASSIGN_OR_RETURN(std::vector<RankProgress> second, ReadAll());
  absl::MutexLock lock(&mutex);
  before = std::move(first);
  after = std::move(second);
  looked = true;
  look_wanted = false;
  return true;
}

absl::Status ProgressBoard::State::LookAtAll() {
  ASSIGN_OR_RETURN(std::vector<RankProgress> ranks, ReadAll());
  absl::MutexLock lock(&mutex);
  newest = std::move(ranks);
  newest[static_cast<size_t>(rank)] = mine;  // The store's may be of the beat before.
  ++looks_at_all;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ProgressBoard>> ProgressBoard::Open(c10::intrusive_ptr<c10d::Store> store, int rank,
                                                                   int world_size, const std::string& host) {
  auto state = std::make_shared<State>();
  state->store = std::move(store);
  state->rank = rank;
  state->world_size = world_size;
  {
    absl::MutexLock lock(&state->mutex);
    state->mine.host = host;
  }
  RETURN_IF_ERROR(state->Publish());
  return std::unique_ptr<ProgressBoard>(new ProgressBoard(std::move(state)));
}

ProgressBoard::ProgressBoard(std::shared_ptr<State> state)
    : state_(std::move(state)), thread_([shared = state_] { Beat(shared); }) {}

ProgressBoard::~ProgressBoard() { Stop(); }

void ProgressBoard::Beat(const std::shared_ptr<State>& state) {
  while (state->AwaitBeat() && state->Publish().ok()) {
    bool look = false;
    bool follow = false;
    {
      absl::MutexLock lock(&state->mutex);
      look = state->look_wanted;
      follow = state->follows_all;
    }
    if (follow && !state->LookAtAll().ok()) break;
    if (!look) continue;
    const absl::StatusOr<bool> goes_on = state->Look();
    if (!goes_on.ok() || !*goes_on) break;
  }
  absl::MutexLock lock(&state->mutex);
  state->ended = true;
}

void ProgressBoard::SetPhase(std::string phase) {
  absl::MutexLock lock(&state_->mutex);
  state_->mine.phase = std::move(phase);
}

std::string ProgressBoard::phase() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->mine.phase;
}

void ProgressBoard::EnterCollective() {
  absl::MutexLock lock(&state_->mutex);
  ++state_->mine.collectives;
}

absl::Status ProgressBoard::AwaitAll(absl::Duration patience) {
  Arrivals arrivals(state_->rank, patience);
  absl::MutexLock lock(&state_->mutex);
  state_->follows_all = true;
  state_->beat_wanted = true;
  absl::Status status;
  while (status.ok() && !arrivals.all_have_come()) {
    const int64_t seen = state_->looks_at_all;
    const auto looked = [this, seen]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_->mutex) {
      return state_->looks_at_all > seen || state_->ended;
    };
    if (!state_->mutex.AwaitWithTimeout(absl::Condition(&looked), patience)) {
      status = absl::DeadlineExceededError("the rendezvous store does not answer");
    } else if (state_->looks_at_all == seen) {
      status = absl::UnavailableError("the rendezvous store is gone");
    } else {
      arrivals.Look(state_->newest, Clock::Real()->Monotonic());
      if (arrivals.one_is_lost()) status = absl::DeadlineExceededError("a rank shows no sign of life");
    }
  }
  state_->follows_all = false;
  return status;
}

std::string ProgressBoard::WaitingFor(const std::string& store_host) {
  std::string waiting_for = absl::StrCat("waiting for rank 0 (", store_host, ", its rendezvous store does not answer)");
  {
    absl::MutexLock lock(&state_->mutex);
    state_->look_wanted = true;
    const auto answered = [this]()
                              ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_->mutex) { return state_->looked || state_->ended; };
    state_->mutex.AwaitWithTimeout(absl::Condition(&answered), kLookPatience);
    if (state_->looked) waiting_for = seedbed::WaitingFor(state_->rank, state_->before, state_->after);
  }
  // Rank 0 takes the store along when it ends; others may have begun to look just now.
  if (state_->rank == 0) absl::SleepFor(kLookPatience);
  return waiting_for;
}

void ProgressBoard::Stop() {
  if (!thread_.joinable()) return;
  bool ended = false;
  {
    absl::MutexLock lock(&state_->mutex);
    state_->stop_wanted = true;
    ended = state_->mutex.AwaitWithTimeout(absl::Condition(&state_->ended), kStopPatience);
  }
  if (ended) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

}  // namespace seedbed
