// Made-up sibling sets, and stand-ins for what the results service talks to: the coordinator and seedbed-agree.
#ifndef SEEDBED_TESTS_SERVER_RESULTS_FIXTURES_H_
#define SEEDBED_TESTS_SERVER_RESULTS_FIXTURES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/rpc/endpoint.h"
#include "seedbed/v1/coordinator.grpc.pb.h"
#include "seedbed/v1/event.pb.h"
#include "seedbed/v1/results.pb.h"

namespace seedbed {

// A finished sibling set of `runs` runs; its dictionaries are those of `content` (equal content, equal checksums).
v1::Event FinishedEvent(const std::string& sweep_id, const std::string& sibling_set_id, const std::string& content,
                        int runs = 3);

// A sweep of one sibling set, whose runs are those of FinishedEvent.
v1::Event SubmittedEvent(const std::string& sweep_id, const std::string& sibling_set_id, int runs = 3);

// That this run of a FinishedEvent has succeeded.
v1::Event SucceededEvent(const v1::Event& finished, int run);

// An event that the results service has no use for.
v1::Event OtherEvent(const std::string& sweep_id);

v1::SaeSpec TestSae();

// What the results service makes of FinishedEvent.
v1::Agreement TestRequest(const std::string& sweep_id, const std::string& sibling_set_id, const std::string& content,
                          int runs = 3);

// What seedbed-agree would answer; `pw_mcc` tells answers apart.
v1::Agreement TestAnswer(const v1::Agreement& request, double pw_mcc = 0.5);

// The coordinator, as far as the results service sees it. Thread-safe.
class FakeCoordinator final : public v1::SweepService::Service {
 public:
  FakeCoordinator() = default;
  ~FakeCoordinator() override { Stop(); }

  // Listens on the port of the last time, or on a free one. Stop breaks every stream.
  void Start();
  void Stop();
  std::string address() const;

  // Appends to the log, numbering the event. Returns its number.
  int64_t Append(v1::Event event);
  // Forgets everything, as when the coordinator's database was replaced.
  void ReplaceLog();
  // GetRun fails with UNAVAILABLE as long as this is on.
  void BreakGetRun(bool broken);

  // after_event of every WatchSweep so far.
  std::vector<int64_t> watches();

  grpc::Status WatchSweep(grpc::ServerContext* context, const v1::WatchSweepRequest* request,
                          grpc::ServerWriter<v1::WatchSweepResponse>* writer) override;
  grpc::Status GetSweep(grpc::ServerContext* context, const v1::GetSweepRequest* request,
                        v1::GetSweepResponse* response) override;
  grpc::Status GetRun(grpc::ServerContext* context, const v1::GetRunRequest* request,
                      v1::GetRunResponse* response) override;

 private:
  int port_ = 0;
  std::unique_ptr<RpcServer> server_;
  absl::Mutex mutex_;
  std::vector<v1::Event> log_ ABSL_GUARDED_BY(mutex_);
  std::vector<int64_t> watches_ ABSL_GUARDED_BY(mutex_);
  bool get_run_is_broken_ ABSL_GUARDED_BY(mutex_) = false;
};

// A shell script in place of seedbed-agree, which notes each of its runs.
class FakeAgree {
 public:
  // Lives in `folder`, which exists.
  explicit FakeAgree(const std::string& folder);

  std::string program() const;

  // What it does from now on: "ok" copies the prepared answer; "fail" exits with 2 and a last word; "fail once" does so
  // in its first run only; "crash" dies of SIGSEGV; "bad json" writes half an object; "silent" writes nothing; "hang"
  // goes on until it is killed; "stubborn" also ignores SIGTERM; "hungry" takes 200 MB and goes on.
  void SetMode(const std::string& mode);

  // The answer for this sibling set.
  void Prepare(const std::string& sibling_set_id, const v1::Agreement& answer);

  // Sibling sets that it was run for, in order.
  std::vector<std::string> Runs() const;

  // The arguments of each run, a line each, in order.
  std::vector<std::string> Arguments() const;

  // Process ids of all runs, in order.
  std::vector<int> Pids() const;

 private:
  std::vector<std::string> Lines(const std::string& name) const;

  const std::string folder_;
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_RESULTS_FIXTURES_H_
