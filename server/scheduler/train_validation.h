// Whether a sweep says of the training what its SAEs can do.
#ifndef SEEDBED_SERVER_SCHEDULER_TRAIN_VALIDATION_H_
#define SEEDBED_SERVER_SCHEDULER_TRAIN_VALIDATION_H_

#include "seedbed/v1/sweep.pb.h"
#include "server/scheduler/violations.h"

namespace seedbed {

// train: every value by itself. Those that decide the number of steps are given.
void CheckTrain(const v1::TrainSpec& train, ViolationList& violations);

// train together with the grid, neither of which has a violation by itself: whether the architectures have the
// convention, whether something in the sweep uses every key that is given, and what follows from the widths.
void CheckTrainOfGrid(const v1::SweepSpec& spec, ViolationList& violations);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_TRAIN_VALIDATION_H_
