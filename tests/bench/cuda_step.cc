// One optimiser step of topk on a GPU against its floor, the encoder's product in bfloat16 by cuBLASLt alone, and
// against the same step of sparsify with its Triton kernels, in the same run and in turns; and the memory that it takes
// against that of the parameters, their moments and one gradient. Skipped, with exit code 77, where there is no GPU.
//
// SEEDBED_BENCH_PYTHON is a Python with sparsify, Triton and torch for the GPU (default: python3); where it can't run
// them they are left out. SEEDBED_BENCH_CASES names the cases (default: acl).
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ATen/Context.h"
#include "ATen/TensorOperators.h"
#include "ATen/detail/CUDAHooksInterface.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/randn.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "c10/cuda/CUDACachingAllocator.h"
#include "c10/cuda/CUDAFunctions.h"
#include "c10/cuda/CUDAStream.h"
#include "sae/arch/cuda/encoder_product.h"
#include "sae/arch/cuda/tile_plan.h"
#include "sae/arch/registry.h"
#include "tests/bench/peer_process.h"
#include "tests/bench/stopwatch.h"
#include "tests/bench/synthetic_batches.h"

namespace seedbed {
namespace {

constexpr int kBatches = 4;
constexpr int kWarmUp = 10;
constexpr int kSkipped = 77;
const at::Device kGpu(at::kCUDA, 0);

struct Case {
  char name;
  int64_t d_in;
  int64_t latents;
  int64_t rows;
  int64_t k;
  int repetitions;
};

constexpr Case kCases[] = {
    {'a', 576, 4608, 4096, 32, 200},
    {'c', 768, 32768, 2048, 32, 100},
    {'l', 4096, 131072, 8192, 32, 20},
};

// As the CPU's benchmark has it (sae_step.cc), in bfloat16.
SaeConfig ConfigOf(const Case& c, const std::string& architecture) {
  SaeConfig config;
  config.architecture = architecture;
  config.convention = architecture == "topk" ? Convention::kSparsify : Convention::kDictionaryLearning;
  config.d_in = c.d_in;
  config.latents = c.latents;
  config.k = c.k;
  config.learning_rate = {3e-4, 0, 1'000'000, LearningRateSchedule::Decay::kLinear};
  config.group_sizes = {c.latents / 16, c.latents / 16, c.latents / 8, c.latents / 4, c.latents / 2};
  config.compute = ComputeType::kBfloat16;
  return config;
}

// Seconds of one run; nothing where it can't be.
using Stepper = std::function<std::optional<double>(int)>;

double SecondsOnGpu(absl::FunctionRef<void()> body) {
  c10::cuda::device_synchronize();
  return SecondsOf([&] {
    body();
    c10::cuda::device_synchronize();
  });
}

// In the tiles of a step.
class Floor {
 public:
  explicit Floor(const Case& c)
      : case_(c),
        rows_in_tile_(RowsInTile(c.rows, c.latents)),
        product_(ComputeType::kBfloat16, c.d_in, kGpu),
        input_(at::randn({c.rows, c.d_in}, at::TensorOptions(at::kBFloat16).device(kGpu))),
        encoder_(at::randn({c.latents, c.d_in}, at::TensorOptions(at::kBFloat16).device(kGpu))),
        tile_(at::empty({rows_in_tile_, c.latents}, at::TensorOptions(at::kFloat).device(kGpu))) {}

  double Seconds() {
    const cudaStream_t stream = c10::cuda::getCurrentCUDAStream().stream();
    return SecondsOnGpu([&] {
      for (int64_t first = 0; first < case_.rows; first += rows_in_tile_) {
        const at::Tensor rows = input_.narrow(0, first, std::min(rows_in_tile_, case_.rows - first));
        product_.Run(stream, rows.const_data_ptr(), rows.size(0), encoder_.const_data_ptr(), case_.latents,
                     tile_.mutable_data_ptr<float>());
      }
    });
  }

 private:
  const Case& case_;
  const int64_t rows_in_tile_;
  EncoderProduct product_;
  const at::Tensor input_;
  const at::Tensor encoder_;
  const at::Tensor tile_;
};

Stepper OurStepper(const Case& c, const std::string& architecture, const std::vector<at::Tensor>& batches) {
  const SaeConfig config = ConfigOf(c, architecture);
  const std::shared_ptr<TrainableSae> sae =
      MakeSaeFrom(config, *InitialParameters(config), Start::kFromData, kGpu, Implementation::kFastest);
  return [=, &batches](int i) {
    absl::StatusOr<StepMetrics> metrics;
    const double seconds = SecondsOnGpu([&] { metrics = sae->Step(batches[static_cast<size_t>(i % kBatches)]); });
    if (metrics.ok()) return seconds;
    std::fprintf(stderr, "cuda_step: %s\n", metrics.status().ToString().c_str());
    std::exit(1);
  };
}

Stepper PeerStepper(const Case& c) {
  std::optional<PeerProcess> started = PeerProcess::Start(
      "sae_step_peers.py", {"--d", std::to_string(c.d_in), "--latents", std::to_string(c.latents), "--rows",
                            std::to_string(c.rows), "--k", std::to_string(c.k), "--threads", "2", "--device", "cuda"});
  auto peer = std::make_shared<std::optional<PeerProcess>>(std::move(started));
  return [peer](int) { return peer->has_value() ? (*peer)->Ask("sparsify") : std::nullopt; };
}

// The lower quartile: what else the machine does can only add to a time.
double Typical(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 4];
}

void Append(char name, const char* ratio, double value, std::vector<std::string>* out) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  out->push_back(absl::StrCat(std::string(1, name), "_", ratio, "_ratio=", text));
}

// In turns with the floor, whose times it is a multiple of. Nothing where it can't be run.
std::optional<double> Floors(const Case& c, const std::string& name, const Stepper& step, Floor* floor) {
  std::vector<double> seconds, floors;
  for (int i = 0; i < kWarmUp + c.repetitions; ++i) {
    const double product = floor->Seconds();
    const std::optional<double> taken = step(i);
    if (!taken.has_value()) return std::nullopt;
    if (i < kWarmUp) continue;
    floors.push_back(product);
    seconds.push_back(*taken);
  }
  const double ratio = Typical(seconds) / Typical(floors);
  std::printf("%-4c %-12s %12.4f %12.4f %10.2f\n", c.name, name.c_str(), 1e3 * Typical(floors), 1e3 * Typical(seconds),
              ratio);
  std::fflush(stdout);
  return ratio;
}

int64_t PeakBytes() {
  using c10::CachingAllocator::StatType;
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(0);
  return stats.allocated_bytes[static_cast<size_t>(StatType::AGGREGATE)].peak;
}

int64_t CurrentBytes() {
  using c10::CachingAllocator::StatType;
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(0);
  return stats.allocated_bytes[static_cast<size_t>(StatType::AGGREGATE)].current;
}

// Of ten steps, over that of parameters, two moments and one gradient.
double MemoryRatio(const Case& c, const std::vector<at::Tensor>& batches) {
  c10::cuda::CUDACachingAllocator::emptyCache();
  c10::cuda::CUDACachingAllocator::resetPeakStats(0);
  const int64_t before = CurrentBytes();
  {
    const Stepper step = OurStepper(c, "topk", batches);
    for (int i = 0; i < kWarmUp; ++i) step(i);
  }
  constexpr int64_t kCopies = 4;
  const int64_t parameters = 2 * c.latents * c.d_in + c.latents + c.d_in;
  const int64_t needed = kCopies * parameters * static_cast<int64_t>(sizeof(float));
  return static_cast<double>(PeakBytes() - before) / static_cast<double>(needed);
}

void Measure(const Case& c, std::vector<std::string>* ratios) {
  std::vector<at::Tensor> batches;
  for (const at::Tensor& batch : SyntheticBatches(kBatches, c.rows, c.d_in)) batches.push_back(batch.to(kGpu));
  Append(c.name, "memory", MemoryRatio(c, batches), ratios);
  Floor floor(c);
  std::optional<double> topk;
  for (const std::string architecture : {"topk", "batchtopk", "matryoshka"}) {
    const std::optional<double> floors = Floors(c, architecture, OurStepper(c, architecture, batches), &floor);
    if (architecture == "topk") {
      topk = floors;
      Append(c.name, "floor", *topk, ratios);
    } else {
      Append(c.name, (architecture + "_topk").c_str(), *floors / *topk, ratios);
    }
  }
  c10::cuda::CUDACachingAllocator::emptyCache();
  const std::optional<double> sparsify = Floors(c, "sparsify", PeerStepper(c), &floor);
  if (sparsify.has_value()) Append(c.name, "sparsify", *sparsify / *topk, ratios);
}

}  // namespace
}  // namespace seedbed

int main() {
  if (!at::hasCUDA() || at::detail::getCUDAHooks().deviceCount() == 0) {
    std::printf("cuda_step skipped: no GPU is usable here\n");
    return seedbed::kSkipped;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const std::string wanted = seedbed::Setting("SEEDBED_BENCH_CASES", "acl");
  std::printf("%-4s %-12s %12s %12s %10s\n", "case", "", "floor ms", "step ms", "floors");
  std::vector<std::string> ratios;
  for (const seedbed::Case& c : seedbed::kCases) {
    if (wanted.find(c.name) != std::string::npos) seedbed::Measure(c, &ratios);
  }
  std::printf("cuda_step %s\n", absl::StrJoin(ratios, " ").c_str());
  return 0;
}
