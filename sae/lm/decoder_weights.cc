#include "sae/lm/decoder_weights.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mv.h>

#include <string>
#include <utility>

#include "common/status.h"
#include "sae/lm/rotary.h"
#include "sae/lm/weight_reader.h"

namespace seedbed {
namespace {

// Of a linear layer, float32 on the CPU: weight [out, in]; bias [out] or undefined.
struct Affine {
  at::Tensor weight;
  at::Tensor bias;
};

class Loader {
 public:
  Loader(const ModelFolder& folder, const DecoderWeightsOptions& options)
      : config_(folder.config), tensors_(folder.tensors), files_(folder.files), options_(options) {}

  absl::StatusOr<DecoderWeights> Load() {
    DecoderWeights weights;
    ASSIGN_OR_RETURN(weights.embedding, Table(tensors_.embedding));
    if (config_.learned_positions) {
      ASSIGN_OR_RETURN(weights.positions, Table(tensors_.positions));
    }
    for (int64_t layer = 0; layer < options_.layers; ++layer) {
      ASSIGN_OR_RETURN(DecoderLayer loaded, Layer(tensors_.layers[static_cast<size_t>(layer)]));
      if (options_.layers_without_norm.count(layer) > 0) {
        ASSIGN_OR_RETURN(loaded.mlp_in_without_norm, Plain(tensors_.layers[static_cast<size_t>(layer)].mlp_in));
      }
      weights.layers.push_back(std::move(loaded));
    }
    if (options_.with_head) {
      ASSIGN_OR_RETURN(weights.head, Head());
    }
    return weights;
  }

 private:
  // Rows that are looked up.
  absl::StatusOr<at::Tensor> Table(const std::string& name) {
    ASSIGN_OR_RETURN(const at::Tensor table, ReadTensor(files_, name, options_.dtype));
    return table.to(options_.device);
  }

  // Nothing for a norm that the family has not.
  absl::StatusOr<NormWeights> Norm(const std::string& module, bool has_bias) {
    NormWeights norm;
    if (module.empty()) return norm;
    ASSIGN_OR_RETURN(norm.weight, ReadTensor(files_, module + ".weight", at::kFloat));
    if (config_.norm_adds_one) norm.weight.add_(1);
    if (has_bias) {
      ASSIGN_OR_RETURN(norm.bias, ReadTensor(files_, module + ".bias", at::kFloat));
    }
    return norm;
  }

  absl::StatusOr<NormWeights> Norm(const std::string& module) { return Norm(module, config_.norm == NormKind::kLayer); }

  NormWeights OnDevice(const NormWeights& norm) const {
    const auto moved = [this](const at::Tensor& x) { return x.defined() ? x.to(options_.device) : x; };
    return {moved(norm.weight), moved(norm.bias)};
  }

  absl::StatusOr<NormWeights> HeadNorm(const std::string& module) {
    ASSIGN_OR_RETURN(const NormWeights norm, Norm(module, /*has_bias=*/false));
    if (norm.weight.defined()) PairRotaryRows(norm.weight, config_.d_head, config_.rotary.dimensions);
    return OnDevice(norm);
  }

  // Rows (of a matrix or a bias) in the order of LinearTensors::modules.
  at::Tensor InOrder(const at::Tensor& rows, MatrixLayout layout) const {
    switch (layout) {
      case MatrixLayout::kColumns:
        return rows.dim() == 2 ? rows.t().contiguous() : rows;
      case MatrixLayout::kHeads:
        return rows.view({config_.heads, 3, config_.d_head, -1}).transpose(0, 1).reshape(rows.sizes());
      default:
        return rows;
    }
  }

  absl::StatusOr<Affine> Read(const LinearTensors& linear) {
    int64_t out = 0;
    for (const auto& module : linear.modules) out += module.rows;
    Affine affine;
    affine.weight = linear.layout == MatrixLayout::kColumns ? at::empty({linear.columns, out}, at::kFloat)
                                                            : at::empty({out, linear.columns}, at::kFloat);
    if (linear.bias) affine.bias = at::empty({out}, at::kFloat);
    int64_t first = 0;
    for (const auto& [name, rows] : linear.modules) {
      const int64_t dimension = linear.layout == MatrixLayout::kColumns ? 1 : 0;
      RETURN_IF_ERROR(ReadTensor(files_, name + ".weight", affine.weight.narrow(dimension, first, rows)));
      if (linear.bias) RETURN_IF_ERROR(ReadTensor(files_, name + ".bias", affine.bias.narrow(0, first, rows)));
      first += rows;
    }
    affine.weight = InOrder(affine.weight, linear.layout);
    if (linear.bias) affine.bias = InOrder(affine.bias, linear.layout);
    return affine;
  }

  static void Fold(const NormWeights& norm, Affine& affine) {
    if (norm.bias.defined()) {
      const at::Tensor shift = at::mv(affine.weight, norm.bias);
      affine.bias = affine.bias.defined() ? affine.bias.add_(shift) : shift;
    }
    affine.weight.mul_(norm.weight);
  }

  Linear ToLinear(const Affine& affine) const {
    const at::TensorOptions target = at::TensorOptions(options_.dtype).device(options_.device);
    return Linear(affine.weight.to(target), affine.bias.defined() ? affine.bias.to(target) : affine.bias);
  }

  absl::StatusOr<Linear> AttentionIn(const LayerTensors& tensors) {
    ASSIGN_OR_RETURN(const NormWeights norm, Norm(tensors.attention_norm));
    ASSIGN_OR_RETURN(Affine affine, Read(tensors.attention_in));
    Fold(norm, affine);
    if (config_.rotary.dimensions > 0) {
      const int64_t turned = (config_.heads + config_.kv_heads) * config_.d_head;
      PairRotaryRows(affine.weight.narrow(0, 0, turned), config_.d_head, config_.rotary.dimensions);
      if (affine.bias.defined()) {
        PairRotaryRows(affine.bias.narrow(0, 0, turned), config_.d_head, config_.rotary.dimensions);
      }
    }
    return ToLinear(affine);
  }

  absl::StatusOr<Linear> Plain(const LinearTensors& tensors) {
    ASSIGN_OR_RETURN(const Affine affine, Read(tensors));
    return ToLinear(affine);
  }

  absl::StatusOr<DecoderLayer> Layer(const LayerTensors& tensors) {
    DecoderLayer layer;
    ASSIGN_OR_RETURN(layer.attention_in, AttentionIn(tensors));
    ASSIGN_OR_RETURN(layer.query_norm, HeadNorm(tensors.query_norm));
    ASSIGN_OR_RETURN(layer.key_norm, HeadNorm(tensors.key_norm));
    ASSIGN_OR_RETURN(layer.attention_out, Plain(tensors.attention_out));
    ASSIGN_OR_RETURN(const NormWeights attention_post_norm, Norm(tensors.attention_post_norm));
    layer.attention_post_norm = OnDevice(attention_post_norm);
    ASSIGN_OR_RETURN(const NormWeights mlp_norm, Norm(tensors.mlp_norm));
    layer.mlp_norm = OnDevice(mlp_norm);
    ASSIGN_OR_RETURN(Affine mlp_in, Read(tensors.mlp_in));
    Fold(mlp_norm, mlp_in);
    layer.mlp_in = ToLinear(mlp_in);
    ASSIGN_OR_RETURN(layer.mlp_out, Plain(tensors.mlp_out));
    ASSIGN_OR_RETURN(const NormWeights mlp_post_norm, Norm(tensors.mlp_post_norm));
    layer.mlp_post_norm = OnDevice(mlp_post_norm);
    return layer;
  }

  absl::StatusOr<Linear> Head() {
    ASSIGN_OR_RETURN(const NormWeights norm, Norm(tensors_.final_norm));
    const std::string& name = config_.tied_head ? tensors_.embedding : tensors_.head;
    Affine affine;
    ASSIGN_OR_RETURN(affine.weight, ReadTensor(files_, name, at::kFloat));
    Fold(norm, affine);
    return ToLinear(affine);
  }

  const DecoderConfig& config_;
  const DecoderTensors& tensors_;
  const WeightFiles& files_;
  const DecoderWeightsOptions& options_;
};

}  // namespace

absl::StatusOr<DecoderWeights> LoadDecoderWeights(const ModelFolder& folder, const DecoderWeightsOptions& options) {
  return Loader(folder, options).Load();
}

}  // namespace seedbed
