#include "client/up.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <random>
#include <set>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "client/table.h"
#include "common/daemon.h"
#include "common/file.h"
#include "common/status.h"
#include "common/subprocess.h"

namespace seedbed {
namespace {

constexpr char kHost[] = "127.0.0.1";
constexpr int kMostPort = 65535;
// Free ports are looked for below those that the kernel gives to outgoing connections (from 32768 on): one of those
// could take a daemon's port while it is being restarted.
constexpr int kFirstFreePort = 20000;
constexpr int kLastFreePort = 32000;
// Everything stops within ten seconds. A worker stops its ranks before it ends; the coordinator gives calls that are
// open three seconds.
constexpr int kRankStopGraceMs = 3000;
constexpr absl::Duration kWorkerStopsWithin = absl::Seconds(4);
constexpr absl::Duration kResultsStopsWithin = absl::Milliseconds(2500);
constexpr absl::Duration kCoordinatorStopsWithin = absl::Milliseconds(3500);

std::string Address(int port) { return absl::StrCat(kHost, ":", port); }

bool CanBind(int port) {
  const OwnedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return fd.valid() && bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// `count` ports in a row from `first`, or free ones when `first` is 0; none of `taken`, to which they are added.
absl::StatusOr<std::vector<int>> TakePorts(const char* flag, int first, int count, std::set<int>& taken) {
  constexpr int kMostTries = 1000;
  std::vector<int> ports;
  if (first < 0 || first + count - 1 > kMostPort) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": found ", first, "; allowed 0 (free ones) to ", kMostPort - count + 1));
  }
  for (int i = 0; first > 0 && i < count; ++i) {
    if (!taken.insert(first + i).second) {
      return absl::InvalidArgumentError(absl::StrCat(flag, ": port ", first + i, " is needed by --port already"));
    }
    ports.push_back(first + i);
  }
  std::random_device random;
  std::uniform_int_distribution<int> any(kFirstFreePort, kLastFreePort);
  for (int tries = 0; static_cast<int>(ports.size()) < count; ++tries) {
    if (tries == kMostTries) return absl::UnavailableError("no free port was found on 127.0.0.1");
    const int port = any(random);
    if (taken.count(port) == 0 && CanBind(port)) ports.push_back(*taken.insert(port).first);
  }
  return ports;
}

DaemonSpec Daemon(const UpOptions& options, const std::string& folder, const std::string& name,
                  absl::Duration stop_within, std::vector<std::string> flags) {
  DaemonSpec spec;
  spec.name = name;
  spec.ready_file = JoinPath(folder, absl::StrCat("run/", name, ".json"));
  spec.log_file = JoinPath(folder, absl::StrCat("logs/", name, ".log"));
  spec.argv = {JoinPath(options.binaries, absl::StrCat("seedbed-", name))};
  spec.argv.insert(spec.argv.end(), flags.begin(), flags.end());
  spec.argv.insert(spec.argv.end(), {"--ready-file", spec.ready_file});
  spec.stop_within = stop_within;
  return spec;
}

absl::StatusOr<std::string> PrepareFolder(const UpOptions& options) {
  std::error_code error;
  const std::string folder = std::filesystem::absolute(options.folder, error).lexically_normal().string();
  if (error) return ErrnoStatus(error.value(), options.folder);
  absl::Status status = MakeFolders(folder);
  if (status.ok()) status = CheckFolderWritable(folder);
  if (!status.ok()) return Annotate(status, "--dir");
  return folder;
}

absl::StatusOr<FileLock> LockFolder(const std::string& folder) {
  auto lock = FileLock::Acquire(JoinPath(folder, "lock"));
  if (!absl::IsFailedPrecondition(lock.status())) return lock;
  return absl::FailedPreconditionError(absl::StrCat(folder, ": another \"seedbed up\" is running on this folder"));
}

absl::Status WriteAddresses(const std::string& folder, const UpAddresses& addresses) {
  return WriteReadyFile(JoinPath(folder, "up.json"), {{"server", addresses.coordinator},
                                                      {"results", addresses.results},
                                                      {"coordinator_http", addresses.coordinator_http},
                                                      {"results_http", addresses.results_http},
                                                      {"worker_http", addresses.worker_http}});
}

std::string Welcome(const std::string& folder, const UpOptions& options, const UpAddresses& addresses) {
  Table table({{"DAEMON"}, {"SERVES"}, {"METRICS"}});
  const auto metrics = [](const std::string& address) { return absl::StrCat("http://", address, "/metrics"); };
  table.AddRow({"coordinator", addresses.coordinator, metrics(addresses.coordinator_http)});
  table.AddRow({"results", addresses.results, metrics(addresses.results_http)});
  table.AddRow({"worker", absl::StrCat("slots ", options.slots), metrics(addresses.worker_http)});
  return absl::StrCat(table.ToString(), "data in ", folder, "; submit with: seedbed --server ", addresses.coordinator,
                      " submit FILE; Ctrl-C stops everything\n");
}

}  // namespace

absl::StatusOr<UpAddresses> ChooseAddresses(const UpOptions& options) {
  std::set<int> taken;
  ASSIGN_OR_RETURN(const std::vector<int> rpc, TakePorts("--port", options.port, 2, taken));
  ASSIGN_OR_RETURN(const std::vector<int> http, TakePorts("--http-port", options.http_port, 3, taken));
  return UpAddresses{Address(rpc[0]), Address(rpc[1]), Address(http[0]), Address(http[1]), Address(http[2])};
}

std::vector<DaemonSpec> UpDaemons(const UpOptions& options, const std::string& folder, const UpAddresses& addresses) {
  std::vector<std::string> worker = {"--coordinator",   addresses.coordinator,
                                     "--name",          "local",
                                     "--slots",         options.slots,
                                     "--artifacts",     JoinPath(folder, "artifacts"),
                                     "--scratch",       JoinPath(folder, "scratch"),
                                     "--host",          kHost,
                                     "--http",          addresses.worker_http,
                                     "--stop-grace-ms", absl::StrCat(kRankStopGraceMs)};
  if (options.threads_per_slot > 0) {
    worker.insert(worker.end(), {"--threads-per-slot", absl::StrCat(options.threads_per_slot)});
  }
  return {Daemon(options, folder, "coordinator", kCoordinatorStopsWithin,
                 {"--listen", addresses.coordinator, "--http", addresses.coordinator_http, "--db",
                  JoinPath(folder, "coordinator.db"), "--results-address", addresses.results}),
          Daemon(options, folder, "results", kResultsStopsWithin,
                 {"--coordinator", addresses.coordinator, "--listen", addresses.results, "--http",
                  addresses.results_http, "--db", JoinPath(folder, "results.db")}),
          Daemon(options, folder, "worker", kWorkerStopsWithin, worker)};
}

absl::Status RunUp(const UpOptions& options, Console& console) {
  console.interrupts->Hold();
  ASSIGN_OR_RETURN(const UpAddresses addresses, ChooseAddresses(options));
  ASSIGN_OR_RETURN(const std::string folder, PrepareFolder(options));
  ASSIGN_OR_RETURN(const FileLock lock, LockFolder(folder));
  for (const char* name : {"artifacts", "scratch", "logs", "run"}) RETURN_IF_ERROR(MakeFolders(JoinPath(folder, name)));
  const std::string up_file = JoinPath(folder, "up.json");
  RETURN_IF_ERROR(RemoveAll(up_file));

  Supervisor supervisor(UpDaemons(options, folder, addresses), SupervisorOptions(), console.interrupts,
                        [&](const std::string& line) { *console.out << line << std::endl; });
  absl::Cleanup stop = [&] {
    supervisor.Stop();
    RemoveAll(up_file).IgnoreError();
  };
  const absl::Status started = supervisor.Start();
  if (absl::IsCancelled(started)) return absl::OkStatus();
  RETURN_IF_ERROR(started);
  RETURN_IF_ERROR(WriteAddresses(folder, addresses));
  *console.out << Welcome(folder, options, addresses) << std::flush;
  supervisor.Run();
  *console.out << "stopping" << std::endl;
  return absl::OkStatus();
}

}  // namespace seedbed
