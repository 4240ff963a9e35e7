#include "sae/lm/tensor_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace seedbed {
namespace {

class Collector {
 public:
  explicit Collector(const DecoderConfig& config) : config_(config) {}

  void AddTensor(std::string name, std::vector<int64_t> shape) {
    found_.push_back({std::move(name), std::move(shape)});
  }

  void AddNorm(const std::string& module) {
    if (module.empty()) return;
    AddTensor(absl::StrCat(module, ".weight"), {config_.d_model});
    if (config_.norm == NormKind::kLayer) AddTensor(absl::StrCat(module, ".bias"), {config_.d_model});
  }

  void AddHeadNorm(const std::string& module) {
    if (!module.empty()) AddTensor(absl::StrCat(module, ".weight"), {config_.d_head});
  }

  void AddLinear(const LinearTensors& linear) {
    for (const auto& [name, rows] : linear.modules) {
      std::vector<int64_t> shape = {rows, linear.columns};
      if (linear.layout == MatrixLayout::kColumns) std::reverse(shape.begin(), shape.end());
      AddTensor(absl::StrCat(name, ".weight"), std::move(shape));
      if (linear.bias) AddTensor(absl::StrCat(name, ".bias"), {rows});
    }
  }

  void AddLayer(const LayerTensors& layer) {
    AddNorm(layer.attention_norm);
    AddLinear(layer.attention_in);
    AddHeadNorm(layer.query_norm);
    AddHeadNorm(layer.key_norm);
    AddLinear(layer.attention_out);
    AddNorm(layer.attention_post_norm);
    AddNorm(layer.mlp_norm);
    AddLinear(layer.mlp_in);
    AddLinear(layer.mlp_out);
    AddNorm(layer.mlp_post_norm);
  }

  std::vector<ExpectedTensor> Take() { return std::move(found_); }

 private:
  const DecoderConfig& config_;
  std::vector<ExpectedTensor> found_;
};

}  // namespace

std::vector<ExpectedTensor> ExpectedTensors(const DecoderConfig& config, const DecoderTensors& tensors) {
  Collector collector(config);
  collector.AddTensor(tensors.embedding, {config.vocabulary_size, config.d_model});
  if (config.learned_positions) collector.AddTensor(tensors.positions, {config.context_length, config.d_model});
  for (const LayerTensors& layer : tensors.layers) collector.AddLayer(layer);
  collector.AddNorm(tensors.final_norm);
  if (!config.tied_head) collector.AddTensor(tensors.head, {config.vocabulary_size, config.d_model});
  return collector.Take();
}

bool MayBeThere(const DecoderConfig& config, const DecoderTensors& tensors, absl::string_view name) {
  if (config.tied_head && name == tensors.head) return true;
  return std::any_of(tensors.ignored_endings.begin(), tensors.ignored_endings.end(),
                     [name](const std::string& ending) { return absl::EndsWith(name, ending); });
}

}  // namespace seedbed
