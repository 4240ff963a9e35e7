// The exact selection of one row, from its candidates or from all latents.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SCREENING_ROW_SELECTION_H_
#define SEEDBED_SAE_ARCH_KERNELS_SCREENING_ROW_SELECTION_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "sae/arch/kernels/screening/candidate_list.h"
#include "sae/arch/kernels/top_k.h"

namespace seedbed {

struct EncoderWeights {
  const float* encoder;  // [latents, width]
  const float* bias;     // [latents]
  // [latents]: activations rank by themselves times these, of at least 0; nullptr = by themselves.
  const float* norms;
  int64_t latents;
  int64_t width;

  float Activation(uint32_t latent, float dot) const { return dot + bias[latent]; }
  // 0 for what isn't above 0.
  float Rank(uint32_t latent, float dot) const {
    const float activation = Activation(latent, dot);
    if (!(activation > 0)) return 0;
    return norms == nullptr ? activation : activation * norms[latent];
  }
};

// One row's k places, as SelectTopK writes them, and the number of its positive activations.
struct SelectedRow {
  uint32_t* latents;
  float* values;
  int32_t* count;
};

// Scratch memory for one thread at a time. Dot products are those of DotRows; upper bounds are of ranks.
class RowSelection {
 public:
  // `most_places`: of what LowerBound is given, beside a row's candidates.
  RowSelection(int64_t latents, int64_t k, int64_t most_places);

  // A lower bound of the k-th largest rank from upper bounds of some, where slack(place, upper) says how far the
  // one at a place may be above what it bounds: the least of the lower bounds of the k with the largest upper ones.
  float LowerBound(const float* uppers, int64_t count, absl::FunctionRef<float(uint32_t, float)> slack);

  // Both write the row's selection and return how many dot products it took.
  int32_t FromCandidates(const EncoderWeights& weights, const float* row, const CandidateList& candidates,
                         const SelectedRow& out);
  int32_t FromAll(const EncoderWeights& weights, const float* row, const SelectedRow& out);

 private:
  float ThresholdFromBest(const EncoderWeights& weights, const float* row, const CandidateList& candidates);
  void TakeReaching(float threshold, const CandidateList& candidates);
  void ComputeDots(const EncoderWeights& weights, const float* row);
  void Select(const EncoderWeights& weights, const SelectedRow& out);
  int64_t SelectByNorm(const EncoderWeights& weights, int64_t places, const SelectedRow& out);

  const int64_t k_;
  TopKScratch top_k_;
  std::vector<float> zeros_;
  // The k candidates with the largest upper bounds: their latents, ascending, and dot products.
  std::vector<uint32_t> best_;
  std::vector<float> best_uppers_;
  std::vector<float> best_dots_;
  // What is computed: latents, ascending, and their dot products and biases.
  std::vector<uint32_t> chosen_;
  std::vector<float> dots_;
  std::vector<float> biases_;
  std::vector<float> ranks_;
  // Those of them that are not among the best.
  std::vector<uint32_t> missing_;
  std::vector<float> missing_dots_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SCREENING_ROW_SELECTION_H_
