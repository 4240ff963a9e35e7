// Writes which row of the spool each row of each batch is, as raw little-endian int64: what train_reference.py takes as
// --batches. Follows the definition in sae/activations/activation_stream.h.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "sae/activations/permutation.h"
#include "sae/activations/shuffle_order.h"
#include "sae/activations/stream_seeds.h"

namespace seedbed {
namespace {

struct Options {
  std::string out;
  uint64_t seed = 0;
  int64_t rows = 130'560;
  int64_t shuffle_rows = 65'536;
  int64_t epochs = 8;
  int64_t batch_rows = 256;
};

std::vector<int64_t> MixedRows(const Options& options) {
  ShuffleOrder order(options.rows, options.shuffle_rows, MixingSeed(options.seed));
  std::vector<int64_t> slots(static_cast<size_t>(order.slots()));
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < options.rows; ++row) {
    const ShuffleOrder::Placement placement = order.Place();
    if (placement.emits_before) rows.push_back(slots[placement.slot]);
    slots[placement.slot] = row;
  }
  while (order.rows_left_to_drain() > 0) rows.push_back(slots[order.Drain()]);
  return rows;
}

std::vector<int64_t> RowsOfAllBatches(const Options& options) {
  std::vector<int64_t> rows = MixedRows(options);
  for (int64_t epoch = 1; epoch < options.epochs; ++epoch) {
    const Permutation order(static_cast<uint64_t>(options.rows), EpochOrderSeed(options.seed, epoch));
    for (uint64_t i = 0; i < order.size(); ++i) rows.push_back(static_cast<int64_t>(order.At(i)));
  }
  rows.resize(rows.size() / options.batch_rows * options.batch_rows);
  return rows;
}

int Run(const Options& options) {
  const std::vector<int64_t> rows = RowsOfAllBatches(options);
  std::ofstream out(options.out, std::ios::binary);
  out.write(reinterpret_cast<const char*>(rows.data()), static_cast<std::streamsize>(rows.size() * sizeof(int64_t)));
  out.close();
  return out.good() ? 0 : 1;
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) {
  seedbed::Options options;
  CLI::App app("Writes the rows of a stream's batches.", "stream_order");
  app.option_defaults()->always_capture_default();
  app.add_option("--out", options.out, "File to write")->required();
  app.add_option("--seed", options.seed, "Of the stream");
  app.add_option("--rows", options.rows, "In an epoch")->check(CLI::PositiveNumber);
  app.add_option("--shuffle-rows", options.shuffle_rows)->check(CLI::PositiveNumber);
  app.add_option("--epochs", options.epochs)->check(CLI::PositiveNumber);
  app.add_option("--batch-rows", options.batch_rows)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  return seedbed::Run(options);
}
