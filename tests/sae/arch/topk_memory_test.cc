// What the kernels of the topk family take of memory: all of it in the first steps, and no [rows, latents] at once.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "c10/core/Allocator.h"
#include "gtest/gtest.h"
#include "tests/sae/arch/sae_fixtures.h"

namespace {

// Of blocks that operator new gives. Tensors' memory does not come from there.
std::atomic<size_t> largest_block{0};

void* Allocate(size_t size) {
  size_t seen = largest_block;
  while (size > seen && !largest_block.compare_exchange_weak(seen, size)) {
  }
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace seedbed {
namespace {

// Sees what tensors take on this thread.
class TensorMemory final : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
    largest = std::max(largest, size);
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t largest = 0;
};

// The largest single piece of memory that `body` takes.
template <typename Body>
int64_t LargestTaken(Body body) {
  const auto tensors = std::make_shared<TensorMemory>();
  largest_block = 0;
  {
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, tensors);
    body();
  }
  return std::max(tensors->largest, static_cast<int64_t>(largest_block));
}

std::vector<SaeConfig> Configs() {
  std::vector<SaeConfig> configs;
  for (const Architecture& architecture : Architectures()) {
    if (architecture.name != "topk" && architecture.name != "batchtopk" && architecture.name != "matryoshka") continue;
    for (const Convention convention : architecture.conventions) {
      SaeConfig config = SmallConfig(architecture.name, convention);
      config.latents = 600;
      config.group_sizes = {100, 200, 300};
      config.auxiliary_alpha = 0.1;
      config.dead_after_tokens = 1;
      config.gradient_clip = 1;
      config.skip = true;
      configs.push_back(config);
    }
  }
  return configs;
}

class TopkMemory : public testing::TestWithParam<SaeConfig> {};

TEST_P(TopkMemory, IsTakenInTheFirstStepsAndNeverForAllPreActivations) {
  constexpr int64_t kRows = 2500;
  const SaeConfig& config = GetParam();
  const auto sae = MakeSae(config, *InitialParameters(config), Implementation::kFastest);
  const auto step = [&](int t) {
    const at::Tensor batch = MakeBatch(kRows, config.d_in, static_cast<uint64_t>(t));
    return LargestTaken([&] { EXPECT_TRUE(sae->Step(batch).ok()); });
  };
  const int64_t all_pre_activations = kRows * config.latents * static_cast<int64_t>(sizeof(float));
  EXPECT_LT(step(0), all_pre_activations / 2);
  for (int t = 1; t < 4; ++t) EXPECT_LT(step(t), all_pre_activations / 2);
  // What remains are the descriptions of tensors.
  for (int t = 4; t < 8; ++t) EXPECT_LE(step(t), 1024) << t;
}

INSTANTIATE_TEST_SUITE_P(Configs, TopkMemory, testing::ValuesIn(Configs()), [](const auto& info) {
  return info.param.architecture + "_" + NameOf(info.param.convention);
});

}  // namespace
}  // namespace seedbed
