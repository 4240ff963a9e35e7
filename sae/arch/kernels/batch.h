// A batch's mean, its rows around b_dec and its variance.
#ifndef SEEDBED_SAE_ARCH_KERNELS_BATCH_H_
#define SEEDBED_SAE_ARCH_KERNELS_BATCH_H_

#include <cstdint>
#include <vector>

namespace seedbed {

// Rows in one piece of a loop over rows. Sums over rows are formed piece by piece, so it decides their rounding.
inline constexpr int64_t kRowsInPiece = 32;

struct BatchView {
  const float* rows;  // [count, d], packed.
  int64_t count;
  int64_t d;
};

// mean[q] = the mean of column q, 0 for d <= q < width. A column of equal values has exactly that mean. `partial` is
// scratch of [PieceCount(count, kRowsInPiece), width].
void ColumnMeans(const BatchView& batch, int64_t width, float* partial, float* mean);

// centered[row] = batch[row] - center, padded with 0 to `width`; norms[row] = |centered[row]|. Returns the total
// variance sum |batch[row] - mean|^2. `piece_sums` is scratch of one double a piece; `spread`, of `width`, too.
double CenterRows(const BatchView& batch, const float* mean, const float* center, int64_t width, float* centered,
                  float* norms, float* spread, std::vector<double>* piece_sums);

// padded[row] = batch[row], padded with 0 to `width`; norms[row] = |padded[row]|.
void PadRows(const BatchView& batch, int64_t width, float* padded, float* norms);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_BATCH_H_
