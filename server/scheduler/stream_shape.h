// Sizes that follow from a sweep: what its stream holds and how many steps its runs take.
#ifndef SEEDBED_SERVER_SCHEDULER_STREAM_SHAPE_H_
#define SEEDBED_SERVER_SCHEDULER_STREAM_SHAPE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "seedbed/v1/run.pb.h"
#include "seedbed/v1/sweep.pb.h"

namespace seedbed {

// Sequences a rank gives to the language model in one call, and such micro-batches in a harvest block. Constants,
// because they decide which kernel computes an activation: another value is another stream.
inline constexpr int kMicroBatchSequences = 8;
inline constexpr int kBlockMicroBatches = 8;

struct StreamShape {
  std::vector<int64_t> sequences_by_file;  // By token file; none where rows come from a folder.
  int64_t sequences = 0;                   // Their sum.
  int64_t rows_per_epoch = 0;              // Rows that are not excluded.
  int64_t steps_per_run = 0;               // Whole batches in all epochs.
};

// Rows come from a folder of activations and not from a language model.
bool ReadsFolder(const v1::SweepSpec& spec);

// How many rows an epoch has depends on what the files hold.
bool RowsMustBeCounted(const v1::SweepSpec& spec);

// Of a sweep that was validated and has its constant defaults; the product of epochs and rows then fits in 63 bits.
// `counted_rows` are those that were counted in the files, at most 10^14; without them no row counts as excluded but
// those of first positions, and a folder as empty.
StreamShape ShapeOf(const v1::SweepSpec& spec, std::optional<int64_t> counted_rows);

// StreamShape::steps_per_run of runs that read `stream`.
int64_t StepsPerRun(const v1::StreamSpec& stream);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_STREAM_SHAPE_H_
