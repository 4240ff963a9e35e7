// Reads the coordinator's log and takes every finished sibling set in.
#ifndef SEEDBED_SERVER_RESULTS_EVENT_FOLLOWER_H_
#define SEEDBED_SERVER_RESULTS_EVENT_FOLLOWER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "seedbed/v1/coordinator.grpc.pb.h"
#include "seedbed/v1/event.pb.h"
#include "server/results/agreement_feed.h"
#include "server/results/results_metrics.h"
#include "server/results/results_store.h"
#include "server/results/wake_signal.h"

namespace seedbed {

// A sibling set and the cursor of its event are stored together, and the cursor never passes an event that was not
// taken in: whenever this process dies, the next one reads on from there and misses nothing. Events that were read
// twice change nothing.
class EventFollower {
 public:
  struct Options {
    std::string coordinator;  // host:port
    absl::Duration shortest_backoff = absl::Milliseconds(100);
    absl::Duration longest_backoff = absl::Seconds(2);
    absl::Duration rpc_timeout = absl::Seconds(10);
    // The cursor is stored with every sibling set, and at the latest after this many events.
    int events_per_save = 256;
  };

  // Starts a thread that connects, and connects again whenever the stream breaks. `on_sibling_set` is called from it
  // after one was stored, and the feed is told of that and of runs that have ended. `store`, `metrics` and `feed` must
  // outlive the follower.
  EventFollower(Options options, Cursor cursor, ResultsStore* store, ResultsMetrics* metrics, AgreementFeed* feed,
                std::function<void()> on_sibling_set);
  ~EventFollower();

  // Number of the newest event that the store takes into account. Thread-safe.
  int64_t last_event() const { return last_event_; }

 private:
  void Run();
  // Follows until the stream breaks or the follower is stopped.
  absl::Status Follow();
  // Starts from the beginning when the coordinator's log is not the one that the cursor is of.
  absl::Status CheckLog();
  absl::Status TakeIn(const v1::Event& event);
  absl::Status TakeInSiblingSet(const v1::Event& event);
  // Of runs: submitted, ended.
  absl::Status TakeInRuns(const v1::Event& event);
  // What the siblings have in common.
  absl::StatusOr<v1::SaeSpec> GetSae(const v1::SiblingSetFinished& finished);
  absl::Status SaveCursor(const Cursor& cursor);
  void MoveCursor(const Cursor& cursor);
  void NoteConnected(bool connected, const absl::Status& why);

  // A call that is cancelled when the follower is stopped, also where that has happened already.
  class Call {
   public:
    explicit Call(EventFollower* follower);
    ~Call();
    grpc::ClientContext context;

   private:
    EventFollower* const follower_;
  };

  const Options options_;
  ResultsStore* const store_;
  ResultsMetrics* const metrics_;
  AgreementFeed* const feed_;
  const std::function<void()> on_sibling_set_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::SweepService::StubInterface> coordinator_;
  std::atomic<int64_t> last_event_;
  WakeSignal signal_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);  // Under way, the inner ones last.

  // Of the follower's thread alone.
  Cursor cursor_;
  int unsaved_events_ = 0;
  bool progressed_ = false;  // An event was taken in since the last back-off.
  enum class Link { kNew, kUp, kDown } link_ = Link::kNew;

  std::thread thread_;  // Last: it uses the rest.
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_EVENT_FOLLOWER_H_
