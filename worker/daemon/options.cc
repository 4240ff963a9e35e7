#include "worker/daemon/options.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/status.h"
#include "common/subprocess.h"
#include "common/utf8.h"
#include "worker/daemon/slots.h"

namespace seedbed {
namespace {

constexpr size_t kLongestName = 64;
constexpr size_t kMostLabels = 16;

// What CLI11 fills in.
struct RawFlags {
  std::string coordinator = "127.0.0.1:7600";
  std::string name;
  std::string slots = "cpu:1";
  int threads_per_slot = 0;
  int64_t slot_memory = 0;
  std::vector<std::string> labels;
  std::string artifacts;
  std::string scratch;
  std::string host = "127.0.0.1";
  std::string http = "127.0.0.1:7611";
  std::string trainer;
  std::string ready_file;
  int collective_timeout_ms = 120'000;
  int stop_grace_ms = 30'000;
};

void Declare(CLI::App& app, RawFlags& raw) {
  app.add_option("--coordinator", raw.coordinator, "HOST:PORT of seedbed-coordinator")->capture_default_str();
  app.add_option("--name", raw.name, "Name of this worker, stable over restarts; the host's name by default");
  app.add_option("--slots", raw.slots, "Slots to offer: KIND:COUNT[,KIND:COUNT], KIND cpu or cuda")
      ->capture_default_str();
  app.add_option("--threads-per-slot", raw.threads_per_slot, "CPU threads of a rank; 0 = an even share of the cores")
      ->capture_default_str();
  app.add_option("--slot-memory", raw.slot_memory, "Bytes that a rank may use; 0 = not known")->capture_default_str();
  app.add_option("--label", raw.labels, "KEY=VALUE that sweeps can ask for, as in gpu=h100; may be given again");
  app.add_option("--artifacts", raw.artifacts, "Folder that exports go to, the same for all of the system")->required();
  app.add_option("--scratch", raw.scratch, "Folder for spooled activations and logs of ranks, of this worker alone")
      ->required();
  app.add_option("--host", raw.host, "Where the other ranks reach this machine; rank 0 binds it")
      ->capture_default_str();
  app.add_option("--http", raw.http, "HOST:PORT for /metrics and /healthz; port 0 = a free one")->capture_default_str();
  app.add_option("--trainer", raw.trainer, "The seedbed-trainer to start; the one beside this program by default");
  app.add_option("--collective-timeout-ms", raw.collective_timeout_ms, "How long a rank waits for its peers")
      ->capture_default_str();
  app.add_option("--stop-grace-ms", raw.stop_grace_ms,
                 "From SIGTERM to SIGKILL of a rank, which writes a checkpoint before it ends")
      ->capture_default_str();
  app.add_option("--ready-file", raw.ready_file, "Written, as JSON, once this worker is up");
}

// One line, whatever CLI11 makes of it.
absl::Status FromParseError(const CLI::ParseError& error) {
  return absl::InvalidArgumentError(absl::StrReplaceAll(error.what(), {{"\n", " "}}));
}

std::string HostName() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

bool IsPlainName(absl::string_view text) {
  return !text.empty() && text.size() <= kLongestName && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

absl::Status CheckName(absl::string_view name) {
  if (IsPlainName(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--name: found \"", name, "\"; 1..64 characters of [A-Za-z0-9._-] are allowed"));
}

absl::Status CheckRange(absl::string_view flag, int value, int least, int most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(flag, ": is ", value, "; ", least, "..", most, " is allowed"));
}

// Paths and hosts travel as protobuf strings.
absl::Status CheckText(absl::string_view flag, const std::string& text) {
  if (text.empty()) return absl::InvalidArgumentError(absl::StrCat(flag, ": must not be empty"));
  if (ReplaceInvalidUtf8(text) != text) return absl::InvalidArgumentError(absl::StrCat(flag, ": must be UTF-8"));
  return absl::OkStatus();
}

absl::Status CheckHost(const std::string& host) {
  if (ParseHostPort("--host", absl::StrCat(host, ":0")).ok() && host[0] != '[') return CheckText("--host", host);
  return absl::InvalidArgumentError(
      absl::StrCat("--host: found \"", host, "\"; a host name or an IPv4 address is allowed, without a port"));
}

// Ranks get absolute paths, wherever they run.
std::string Absolute(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

absl::Status CheckAll(const RawFlags& raw) {
  RETURN_IF_ERROR(ParseHostPort("--coordinator", raw.coordinator).status());
  RETURN_IF_ERROR(CheckName(raw.name));
  RETURN_IF_ERROR(CheckText("--artifacts", raw.artifacts));
  RETURN_IF_ERROR(CheckText("--scratch", raw.scratch));
  RETURN_IF_ERROR(CheckHost(raw.host));
  if (raw.slot_memory < 0) {
    return absl::InvalidArgumentError(absl::StrCat("--slot-memory: is ", raw.slot_memory, "; 0 or more is allowed"));
  }
  RETURN_IF_ERROR(CheckRange("--collective-timeout-ms", raw.collective_timeout_ms, 1, 86'400'000));
  return CheckRange("--stop-grace-ms", raw.stop_grace_ms, 0, 600'000);
}

absl::StatusOr<std::map<std::string, std::string>> ParseLabels(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : texts) {
    const std::pair<std::string, std::string> label = absl::StrSplit(text, absl::MaxSplits('=', 1));
    if (!IsPlainName(label.first) || !IsPlainName(label.second)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--label: found \"", text, "\"; KEY=VALUE is allowed, each 1..64 characters of [A-Za-z0-9._-]"));
    }
    if (!labels.insert(label).second) {
      return absl::InvalidArgumentError(absl::StrCat("--label: found \"", label.first, "\" a second time"));
    }
  }
  if (labels.size() > kMostLabels) {
    return absl::InvalidArgumentError(
        absl::StrCat("--label: found ", labels.size(), " labels; at most ", kMostLabels, " are allowed"));
  }
  return labels;
}

absl::Status CheckFolder(absl::string_view flag, const std::string& path) {
  absl::Status status = MakeFolders(path);
  if (status.ok()) status = CheckFolderWritable(path);
  return Annotate(status, flag);
}

}  // namespace

absl::StatusOr<WorkerFlags> ParseWorkerFlags(int argc, const char* const* argv) {
  RawFlags raw;
  CLI::App app("seedbed-worker: runs the ranks of one machine as seedbed-coordinator wants them.");
  Declare(app, raw);
  WorkerFlags flags;
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    flags.help = app.help();
    return flags;
  } catch (const CLI::ParseError& error) {
    return FromParseError(error);
  }
  if (raw.name.empty()) raw.name = HostName();
  RETURN_IF_ERROR(CheckAll(raw));
  ASSIGN_OR_RETURN(flags.http, ParseHostPort("--http", raw.http));
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  ASSIGN_OR_RETURN(flags.worker.slots, ParseSlots(raw.slots, raw.threads_per_slot, cores));
  for (v1::Slot& slot : flags.worker.slots) slot.set_memory_bytes(raw.slot_memory);
  ASSIGN_OR_RETURN(flags.worker.labels, ParseLabels(raw.labels));
  flags.ready_file = raw.ready_file;
  flags.worker.name = raw.name;
  flags.worker.session.coordinator = raw.coordinator;
  flags.worker.ranks.trainer_path =
      Absolute(raw.trainer.empty() ? JoinPath(ExecutableFolder(), "seedbed-trainer") : raw.trainer);
  flags.worker.ranks.artifact_root = Absolute(raw.artifacts);
  flags.worker.ranks.scratch_root = Absolute(raw.scratch);
  flags.worker.ranks.host = raw.host;
  flags.worker.ranks.collective_timeout_ms = raw.collective_timeout_ms;
  flags.worker.ranks.stop_grace = absl::Milliseconds(raw.stop_grace_ms);
  return flags;
}

absl::Status CheckMachine(const WorkerFlags& flags) {
  RETURN_IF_ERROR(CheckFolder("--artifacts", flags.worker.ranks.artifact_root));
  RETURN_IF_ERROR(CheckFolder("--scratch", flags.worker.ranks.scratch_root));
  const std::string& trainer = flags.worker.ranks.trainer_path;
  struct stat info;
  if (stat(trainer.c_str(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("--trainer: ", trainer));
  if (!S_ISREG(info.st_mode) || access(trainer.c_str(), X_OK) != 0) {
    return absl::PermissionDeniedError(absl::StrCat("--trainer: ", trainer, ": is no executable file"));
  }
  return absl::OkStatus();
}

}  // namespace seedbed
