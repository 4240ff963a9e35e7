// One optimiser step of a TopK SAE against its floor, the encoder's dense product alone, and against the same step in
// plain ATen operations. Two threads, float32. Cases: a = a usual layer, e = the small steps of the demo.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/rand.h"
#include "ATen/ops/randn.h"
#include "sae/arch/registry.h"

namespace {

constexpr int kThreads = 2;
constexpr int kBatches = 4;

struct Case {
  const char* name;
  int64_t d_in;
  int64_t latents;
  int64_t rows;
  int64_t k;
  int repetitions;
};

seedbed::SaeConfig ConfigOf(const Case& c) {
  seedbed::SaeConfig config;
  config.d_in = c.d_in;
  config.latents = c.latents;
  config.k = c.k;
  config.learning_rate = {3e-3, 0, 1'000'000, seedbed::LearningRateSchedule::Decay::kLinear};
  return config;
}

// Sparse mixtures of 64 directions, noise and a mean that is not 0: somewhat like a residual stream.
std::vector<at::Tensor> MakeBatches(const Case& c) {
  constexpr int64_t kDirections = 64;
  const at::Tensor directions = at::randn({kDirections, c.d_in}) / 8;
  const at::Tensor mean = 0.3 * at::randn({c.d_in});
  std::vector<at::Tensor> batches;
  for (int i = 0; i < kBatches; ++i) {
    const at::Tensor weights = at::randn({c.rows, kDirections}) * (at::rand({c.rows, kDirections}) < 0.25) * 2;
    batches.push_back((at::mm(weights, directions) + 0.3 * at::randn({c.rows, c.d_in}) + mean).contiguous());
  }
  return batches;
}

double Seconds(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The 10th percentile: what else the machine does can only add to a time.
double Typical(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 10];
}

// Takes the bodies in turn, so that a change of the machine's speed falls on all of them.
std::vector<double> TypicalSeconds(const std::vector<std::function<void(int)>>& bodies, int repetitions) {
  constexpr int kWarmUp = 3;
  std::vector<std::vector<double>> seconds(bodies.size());
  for (int r = 0; r < kWarmUp + repetitions; ++r) {
    for (size_t b = 0; b < bodies.size(); ++b) {
      const double taken = Seconds([&] { bodies[b](r); });
      if (r >= kWarmUp) seconds[b].push_back(taken);
    }
  }
  std::vector<double> typical;
  for (std::vector<double>& values : seconds) typical.push_back(Typical(std::move(values)));
  return typical;
}

// Runs a step again and again; stops the program if one is refused.
std::function<void(int)> Stepper(seedbed::TrainableSae* sae, const std::vector<at::Tensor>& batches) {
  return [sae, &batches](int i) {
    const auto metrics = sae->Step(batches[static_cast<size_t>(i % kBatches)]);
    if (!metrics.ok()) {
      std::fprintf(stderr, "sae_step: %s\n", metrics.status().ToString().c_str());
      std::exit(1);
    }
  };
}

// {floor, seedbed, ATen}, in seconds.
std::vector<double> RunCase(const Case& c) {
  const seedbed::SaeConfig config = ConfigOf(c);
  const std::vector<at::Tensor> batches = MakeBatches(c);
  const seedbed::SaeTensors initial = *seedbed::InitialParameters(config);
  const auto make = [&](seedbed::Implementation implementation) {
    return seedbed::MakeSaeFrom(config, initial, seedbed::Start::kFromData, at::kCPU, implementation);
  };
  const auto fused = make(seedbed::Implementation::kFastest);
  const auto aten = make(seedbed::Implementation::kDefinition);
  const at::Tensor encoder = initial.encoder_weight.t();
  at::Tensor product = at::empty({c.rows, c.latents});
  const auto floor = [&](int i) { at::mm_out(product, batches[static_cast<size_t>(i % kBatches)], encoder); };
  const std::vector<double> seconds =
      TypicalSeconds({floor, Stepper(fused.get(), batches), Stepper(aten.get(), batches)}, c.repetitions);
  std::printf("%-4s %6ld %8ld %6ld %4ld %10.3f %10.3f %10.3f %8.2f\n", c.name, c.d_in, c.latents, c.rows, c.k,
              1e3 * seconds[0], 1e3 * seconds[1], 1e3 * seconds[2], seconds[1] / seconds[0]);
  std::fflush(stdout);
  return seconds;
}

}  // namespace

int main() {
  at::set_num_threads(kThreads);
  std::printf("%-4s %6s %8s %6s %4s %10s %10s %10s %8s\n", "case", "d", "latents", "rows", "k", "floor ms", "step ms",
              "ATen ms", "ratio");
  const std::vector<double> e = RunCase({"e", 576, 512, 256, 16, 300});
  const std::vector<double> a = RunCase({"a", 576, 4608, 4096, 32, 9});
  std::printf("sae_step e_floor_ratio=%.3f a_floor_ratio=%.3f e_aten_ratio=%.3f\n", e[1] / e[0], a[1] / a[0],
              e[1] / e[2]);
  return 0;
}
