#include "sae/arch/kernels/decode.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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

// The entries of one row that lie in one group.
struct GroupEntries {
  uint32_t* latents;
  float* values;
  float* gradients;
  int64_t count;
};

// One row of a pass.
class RowDecoder {
 public:
  RowDecoder(const DecodePass& pass, int64_t row)
      : pass_(pass),
        row_(row),
        latents_(pass.entries->latents.data() + pass.entries->starts[static_cast<size_t>(row)]),
        count_(pass.entries->counts[static_cast<size_t>(row)]) {}

  void Decode(DecodeSums* sums) {
    FindErrors(sums);
    for (int64_t g = groups() - 1; g >= 0; --g) ScaleError(g);
    if (pass_.input_norms != nullptr) FindActivationGradients(sums);
    CountActive(sums);
  }

  const float* gradient() const { return GradientOf(0); }

 private:
  int64_t groups() const { return static_cast<int64_t>(pass_.group_ends.size()); }

  float* GradientOf(int64_t group) const { return pass_.gradient + (group * pass_.entries->rows + row_) * pass_.width; }

  GroupEntries All() const {
    const int64_t start = pass_.entries->starts[static_cast<size_t>(row_)];
    return {latents_, pass_.entries->values.data() + start, pass_.entries->gradients.data() + start, count_};
  }

  // Those from entry `begin` on.
  GroupEntries EntriesOf(int64_t group, int64_t begin) const {
    const GroupEntries all = All();
    int64_t end = count_;
    if (group + 1 < groups()) {
      const auto first_after = static_cast<uint32_t>(pass_.group_ends[static_cast<size_t>(group)]);
      end = std::lower_bound(latents_ + begin, latents_ + count_, first_after) - latents_;
    }
    return {latents_ + begin, all.values + begin, all.gradients + begin, end - begin};
  }

  // gradient of `group` = x_hat_g - target, from that of the group before. Returns its square.
  float FindError(int64_t group, const GroupEntries& entries) {
    float* error = GradientOf(group);
    const WeightedRows rows = {entries.latents, entries.values, entries.count};
    if (group == 0) {
      SumRows(rows, pass_.decoder, pass_.width, error);
      return ScaledError(pass_.target + row_ * pass_.width, pass_.target_scale, 1.0f, pass_.width, error);
    }
    const float* before = GradientOf(group - 1);
    std::copy(before, before + pass_.width, error);
    AddRows(rows, pass_.decoder, pass_.width, error);
    return Dot(error, error, pass_.width);
  }

  void FindErrors(DecodeSums* sums) {
    double magnitude = 0;  // Of dL/dx_hat, summed over all groups: at least what later groups have alone.
    int64_t done = 0;
    for (int64_t g = 0; g < groups(); ++g) {
      const GroupEntries entries = EntriesOf(g, done);
      done += entries.count;
      const float squares = FindError(g, entries);
      magnitude += pass_.loss_scale * std::sqrt(squares);
      sums->squared_errors += squares;
      if (g + 1 == groups()) sums->squared_error += squares;
    }
    sums->decoder_bound += magnitude * SumOfMagnitudes(All().values, count_);
  }

  // gradient of `group` = loss_scale error + the gradient of the group after it.
  void ScaleError(int64_t group) {
    float* __restrict error = GradientOf(group);
    const float scale = pass_.loss_scale;
    for (int64_t q = 0; q < pass_.width; ++q) error[q] *= scale;
    if (group + 1 < groups()) AddScaled(GradientOf(group + 1), 1.0f, pass_.width, error);
  }

  void FindActivationGradients(DecodeSums* sums) {
    int64_t done = 0;
    for (int64_t g = 0; g < groups(); ++g) {
      const GroupEntries entries = EntriesOf(g, done);
      done += entries.count;
      DotRows(GradientOf(g), entries.latents, entries.count, pass_.decoder, pass_.width, entries.gradients);
    }
    sums->encoder_bound += SumOfMagnitudes(All().gradients, count_) * pass_.input_norms[row_];
  }

  void CountActive(DecodeSums* sums) const {
    const float* values = All().values;
    sums->active += count_;
    for (int64_t j = 0; j < count_; ++j) {
      if (values[j] > 0) sums->smallest_active = std::min(sums->smallest_active, values[j]);
    }
  }

  const DecodePass& pass_;
  const int64_t row_;
  uint32_t* const latents_;
  const int64_t count_;
};

}  // namespace

DecodeSums& DecodeSums::operator+=(const DecodeSums& other) {
  squared_error += other.squared_error;
  squared_errors += other.squared_errors;
  active += other.active;
  smallest_active = std::min(smallest_active, other.smallest_active);
  decoder_bound += other.decoder_bound;
  encoder_bound += other.encoder_bound;
  return *this;
}

DecodeSums RunDecode(const DecodePass& pass, std::vector<DecodeSums>* pieces) {
  const int64_t rows = pass.entries->rows;
  ForEachPiece(rows, kRowsInPiece, [&](int64_t begin, int64_t end, int) {
    DecodeSums sums;
    float* columns = pass.column_sums == nullptr ? nullptr : pass.column_sums + begin / kRowsInPiece * pass.width;
    if (columns != nullptr) std::fill(columns, columns + pass.width, 0.0f);
    for (int64_t row = begin; row < end; ++row) {
      RowDecoder decoder(pass, row);
      decoder.Decode(&sums);
      if (columns != nullptr) AddScaled(decoder.gradient(), 1.0f, pass.width, columns);
    }
    (*pieces)[static_cast<size_t>(begin / kRowsInPiece)] = sums;
  });
  DecodeSums total;
  for (int64_t p = 0; p < PieceCount(rows, kRowsInPiece); ++p) total += (*pieces)[static_cast<size_t>(p)];
  return total;
}

double SquaresAroundMean(const float* matrix, int64_t rows, int64_t width, float* partial, float* mean,
                         std::vector<double>* piece_sums) {
  ColumnMeans({matrix, rows, width}, width, partial, mean);
  ForEachPiece(rows, kRowsInPiece, [&](int64_t begin, int64_t end, int) {
    double squares = 0;
    for (int64_t row = begin; row < end; ++row) squares += SquaredDistance(matrix + row * width, mean, width);
    (*piece_sums)[static_cast<size_t>(begin / kRowsInPiece)] = squares;
  });
  return std::accumulate(piece_sums->begin(), piece_sums->begin() + PieceCount(rows, kRowsInPiece), 0.0);
}

}  // namespace seedbed
