#include "sae/arch/kernels/screening/screened_top_k.h"

#include <algorithm>

#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"
#include "sae/arch/kernels/screening/aligned_vector.h"
#include "sae/arch/kernels/screening/candidate_list.h"
#include "sae/arch/kernels/screening/quantised_block.h"
#include "sae/arch/kernels/screening/row_selection.h"
#include "sae/arch/kernels/screening/screened_encoder.h"

namespace seedbed {
namespace {

// Beyond so many candidates a row is as well computed against all latents.
int64_t MostCandidates(int64_t latents, int64_t k) { return std::max(4 * k, latents / 2); }

}  // namespace

class ScreenedTopK::Impl {
 public:
  Impl(int64_t latents, int64_t width, int64_t k, const Int8Kernel& kernel)
      : latents_(latents), width_(width), k_(k), kernel_(kernel), encoder_(latents, width, kernel) {}

  ScreenedEncoder* encoder() { return &encoder_; }

  void SelectRows(const float* rows, int64_t count, const SelectedRows& selected) {
    dots_.resize(static_cast<size_t>(count));
    while (threads_.size() < static_cast<size_t>(LoopThreads())) {
      threads_.push_back(std::make_unique<ThreadState>(*this));
    }
    ForEachPiece(count, kRowsInBlock, [&](int64_t begin, int64_t end, int thread) {
      const SelectedRows part{selected.latents + begin * k_, selected.values + begin * k_, selected.counts + begin};
      SelectBlock(rows + begin * width_, end - begin, part, dots_.data() + begin,
                  threads_[static_cast<size_t>(thread)].get());
    });
  }

  const std::vector<int32_t>& dots() const { return dots_; }

 private:
  struct ThreadState {
    explicit ThreadState(const Impl& impl)
        : block(kRowsInBlock, impl.width_, ScreenedEncoder::kDirections, impl.kernel_),
          uppers(static_cast<size_t>(kRowsInBlock * kLatentsInChunk)),
          selection(impl.latents_, impl.k_, kLatentsInChunk) {
      for (int64_t row = 0; row < kRowsInBlock; ++row) {
        candidates.emplace_back(MostCandidates(impl.latents_, impl.k_), kLatentsInChunk);
      }
    }
    QuantisedBlock block;
    AlignedVector<float> uppers;  // [kRowsInBlock, kLatentsInChunk]
    std::vector<CandidateList> candidates;
    RowSelection selection;
  };

  void SelectBlock(const float* rows, int64_t count, const SelectedRows& selected, int32_t* dots, ThreadState* state) {
    state->block.Quantise(rows, count, encoder_.directions());
    for (CandidateList& list : state->candidates) list.Clear();
    const int64_t panels_in_chunk = kLatentsInChunk / kernel_.latents;
    for (int64_t panel = 0; panel < encoder_.packed().panels(); panel += panels_in_chunk) {
      Screen(panel, std::min(panels_in_chunk, encoder_.packed().panels() - panel), count, state);
    }
    for (int64_t row = 0; row < count; ++row) {
      const CandidateList& candidates = state->candidates[static_cast<size_t>(row)];
      const bool all = !state->block.screenable(row) || candidates.overflowed();
      const SelectedRow out{selected.latents + row * k_, selected.values + row * k_, selected.counts + row};
      const float* values = rows + row * width_;
      dots[row] = all ? state->selection.FromAll(encoder_.weights(), values, out)
                      : state->selection.FromCandidates(encoder_.weights(), values, candidates, out);
    }
  }

  // Adds what may belong to the k largest among the latents of some panels.
  void Screen(int64_t first_panel, int64_t panels, int64_t count, ThreadState* state) {
    for (int64_t p = 0; p < panels; ++p) {
      state->block.UpperBounds(encoder_.packed(), first_panel + p, state->uppers.data() + p * kernel_.latents,
                               kLatentsInChunk);
    }
    const int64_t first = first_panel * kernel_.latents;
    const int64_t latents = panels * kernel_.latents;
    for (int64_t row = 0; row < count; ++row) {
      CandidateList& candidates = state->candidates[static_cast<size_t>(row)];
      if (!state->block.screenable(row) || candidates.overflowed()) continue;
      float* uppers = state->uppers.data() + row * kLatentsInChunk;
      encoder_.RankUpperBounds(first, latents, uppers);
      const auto slack = [&](int64_t latent, float upper) { return Slack(state->block, row, latent, upper); };
      if (first_panel == 0) {
        candidates.RaiseThreshold(state->selection.LowerBound(
            uppers, latents, [&](uint32_t place, float upper) { return slack(first + place, upper); }));
      }
      candidates.Append(uppers, first, latents);
      if (candidates.overflowed() || candidates.size() > 2 * candidates.size_at_threshold() + 4 * k_) {
        candidates.RaiseThreshold(state->selection.LowerBound(
            candidates.uppers(), candidates.size(),
            [&](uint32_t place, float upper) { return slack(candidates.latents()[place], upper); }));
      }
    }
  }

  // At least the distance of a rank's upper bound from the rank.
  float Slack(const QuantisedBlock& block, int64_t row, int64_t latent, float upper) const {
    const float* norms = encoder_.weights().norms;
    if (norms == nullptr) return block.Slack(encoder_.packed(), row, latent, upper);
    if (!(norms[latent] > 0)) return upper;
    // The factors make up for the roundings of the products with the norm.
    constexpr float kRoundedUp = 1 + 1e-5f;
    const float of_activation = block.Slack(encoder_.packed(), row, latent, kRoundedUp * upper / norms[latent]);
    return kRoundedUp * norms[latent] * of_activation;
  }

  const int64_t latents_;
  const int64_t width_;
  const int64_t k_;
  const Int8Kernel& kernel_;
  ScreenedEncoder encoder_;
  std::vector<std::unique_ptr<ThreadState>> threads_;
  std::vector<int32_t> dots_;
};

ScreenedTopK::ScreenedTopK(int64_t latents, int64_t width, int64_t k, const Int8Kernel& kernel)
    : impl_(std::make_unique<Impl>(latents, width, k, kernel)) {}

ScreenedTopK::~ScreenedTopK() = default;

void ScreenedTopK::FindDirections(const float* sample, int64_t count) {
  impl_->encoder()->FindDirections(sample, count);
}

void ScreenedTopK::Prepare(const float* encoder, const float* bias, const float* norms) {
  impl_->encoder()->Prepare(encoder, bias, norms);
}

void ScreenedTopK::SelectRows(const float* rows, int64_t count, const SelectedRows& selected) {
  impl_->SelectRows(rows, count, selected);
}

const std::vector<int32_t>& ScreenedTopK::dots() const { return impl_->dots(); }

}  // namespace seedbed
