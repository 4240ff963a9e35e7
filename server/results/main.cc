// seedbed-results: learns of finished sibling sets, computes their agreement, keeps and serves it.
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/daemon.h"
#include "common/disk_space.h"
#include "common/file.h"
#include "common/http_server.h"
#include "common/logging.h"
#include "common/status.h"
#include "common/subprocess.h"
#include "proto/rpc/endpoint.h"
#include "server/artifacts/artifact_service.h"
#include "server/results/agreement_feed.h"
#include "server/results/agreement_worker.h"
#include "server/results/event_follower.h"
#include "server/results/process_memory.h"
#include "server/results/results_metrics.h"
#include "server/results/results_service.h"
#include "server/results/results_store.h"
#include "server/results/stored_report.h"

namespace seedbed {
namespace {

constexpr char kProgram[] = "seedbed-results";
constexpr int kMostThreads = 1024;
constexpr int64_t kMostMemoryMib = int64_t{1} << 30;
constexpr absl::Duration kShutdownGrace = absl::Seconds(2);

struct Flags {
  std::string coordinator;
  std::string listen = "127.0.0.1:7601";
  std::string http = "127.0.0.1:7612";
  std::string db;
  std::string agree = JoinPath(ExecutableFolder(), "seedbed-agree");
  std::string pairs;
  std::string artifacts;
  int threads = 0;
  int64_t memory_mib = 0;
  int sets_at_once = 4;
  std::string ready_file;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--coordinator", flags.coordinator, "HOST:PORT of the coordinator")->required();
  app.add_option("--listen", flags.listen, "HOST:PORT to serve gRPC on; port 0 = a free one")->capture_default_str();
  app.add_option("--http", flags.http, "HOST:PORT to serve /report/SWEEP[,SWEEP...], /metrics and /healthz on")
      ->capture_default_str();
  app.add_option("--db", flags.db, "SQLite file to keep results in; made if it is missing")->required();
  app.add_option("--agree", flags.agree, "Path of seedbed-agree")->capture_default_str();
  app.add_option("--pairs", flags.pairs, "Folder that keeps every pair's matching; beside --db if not given");
  app.add_option("--artifacts", flags.artifacts,
                 "Folder for stability tables and consensus dictionaries; beside --db if not given");
  app.add_option("--threads", flags.threads,
                 "CPU threads of all seedbed-agree together, 1..1024; 0 = as many as there are cores")
      ->capture_default_str();
  app.add_option("--memory-mib", flags.memory_mib,
                 "MiB of memory of all seedbed-agree together; 0 = three quarters of the machine's")
      ->capture_default_str();
  app.add_option("--sets-at-once", flags.sets_at_once, "Sibling sets that are compared at once, at most, 1..1024")
      ->capture_default_str();
  app.add_option("--ready-file", flags.ready_file, "Where to write the addresses once it serves");
}

absl::Status CheckFlags(const Flags& flags) {
  if (flags.threads < 0 || flags.threads > kMostThreads) {
    return absl::InvalidArgumentError(absl::StrCat("--threads: found ", flags.threads, "; 0..1024 is allowed"));
  }
  if (flags.memory_mib < 0 || flags.memory_mib > kMostMemoryMib) {
    return absl::InvalidArgumentError(
        absl::StrCat("--memory-mib: found ", flags.memory_mib, "; 0..", kMostMemoryMib, " is allowed"));
  }
  if (flags.sets_at_once < 1 || flags.sets_at_once > kMostThreads) {
    return absl::InvalidArgumentError(
        absl::StrCat("--sets-at-once: found ", flags.sets_at_once, "; 1..1024 is allowed"));
  }
  if (access(flags.agree.c_str(), X_OK) != 0) return ErrnoStatus(errno, absl::StrCat("--agree: ", flags.agree));
  return absl::OkStatus();
}

std::string WorkRoot(const std::string& db) { return db + ".agree"; }

// An empty folder beside the database, of this process alone: a seedbed-agree of a process that was killed may live a
// moment longer and still write to the one it was given. What such processes left is removed as far as can be.
absl::StatusOr<std::string> MakeWorkFolder(const std::string& db) {
  RemoveAll(WorkRoot(db)).IgnoreError();
  RETURN_IF_ERROR(MakeFolders(WorkRoot(db)));
  std::string folder = JoinPath(WorkRoot(db), "XXXXXX");
  if (mkdtemp(folder.data()) == nullptr) return ErrnoStatus(errno, folder);
  return folder;
}

absl::StatusOr<AgreementWorker::Options> WorkerOptions(const Flags& flags) {
  AgreementWorker::Options options;
  options.agree.program = flags.agree;
  options.agree.threads = flags.threads;
  options.agree.pair_folder = flags.pairs.empty() ? flags.db + ".pairs" : flags.pairs;
  ASSIGN_OR_RETURN(options.agree.work_folder, MakeWorkFolder(flags.db));
  options.artifact_root = flags.artifacts.empty() ? flags.db + ".artifacts" : flags.artifacts;
  options.memory_bytes = flags.memory_mib > 0 ? flags.memory_mib << 20 : MachineBytes() / 4 * 3;
  options.sets_at_once = flags.sets_at_once;
  return options;
}

absl::Status Serve(const Flags& flags, ShutdownSignals& signals) {
  RETURN_IF_ERROR(CheckFlags(flags));
  ASSIGN_OR_RETURN(const HostPort coordinator, ParseHostPort("--coordinator", flags.coordinator));
  ASSIGN_OR_RETURN(const HostPort listen, ParseHostPort("--listen", flags.listen));
  ASSIGN_OR_RETURN(const HostPort http, ParseHostPort("--http", flags.http));
  ASSIGN_OR_RETURN(const std::unique_ptr<ResultsStore> store, ResultsStore::Open(flags.db));
  ASSIGN_OR_RETURN(const Cursor cursor, store->LoadCursor());
  ASSIGN_OR_RETURN(const AgreementWorker::Options worker_options, WorkerOptions(flags));
  const absl::Cleanup remover = [&flags] { RemoveAll(WorkRoot(flags.db)).IgnoreError(); };
  EventFollower::Options follower_options;
  follower_options.coordinator = coordinator.ToString();

  ResultsMetrics metrics;
  HttpServer::Options http_options;
  http_options.host = http.host;
  http_options.port = http.port;
  http_options.metrics = {metrics.registry(),
                          std::make_shared<DiskSpace>(std::map<std::string, std::string>{{"database", flags.db}})};
  http_options.pages = {{"/report/", [&store](const std::string& sweep_ids) {
                           return StoredReport(*store, absl::StrSplit(sweep_ids, ','));
                         }}};
  http_options.health = [&store] { return store->LoadCursor().status(); };
  ASSIGN_OR_RETURN(const std::unique_ptr<HttpServer> http_server, HttpServer::Start(std::move(http_options)));
  AgreementFeed feed;
  AgreementWorker worker(worker_options, store.get(), &metrics, &feed);
  EventFollower follower(std::move(follower_options), cursor, store.get(), &metrics, &feed,
                         [&worker] { worker.Wake(); });
  ResultsService service({store.get(), &feed, worker_options.agree.pair_folder,
                          [&follower] { return follower.last_event(); }, [&worker] { worker.Wake(); }});
  ArtifactService artifacts([&store](const std::string& id) { return store->FindArtifact(id); });
  ASSIGN_OR_RETURN(const std::unique_ptr<RpcServer> server,
                   RpcServer::Start(listen.host, listen.port, {&service, &artifacts}));

  const HostPort address{listen.host, server->port()};
  const HostPort http_address{http.host, http_server->port()};
  RETURN_IF_ERROR(
      WriteReadyFile(flags.ready_file, {{"address", address.ToString()}, {"http", http_address.ToString()}}));
  Log(LogLevel::kInfo, "serving",
      {{"address", address.ToString()}, {"http", http_address.ToString()}, {"db", flags.db}});
  const int signal = signals.Wait();
  Log(LogLevel::kInfo, "stopping", {{"signal", signal}});
  feed.Stop();
  server->Shutdown(kShutdownGrace);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  FollowParent();
  ShutdownSignals signals;
  InitLogging(kProgram);
  CLI::App app("Computes, keeps and serves how far the dictionaries of sibling sets agree.", kProgram);
  Flags flags;
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return FailProgram(kProgram, absl::InvalidArgumentError(error.what()));
  }
  const absl::Status status = Serve(flags, signals);
  return status.ok() ? 0 : FailProgram(kProgram, status);
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) { return seedbed::Main(argc, argv); }
