// Against torch.optim.Adam under transformers' schedule (tests/data/make_torch_adam.py).
#include "sae/train/adam.h"

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "sae/io/safetensors.h"
#include "sae/train/learning_rate.h"

namespace seedbed {
namespace {

template <typename T>
std::vector<T> Read(const SafetensorsFile& file, const std::string& name) {
  const auto view = file.Find(name);
  EXPECT_TRUE(view.ok()) << view.status();
  std::vector<T> values(static_cast<size_t>(view->elements()));
  EXPECT_EQ(view->bytes.size(), values.size() * sizeof(T));
  std::memcpy(values.data(), view->bytes.data(), view->bytes.size());
  return values;
}

class TorchAdam : public testing::Test {
 protected:
  void SetUp() override {
    auto file = SafetensorsFile::Open(SEEDBED_TEST_DATA "/torch_adam.safetensors");
    ASSERT_TRUE(file.ok()) << file.status();
    gradients_ = Read<float>(*file, "gradients");
    parameters_ = Read<float>(*file, "parameters");
    rates_ = Read<double>(*file, "learning_rates");
    steps_ = rates_.size() - 1;
    size_ = gradients_.size() / steps_;
  }

  std::vector<float> gradients_;   // [steps, size]
  std::vector<float> parameters_;  // [steps + 1, size]
  std::vector<double> rates_;      // [steps + 1]
  size_t steps_ = 0;
  size_t size_ = 0;
};

TEST_F(TorchAdam, TheScheduleIsTransformers) {
  const LearningRateSchedule schedule{0.01, 5, 20, LearningRateSchedule::Decay::kLinear};
  for (size_t t = 0; t <= steps_; ++t)
    EXPECT_DOUBLE_EQ(schedule.At(static_cast<int64_t>(t)), rates_[t]) << "step " << t;
}

TEST_F(TorchAdam, EveryParameterFollowsTorch) {
  std::vector<float> parameter(parameters_.begin(), parameters_.begin() + static_cast<int64_t>(size_));
  std::vector<float> m(size_, 0), v(size_, 0);
  for (size_t t = 0; t < steps_; ++t) {
    const AdamUpdate u = AdamUpdateAt(OptimizerOptions(), static_cast<int64_t>(t) + 1, rates_[t]);
    for (size_t i = 0; i < size_; ++i) {
      const float g = gradients_[t * size_ + i];
      m[i] = u.beta1 * m[i] + u.one_minus_beta1 * g;
      v[i] = u.beta2 * v[i] + u.one_minus_beta2 * g * g;
      parameter[i] -= u.step_size * m[i] / (std::sqrt(v[i]) + u.epsilon);
      // A step moves by at most about the learning rate, 0.01, so this is a millionth of what happened.
      EXPECT_NEAR(parameter[i], parameters_[(t + 1) * size_ + i], 5e-7) << "step " << t << ", element " << i;
    }
  }
}

}  // namespace
}  // namespace seedbed
