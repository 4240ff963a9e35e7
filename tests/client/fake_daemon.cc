// Stands in for a daemon in tests of what supervises daemons: writes its ready file (with its own arguments), waits for
// SIGTERM, appends its name to the file `order` beside the folder of the ready file. FAKE_DAEMONS="NAME=MODE,..." makes
// one of that file name misbehave:
//   fail      says why on standard error and exits with code 1       mute   exits with code 3 and says nothing
//   hang      never writes the ready file                            stubborn   ignores SIGTERM
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/daemon.h"

namespace {

std::string ModeOf(const std::string& name) {
  const char* modes = getenv("FAKE_DAEMONS");
  for (const absl::string_view entry : absl::StrSplit(modes == nullptr ? "" : modes, ',')) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(entry, absl::MaxSplits('=', 1));
    if (parts.first == name) return std::string(parts.second);
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  seedbed::FollowParent();
  seedbed::ShutdownSignals signals;
  const std::string name = std::filesystem::path(argv[0]).filename().string();
  const std::string mode = ModeOf(name);
  if (mode == "mute") return 3;
  if (mode == "fail") {
    fprintf(stderr, "{\"event\":\"starting\"}\n%s: can't listen on 127.0.0.1:7: is the port taken?\n", name.c_str());
    return 1;
  }
  std::string ready_file;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string(argv[i]) == "--ready-file") ready_file = argv[i + 1];
  }
  const std::string arguments = absl::StrJoin(argv + 1, argv + argc, " ");
  const bool inherited = getenv("SEEDBED_PARENT_PID") != nullptr;
  if (mode != "hang" &&
      !seedbed::WriteReadyFile(ready_file, {{"arguments", arguments}, {"parent_pid_left", inherited ? "yes" : "no"}})
           .ok()) {
    return 4;
  }
  do {
    signals.Wait();
  } while (mode == "stubborn");
  const auto folder = std::filesystem::path(ready_file).parent_path().parent_path();
  std::ofstream(folder / "order", std::ios::app) << name << "\n";
  return 0;
}
