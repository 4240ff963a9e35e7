// seedbed-coordinator: takes sweeps, places their gangs on workers, survives being killed at any instruction.
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/daemon.h"
#include "common/logging.h"
#include "common/status.h"
#include "server/coordinator/coordinator_server.h"
#include "server/store/sqlite_event_store.h"

namespace seedbed {
namespace {

constexpr char kProgram[] = "seedbed-coordinator";
// A client that is connected and idle keeps gRPC from stopping until then.
constexpr absl::Duration kShutdownGrace = absl::Seconds(2);

struct Flags {
  std::string listen = "127.0.0.1:7600";
  std::string http = "127.0.0.1:7610";
  std::string db;
  std::string results_address;
  int lease_seconds = 15;
  int first_worker_seconds = 5;
  std::string ready_file;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--listen", flags.listen, "HOST:PORT for gRPC; port 0 = a free one")->capture_default_str();
  app.add_option("--http", flags.http, "HOST:PORT for /metrics and /healthz; port 0 = a free one")
      ->capture_default_str();
  app.add_option("--db", flags.db, "SQLite file of the event log; made where there is none")->required();
  app.add_option("--results-address", flags.results_address, "HOST:PORT of the results service, told to clients");
  app.add_option("--lease-seconds", flags.lease_seconds,
                 "How long a worker goes on without hearing from the coordinator")
      ->check(CLI::Range(2, 3600))
      ->capture_default_str();
  app.add_option("--first-worker-seconds", flags.first_worker_seconds,
                 "How long after the start a sweep waits for a worker that inspects its files")
      ->check(CLI::Range(0, 60))
      ->capture_default_str();
  app.add_option("--ready-file", flags.ready_file, "File to write the addresses to, as JSON, once it serves");
  app.set_version_flag("--version", SEEDBED_VERSION);
}

absl::StatusOr<CoordinatorServer::Options> MakeOptions(const Flags& flags) {
  CoordinatorServer::Options options;
  ASSIGN_OR_RETURN(options.listen, ParseHostPort("--listen", flags.listen));
  ASSIGN_OR_RETURN(options.http, ParseHostPort("--http", flags.http));
  if (!flags.results_address.empty()) {
    RETURN_IF_ERROR(ParseHostPort("--results-address", flags.results_address).status());
  }
  options.database = flags.db;
  options.coordinator.lease = absl::Seconds(flags.lease_seconds);
  options.coordinator.inspections.first_worker = absl::Seconds(flags.first_worker_seconds);
  options.coordinator.results_address = flags.results_address;
  options.coordinator.version = SEEDBED_VERSION;
  return options;
}

absl::Status Serve(const Flags& flags, ShutdownSignals& signals) {
  ASSIGN_OR_RETURN(const CoordinatorServer::Options options, MakeOptions(flags));
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteEventStore> store, SqliteEventStore::Open(flags.db));
  ASSIGN_OR_RETURN(const std::unique_ptr<CoordinatorServer> server,
                   CoordinatorServer::Start(options, store.get(), Clock::Real()));
  const std::string address = HostPort{options.listen.host, server->port()}.ToString();
  const std::string http = HostPort{options.http.host, server->http_port()}.ToString();
  RETURN_IF_ERROR(WriteReadyFile(flags.ready_file, {{"address", address}, {"http", http}}));
  Log(LogLevel::kInfo, "serving", {{"address", address}, {"http", http}, {"db", flags.db}});
  const int signal = signals.Wait();
  Log(LogLevel::kInfo, "stopping", {{"signal", signal}});
  server->Shutdown(kShutdownGrace);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  FollowParent();
  ShutdownSignals signals;
  InitLogging(kProgram);
  Flags flags;
  CLI::App app("Takes sweeps, expands them into runs and places gangs of runs on workers.", kProgram);
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return FailProgram(kProgram, absl::InvalidArgumentError(error.what()));
  }
  if (const absl::Status status = Serve(flags, signals); !status.ok()) return FailProgram(kProgram, status);
  return 0;
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) { return seedbed::Main(argc, argv); }
