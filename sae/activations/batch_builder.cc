#include "sae/activations/batch_builder.h"

#include "ATen/ops/empty.h"

namespace seedbed {

BatchBuilder::BatchBuilder(int hosted, int64_t rows, int64_t width) : rows_(rows), width_(width) {
  for (int i = 0; i < hosted; ++i) {
    matrices_.push_back(at::empty({rows, width}, at::kFloat));
    addresses_.push_back(matrices_.back().data_ptr<float>());
  }
}

}  // namespace seedbed
