#include "server/scheduler/stream_shape.h"

namespace seedbed {

StreamShape ShapeOf(const v1::SweepSpec& spec) {
  StreamShape shape;
  const int64_t kept = spec.data().sequence_length() - spec.activations().exclude_first();
  shape.sequences = spec.data().max_tokens() / spec.data().sequence_length();
  shape.rows_per_epoch = shape.sequences * kept;
  shape.steps_per_run = spec.train().epochs() * shape.rows_per_epoch / spec.train().batch_tokens();
  return shape;
}

}  // namespace seedbed
