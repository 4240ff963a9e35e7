#include "sae/arch/kernels/forward.h"

#include <algorithm>
#include <cmath>

#include "absl/functional/function_ref.h"
#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"

namespace seedbed {
namespace {

double SumOfMagnitudes(const float* values, int64_t count) {
  double sum = 0;
  for (int64_t j = 0; j < count; ++j) sum += std::abs(values[j]);
  return sum;
}

// Runs `row_body` for every row, and adds up what it adds to its piece's sums.
ForwardSums ForEachRow(int64_t first_row, int64_t rows, ForwardWorkspace* workspace,
                       absl::FunctionRef<void(int64_t, ForwardScratch*, ForwardSums*)> row_body) {
  ForEachPiece(rows, kRowsInPiece, [&](int64_t begin, int64_t end, int thread) {
    ForwardSums sums;
    for (int64_t row = begin; row < end; ++row) {
      row_body(first_row + row, &workspace->threads[static_cast<size_t>(thread)], &sums);
    }
    workspace->pieces[static_cast<size_t>(begin / kRowsInPiece)] = sums;
  });
  ForwardSums total;
  for (int64_t p = 0; p < PieceCount(rows, kRowsInPiece); ++p) {
    total += workspace->pieces[static_cast<size_t>(p)];
  }
  return total;
}

void AddToColumnSums(const ForwardPass& pass, int64_t row, const float* gradient) {
  float* sums = pass.column_sums + row / kRowsInPiece * pass.width;
  if (row % kRowsInPiece == 0) {
    std::copy(gradient, gradient + pass.width, sums);
  } else {
    AddScaled(gradient, 1.0f, pass.width, sums);
  }
}

// Selects among the dead latents and names them by their own indices. Returns the positive ones' number.
int64_t SelectDead(const AuxiliaryPass& pass, const float* pre, ForwardScratch* scratch, uint32_t* latents,
                   float* values) {
  const std::vector<uint32_t>& dead = *pass.dead;
  for (size_t j = 0; j < dead.size(); ++j) {
    scratch->pre[j] = pre[dead[j]];
    scratch->bias[j] = pass.encoder_bias[dead[j]];
  }
  const int64_t count = SelectTopK(scratch->pre.data(), scratch->bias.data(), static_cast<int64_t>(dead.size()), pass.k,
                                   &scratch->top_k, latents, values);
  for (int64_t j = 0; j < pass.k; ++j) latents[j] = dead[latents[j]];
  return count;
}

}  // namespace

ForwardSums& ForwardSums::operator+=(const ForwardSums& other) {
  squared_error += other.squared_error;
  active += other.active;
  decoder_bound += other.decoder_bound;
  encoder_bound += other.encoder_bound;
  return *this;
}

ForwardScratch::ForwardScratch(int64_t latents, int64_t most_k)
    : top_k(latents, most_k), pre(static_cast<size_t>(latents)), bias(static_cast<size_t>(latents)) {}

ForwardSums RunForward(const ForwardPass& pass, ForwardWorkspace* workspace) {
  return ForEachRow(pass.first_row, pass.rows, workspace, [&](int64_t row, ForwardScratch* scratch, ForwardSums* sums) {
    uint32_t* latents = pass.entries->latents.data() + row * pass.k;
    float* values = pass.entries->values.data() + row * pass.k;
    float* gradients = pass.entries->gradients.data() + row * pass.k;
    float* gradient = pass.output_gradient + row * pass.width;
    const int64_t count = SelectTopK(pass.pre + (row - pass.first_row) * pass.latents, pass.encoder_bias, pass.latents,
                                     pass.k, &scratch->top_k, latents, values);
    SumRows({latents, values, count}, pass.decoder, pass.width, gradient);
    const float squares = ScaledError(pass.centered + row * pass.width, 1.0f, pass.loss_scale, pass.width, gradient);
    DotRows(gradient, latents, count, pass.decoder, pass.width, gradients);
    AddToColumnSums(pass, row, gradient);

    pass.entries->counts[static_cast<size_t>(row)] = static_cast<int32_t>(count);
    sums->squared_error += squares;
    sums->active += count;
    sums->decoder_bound += SumOfMagnitudes(values, count) * (pass.loss_scale * std::sqrt(squares));
    sums->encoder_bound += SumOfMagnitudes(gradients, count) * pass.norms[row];
  });
}

ForwardSums RunAuxiliary(const AuxiliaryPass& pass, ForwardWorkspace* workspace) {
  return ForEachRow(pass.first_row, pass.rows, workspace, [&](int64_t row, ForwardScratch* scratch, ForwardSums* sums) {
    uint32_t* latents = pass.entries->latents.data() + row * pass.k;
    float* values = pass.entries->values.data() + row * pass.k;
    float* gradient = pass.gradient + row * pass.width;
    const int64_t count = SelectDead(pass, pass.pre + (row - pass.first_row) * pass.latents, scratch, latents, values);
    SumRows({latents, values, count}, pass.decoder, pass.width, gradient);
    const float squares =
        ScaledError(pass.output_gradient + row * pass.width, pass.error_scale, pass.loss_scale, pass.width, gradient);
    pass.entries->counts[static_cast<size_t>(row)] = static_cast<int32_t>(count);
    sums->squared_error += squares;
    sums->active += count;
    sums->decoder_bound += SumOfMagnitudes(values, count) * (pass.loss_scale * std::sqrt(squares));
  });
}

}  // namespace seedbed
