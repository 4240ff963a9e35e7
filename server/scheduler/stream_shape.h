// Sizes that follow from a sweep: what its stream holds and how many steps its runs take.
#ifndef SEEDBED_SERVER_SCHEDULER_STREAM_SHAPE_H_
#define SEEDBED_SERVER_SCHEDULER_STREAM_SHAPE_H_

#include <cstdint>

#include "seedbed/v1/sweep.pb.h"

namespace seedbed {

// Sequences a rank gives to the language model in one call, and such micro-batches in a harvest block. Constants,
// because they decide which kernel computes an activation: another value is another stream.
inline constexpr int kMicroBatchSequences = 8;
inline constexpr int kBlockMicroBatches = 8;

struct StreamShape {
  int64_t sequences = 0;
  int64_t rows_per_epoch = 0;  // Positions that are not excluded.
  int64_t steps_per_run = 0;   // Whole batches in all epochs.
};

// Of a sweep that was validated and has its defaults filled in; the product of epochs and rows then fits in 63 bits.
StreamShape ShapeOf(const v1::SweepSpec& spec);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_STREAM_SHAPE_H_
