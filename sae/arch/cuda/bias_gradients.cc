#include "sae/arch/cuda/bias_gradients.h"

#include "ATen/ops/from_blob.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/zeros.h"
#include "sae/arch/cuda/device_latent_order.h"
#include "sae/arch/cuda/matrix_sums.h"
#include "sae/arch/kernels/rows.h"

namespace seedbed {
namespace {

void CountIn(cudaStream_t stream, const at::Tensor& gradient, int32_t* count) {
  CountNotFinite(stream, gradient.const_data_ptr<float>(), gradient.numel(), count);
}

}  // namespace

BiasGradients::BiasGradients(const SaeConfig& config, at::Device device) : config_(config), device_(device) {
  const auto options = at::TensorOptions(at::kFloat).device(device);
  encoder_bias_ = at::zeros({PaddedWidth(config.latents)}, options);
  decoder_bias_ = at::zeros({PaddedWidth(config.target_width())}, options);
  if (config.skip) skip_ = at::zeros({config.target_width(), PaddedWidth(config.d_in)}, options);
}

void BiasGradients::SetDecoderBias(cudaStream_t stream, const float* output_gradient, int64_t rows) {
  SumRows(stream, output_gradient, rows, /*base=*/nullptr);
}

void BiasGradients::AddToDecoderBias(cudaStream_t stream, const float* output_gradient, int64_t rows) {
  SumRows(stream, output_gradient, rows, /*base=*/decoder_bias());
}

void BiasGradients::SumRows(cudaStream_t stream, const float* output_gradient, int64_t rows, const float* base) {
  ColumnSum sum;
  sum.matrix = output_gradient;
  sum.rows = rows;
  sum.columns = decoder_bias_.numel();
  sum.stride = sum.columns;
  sum.base = base;
  partial_.Reserve(ColumnPieces(rows) * sum.columns, device_);
  sum.partial = partial_.data();
  sum.sums = decoder_bias_.mutable_data_ptr<float>();
  SumColumns(stream, sum);
}

void BiasGradients::SetEncoderBias(cudaStream_t stream, const DeviceLatentEntries& entries) {
  encoder_bias_.zero_();
  AddToEncoderBias(stream, entries);
}

void BiasGradients::AddToEncoderBias(cudaStream_t stream, const DeviceLatentEntries& entries) {
  AddLatentGradients(stream, entries, config_.latents, encoder_bias_.mutable_data_ptr<float>());
}

void BiasGradients::AddThroughEncoder(cudaStream_t stream, const float* encoder) {
  ColumnSum sum;
  sum.matrix = encoder;
  sum.rows = config_.latents;
  sum.columns = PaddedWidth(config_.d_in);
  sum.stride = sum.columns;
  sum.weights = encoder_bias();
  sum.scale = -1;
  sum.base = decoder_bias();
  partial_.Reserve(ColumnPieces(sum.rows) * sum.columns, device_);
  sum.partial = partial_.data();
  sum.sums = decoder_bias_.mutable_data_ptr<float>();
  SumColumns(stream, sum);
}

void BiasGradients::SetSkip(float* output_gradient, const at::Tensor& input) {
  at::Tensor skip = skip_.narrow(1, 0, config_.d_in);
  const at::Tensor output = at::from_blob(output_gradient, {input.size(0), config_.target_width()},
                                          {decoder_bias_.numel(), 1}, skip_.options());
  at::mm_out(skip, output.t(), input);
}

void BiasGradients::CountNotFinite(cudaStream_t stream, StepRecord* record) const {
  CountIn(stream, encoder_bias_, record->not_finite);
  CountIn(stream, decoder_bias_, record->not_finite + 1);
  if (skip_.defined()) CountIn(stream, skip_, record->not_finite + 2);
}

void BiasGradients::SumSquares(cudaStream_t stream, double* squares) {
  RowDistances(stream, encoder_bias(), 1, encoder_bias_.numel(), /*origin=*/nullptr, squares);
  RowDistances(stream, decoder_bias(), 1, decoder_bias_.numel(), /*origin=*/nullptr, squares + 1);
  if (!skip_.defined()) return;
  row_squares_.Reserve(skip_.size(0), device_);
  RowDistances(stream, skip(), skip_.size(0), skip_.size(1), /*origin=*/nullptr, row_squares_.data());
  SumValues(stream, row_squares_.data(), skip_.size(0), squares + 2);
}

}  // namespace seedbed
