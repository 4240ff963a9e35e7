#include "tests/bench/peer_process.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace seedbed {

std::string Setting(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

std::optional<PeerProcess> PeerProcess::Start(const std::string& script, const std::vector<std::string>& arguments,
                                              const std::vector<std::pair<std::string, std::string>>& environment) {
  absl::StatusOr<Pipe> requests = MakePipe();
  absl::StatusOr<Pipe> answers = MakePipe();
  if (!requests.ok() || !answers.ok()) return std::nullopt;
  SpawnOptions options;
  options.argv = {"/usr/bin/env", Setting("SEEDBED_BENCH_PYTHON", "python3"),
                  absl::StrCat(SEEDBED_BENCH_SOURCE "/", script)};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.environment = environment;
  options.fds = {{requests->read_end.get(), 0}, {answers->write_end.get(), 1}};
  absl::StatusOr<Subprocess> process = Subprocess::Spawn(options);
  if (!process.ok()) return std::nullopt;
  requests->read_end.Close();
  answers->write_end.Close();  // The child's alone, so that its end is the end of the answers.
  return PeerProcess(*std::move(process), std::move(requests->write_end), std::move(answers->read_end));
}

std::optional<double> PeerProcess::Ask(const std::string& line) {
  const std::string request = absl::StrCat(line, "\n");
  if (write(requests_.get(), request.data(), request.size()) != static_cast<ssize_t>(request.size())) {
    return std::nullopt;
  }
  std::string answer;
  for (char c = 0; read(answers_.get(), &c, 1) == 1 && c != '\n';) answer += c;
  double seconds = 0;
  if (!absl::SimpleAtod(answer, &seconds)) return std::nullopt;
  return seconds;
}

}  // namespace seedbed
