// The coordinator: decides, makes the decision durable, applies it, tells whom it concerns.
//
//   request, report or time  -->  Decision (events)  -->  EventStore::Append  -->  State::Apply  -->  directives,
//   watchers
//
// When the store refuses, nothing has changed and the caller is told so; the next decision tries again. What is not in
// the log (workers' reports, progress, watchers) is lost with the process and comes back with the workers' next
// reports.
#ifndef SEEDBED_SERVER_COORDINATOR_COORDINATOR_H_
#define SEEDBED_SERVER_COORDINATOR_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "seedbed/v1/coordinator.pb.h"
#include "seedbed/v1/worker.pb.h"
#include "server/coordinator/alarm.h"
#include "server/coordinator/coordinator_metrics.h"
#include "server/coordinator/decision.h"
#include "server/coordinator/gang_review.h"
#include "server/coordinator/inspection_queue.h"
#include "server/coordinator/submission_limiter.h"
#include "server/coordinator/views.h"
#include "server/coordinator/watch_hub.h"
#include "server/coordinator/worker_table.h"
#include "server/scheduler/forecast.h"
#include "server/scheduler/scheduling_problem.h"
#include "server/scheduler/state_problem.h"
#include "server/state/state.h"
#include "server/store/event_store.h"

namespace seedbed {

// A worker's end of its stream. Its methods are called while the coordinator holds its lock: they must not block nor
// call the coordinator.
class SessionSink {
 public:
  virtual ~SessionSink() = default;
  // Replaces a directive that was not sent yet.
  virtual void Send(v1::WorkerDirective directive) = 0;
  // The stream is of no use any more. The coordinator has forgotten it.
  virtual void Close(const absl::Status& status) = 0;
};

struct CoordinatorOptions {
  absl::Duration lease = absl::Seconds(15);
  // Beyond the lease, before a silent worker's ranks count as gone: what its clock and the network may be late.
  absl::Duration lease_grace = absl::Seconds(2);
  std::string results_address;
  std::string version;
  InspectionOptions inspections;
  SubmissionLimits submissions;
  int most_runs_per_gang = 64;
  SchedulingOptions scheduling;
  // Estimated ends of gangs change with every report: how long a pass may go by older ones.
  absl::Duration longest_between_passes = absl::Seconds(5);
};

// All must outlive the coordinator.
struct CoordinatorDependencies {
  EventStore* store = nullptr;
  Clock* clock = nullptr;
  Alarm* alarm = nullptr;
  CoordinatorMetrics* metrics = nullptr;
};

// Thread-safe. Methods that change something wait for the disk. Errors of those: RESOURCE_EXHAUSTED or UNAVAILABLE when
// the event log can't be written; others are named at each.
class Coordinator {
 public:
  using SubmitDone = std::function<void(const absl::StatusOr<v1::SubmitSweepResponse>&)>;

  // Replays the log. DATA_LOSS, naming the event, where it is damaged or contradicts itself.
  static absl::StatusOr<std::unique_ptr<Coordinator>> Recover(CoordinatorOptions options,
                                                              const CoordinatorDependencies& dependencies);

  // Calls `done` once: at once, or when a worker has inspected the sweep's files. It is called while the coordinator
  // holds its lock: it must not block nor call the coordinator. INVALID_ARGUMENT with field violations; ALREADY_EXISTS
  // for an idempotency key that was used with another spec; UNAVAILABLE where a worker is needed and none answers;
  // INTERNAL where none can inspect the files; RESOURCE_EXHAUSTED, with the time after which to try again, where too
  // many sweeps come or wait for that, or too many runs wait.
  void SubmitSweep(const v1::SubmitSweepRequest& request, SubmitDone done) ABSL_LOCKS_EXCLUDED(mutex_);
  // Answers with `why` whatever waits for an inspection, and every later submission.
  void RefuseSubmissions(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mutex_);
  // Errors of these four: NOT_FOUND for an unknown sweep or a run that is not of it; FAILED_PRECONDITION for a run that
  // was named and can't be changed so.
  absl::StatusOr<v1::CancelSweepResponse> CancelSweep(const v1::CancelSweepRequest& request)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<v1::PauseSweepResponse> PauseSweep(const v1::PauseSweepRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<v1::ResumeSweepResponse> ResumeSweep(const v1::ResumeSweepRequest& request)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<v1::RetrySweepResponse> RetrySweep(const v1::RetrySweepRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  // NOT_FOUND for a worker that has not reported since the coordinator's start and does not drain.
  absl::StatusOr<v1::DrainWorkerResponse> DrainWorker(const v1::DrainWorkerRequest& request)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // INVALID_ARGUMENT with field violations.
  absl::StatusOr<v1::SetQuotaResponse> SetQuota(const v1::SetQuotaRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  // Errors are the store's; INVALID_ARGUMENT for a path that is not absolute.
  absl::StatusOr<v1::BackUpResponse> BackUp(const v1::BackUpRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<v1::GetSweepResponse> GetSweep(const v1::GetSweepRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<v1::ListSweepsResponse> ListSweeps(const v1::ListSweepsRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<v1::ListRunsResponse> ListRuns(const v1::ListRunsRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<v1::GetRunResponse> GetRun(const v1::GetRunRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  // NOT_FOUND for an unknown run.
  absl::StatusOr<v1::ExplainRunResponse> ExplainRun(const v1::ExplainRunRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  v1::ListWorkersResponse ListWorkers() ABSL_LOCKS_EXCLUDED(mutex_);
  v1::ListUsersResponse ListUsers() ABSL_LOCKS_EXCLUDED(mutex_);
  v1::GetServerInfoResponse GetServerInfo() const;

  // A worker's stream: open, report on it any number of times, close. An error of Report ends the stream, which is
  // closed then; the answer to a report goes to the sink.
  uint64_t OpenSession(std::shared_ptr<SessionSink> sink) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Report(uint64_t session, const v1::WorkerReport& report) ABSL_LOCKS_EXCLUDED(mutex_);
  void CloseSession(uint64_t session) ABSL_LOCKS_EXCLUDED(mutex_);

  // A watcher of one sweep, or of all where `sweep_id` is empty; with the progress known so far, if it is wanted.
  // NOT_FOUND for an unknown sweep.
  absl::StatusOr<uint64_t> AddWatcher(const v1::WatchSweepRequest& request, std::shared_ptr<WatchSink> sink)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void RemoveWatcher(uint64_t watcher) ABSL_LOCKS_EXCLUDED(mutex_);

  struct EventPage {
    std::vector<v1::Event> events;
    bool more = false;   // There are events beyond these.
    bool ended = false;  // The sweep has ended and has no events beyond these.
  };
  absl::StatusOr<EventPage> ReadEvents(const std::string& sweep_id, int64_t after, int limit)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Does what is due by time alone. The alarm asks for it; calling it at other times does no harm.
  void Tick() ABSL_LOCKS_EXCLUDED(mutex_);

  // OK while the event log takes events; otherwise why it refused the latest.
  absl::Status Health() const ABSL_LOCKS_EXCLUDED(mutex_);
  CoordinatorGauges Gauges() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Session {
    std::shared_ptr<SessionSink> sink;
    std::string worker;      // Empty before its first report.
    std::string last_sent;   // What the latest directive asked for, serialized.
    uint64_t directive = 0;  // Its number.
  };
  // A sweep whose files are being inspected.
  struct Submission {
    v1::SubmitSweepRequest request;
    v1::SweepSpec spec;  // With its constant defaults.
    std::vector<SubmitDone> waiters;
  };

  Coordinator(CoordinatorOptions options, const CoordinatorDependencies& dependencies);

  absl::Status Replay() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ReviewTime Now() const;

  // Appends and applies; on an error nothing has changed.
  absl::Status Commit(Decision& decision) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AfterCommit(const std::vector<v1::Event>& events) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether it may change which gangs can be placed.
  static bool ConcernsScheduling(const v1::Event& event);
  // The workers whose directive changes with `event`, which has not been applied yet.
  void MarkAffected(const v1::Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetProgress(const v1::Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The end of whatever may have changed something: answers submissions whose inspection has ended, places gangs,
  // pushes directives that have changed and answers `reporter`, where there is one, in any case; sets the alarm.
  void Settle(const std::string& reporter = "") ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Where something that it goes by has changed, or its estimates are old.
  void RunSchedulingPass() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  StateProblem PoseProblem() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::Sweep ViewWithWaits(const SweepRecord& sweep) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetAlarm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Status AcceptReport(uint64_t session, const v1::WorkerReport& report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes durable what `decide`, given the sweep and a decision, adds to it; gives the sweep as it is then.
  template <typename Decide>
  absl::StatusOr<v1::Sweep> ChangeSweep(const std::string& sweep_id, Decide decide) ABSL_LOCKS_EXCLUDED(mutex_);
  void TakeProgress(const v1::WorkerReport& report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReviewWorker(const std::string& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReviewLostWorkers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReviewGangs(const absl::btree_map<int64_t, const GangRecord*>& gangs) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Unless it is an answer, only where it differs from the one before.
  void SendDirective(const std::string& worker, bool is_answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // False when the request is the first of its idempotency key. Otherwise it is answered, or will be with the first.
  bool JoinEarlier(const v1::SubmitSweepRequest& request, const SubmitDone& done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AdvanceInspections() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<v1::SubmitSweepResponse> Conclude(const Submission& submission, const EndedInspection& ended)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<v1::SubmitSweepResponse> Accept(const Submission& submission, const v1::InspectionResult* inspection)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SlotOutlook Outlook(const v1::SweepSpec& spec) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddForecasts(const SlotOutlook& outlook, v1::SubmitSweepResponse& response) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::SubmitSweepResponse DescribeSweep(const SweepRecord& sweep) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CoordinatorOptions options_;
  EventStore* const store_;
  Clock* const clock_;
  Alarm* const alarm_;
  CoordinatorMetrics* const metrics_;

  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
  WorkerTable workers_ ABSL_GUARDED_BY(mutex_);
  WatchHub watchers_ ABSL_GUARDED_BY(mutex_);
  InspectionQueue inspections_ ABSL_GUARDED_BY(mutex_);
  SubmissionLimiter submission_limiter_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Submission> submissions_ ABSL_GUARDED_BY(mutex_);  // By inspection.
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);                                      // Of every submission; OK = none.
  uint64_t last_session_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, Session> sessions_ ABSL_GUARDED_BY(mutex_);
  ProgressByRun progress_ ABSL_GUARDED_BY(mutex_);
  absl::btree_set<std::string> affected_workers_ ABSL_GUARDED_BY(mutex_);  // Their directive may have changed.
  uint64_t last_directive_ ABSL_GUARDED_BY(mutex_);  // Number of the newest; of no other coordinator.
  bool pass_is_due_ ABSL_GUARDED_BY(mutex_) = true;
  absl::Duration last_pass_ ABSL_GUARDED_BY(mutex_);
  absl::Status log_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_COORDINATOR_H_
