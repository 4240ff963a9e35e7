#include "sae/arch/cpu/penalty_dense.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "ATen/ops/empty.h"
#include "sae/arch/cpu/matrix_product.h"
#include "sae/arch/cpu/parameter.h"
#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/dense_latents.h"
#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"

namespace seedbed {
namespace {

// Elements of one buffer of a tile, and the rows that make products efficient. Both decide rounding, so they depend on
// nothing but n.
constexpr int64_t kTileElements = int64_t{1} << 22;
constexpr int64_t kLeastRows = 128;
constexpr int64_t kMostRows = 1024;

int64_t RowsInTile(int64_t latents) {
  const int64_t rows = std::clamp(kTileElements / latents, kLeastRows, kMostRows);
  return rows / kRowsInPiece * kRowsInPiece;
}

// From decoded rows to the loss's derivatives by them, in place; they are to be `wanted`. Returns the squared error.
double FindErrors(const float* wanted, float loss_scale, at::Tensor decoded) {
  const int64_t rows = decoded.size(0);
  const int64_t width = decoded.size(1);
  std::vector<double> pieces(static_cast<size_t>(PieceCount(rows, kRowsInPiece)));
  ForEachPiece(rows, kRowsInPiece, [&](int64_t begin, int64_t end, int) {
    double squares = 0;
    for (int64_t row = begin; row < end; ++row) {
      squares += ScaledError(wanted + row * width, 1.0f, loss_scale, width, Data(decoded) + row * width);
    }
    pieces[static_cast<size_t>(begin / kRowsInPiece)] = squares;
  });
  return std::accumulate(pieces.begin(), pieces.end(), 0.0);
}

// sum += a^T b.
void AddProduct(const at::Tensor& a, const at::Tensor& b, at::Tensor sum) { sum.add_(MatrixProduct(a.t(), b)); }

}  // namespace

SquaredErrors DenseTiles::Run(const DenseStep& step) {
  const int64_t most = RowsInTile(step.latents.count);
  at::Tensor(step.encoder_gradient).zero_();
  at::Tensor(step.decoder_gradient).zero_();
  SquaredErrors errors;
  for (int64_t first = 0; first < step.batch->rows(); first += most) {
    const SquaredErrors tile = RunTile(step, first, std::min(most, step.batch->rows() - first));
    errors.output += tile.output;
    errors.gates += tile.gates;
  }
  return errors;
}

SquaredErrors DenseTiles::RunTile(const DenseStep& step, int64_t first_row, int64_t rows) {
  const bool is_gated = step.latents.kind == PenalizedKind::kGated;
  const int64_t stacked = is_gated ? 2 * rows : rows;
  const at::Tensor encoded = step.batch->encoder_input().narrow(0, first_row, rows);
  const float* wanted = step.batch->residual() + first_row * step.decoder.size(1);
  const at::Tensor product = MatrixProduct(encoded, step.encoder.t());
  if (step.latents.kind == PenalizedKind::kRelu) {
    values_ = product;
  } else if (!values_.defined() || values_.size(0) < stacked) {
    values_ = at::empty({stacked, step.latents.count});
  }
  const at::Tensor values = values_.narrow(0, 0, stacked);
  DenseTile tile;
  tile.rows = rows;
  tile.product = Data(product);
  tile.values = Data(values);
  if (is_gated) tile.gates = tile.values + rows * step.latents.count;
  Activate(step.latents, tile, step.sums);

  const at::Tensor errors = MatrixProduct(values, step.decoder);
  SquaredErrors squared;
  squared.output = FindErrors(wanted, step.loss_scale, errors.narrow(0, 0, rows));
  step.output_gradient.narrow(0, first_row, rows).copy_(errors.narrow(0, 0, rows));
  if (is_gated) {
    squared.gates = FindErrors(wanted, step.loss_scale, errors.narrow(0, rows, rows));
    step.gate_gradient.narrow(0, first_row, rows).copy_(errors.narrow(0, rows, rows));
  }
  const int64_t teaching = step.gates_teach_decoder ? stacked : rows;
  AddProduct(values.narrow(0, 0, teaching), errors.narrow(0, 0, teaching), step.decoder_gradient);

  const at::Tensor gradients = MatrixProduct(errors, step.decoder.t());
  tile.gradients = Data(gradients);
  if (is_gated) tile.gate_gradients = tile.gradients + rows * step.latents.count;
  Backpropagate(step.latents, tile, step.sums);
  AddProduct(gradients.narrow(0, 0, rows), encoded, step.encoder_gradient);
  return squared;
}

}  // namespace seedbed
