#include "sae/lm/captures.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

namespace seedbed {

Captures::Captures(std::vector<Hookpoint> hookpoints, int64_t rows, int64_t columns, const at::TensorOptions& options)
    : hookpoints_(std::move(hookpoints)) {
  for (size_t i = 0; i < hookpoints_.size(); ++i) activations_.push_back(at::empty({rows, columns}, options));
}

bool Captures::Wants(const Hookpoint& here) const {
  return std::find(hookpoints_.begin(), hookpoints_.end(), here) != hookpoints_.end();
}

void Captures::Visit(const Hookpoint& here, int64_t first, const at::Tensor& value) {
  for (size_t i = 0; i < hookpoints_.size(); ++i) {
    if (hookpoints_[i] == here) activations_[i].narrow(0, first, value.size(0)).copy_(value);
  }
}

}  // namespace seedbed
