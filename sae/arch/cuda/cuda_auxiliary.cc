#include "sae/arch/cuda/cuda_auxiliary.h"

#include <algorithm>
#include <cstddef>

#include "sae/arch/cuda/batch_rows.h"
#include "sae/arch/cuda/matrix_sums.h"
#include "sae/arch/cuda/row_selection.h"

namespace seedbed {
namespace {

AuxiliaryNorm NormOf(Convention convention) {
  switch (convention) {
    case Convention::kSparsify:
      return AuxiliaryNorm::kTotalVariance;
    case Convention::kSaeLens:
      return AuxiliaryNorm::kRows;
    case Convention::kDictionaryLearning:
      break;
  }
  return AuxiliaryNorm::kErrorVariance;
}

}  // namespace

CudaAuxiliary::CudaAuxiliary(const SaeConfig& config, at::Device device)
    : config_(config), device_(device), entries_(config.latents, device) {}

int64_t CudaAuxiliary::places() const { return std::min(config_.auxiliary_width(), config_.latents); }

void CudaAuxiliary::Run(cudaStream_t stream, const AuxiliaryStep& step) {
  FindDead(stream, step.firing, step.rows, config_.auxiliary_width(), step.record);
  Select(stream, step);
  SetScales(stream, step);
  gradient_.Reserve(step.rows * step.width, device_);
  DeviceDecodePass pass;
  pass.width = step.width;
  pass.decoder = step.decoder;
  pass.target = step.output_gradient;
  pass.target_scale = &step.record->error_scale;
  pass.loss_scale = &step.record->auxiliary_scale;
  pass.input_norms = teaches_encoder() ? step.input_norms : nullptr;
  pass.entries = entries_.entries();
  pass.gradient = gradient_.data();
  pass.row_sums = step.row_sums;
  pass.sums = &step.record->auxiliary;
  DecodeRows(stream, pass);
  entries_.Order(stream);
}

void CudaAuxiliary::Select(cudaStream_t stream, const AuxiliaryStep& step) {
  listed_.Reserve(config_.latents, device_);
  count_.Reserve(1, device_);
  const size_t listing_bytes = ListingBytes(config_.latents);
  listing_.Reserve(static_cast<int64_t>(listing_bytes), device_);
  ListCandidates(stream, step.firing, listing_.data(), listing_bytes, listed_.data(), count_.data());

  const int64_t row_bytes = step.encoder.width * step.encoder.element_bytes();
  const int64_t columns = TileColumns(step.candidates);
  gathered_.Reserve(columns * row_bytes, device_);
  GatherRows(stream, step.encoder.From(0), listed_.data(), step.candidates, row_bytes, gathered_.data());

  entries_.ReserveRows(step.rows, places());
  DeviceRowSelection selection;
  selection.k = std::min(places(), step.candidates);
  selection.fewer = &step.record->auxiliary_k;
  selection.entries = entries_.entries();
  DevicePreActivations pre;
  pre.columns = step.candidates;
  pre.stride = columns;
  pre.values = step.tile;
  pre.column_latents = listed_.data();
  pre.bias = step.encoder_bias;
  pre.norms = step.latent_norms;
  pre.allowed = step.firing.dead;
  pre.negative = config_.convention == Convention::kSaeLens;
  for (int64_t first = 0; first < step.rows; first += step.rows_in_tile) {
    pre.first_row = first;
    pre.rows = std::min(step.rows_in_tile, step.rows - first);
    step.product->Run(stream, step.encoder_input.From(first), pre.rows, gathered_.data(), columns, step.tile);
    SelectLargestOfRows(stream, pre, selection);
  }
}

void CudaAuxiliary::SetScales(cudaStream_t stream, const AuxiliaryStep& step) {
  AuxiliaryRule rule;
  rule.norm = NormOf(config_.convention);
  rule.width = config_.auxiliary_width();
  rule.alpha = config_.auxiliary_alpha;
  rule.rows = static_cast<double>(step.rows);
  if (rule.norm == AuxiliaryNorm::kErrorVariance) FindErrorSquares(stream, step);
  SetAuxiliaryScales(stream, rule, step.record);
}

void CudaAuxiliary::FindErrorSquares(cudaStream_t stream, const AuxiliaryStep& step) {
  partial_.Reserve(ColumnPieces(step.rows) * step.width, device_);
  mean_.Reserve(step.width, device_);
  distances_.Reserve(step.rows, device_);
  ColumnSum sum;
  sum.matrix = step.output_gradient;
  sum.rows = step.rows;
  sum.columns = step.width;
  sum.stride = step.width;
  sum.origin = sum.matrix;  // The first row: so an error that is the same in every row has exactly that mean.
  sum.scale = 1.0f / static_cast<float>(step.rows);
  sum.base = sum.matrix;
  sum.partial = partial_.data();
  sum.sums = mean_.data();
  SumColumns(stream, sum);
  RowDistances(stream, step.output_gradient, step.rows, step.width, mean_.data(), distances_.data());
  SumValues(stream, distances_.data(), step.rows, &step.record->error_squares);
}

}  // namespace seedbed
