// Another library's code in a Python process beside the benchmark, timed by itself.
#ifndef SEEDBED_TESTS_BENCH_PEER_PROCESS_H_
#define SEEDBED_TESTS_BENCH_PEER_PROCESS_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/subprocess.h"

namespace seedbed {

// The environment variable `name`, or `otherwise`.
std::string Setting(const char* name, const char* otherwise);

// Not thread-safe. Its end is known by its silence: ignore SIGPIPE.
class PeerProcess {
 public:
  // Runs `script`, beside this file, with SEEDBED_BENCH_PYTHON (default: python3). Nothing where it can't be started.
  static std::optional<PeerProcess> Start(const std::string& script, const std::vector<std::string>& arguments,
                                          const std::vector<std::pair<std::string, std::string>>& environment = {});

  // Writes one line and reads one: the seconds that what was asked for took. Nothing when the process has ended or
  // answers with something else.
  std::optional<double> Ask(const std::string& line);

 private:
  PeerProcess(Subprocess process, OwnedFd requests, OwnedFd answers)
      : process_(std::move(process)), requests_(std::move(requests)), answers_(std::move(answers)) {}

  Subprocess process_;
  OwnedFd requests_;
  OwnedFd answers_;
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_BENCH_PEER_PROCESS_H_
