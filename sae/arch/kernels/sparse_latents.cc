#include "sae/arch/kernels/sparse_latents.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>

#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/latent_gradient.h"
#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"
#include "sae/arch/kernels/update.h"

namespace seedbed {
namespace {

constexpr int64_t kLanes = 8;

// Writes the latents with an entry, ascending, to `out` with room for all n. Returns their number. A NaN is an entry.
int64_t SelectEntries(const PenalizedLatents& latents, const float* product, uint32_t* out) {
  // p > t - band / 2 has all that are active or in the band.
  const bool has_band = latents.kind == PenalizedKind::kJumprelu;
  const __m256 half_band = _mm256_set1_ps(latents.half_band);
  int64_t count = 0, i = 0;
  for (; i + kLanes <= latents.count; i += kLanes) {
    const __m256 pre = _mm256_loadu_ps(product + i) + _mm256_loadu_ps(latents.bias + i);
    __m256 bound = _mm256_setzero_ps();
    if (has_band) bound = _mm256_loadu_ps(latents.threshold + i) - half_band;
    auto left = static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(pre, bound, _CMP_NLE_UQ)));
    for (; left != 0; left &= left - 1) out[count++] = static_cast<uint32_t>(i + __builtin_ctz(left));
  }
  for (; i < latents.count; ++i) {
    const float bound = has_band ? latents.threshold[i] - latents.half_band : 0.0f;
    if (!(product[i] + latents.bias[i] <= bound)) out[count++] = static_cast<uint32_t>(i);
  }
  return count;
}

// One row's entries, places in a piece's arrays.
struct RowOfEntries {
  int64_t count;
  const uint32_t* latents;
  float* values;
  float* gates;
  float* gradients;
  float* gate_gradients;
  float* inner;
};

void ActivateEntries(const PenalizedLatents& latents, const float* product, const RowOfEntries& row) {
  for (int64_t e = 0; e < row.count; ++e) {
    const uint32_t i = row.latents[e];
    const float pre = product[i] + latents.bias[i];
    row.gates[e] = 0;
    row.values[e] = pre;
    if (latents.kind == PenalizedKind::kGated) {
      const float open = latents.magnitude[i] * product[i] + latents.magnitude_bias[i];
      row.gates[e] = pre;
      row.values[e] = open <= 0 ? 0.0f : open;
    } else if (latents.kind == PenalizedKind::kJumprelu) {
      row.values[e] = pre <= latents.threshold[i] ? 0.0f : pre;
      const bool counts = pre > latents.threshold[i] || !latents.counts_active_alone;
      row.gates[e] = counts && std::abs(pre - latents.threshold[i]) < latents.half_band ? 1.0f : 0.0f;
    }
  }
}

// `gradients` and `gate_gradients` hold dL/df and dL/dg of the reconstructions and become what they are to be.
void BackpropagateEntries(const PenalizedLatents& latents, const float* product, const RowOfEntries& row) {
  for (int64_t e = 0; e < row.count; ++e) {
    const uint32_t i = row.latents[e];
    const float of_value = row.gradients[e];
    if (latents.kind == PenalizedKind::kRelu) {
      row.gradients[e] = of_value + latents.penalty[i];
      row.inner[e] = 0;
    } else if (latents.kind == PenalizedKind::kGated) {
      row.inner[e] = row.values[e] > 0 ? of_value : 0.0f;
      row.gate_gradients[e] += latents.penalty[i];
      row.gradients[e] = latents.magnitude[i] * row.inner[e] + row.gate_gradients[e];
    } else {
      const float pre = product[i] + latents.bias[i];
      row.gradients[e] = pre > latents.threshold[i] ? of_value : 0.0f;
      row.inner[e] = std::abs(pre - latents.threshold[i]) < latents.half_band ? of_value : 0.0f;
    }
  }
}

double SumOfMagnitudes(const float* values, int64_t count) {
  double sum = 0;
  for (int64_t j = 0; j < count; ++j) sum += std::abs(values[j]);
  return sum;
}

// Decodes, and leaves dL/d(sum) in `gradient` and dL/dweights in `dots`. Returns the squared error.
float DecodeRow(const SparsePass& pass, int64_t row, const WeightedRows& weights, float* gradient, float* dots) {
  SumRows(weights, pass.decoder, pass.width, gradient);
  const float squares = ScaledError(pass.wanted + row * pass.width, 1.0f, pass.loss_scale, pass.width, gradient);
  DotRows(gradient, weights.rows, weights.count, pass.decoder, pass.width, dots);
  return squares;
}

void RunRow(const PenalizedLatents& latents, const SparsePass& pass, int64_t row, const RowOfEntries& entries,
            SparseSums* sums) {
  const float* product = pass.product + (row - pass.first_row) * latents.count;
  ActivateEntries(latents, product, entries);
  const int64_t at = row * pass.width;
  const auto bound = [&](const float* weights, float squares) {
    return SumOfMagnitudes(weights, entries.count) * (pass.loss_scale * std::sqrt(squares));
  };
  const float squares = DecodeRow(pass, row, {entries.latents, entries.values, entries.count},
                                  pass.output_gradient + at, entries.gradients);
  sums->squared_error += squares;
  sums->decoder_bound += bound(entries.values, squares);
  if (latents.kind == PenalizedKind::kGated) {
    const float gate_squares = DecodeRow(pass, row, {entries.latents, entries.gates, entries.count},
                                         pass.gate_gradient + at, entries.gate_gradients);
    sums->gate_squared_error += gate_squares;
    sums->decoder_bound += bound(entries.gates, gate_squares);
  }
  BackpropagateEntries(latents, product, entries);
  sums->encoder_bound += SumOfMagnitudes(entries.gradients, entries.count) * pass.input_norms[row];
}

SparseSums RunPiece(const PenalizedLatents& latents, const SparsePass& pass, int64_t first_row, int64_t rows,
                    PieceEntries* piece) {
  SparseSums sums;
  piece->row_starts.assign(1, 0);
  for (int64_t row = first_row; row < first_row + rows; ++row) {
    const int64_t start = piece->row_starts.back();
    const auto room = static_cast<size_t>(start + latents.count);
    if (piece->latents.size() < room) piece->latents.resize(room);
    const int64_t count =
        SelectEntries(latents, pass.product + (row - pass.first_row) * latents.count, piece->latents.data() + start);
    piece->columns.Resize(static_cast<size_t>(start + count));
    EntryColumns& c = piece->columns;
    RunRow(latents, pass, row,
           {count, piece->latents.data() + start, c.values.data() + start, c.gates.data() + start,
            c.gradients.data() + start, c.gate_gradients.data() + start, c.inner.data() + start},
           &sums);
    piece->row_starts.push_back(start + count);
  }
  return sums;
}

// Grows only, so that memory is touched once.
void GrowTo(size_t count, std::vector<float>* values) {
  if (values->size() < count) values->resize(std::max(count, values->size() * 3 / 2));
}

}  // namespace

void EntryColumns::Resize(size_t count) {
  for (std::vector<float>* column : {&values, &gates, &gradients, &gate_gradients, &inner}) GrowTo(count, column);
}

SparseSums& SparseSums::operator+=(const SparseSums& other) {
  squared_error += other.squared_error;
  gate_squared_error += other.gate_squared_error;
  decoder_bound += other.decoder_bound;
  encoder_bound += other.encoder_bound;
  return *this;
}

SparseSums RunSparse(const PenalizedLatents& latents, const SparsePass& pass) {
  const int64_t first_piece = pass.first_row / kRowsInPiece;
  std::vector<SparseSums> pieces(static_cast<size_t>(PieceCount(pass.rows, kRowsInPiece)));
  ForEachPiece(pass.rows, kRowsInPiece, [&](int64_t begin, int64_t end, int) {
    const int64_t piece = begin / kRowsInPiece;
    pieces[static_cast<size_t>(piece)] = RunPiece(latents, pass, pass.first_row + begin, end - begin,
                                                  &(*pass.entries)[static_cast<size_t>(first_piece + piece)]);
  });
  SparseSums total;
  for (const SparseSums& sums : pieces) total += sums;
  return total;
}

void OrderByLatent(const std::vector<PieceEntries>& entries, int64_t pieces, int64_t n, OrderedEntries* ordered) {
  // starts[i + 1] counts latent i, then becomes where latent i is to go on, and so ends as where latent i + 1 starts.
  LatentEntries& order = ordered->order;
  order.starts.assign(static_cast<size_t>(n) + 2, 0);
  uint32_t* next = order.starts.data() + 1;
  for (int64_t p = 0; p < pieces; ++p) {
    const PieceEntries& piece = entries[static_cast<size_t>(p)];
    for (int64_t e = 0; e < piece.row_starts.back(); ++e) ++next[piece.latents[static_cast<size_t>(e)] + 1];
  }
  for (int64_t i = 0; i < n; ++i) next[i + 1] += next[i];
  const size_t total = next[n];
  if (order.rows.size() < total) order.rows.resize(total);
  for (std::vector<float>* column :
       {&order.values, &order.gradients, &ordered->gates, &ordered->gate_gradients, &ordered->inner}) {
    GrowTo(total, column);
  }
  for (int64_t p = 0; p < pieces; ++p) {
    const PieceEntries& piece = entries[static_cast<size_t>(p)];
    for (size_t row = 0; row + 1 < piece.row_starts.size(); ++row) {
      for (auto e = static_cast<size_t>(piece.row_starts[row]); e < static_cast<size_t>(piece.row_starts[row + 1]);
           ++e) {
        const uint32_t place = next[piece.latents[e]]++;
        order.rows[place] = static_cast<uint32_t>(p * kRowsInPiece + static_cast<int64_t>(row));
        order.values[place] = piece.columns.values[e];
        order.gradients[place] = piece.columns.gradients[e];
        ordered->gates[place] = piece.columns.gates[e];
        ordered->gate_gradients[place] = piece.columns.gate_gradients[e];
        ordered->inner[place] = piece.columns.inner[e];
      }
    }
  }
}

void AddEntries(const PenalizedLatents& latents, const OrderedEntries& entries, const LatentSums& sums) {
  const LatentEntries& order = entries.order;
  ForEachPiece(latents.count, kLatentsInSumPiece, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      for (uint32_t e = order.starts[static_cast<size_t>(i)]; e < order.starts[static_cast<size_t>(i) + 1]; ++e) {
        sums.active[i] += order.values[e] != 0 ? 1.0f : 0.0f;
        sums.penalized[i] += latents.kind == PenalizedKind::kRelu ? order.values[e] : entries.gates[e];
        sums.pre_gradient[i] += order.gradients[e];
        if (latents.kind == PenalizedKind::kRelu) continue;
        sums.inner[i] += entries.inner[e];
        if (latents.kind == PenalizedKind::kJumprelu) continue;
        sums.gate[i] += entries.gate_gradients[e];
        sums.magnitude[i] += entries.inner[e] * (order.values[e] - latents.magnitude_bias[i]);
      }
    }
  });
}

}  // namespace seedbed
