// A coordinator that says what its test tells it to say, over a real port.
#ifndef SEEDBED_TESTS_WORKER_DAEMON_FAKE_COORDINATOR_H_
#define SEEDBED_TESTS_WORKER_DAEMON_FAKE_COORDINATOR_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/rpc/endpoint.h"
#include "seedbed/v1/worker.grpc.pb.h"

namespace seedbed {

// Answers every report with a directive. Thread-safe.
class FakeCoordinator final : public v1::WorkerService::Service {
 public:
  FakeCoordinator();
  ~FakeCoordinator() override;

  std::string address() const;

  // Ends every session, as a crash does; the port stays free for StartAgain.
  void Crash();
  void StartAgain();

  // Rank 0's address is filled in for its peers once it was reported.
  void Want(std::vector<v1::DesiredRank> ranks);
  void WantInspections(std::vector<v1::InspectionRequest> inspections);
  void SetLease(absl::Duration lease);
  // Go on reading reports and answer none.
  void SetSilent(bool silent);
  // Refuse sessions with this; OK = take them.
  void RefuseWith(absl::Status status);

  // The newest report; empty before the first.
  v1::WorkerReport last() const;
  // The status of a rank of attempt 1 in the newest report; EMPTY (UNSPECIFIED) when it is not there.
  v1::RankStatus Rank(const std::string& gang_id, int rank = 0) const;
  int sessions() const;
  int64_t reports() const;  // Over all sessions.
  // A report whose sequence was not one more than the one before it in its session was seen.
  bool saw_a_gap() const;

  grpc::Status Session(grpc::ServerContext* context,
                       grpc::ServerReaderWriter<v1::WorkerDirective, v1::WorkerReport>* stream) override;

 private:
  v1::WorkerDirective Answer(const v1::WorkerReport& report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  int port_ = 0;
  std::unique_ptr<RpcServer> server_;

  mutable absl::Mutex mutex_;
  std::vector<v1::DesiredRank> wanted_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::InspectionRequest> inspections_ ABSL_GUARDED_BY(mutex_);
  absl::Duration lease_ ABSL_GUARDED_BY(mutex_) = absl::Seconds(60);
  bool silent_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
  v1::WorkerReport last_ ABSL_GUARDED_BY(mutex_);
  int sessions_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t reports_ ABSL_GUARDED_BY(mutex_) = 0;
  bool gap_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_WORKER_DAEMON_FAKE_COORDINATOR_H_
