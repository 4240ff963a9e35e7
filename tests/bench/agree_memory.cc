// How much memory seedbed-agree takes beside what the results service expects (server/results/memory_estimate.h): for a
// set in one process, for a pair alone, and for a set whose pairs are stored.
// SEEDBED_BENCH_CASES=ROWSxWIDTHxDICTIONARIES,... picks the sizes.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/subprocess.h"
#include "server/results/memory_estimate.h"
#include "server/results/process_memory.h"
#include "tests/common/testing.h"
#include "tests/server/results/small_dictionary.h"

namespace seedbed {
namespace {

constexpr double kMib = 1 << 20;
constexpr char kCases[] = "256x64x3,4096x512x3,16384x512x3,32768x768x3";

struct Case {
  int64_t rows = 0;
  int64_t width = 0;
  int64_t dictionaries = 0;
};

Case ParseCase(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, 'x');
  Case parsed;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &parsed.rows) || !absl::SimpleAtoi(parts[1], &parsed.width) ||
      !absl::SimpleAtoi(parts[2], &parsed.dictionaries) || parsed.dictionaries < 2) {
    fprintf(stderr, "agree_memory: SEEDBED_BENCH_CASES: found \"%s\"; ROWSxWIDTHxDICTIONARIES is allowed\n",
            text.c_str());
    exit(2);
  }
  return parsed;
}

// The largest anonymous memory of a run, looked at every few milliseconds.
int64_t PeakBytes(const std::string& folder, std::vector<std::string> arguments) {
  SpawnOptions options;
  options.argv = {SEEDBED_BIN_DIR "/seedbed-agree", "--threads", "2", "--output", JoinPath(folder, "agreement.json")};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  auto process = Subprocess::Spawn(options);
  if (!process.ok()) {
    fprintf(stderr, "agree_memory: %s\n", std::string(process.status().message()).c_str());
    exit(1);
  }
  int64_t peak = 0;
  while (!process->Poll().has_value()) {
    peak = std::max(peak, AnonymousBytes(process->pid()));
    usleep(2000);
  }
  if (const ExitStatus exit_status = process->Wait(); !exit_status.ok()) {
    fprintf(stderr, "agree_memory: seedbed-agree %s\n", exit_status.ToString().c_str());
    exit(1);
  }
  return peak;
}

// Prints a line; returns the least ratio of what is expected to what was taken.
double Measure(const Case& size, const std::string& folder) {
  v1::Agreement request;
  std::vector<std::string> folders;
  for (int64_t i = 0; i < size.dictionaries; ++i) {
    folders.push_back(JoinPath(folder, absl::StrCat(i)));
    const v1::Artifact artifact = WriteSmallDictionary(folders.back(), size.rows, size.width, static_cast<uint64_t>(i));
    v1::Dictionary* dictionary = request.add_dictionaries();
    dictionary->set_latents(size.rows);
    for (const v1::ArtifactFile& file : artifact.files()) {
      dictionary->set_weight_bytes(std::max<int64_t>(dictionary->weight_bytes(), file.bytes()));
    }
  }
  const MemoryNeed need = *EstimateMemory(request);
  const auto run = [&](std::vector<std::string> arguments, size_t dictionaries) {
    arguments.insert(arguments.end(), folders.begin(), folders.begin() + static_cast<int64_t>(dictionaries));
    return static_cast<double>(PeakBytes(folder, std::move(arguments)));
  };
  const std::string stability = JoinPath(folder, "stability");
  const std::string pairs = JoinPath(folder, "pairs");
  const double whole =
      run({"--cached-mib", "1000000", "--stability-folder", stability, "--pairs", pairs}, folders.size());
  const double stored = run({"--cached-mib", "0", "--stability-folder", stability, "--pairs", pairs}, folders.size());
  const double pair = run({"--cached-mib", "0", "--pairs", JoinPath(folder, "pair")}, 2);
  printf("| %ld x %ld | %ld | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f |\n", size.rows, size.width, size.dictionaries,
         whole / kMib, need.with_all_cached / kMib, pair / kMib, need.largest_pair / kMib, stored / kMib,
         need.from_stored_pairs / kMib);
  fflush(stdout);
  return std::min({need.with_all_cached / whole, need.largest_pair / pair, need.from_stored_pairs / stored});
}

int Main() {
  const char* cases = getenv("SEEDBED_BENCH_CASES");
  printf("| rows x width | dictionaries | set, MiB | expected | pair, MiB | expected | stored, MiB | expected |\n");
  double least = 1e9;
  for (const std::string& text : std::vector<std::string>(absl::StrSplit(cases == nullptr ? kCases : cases, ','))) {
    const TempFolder folder;
    least = std::min(least, Measure(ParseCase(text), folder.path()));
  }
  printf("agree_memory least_expected_ratio=%.2f\n", least);
  return 0;
}

}  // namespace
}  // namespace seedbed

int main() { return seedbed::Main(); }
