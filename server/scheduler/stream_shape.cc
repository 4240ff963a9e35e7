#include "server/scheduler/stream_shape.h"

#include "common/mixture.h"

namespace seedbed {

bool ReadsFolder(const v1::SweepSpec& spec) { return spec.activations().source() == v1::ACTIVATION_SOURCE_FOLDER; }

bool RowsMustBeCounted(const v1::SweepSpec& spec) {
  return ReadsFolder(spec) || !spec.activations().exclude_tokens().empty() || spec.data().has_padding_token();
}

StreamShape ShapeOf(const v1::SweepSpec& spec, std::optional<int64_t> counted_rows) {
  StreamShape shape;
  if (!ReadsFolder(spec)) {
    const int64_t kept = spec.data().sequence_length() - spec.activations().exclude_first();
    shape.sequences = spec.data().max_tokens() / spec.data().sequence_length();
    shape.rows_per_epoch = shape.sequences * kept;
    std::vector<double> weights;
    for (const v1::TokenFileSpec& file : spec.data().tokens()) weights.push_back(file.weight());
    shape.sequences_by_file = DivideSequences(shape.sequences, weights);
  }
  if (counted_rows.has_value()) shape.rows_per_epoch = *counted_rows;
  shape.steps_per_run = spec.train().epochs() * shape.rows_per_epoch / spec.train().batch_tokens();
  return shape;
}

int64_t StepsPerRun(const v1::StreamSpec& stream) {
  return stream.epochs() * stream.rows_per_epoch() / stream.batch_tokens();
}

}  // namespace seedbed
