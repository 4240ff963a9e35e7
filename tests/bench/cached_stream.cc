// Reading a cached stream against `dd` on the same files, which are in the page cache: block by block as they lie, and
// row by row in a seeded order. Whole blocks are read by two threads, the rest by one. Rows of 576 values
// (SmolLM2-135M) and of 4,096 (Llama 3 8B). The time of each way of reading is the sum over its parts of the fastest of
// all repetitions.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/randn.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "sae/activations/rows/block_shard.h"
#include "sae/activations/rows/block_store.h"
#include "sae/activations/rows/row_order.h"
#include "sae/activations/rows/shuffled_rows.h"
#include "tests/bench/stopwatch.h"

namespace {

constexpr int64_t kBytes = int64_t{1} << 30;
constexpr int64_t kBlockRows = 16384;
constexpr int64_t kBatchRows = 4096;
constexpr int kThreads = 2;
constexpr int kRepetitions = 9;

[[noreturn]] void Fail(const absl::Status& status) {
  fprintf(stderr, "cached_stream: %s\n", status.ToString().c_str());
  exit(1);
}

void Check(const absl::Status& status) {
  if (!status.ok()) Fail(status);
}

template <typename T>
T Checked(absl::StatusOr<T> result) {
  if (!result.ok()) Fail(result.status());
  return *std::move(result);
}

// A stream of about a GiB of one hookpoint in a cache, and what reads it.
class CachedStream {
 public:
  CachedStream(const std::string& folder, int64_t width, at::ScalarType dtype) : folder_(folder), width_(width) {
    options_.hookpoints = {"layers.9"};
    options_.width = width;
    options_.dtype = dtype;
    options_.blocks = kBytes / (kBlockRows * width * static_cast<int64_t>(c10::elementSize(dtype)));
    options_.rows = options_.blocks * kBlockRows;
    options_.caches = {seedbed::RowCacheOptions{folder, 4 * kBytes, std::string(64, '0'), "{}"}};
    Write();
    Open();
    batch_ = at::empty({kBatchRows, width}, at::kFloat);
  }

  int64_t blocks() const { return options_.blocks; }
  int64_t batches() const { return options_.rows / kBatchRows; }
  int64_t bytes() const { return options_.rows * width_ * static_cast<int64_t>(c10::elementSize(options_.dtype)); }

  // Opens the cache as a later sweep does: every byte is read and compared with its checksum.
  void Open() {
    store_ = Checked(seedbed::BlockStore::Open(options_));
    rows_ = Checked(store_->Finish()).front();
    order_.emplace(options_.rows, 1, 0);
  }

  // As dd does: a MiB at a time into the same memory.
  void ReadBlockByPieces(int64_t block) {
    const int64_t piece_rows = (1 << 20) * options_.rows / bytes();
    for (int64_t row = 0; row < kBlockRows; row += piece_rows) {
      Check(store_->ReadRows(block, row, std::min(piece_rows, kBlockRows - row), &piece_));
    }
  }

  void ReadBlock(int64_t block) { Check(store_->ReadBlock(block, &block_)); }

  void CopyBatch(int64_t batch) { Check(rows_->CopyRows(batch * kBatchRows, kBatchRows, 1, batch_.data_ptr<float>())); }

  void CopyShuffledBatch() {
    auto* out = batch_.data_ptr<float>();
    for (int64_t i = 0; i < kBatchRows; ++i) Check(rows_->CopyRows(order_->Next(), 1, 1, out + i * width_));
  }

  void TakeBatches() const {
    seedbed::ShuffledRowsOptions options;
    options.stores = {*rows_};
    options.scales = {1};
    options.rows = options_.rows;
    options.seed = 0;
    options.batch_rows = kBatchRows;
    options.batches = batches();
    seedbed::ShuffledRows rows(std::move(options));
    while (Checked(rows.Next()) != nullptr) {
    }
  }

  // What `dd` itself says about the block's file, in seconds.
  double Dd(int64_t block) const {
    const std::string path =
        seedbed::JoinPath(folder_, options_.caches.front().key + "/layers.9/" + seedbed::BlockShardName(block));
    const std::string command = absl::StrCat("LC_ALL=C dd if=", path, " of=/dev/null bs=1M 2>&1");
    FILE* output = popen(command.c_str(), "r");
    char line[256];
    double seconds = -1;
    while (output != nullptr && fgets(line, sizeof line, output) != nullptr) {
      const char* copied = strstr(line, "copied, ");  // "... bytes (1.1 GB, 1.0 GiB) copied, 0.04 s, 25 GB/s"
      if (copied != nullptr) seconds = atof(copied + strlen("copied, "));
    }
    if (output == nullptr || pclose(output) != 0 || seconds < 0) Fail(absl::InternalError("dd failed: " + command));
    return seconds;
  }

 private:
  void Write() {
    const auto store = Checked(seedbed::BlockStore::Open(options_));
    const std::vector<at::Tensor> rows = {at::randn({kBlockRows, width_}).to(options_.dtype)};
    for (int64_t block = 0; block < options_.blocks; ++block) Check(store->WriteBlock(block, rows));
  }

  std::string folder_;
  int64_t width_;
  seedbed::BlockStoreOptions options_;
  std::unique_ptr<seedbed::BlockStore> store_;
  std::optional<seedbed::RowStore> rows_;
  std::optional<seedbed::RowOrder> order_;
  std::vector<at::Tensor> piece_;
  std::vector<at::Tensor> block_;
  at::Tensor batch_;
};

// One way of reading all rows.
struct Way {
  const char* name;
  int64_t parts;
  std::function<double(int64_t)> seconds;  // That the part takes.
};

std::vector<Way> WaysOf(CachedStream* stream) {
  const auto timed = [](std::function<void(int64_t)> read) {
    return [read = std::move(read)](int64_t part) { return seedbed::SecondsOf([&] { read(part); }); };
  };
  return {
      {"dd bs=1M", stream->blocks(), [=](int64_t b) { return stream->Dd(b); }},
      {"open, verifying checksums", 1, timed([=](int64_t) { stream->Open(); })},
      {"as they lie, a MiB at a time", stream->blocks(), timed([=](int64_t b) { stream->ReadBlockByPieces(b); })},
      {"as they lie, a block at a time", stream->blocks(), timed([=](int64_t b) { stream->ReadBlock(b); })},
      {"as they lie, float32 batches", stream->batches(), timed([=](int64_t b) { stream->CopyBatch(b); })},
      {"in a seeded order, float32 batches", stream->batches(), timed([=](int64_t) { stream->CopyShuffledBatch(); })},
      {"the same, batches read ahead and hashed", 1, timed([=](int64_t) { stream->TakeBatches(); })}};
}

// In turn, so that what else the machine does meets all of them.
std::vector<double> FastestSeconds(const std::vector<Way>& ways) {
  std::vector<std::vector<double>> fastest;
  for (const Way& way : ways) fastest.emplace_back(static_cast<size_t>(way.parts), HUGE_VAL);
  for (int r = 0; r < kRepetitions; ++r) {
    for (size_t w = 0; w < ways.size(); ++w) {
      for (int64_t part = 0; part < ways[w].parts; ++part) {
        double& least = fastest[w][static_cast<size_t>(part)];
        least = std::min(least, ways[w].seconds(part));
      }
    }
  }
  std::vector<double> sums;
  for (const std::vector<double>& parts : fastest) sums.push_back(std::accumulate(parts.begin(), parts.end(), 0.0));
  return sums;
}

struct Ratios {
  double sequential = HUGE_VAL;
  double shuffled = HUGE_VAL;
};

// Prints how fast each way of reading is, in bytes of the files.
Ratios RunCase(const std::string& folder, int64_t width, at::ScalarType dtype) {
  CachedStream stream(folder, width, dtype);
  const std::vector<Way> ways = WaysOf(&stream);
  const std::vector<double> seconds = FastestSeconds(ways);
  const auto bytes = static_cast<double>(stream.bytes());
  const double rows = bytes / static_cast<double>(width * static_cast<int64_t>(c10::elementSize(dtype)));
  for (size_t w = 0; w < ways.size(); ++w) {
    printf("%6ld %-9s %-40s %7.2f %9.2f %7.2f\n", width, c10::toString(dtype), ways[w].name, 1e-9 * bytes / seconds[w],
           1e-6 * rows / seconds[w], seconds[0] / seconds[w]);
  }
  fflush(stdout);
  return {seconds[0] / seconds[2], seconds[0] / seconds[5]};
}

}  // namespace

int main() {
  at::set_num_threads(kThreads);
  printf("%6s %-9s %-40s %7s %9s %7s\n", "width", "type", "reading", "GB/s", "Mrows/s", "of dd");
  Ratios least;
  for (const int64_t width : {576, 4096}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      std::string folder = seedbed::JoinPath(P_tmpdir, "seedbed-cached-stream-XXXXXX");
      if (mkdtemp(folder.data()) == nullptr) Fail(absl::InternalError("no folder in " P_tmpdir));
      const Ratios ratios = RunCase(folder, width, dtype);
      least = {std::min(least.sequential, ratios.sequential), std::min(least.shuffled, ratios.shuffled)};
      Check(seedbed::RemoveAll(folder));
    }
  }
  printf("cached_stream sequential_dd_ratio=%.3f shuffled_dd_ratio=%.3f\n", least.sequential, least.shuffled);
  return 0;
}
