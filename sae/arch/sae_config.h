// What decides one SAE's training, but for its data. Everything is resolved: no defaults are filled in here.
#ifndef SEEDBED_SAE_ARCH_SAE_CONFIG_H_
#define SEEDBED_SAE_ARCH_SAE_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sae/train/learning_rate.h"
#include "sae/train/optimizer_options.h"

namespace seedbed {

// Whose losses, initialisation, straight-through estimators and order of operations are followed
// (docs/architectures.md): sparsify 1.3.3, SAELens 6.54, dictionary_learning 0.1.0.
enum class Convention { kSparsify, kSaeLens, kDictionaryLearning };

// "sparsify", "saelens", "dictionary_learning".
const char* NameOf(Convention convention);

// What b_dec is before the first step: 0, or of the first batch's targets the mean or the geometric median.
enum class DecoderBiasStart { kZero, kMean, kGeometricMedian };

enum class JumpreluPenalty { kStep, kTanh };

enum class ComputeType { kFloat32, kTf32, kBfloat16 };

struct SaeConfig {
  std::string architecture = "topk";
  Convention convention = Convention::kSparsify;
  int64_t d_in = 0;
  int64_t d_out = 0;        // 0 = d_in.
  bool transcoder = false;  // The target is another hookpoint than the input.
  bool skip = false;        // x_hat gets W_skip x, too.
  int64_t latents = 0;
  int64_t k = 0;  // topk, batchtopk, matryoshka.
  uint64_t seed = 0;
  std::vector<int64_t> group_sizes;  // matryoshka; their sum is latents.

  LearningRateSchedule learning_rate;
  OptimizerOptions optimizer;
  double gradient_clip = 0;  // Largest norm of all gradients together; 0 = any.
  DecoderBiasStart decoder_bias_start = DecoderBiasStart::kMean;

  double auxiliary_alpha = 0;
  int64_t auxiliary_k = 0;  // 0 = d_out / 2.
  int64_t dead_after_tokens = 10'000'000;
  bool multi_topk = false;  // topk of sparsify.

  double sparsity_coefficient = 0;  // relu, gated, jumprelu.
  int64_t sparsity_warmup_steps = 0;
  double target_l0 = 0;       // That a controller steers the coefficient to; 0 = none.
  double loss_target_l0 = 0;  // In the loss of dictionary_learning's jumprelu.
  double bandwidth = 0;       // jumprelu.
  double initial_threshold = 0;
  JumpreluPenalty jumprelu_penalty = JumpreluPenalty::kStep;

  double threshold_decay = 0;  // batchtopk, matryoshka: of the old inference threshold, in each step.
  int64_t threshold_start_step = 0;

  ComputeType compute = ComputeType::kFloat32;

  int64_t target_width() const { return d_out == 0 ? d_in : d_out; }
  // Whether the encoder reads x - b_dec. dictionary_learning's JumpReLU and every transcoder read x.
  bool centers_input() const {
    return !transcoder && !(architecture == "jumprelu" && convention == Convention::kDictionaryLearning);
  }
  // Whether rows of W_dec are kept at norm 1.
  bool unit_decoder() const {
    return convention == Convention::kDictionaryLearning || (convention == Convention::kSparsify && !transcoder);
  }
  int64_t auxiliary_width() const { return auxiliary_k == 0 ? target_width() / 2 : auxiliary_k; }
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_SAE_CONFIG_H_
