#include "sae/arch/kernels/screening/screened_reach.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "absl/types/span.h"
#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"
#include "sae/arch/kernels/screening/aligned_vector.h"
#include "sae/arch/kernels/screening/candidate_list.h"
#include "sae/arch/kernels/screening/quantised_block.h"
#include "sae/arch/kernels/screening/screened_encoder.h"

namespace seedbed {
namespace {

// Blocks of rows that are looked at before the bound is looked at again; as many threads have work.
constexpr int64_t kBlocksAtOnce = 16;
constexpr int64_t kMostSampleRows = 128;
// Of a bound by a sample: that of all rows may be lower.
constexpr float kSampleMargin = 0.9f;

// Beyond so many candidates a row is as well computed against all latents.
int64_t MostCandidates(int64_t latents) { return latents / 2; }

}  // namespace

class ScreenedReach::Impl {
 public:
  Impl(int64_t latents, int64_t width, const Int8Kernel& kernel)
      : latents_(latents),
        width_(width),
        encoder_(latents, width, kernel),
        all_(static_cast<size_t>(latents)),
        blocks_(static_cast<size_t>(kBlocksAtOnce)) {
    std::iota(all_.begin(), all_.end(), 0u);
  }

  ScreenedEncoder* encoder() { return &encoder_; }
  const std::vector<int32_t>& dots() const { return dots_; }

  float EstimateBound(const float* rows, int64_t count, int64_t kept) {
    const int64_t sampled = std::min(count, kMostSampleRows);
    std::vector<float> ranks;
    std::vector<float> dots(all_.size());
    for (int64_t i = 0; i < sampled; ++i) {
      Dots(rows + i * count / sampled * width_, all_, dots.data());
      for (const uint32_t latent : all_) {
        const float rank = encoder_.weights().Rank(latent, dots[latent]);
        if (rank > 0) ranks.push_back(rank);
      }
    }
    const int64_t reaching = kept * sampled / count;
    if (reaching < 1 || reaching > static_cast<int64_t>(ranks.size())) return 0;
    const auto smallest = ranks.begin() + reaching - 1;
    std::nth_element(ranks.begin(), smallest, ranks.end(), std::greater<>());
    return kSampleMargin * *smallest;
  }

  void AddTo(const float* rows, int64_t count, BatchSelection* selection) {
    dots_.resize(static_cast<size_t>(count));
    while (threads_.size() < static_cast<size_t>(LoopThreads()))
      threads_.push_back(std::make_unique<ThreadState>(*this));
    for (int64_t first = 0; first < count; first += kBlocksAtOnce * kRowsInBlock) {
      AddBlocks(rows, first, std::min(count, first + kBlocksAtOnce * kRowsInBlock), selection);
    }
  }

 private:
  // What was found in one block.
  struct Block {
    std::vector<int32_t> counts;
    std::vector<uint32_t> latents;
    std::vector<float> values;

    void Clear() {
      counts.clear();
      latents.clear();
      values.clear();
    }
  };

  struct ThreadState {
    explicit ThreadState(const Impl& impl)
        : quantised(kRowsInBlock, impl.width_, ScreenedEncoder::kDirections, impl.encoder_.kernel()),
          uppers(static_cast<size_t>(kRowsInBlock * kLatentsInChunk)),
          dots(static_cast<size_t>(impl.latents_)) {
      for (int64_t row = 0; row < kRowsInBlock; ++row) {
        candidates.emplace_back(MostCandidates(impl.latents_), kLatentsInChunk);
      }
    }
    QuantisedBlock quantised;
    AlignedVector<float> uppers;  // [kRowsInBlock, kLatentsInChunk]
    std::vector<CandidateList> candidates;
    std::vector<float> dots;  // [latents]
  };

  void AddBlocks(const float* rows, int64_t begin, int64_t end, BatchSelection* selection) {
    const float bound = selection->bound();
    ForEachPiece(end - begin, kRowsInBlock, [&](int64_t first, int64_t last, int thread) {
      FillBlock(rows + (begin + first) * width_, last - first, bound, dots_.data() + begin + first,
                threads_[static_cast<size_t>(thread)].get(), &blocks_[static_cast<size_t>(first / kRowsInBlock)]);
    });
    for (int64_t first = begin; first < end; first += kRowsInBlock) {
      const Block& block = blocks_[static_cast<size_t>((first - begin) / kRowsInBlock)];
      selection->Append({first, static_cast<int64_t>(block.counts.size()), block.counts.data(), block.latents.data(),
                         block.values.data()});
    }
  }

  void FillBlock(const float* rows, int64_t count, float bound, int32_t* dots, ThreadState* state, Block* block) {
    if (bound > 0) Screen(rows, count, bound, state);
    block->Clear();
    for (int64_t row = 0; row < count; ++row) {
      const CandidateList& list = state->candidates[static_cast<size_t>(row)];
      const bool all = bound <= 0 || !state->quantised.screenable(row) || list.overflowed();
      const absl::Span<const uint32_t> latents =
          all ? absl::MakeConstSpan(all_) : absl::MakeConstSpan(list.latents(), static_cast<size_t>(list.size()));
      Dots(rows + row * width_, latents, state->dots.data());
      AppendReaching(latents, state->dots.data(), bound, block);
      dots[row] = static_cast<int32_t>(latents.size());
    }
  }

  // Fills the candidates of each row.
  void Screen(const float* rows, int64_t count, float bound, ThreadState* state) {
    state->quantised.Quantise(rows, count, encoder_.directions());
    for (CandidateList& list : state->candidates) {
      list.Clear();
      list.RaiseThreshold(bound);
    }
    const PackedEncoder& packed = encoder_.packed();
    const int64_t in_panel = encoder_.kernel().latents;
    const int64_t panels_in_chunk = kLatentsInChunk / in_panel;
    for (int64_t panel = 0; panel < packed.panels(); panel += panels_in_chunk) {
      const int64_t panels = std::min(panels_in_chunk, packed.panels() - panel);
      for (int64_t p = 0; p < panels; ++p) {
        state->quantised.UpperBounds(packed, panel + p, state->uppers.data() + p * in_panel, kLatentsInChunk);
      }
      for (int64_t row = 0; row < count; ++row) {
        CandidateList& list = state->candidates[static_cast<size_t>(row)];
        if (!state->quantised.screenable(row) || list.overflowed()) continue;
        float* uppers = state->uppers.data() + row * kLatentsInChunk;
        encoder_.RankUpperBounds(panel * in_panel, panels * in_panel, uppers);
        list.Append(uppers, panel * in_panel, panels * in_panel);
      }
    }
  }

  void Dots(const float* row, absl::Span<const uint32_t> latents, float* dots) const {
    const EncoderWeights& weights = encoder_.weights();
    DotRows(row, latents.data(), static_cast<int64_t>(latents.size()), weights.encoder, width_, dots);
  }

  void AppendReaching(absl::Span<const uint32_t> latents, const float* dots, float bound, Block* block) const {
    const size_t before = block->latents.size();
    for (size_t i = 0; i < latents.size(); ++i) {
      const float rank = encoder_.weights().Rank(latents[i], dots[i]);
      if (!(rank > 0 && rank >= bound)) continue;
      block->latents.push_back(latents[i]);
      block->values.push_back(encoder_.weights().Activation(latents[i], dots[i]));
    }
    block->counts.push_back(static_cast<int32_t>(block->latents.size() - before));
  }

  const int64_t latents_;
  const int64_t width_;
  ScreenedEncoder encoder_;
  std::vector<uint32_t> all_;  // 0 ... latents - 1
  std::vector<std::unique_ptr<ThreadState>> threads_;
  std::vector<Block> blocks_;
  std::vector<int32_t> dots_;
};

ScreenedReach::ScreenedReach(int64_t latents, int64_t width, const Int8Kernel& kernel)
    : impl_(std::make_unique<Impl>(latents, width, kernel)) {}

ScreenedReach::~ScreenedReach() = default;

void ScreenedReach::FindDirections(const float* sample, int64_t count) {
  impl_->encoder()->FindDirections(sample, count);
}

void ScreenedReach::Prepare(const float* encoder, const float* bias, const float* norms) {
  impl_->encoder()->Prepare(encoder, bias, norms);
}

float ScreenedReach::EstimateBound(const float* rows, int64_t count, int64_t kept) {
  return impl_->EstimateBound(rows, count, kept);
}

void ScreenedReach::AddTo(const float* rows, int64_t count, BatchSelection* selection) {
  impl_->AddTo(rows, count, selection);
}

const std::vector<int32_t>& ScreenedReach::dots() const { return impl_->dots(); }

}  // namespace seedbed
