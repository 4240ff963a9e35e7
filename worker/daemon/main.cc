// seedbed-worker: one a machine. See worker.h.
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/daemon.h"
#include "common/disk_space.h"
#include "common/http_server.h"
#include "common/logging.h"
#include "common/status.h"
#include "worker/daemon/options.h"
#include "worker/daemon/worker.h"

namespace seedbed {
namespace {

constexpr char kProgram[] = "seedbed-worker";

// Why the coordinator will not have this worker, handed from the worker's thread to main.
class Refusal {
 public:
  void Set(const absl::Status& status) {
    {
      absl::MutexLock lock(&mutex_);
      status_ = status;
    }
    kill(getpid(), SIGTERM);  // Ends main's wait.
  }
  absl::Status Get() {
    absl::MutexLock lock(&mutex_);
    return status_;
  }

 private:
  absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

absl::Status Serve(WorkerFlags flags, ShutdownSignals& signals) {
  RETURN_IF_ERROR(CheckMachine(flags));
  const auto registry = std::make_shared<prometheus::Registry>();
  Refusal refusal;
  flags.worker.on_refused = [&](const absl::Status& status) { refusal.Set(status); };
  const std::string name = flags.worker.name;
  const RankOptions& ranks = flags.worker.ranks;
  const auto disks = std::make_shared<DiskSpace>(
      std::map<std::string, std::string>{{"artifacts", ranks.artifact_root}, {"scratch", ranks.scratch_root}});
  ASSIGN_OR_RETURN(const auto worker, Worker::Start(std::move(flags.worker), *registry, Clock::Real()));
  HttpServer::Options http_options{
      flags.http.host, flags.http.port, {registry, disks}, [&] { return worker->Health(); }};
  ASSIGN_OR_RETURN(const auto http, HttpServer::Start(std::move(http_options)));
  const std::string http_address = HostPort{flags.http.host, http->port()}.ToString();
  RETURN_IF_ERROR(WriteReadyFile(flags.ready_file, {{"http", http_address}, {"name", name}}));
  Log(LogLevel::kInfo, "worker ready", {{"worker", name}, {"http", http_address}});

  const int signal = signals.Wait();
  Log(LogLevel::kInfo, "worker stopping", {{"worker", name}, {"signal", signal}});
  worker->Stop();
  return refusal.Get();
}

int Main(int argc, char** argv) {
  FollowParent();
  ShutdownSignals signals;
  InitLogging(kProgram);
  absl::StatusOr<WorkerFlags> flags = ParseWorkerFlags(argc, argv);
  if (!flags.ok()) return FailProgram(kProgram, flags.status());
  if (!flags->help.empty()) {
    fputs(flags->help.c_str(), stdout);
    return 0;
  }
  const absl::Status status = Serve(*std::move(flags), signals);
  return status.ok() ? 0 : FailProgram(kProgram, status);
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) { return seedbed::Main(argc, argv); }
