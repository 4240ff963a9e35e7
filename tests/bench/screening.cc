// The selection of a TopK step without the dense product, by screening, against the product and the selection from it.
// Two threads, float32, SAEs trained for some steps. Cases: a = a usual layer, c = a wide one, on synthetic batches; f
// = a, on the activations in a file: `screening ROWS`, float32 rows of 576, at least 20480 of them.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/rand.h"
#include "ATen/ops/randn.h"
#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/screening/screened_top_k.h"
#include "sae/arch/kernels/top_k.h"
#include "sae/arch/registry.h"
#include "tests/bench/stopwatch.h"
#include "tests/bench/synthetic_batches.h"

namespace {

constexpr int kThreads = 2;
constexpr int kBatches = 4;
constexpr int64_t kRowsInBlock = 512;  // Of the dense product, as the step has them.
constexpr int64_t kRowsInPiece = 32;

struct Case {
  const char* name;
  int64_t d_in;
  int64_t latents;
  int64_t rows;
  int64_t k;
  int steps;
  int repetitions;
};

struct Figures {
  double dense_seconds = 0;
  double product_seconds = 0;
  double screened_seconds = 0;  // With the weights' preparation.

  double dense_ratio() const { return screened_seconds / dense_seconds; }
  double floor_ratio() const { return screened_seconds / product_seconds; }
};

seedbed::SaeConfig ConfigOf(const Case& c) {
  seedbed::SaeConfig config;
  config.d_in = c.d_in;
  config.latents = c.latents;
  config.k = c.k;
  config.learning_rate = {1e-3, 0, 1'000'000, seedbed::LearningRateSchedule::Decay::kLinear};
  return config;
}

std::vector<at::Tensor> BatchesOfFile(const Case& c, const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<at::Tensor> batches;
  for (int i = 0; i <= kBatches; ++i) {
    at::Tensor batch = at::empty({c.rows, c.d_in});
    file.read(static_cast<char*>(batch.mutable_data_ptr()), static_cast<std::streamsize>(batch.nbytes()));
    if (!file) {
      std::fprintf(stderr, "screening: %s: has fewer than %ld float32 rows of %ld\n", path, (kBatches + 1) * c.rows,
                   c.d_in);
      std::exit(1);
    }
    batches.push_back(batch);
  }
  return batches;
}

// Trains on all batches but the last.
seedbed::Dictionary Train(const Case& c, const std::vector<at::Tensor>& batches) {
  const seedbed::SaeConfig config = ConfigOf(c);
  const auto sae = *seedbed::MakeTrainableSae(config, "cpu");
  for (int step = 0; step < c.steps; ++step) {
    const auto metrics = sae->Step(batches[static_cast<size_t>(step % kBatches)]);
    if (!metrics.ok()) {
      std::fprintf(stderr, "screening: %s\n", metrics.status().ToString().c_str());
      std::exit(1);
    }
  }
  return sae->ExportDictionary();
}

// k latents and values a row.
struct Selection {
  explicit Selection(const Case& c)
      : latents(static_cast<size_t>(c.rows * c.k)),
        values(static_cast<size_t>(c.rows * c.k)),
        counts(static_cast<size_t>(c.rows)) {}
  std::vector<uint32_t> latents;
  std::vector<float> values;
  std::vector<int32_t> counts;
};

class Dense {
 public:
  Dense(const Case& c, const seedbed::Dictionary& sae)
      : case_(c), sae_(sae), pre_(at::empty({kRowsInBlock, c.latents})) {
    for (int i = 0; i < kThreads; ++i) scratch_.emplace_back(c.latents, c.k);
  }

  void Product(const at::Tensor& centered) {
    for (int64_t first = 0; first < case_.rows; first += kRowsInBlock) ProductOfBlock(centered, first);
  }

  void Select(const at::Tensor& centered, Selection* out) {
    const float* bias = sae_.encoder_bias.const_data_ptr<float>();
    for (int64_t first = 0; first < case_.rows; first += kRowsInBlock) {
      const int64_t rows = ProductOfBlock(centered, first);
      const float* pre = pre_.const_data_ptr<float>();
      seedbed::ForEachPiece(rows, kRowsInPiece, [&](int64_t begin, int64_t end, int thread) {
        for (int64_t row = begin; row < end; ++row) {
          const int64_t at = (first + row) * case_.k;
          out->counts[static_cast<size_t>(first + row)] = static_cast<int32_t>(seedbed::SelectTopK(
              pre + row * case_.latents, bias, case_.latents, case_.k, &scratch_[static_cast<size_t>(thread)],
              out->latents.data() + at, out->values.data() + at));
        }
      });
    }
  }

 private:
  int64_t ProductOfBlock(const at::Tensor& centered, int64_t first) {
    const int64_t rows = std::min(kRowsInBlock, case_.rows - first);
    at::Tensor pre = pre_.narrow(0, 0, rows);
    at::mm_out(pre, centered.narrow(0, first, rows), sae_.encoder_weight.t());
    return rows;
  }

  const Case& case_;
  const seedbed::Dictionary& sae_;
  at::Tensor pre_;
  std::vector<seedbed::TopKScratch> scratch_;
};

// The 10th percentile: what else the machine does can only add to a time.
double Typical(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 10];
}

double DifferentRows(const Case& c, const Selection& a, const Selection& b) {
  int64_t different = 0;
  for (int64_t row = 0; row < c.rows; ++row) {
    const auto at = static_cast<std::ptrdiff_t>(row * c.k);
    different += !std::equal(a.latents.begin() + at, a.latents.begin() + at + c.k, b.latents.begin() + at);
  }
  return static_cast<double>(different) / static_cast<double>(c.rows);
}

void PrintDots(const Case& c, std::vector<int32_t> dots) {
  const auto all = std::count(dots.begin(), dots.end(), static_cast<int32_t>(c.latents));
  const double mean = std::accumulate(dots.begin(), dots.end(), 0.0) / static_cast<double>(dots.size());
  std::sort(dots.begin(), dots.end());
  std::printf(" %8.1f %6d %6ld", mean, dots[dots.size() * 99 / 100], all);
}

// The screened selection with one kind of instructions.
struct Screened {
  Screened(const Case& c, const seedbed::Int8Kernel& kernel, const char* name)
      : name(name), top_k(c.latents, c.d_in, c.k, kernel), selection(c) {}

  void Run(const seedbed::Dictionary& sae, const at::Tensor& rows) {
    preparation.push_back(seedbed::SecondsOf([&] {
      top_k.Prepare(sae.encoder_weight.const_data_ptr<float>(), sae.encoder_bias.const_data_ptr<float>(),
                    /*norms=*/nullptr);
    }));
    screening.push_back(seedbed::SecondsOf([&] {
      top_k.SelectRows(rows.const_data_ptr<float>(), rows.size(0),
                       {selection.latents.data(), selection.values.data(), selection.counts.data()});
    }));
  }
  double TypicalSeconds() const { return Typical(preparation) + Typical(screening); }

  const char* name;
  seedbed::ScreenedTopK top_k;
  Selection selection;
  std::vector<double> preparation;
  std::vector<double> screening;
};

// The best instructions of this CPU first.
std::vector<std::unique_ptr<Screened>> Variants(const Case& c) {
  std::vector<std::unique_ptr<Screened>> variants;
  if (seedbed::HasAvx512Vnni()) variants.push_back(std::make_unique<Screened>(c, seedbed::kInt8Avx512Vnni, "vnni"));
  variants.push_back(std::make_unique<Screened>(c, seedbed::kInt8Avx2, "avx2"));
  return variants;
}

Figures RunCase(const Case& c, const std::vector<at::Tensor>& batches) {
  const seedbed::Dictionary sae = Train(c, batches);
  const at::Tensor sample = (batches[0] - sae.decoder_bias).contiguous();
  const at::Tensor rows = (batches[kBatches] - sae.decoder_bias).contiguous();
  Dense dense(c, sae);
  Selection from_dense(c);
  const std::vector<std::unique_ptr<Screened>> variants = Variants(c);
  for (const auto& variant : variants) variant->top_k.FindDirections(sample.const_data_ptr<float>(), c.rows);
  std::vector<double> product, selection;
  for (int r = 0; r < c.repetitions; ++r) {
    product.push_back(seedbed::SecondsOf([&] { dense.Product(rows); }));
    selection.push_back(seedbed::SecondsOf([&] { dense.Select(rows, &from_dense); }));
    for (const auto& variant : variants) variant->Run(sae, rows);
  }
  const Figures figures{Typical(selection), Typical(product), variants[0]->TypicalSeconds()};
  for (const auto& variant : variants) {
    std::printf("%-4s %-4s %5ld %8ld %6ld %4ld %9.2f %9.2f %9.2f %9.2f", c.name, variant->name, c.d_in, c.latents,
                c.rows, c.k, 1e3 * figures.product_seconds, 1e3 * figures.dense_seconds,
                1e3 * variant->TypicalSeconds(), 1e3 * Typical(variant->preparation));
    PrintDots(c, variant->top_k.dots());
    std::printf(" %10.4f\n", DifferentRows(c, from_dense, variant->selection));
  }
  std::fflush(stdout);
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  at::set_num_threads(kThreads);
  std::printf("%-4s %-4s %5s %8s %6s %4s %9s %9s %9s %9s %8s %6s %6s %10s\n", "case", "cpu", "d", "latents", "rows",
              "k", "mm ms", "dense ms", "screen ms", "prepare", "dots", "p99", "all", "different");
  if (argc > 1) {
    const Case f{"f", 576, 4608, 4096, 32, 100, 9};
    const Figures file = RunCase(f, BatchesOfFile(f, argv[1]));
    std::printf("screening f_dense_ratio=%.3f f_floor_ratio=%.3f\n", file.dense_ratio(), file.floor_ratio());
    return 0;
  }
  std::vector<Figures> figures;
  const std::vector<Case> cases = {{"e", 576, 512, 256, 16, 100, 50},
                                   {"d", 512, 2048, 4096, 32, 100, 9},
                                   {"a", 576, 4608, 4096, 32, 100, 9},
                                   {"c", 768, 32768, 2048, 32, 30, 5}};
  for (const Case& c : cases) figures.push_back(RunCase(c, seedbed::SyntheticBatches(kBatches + 1, c.rows, c.d_in)));
  std::printf("screening");
  for (size_t i = 0; i < cases.size(); ++i) {
    std::printf(" %s_dense_ratio=%.3f %s_floor_ratio=%.3f", cases[i].name, figures[i].dense_ratio(), cases[i].name,
                figures[i].floor_ratio());
  }
  std::printf("\n");
  return 0;
}
