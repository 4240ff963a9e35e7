// Counting the rows of a stream that are left after exclusions, in GB of tokens a second, against one pass over the
// same bytes that only finds the largest token: what memory gives. Two threads; the file is in the page cache.
#include "sae/activations/sequences/kept_rows.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/random.h"

namespace {

constexpr int kThreads = 2;
constexpr int64_t kLength = 1024;
constexpr int64_t kVocabulary = 49'152;
constexpr int kRepetitions = 5;

template <typename Token>
std::string WriteRandomTokens(const std::string& folder, int64_t sequences) {
  const std::string path = folder + "/tokens" + std::to_string(8 * sizeof(Token));
  std::vector<Token> tokens(static_cast<size_t>(sequences * kLength));
  seedbed::SplitMix64 random(1);
  for (Token& token : tokens) token = static_cast<Token>(random.Below(kVocabulary));
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(tokens.data()), static_cast<std::streamsize>(tokens.size() * sizeof(Token)));
  std::ofstream(path + ".json") << R"({"tokenizer": "none", "dtype": "uint)" << 8 * sizeof(Token) << R"(", "count": )"
                                << tokens.size() << R"(, "vocabulary_size": )" << kVocabulary << R"(, "sha256": ")"
                                << std::string(64, '0') << R"("})";
  return path;
}

double BestSeconds(const std::function<void()>& body) {
  double best = 1e9;
  for (int i = 0; i < kRepetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

// One pass over memory, and nothing else.
uint64_t LargestToken(const seedbed::TokenFile& file) {
  return std::visit(
      [](auto tokens) {
        std::vector<uint64_t> largest(kThreads);
        std::vector<std::thread> threads;
        for (int t = 0; t < kThreads; ++t) {
          threads.emplace_back([&, t] {
            const auto part = tokens.subspan(t * tokens.size() / kThreads, tokens.size() / kThreads);
            std::decay_t<decltype(part[0])> found = 0;
            for (const auto token : part) found = std::max(found, token);
            largest[t] = found;
          });
        }
        for (std::thread& thread : threads) thread.join();
        return *std::max_element(largest.begin(), largest.end());
      },
      file.tokens());
}

// The ratio of the two speeds.
double Report(const char* name, const std::string& path, int64_t sequences, bool shuffled, size_t ids) {
  // One sequence less than there are, so that a shuffled file is read in its order.
  const auto mixture = seedbed::TokenMixture::Open({{path, sequences - 1}}, kLength);
  if (!mixture.ok()) {
    std::fprintf(stderr, "%s\n", mixture.status().ToString().c_str());
    std::exit(1);
  }
  seedbed::StreamConfig config;
  config.sequence_length = kLength;
  config.sequences = sequences - 1;
  config.shuffled = shuffled;
  config.exclude_tokens.resize(ids);
  std::iota(config.exclude_tokens.begin(), config.exclude_tokens.end(), int64_t{0});
  config.padding_token = kVocabulary - 1;
  const double bytes = static_cast<double>(std::filesystem::file_size(path)) / 1e9;
  int64_t rows = 0;
  const double counted = BestSeconds([&] { rows = *seedbed::CountKeptRows(config, *mixture, kThreads); });
  uint64_t largest = 0;
  const double pass = BestSeconds([&] { largest = LargestToken(mixture->files()[0]); });
  std::printf("%-8s %-10s %4zu ids: %6.2f GB/s, a pass %6.2f GB/s, ratio %.2f  (%lld rows, largest %llu)\n", name,
              shuffled ? "shuffled" : "sequential", ids, bytes / counted, bytes / pass, pass / counted,
              static_cast<long long>(rows), static_cast<unsigned long long>(largest));
  return pass / counted;
}

}  // namespace

int main() {
  std::string folder = std::filesystem::temp_directory_path() / "seedbed-kept-rows-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  constexpr int64_t kSequences = 400'000;
  const std::string narrow = WriteRandomTokens<uint16_t>(folder, kSequences);
  const std::string wide = WriteRandomTokens<uint32_t>(folder, kSequences);
  std::string summary = "kept_rows";
  for (const bool shuffled : {false, true}) {
    for (const size_t ids : {1, 4, 16, 1024}) {
      const std::string name = absl::StrCat(shuffled ? "shuffled_" : "sequential_", ids, "_ids_");
      absl::StrAppendFormat(&summary, " %suint16=%.2f", name, Report("uint16", narrow, kSequences, shuffled, ids));
      absl::StrAppendFormat(&summary, " %suint32=%.2f", name, Report("uint32", wide, kSequences, shuffled, ids));
    }
  }
  std::printf("%s\n", summary.c_str());
  std::filesystem::remove_all(folder);
}
