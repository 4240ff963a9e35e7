#include "sae/inference/encoder.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "ATen/ops/addmm.h"
#include "ATen/ops/constant_pad_nd.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/isfinite.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/sub.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "c10/core/InferenceMode.h"
#include "common/status.h"
#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"
#include "sae/inference/row_encoding.h"

namespace seedbed {
namespace {

constexpr int64_t kRowsInPiece = 16;          // Of a loop over rows.
constexpr int64_t kTileElements = 4 << 20;    // Pre-activations that exist at a time.
constexpr uintptr_t kRowAlignmentBytes = 64;  // Of SumRows.

absl::Status CheckRows(const Dictionary& dictionary, const at::Tensor& x) {
  if (!x.defined() || x.dim() != 2 || x.size(1) != dictionary.d_in()) {
    const std::string found = x.defined() ? absl::StrCat("[", absl::StrJoin(x.sizes(), ", "), "]") : "none";
    return absl::InvalidArgumentError(
        absl::StrCat("tensor \"x\" has the shape ", found, ", needed is [rows, ", dictionary.d_in(), "]"));
  }
  if (x.scalar_type() != at::kFloat || !x.device().is_cpu()) {
    return absl::InvalidArgumentError("tensor \"x\" is not float32 and on the CPU");
  }
  if (!at::isfinite(x).all().item<bool>()) {
    return absl::InvalidArgumentError("tensor \"x\" holds a value that is not finite");
  }
  return absl::OkStatus();
}

// As many as fill a tile, in whole pieces.
int64_t RowsInTile(int64_t latents) {
  return std::max(kRowsInPiece, kTileElements / latents / kRowsInPiece * kRowsInPiece);
}

// The active latents of a piece's rows.
struct Piece {
  std::vector<int64_t> counts;
  std::vector<uint32_t> latents;
  std::vector<float> values;
};

Piece SelectPiece(const RowEncoding& selection, const float* products, int64_t rows, int64_t latents,
                  EncodingScratch* scratch) {
  Piece piece;
  for (int64_t r = 0; r < rows; ++r) {
    const size_t before = piece.latents.size();
    selection.Select(products + r * latents, scratch, {&piece.latents, &piece.values});
    piece.counts.push_back(static_cast<int64_t>(piece.latents.size() - before));
  }
  return piece;
}

void Append(const Piece& piece, SparseActivations* activations) {
  for (const int64_t count : piece.counts) activations->starts.push_back(activations->starts.back() + count);
  activations->latents.insert(activations->latents.end(), piece.latents.begin(), piece.latents.end());
  activations->values.insert(activations->values.end(), piece.values.begin(), piece.values.end());
}

// W_dec with rows as SumRows wants them; the dictionary's own where they are.
at::Tensor AlignedRows(const at::Tensor& decoder) {
  const int64_t width = decoder.size(1);
  const bool aligned = reinterpret_cast<uintptr_t>(decoder.const_data_ptr()) % kRowAlignmentBytes == 0;
  if (PaddedWidth(width) == width && aligned) return decoder;
  return at::constant_pad_nd(decoder, {0, PaddedWidth(width) - width});
}

}  // namespace

absl::StatusOr<SparseActivations> Encode(const Dictionary& dictionary, const at::Tensor& x) {
  const c10::InferenceMode inference;
  RETURN_IF_ERROR(CheckRows(dictionary, x));
  const RowEncoding selection(dictionary);
  std::vector<EncodingScratch> scratch(static_cast<size_t>(LoopThreads()), EncodingScratch(dictionary));
  const int64_t latents = dictionary.latents();
  const int64_t tile_rows = std::min(RowsInTile(latents), x.size(0));
  at::Tensor products = at::empty({tile_rows, latents}, x.options());
  std::vector<Piece> pieces(static_cast<size_t>(PieceCount(tile_rows, kRowsInPiece)));
  SparseActivations activations;
  for (int64_t begin = 0; begin < x.size(0); begin += tile_rows) {
    const int64_t rows = std::min(tile_rows, x.size(0) - begin);
    at::Tensor tile = x.narrow(0, begin, rows);
    if (dictionary.centers_input) tile = at::sub(tile, dictionary.decoder_bias);
    at::Tensor out = products.narrow(0, 0, rows);
    at::mm_out(out, tile, dictionary.encoder_weight.t());
    ForEachPiece(rows, kRowsInPiece, [&](int64_t first, int64_t end, int thread) {
      pieces[first / kRowsInPiece] =
          SelectPiece(selection, out.const_data_ptr<float>() + first * latents, end - first, latents, &scratch[thread]);
    });
    for (int64_t p = 0; p < PieceCount(rows, kRowsInPiece); ++p) Append(pieces[p], &activations);
  }
  return activations;
}

absl::StatusOr<at::Tensor> Decode(const Dictionary& dictionary, const SparseActivations& activations,
                                  const at::Tensor& x) {
  const c10::InferenceMode inference;
  RETURN_IF_ERROR(CheckRows(dictionary, x));
  if (activations.rows() != x.size(0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the activations have ", activations.rows(), " rows, tensor \"x\" has ", x.size(0)));
  }
  const at::Tensor decoder = AlignedRows(dictionary.decoder_weight);
  const int64_t width = decoder.size(1);
  const at::Tensor sums = at::empty({LoopThreads(), width}, x.options());
  const float* bias = dictionary.decoder_bias.const_data_ptr<float>();
  const int64_t d_out = dictionary.d_out();
  at::Tensor x_hat = at::empty({x.size(0), d_out}, x.options());
  ForEachPiece(x.size(0), kRowsInPiece, [&](int64_t first, int64_t end, int thread) {
    float* sum = sums.mutable_data_ptr<float>() + thread * width;
    for (int64_t r = first; r < end; ++r) {
      const int64_t start = activations.starts[r];
      SumRows({activations.latents.data() + start, activations.values.data() + start, activations.count(r)},
              decoder.const_data_ptr<float>(), width, sum);
      std::transform(sum, sum + d_out, bias, x_hat.mutable_data_ptr<float>() + r * d_out, std::plus<float>());
    }
  });
  if (dictionary.skip_weight.defined()) x_hat = at::addmm(x_hat, x, dictionary.skip_weight.t());
  return x_hat;
}

absl::StatusOr<at::Tensor> Reconstruct(const Dictionary& dictionary, const at::Tensor& x) {
  ASSIGN_OR_RETURN(const SparseActivations activations, Encode(dictionary, x));
  return Decode(dictionary, activations, x);
}

}  // namespace seedbed
