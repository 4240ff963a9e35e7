// The worker's end of WorkerService.Session: keeps a session open, reports, and hands on what the coordinator answers.
#ifndef SEEDBED_WORKER_DAEMON_SESSION_CLIENT_H_
#define SEEDBED_WORKER_DAEMON_SESSION_CLIENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "seedbed/v1/worker.grpc.pb.h"

namespace seedbed {

// Thread-safe. Two threads: one opens sessions and writes, one reads while a session is open.
class SessionClient {
 public:
  struct Options {
    std::string coordinator;                                     // HOST:PORT
    absl::Duration heartbeat = absl::Seconds(1);                 // A report at least this often.
    absl::Duration least_interval = absl::Milliseconds(50);      // At most one report in this, however much changes.
    absl::Duration shortest_back_off = absl::Milliseconds(100);  // Between attempts; doubles up to the longest.
    absl::Duration longest_back_off = absl::Seconds(2);
    absl::Duration name_patience = absl::Seconds(30);   // How long ALREADY_EXISTS is taken for an old session's end.
    absl::Duration farewell = absl::Milliseconds(500);  // For the last report to be taken when the client stops.
  };

  // Called from the client's threads, one call at a time of each.
  struct Handler {
    // The whole truth about this worker; the client fills in the sequence.
    std::function<v1::WorkerReport()> make_report;
    // `report_sent_at`: when, by the monotonic clock, the acknowledged report was sent; nullopt = no report of this
    // session.
    std::function<void(const v1::WorkerDirective&, std::optional<absl::Duration> report_sent_at)> on_directive;
    // A session was opened (its first answer came), or has ended.
    std::function<void(bool connected)> on_connection;
    // The coordinator will not have this worker; the client has given up.
    std::function<void(const absl::Status&)> on_refused;
  };

  // `clock` must outlive the client.
  SessionClient(Options options, Handler handler, Clock* clock);
  // Stops.
  ~SessionClient();

  // Connects when the coordinator is there, and again whenever a session has ended. Call once.
  void Start();

  // There is news to report.
  void NotifyChanged();

  // Sends a last report, if there is a session, and ends. Idempotent.
  void Stop();

  // The coordinator has answered in the session that is open.
  bool connected() const;
  // Since when there has been no such session (the client's start, at first); nullopt while there is.
  std::optional<absl::Duration> disconnected_since() const;

 private:
  using Stream = grpc::ClientReaderWriter<v1::WorkerReport, v1::WorkerDirective>;

  void Run();
  // True when it was connected until now.
  bool MarkDisconnected();
  // Until it ends, by whichever side.
  absl::Status RunSession();
  void WriteReports(Stream& stream);
  bool WriteReport(Stream& stream);
  void ReadDirectives(Stream& stream);
  void SayFarewell(Stream& stream);
  // False when the session is over or the client stops.
  bool WaitUntilReportIsDue();
  // How long to wait before the next session; nullopt = give up.
  std::optional<absl::Duration> JudgeEnd(const absl::Status& status, bool was_connected);
  void LogEnd(const absl::Status& status, bool was_connected);
  bool IsStopping() const;

  const Options options_;
  const Handler handler_;
  Clock* const clock_;
  const std::unique_ptr<v1::WorkerService::Stub> stub_;

  // Of the session thread alone.
  absl::Duration back_off_;
  std::optional<absl::Duration> name_taken_since_;
  std::string last_logged_;

  mutable absl::Mutex mutex_;
  absl::CondVar news_;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;  // The session thread is.
  std::optional<absl::Duration> disconnected_since_ ABSL_GUARDED_BY(mutex_);
  // Of the session that is open.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool reader_done_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration last_report_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, absl::Duration> sent_ ABSL_GUARDED_BY(mutex_);  // By sequence, from the newest acknowledged on.

  absl::Mutex join_mutex_;
  std::thread thread_ ABSL_GUARDED_BY(join_mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_SESSION_CLIENT_H_
