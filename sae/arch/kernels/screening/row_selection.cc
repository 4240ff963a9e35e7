#include "sae/arch/kernels/screening/row_selection.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "sae/arch/kernels/rows.h"

namespace seedbed {
namespace {

// Writes the first latents of [0, n) that are not among the `count` ascending ones to the places [count, k).
void FillWithFirstOthers(int64_t count, int64_t k, const SelectedRow& out) {
  int64_t filled = count;
  int64_t next = 0;  // Of the ascending ones.
  for (uint32_t latent = 0; filled < k; ++latent) {
    if (next < count && out.latents[next] == latent) {
      ++next;
      continue;
    }
    out.latents[filled] = latent;
    out.values[filled++] = 0;
  }
}

}  // namespace

RowSelection::RowSelection(int64_t latents, int64_t k, int64_t most_places)
    : k_(k),
      top_k_(std::max(latents, most_places), k),
      zeros_(static_cast<size_t>(std::max(latents, most_places)), 0.0f),
      best_(static_cast<size_t>(k)),
      best_uppers_(static_cast<size_t>(k)),
      best_dots_(static_cast<size_t>(k)) {}

float RowSelection::LowerBound(const float* uppers, int64_t count, absl::FunctionRef<float(uint32_t, float)> slack) {
  if (count < k_) return 0;
  best_.resize(static_cast<size_t>(k_));
  if (SelectTopK(uppers, zeros_.data(), count, k_, &top_k_, best_.data(), best_uppers_.data()) < k_) return 0;
  float least = std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < best_.size(); ++i) {
    const float lower = best_uppers_[i] - slack(best_[i], best_uppers_[i]);
    if (!(lower > 0)) return 0;
    least = std::min(least, lower);
  }
  return least;
}

int32_t RowSelection::FromCandidates(const EncoderWeights& weights, const float* row, const CandidateList& candidates,
                                     const SelectedRow& out) {
  const float threshold = ThresholdFromBest(weights, row, candidates);
  TakeReaching(threshold, candidates);
  ComputeDots(weights, row);
  Select(weights, out);
  return static_cast<int32_t>(best_.size() + missing_.size());
}

// The k-th largest rank is at least the least of any k.
float RowSelection::ThresholdFromBest(const EncoderWeights& weights, const float* row,
                                      const CandidateList& candidates) {
  const int64_t count = std::min(candidates.size(), k_);
  best_.resize(static_cast<size_t>(count));
  if (count == 0) return 0;
  SelectTopK(candidates.uppers(), zeros_.data(), candidates.size(), count, &top_k_, best_.data(), best_uppers_.data());
  for (uint32_t& place : best_) place = candidates.latents()[place];
  DotRows(row, best_.data(), count, weights.encoder, weights.width, best_dots_.data());
  if (count < k_) return 0;
  float threshold = std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < best_.size(); ++i) {
    threshold = std::min(threshold, weights.Rank(best_[i], best_dots_[i]));
  }
  return threshold;
}

// Chooses the candidates that reach the threshold or have been computed, and finds out which are missing.
void RowSelection::TakeReaching(float threshold, const CandidateList& candidates) {
  chosen_.clear();
  missing_.clear();
  size_t next = 0;  // Of the best.
  for (int64_t i = 0; i < candidates.size(); ++i) {
    const uint32_t latent = candidates.latents()[i];
    const bool computed = next < best_.size() && best_[next] == latent;
    next += computed;
    if (!computed && candidates.uppers()[i] < threshold) continue;
    chosen_.push_back(latent);
    if (!computed) missing_.push_back(latent);
  }
}

void RowSelection::ComputeDots(const EncoderWeights& weights, const float* row) {
  missing_dots_.resize(missing_.size());
  DotRows(row, missing_.data(), static_cast<int64_t>(missing_.size()), weights.encoder, weights.width,
          missing_dots_.data());
  dots_.resize(chosen_.size());
  size_t best = 0;
  size_t missing = 0;
  for (size_t i = 0; i < chosen_.size(); ++i) {
    const bool computed = best < best_.size() && best_[best] == chosen_[i];
    dots_[i] = computed ? best_dots_[best++] : missing_dots_[missing++];
  }
}

void RowSelection::Select(const EncoderWeights& weights, const SelectedRow& out) {
  const auto count = static_cast<int64_t>(chosen_.size());
  biases_.resize(chosen_.size());
  for (size_t i = 0; i < chosen_.size(); ++i) biases_[i] = weights.bias[chosen_[i]];
  const int64_t places = std::min(count, k_);
  int64_t positive = 0;
  if (places > 0) {
    positive = weights.norms == nullptr
                   ? SelectTopK(dots_.data(), biases_.data(), count, places, &top_k_, out.latents, out.values)
                   : SelectByNorm(weights, places, out);
    for (int64_t i = 0; i < positive; ++i) out.latents[i] = chosen_[out.latents[i]];
  }
  *out.count = static_cast<int32_t>(positive);
  FillWithFirstOthers(positive, k_, out);
}

// Leaves out what ranks 0 though its activation is positive: a decoder row of norm 0 makes it one of those that are 0.
int64_t RowSelection::SelectByNorm(const EncoderWeights& weights, int64_t places, const SelectedRow& out) {
  const auto count = static_cast<int64_t>(chosen_.size());
  ranks_.resize(chosen_.size());
  for (size_t i = 0; i < chosen_.size(); ++i) ranks_[i] = weights.Rank(chosen_[i], dots_[i]);
  const int64_t positive = SelectTopK(ranks_.data(), zeros_.data(), count, places, &top_k_, out.latents, out.values);
  for (int64_t i = 0; i < positive; ++i) {
    out.values[i] = weights.Activation(chosen_[out.latents[i]], dots_[out.latents[i]]);
  }
  return positive;
}

int32_t RowSelection::FromAll(const EncoderWeights& weights, const float* row, const SelectedRow& out) {
  chosen_.resize(static_cast<size_t>(weights.latents));
  std::iota(chosen_.begin(), chosen_.end(), 0u);
  best_.clear();
  missing_ = chosen_;
  ComputeDots(weights, row);
  Select(weights, out);
  return static_cast<int32_t>(weights.latents);
}

}  // namespace seedbed
