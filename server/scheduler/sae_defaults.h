// Fills in what a sweep leaves out of a run's SAE, as the library does whose convention the run follows: sparsify
// 1.3.3, SAELens 6.54.12 and dictionary_learning 0.1.0.
#ifndef SEEDBED_SERVER_SCHEDULER_SAE_DEFAULTS_H_
#define SEEDBED_SERVER_SCHEDULER_SAE_DEFAULTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "seedbed/v1/run.pb.h"
#include "seedbed/v1/sweep.pb.h"
#include "server/scheduler/stream_shape.h"

namespace seedbed {

// "sparsify", "saelens", "dictionary_learning".
std::string ConventionName(v1::Convention convention);

// Whether runs of `architecture`, one of KnownArchitectures(), can follow `convention`.
bool HasConvention(absl::string_view architecture, v1::Convention convention);

// What runs of `architecture`, one of KnownArchitectures(), follow: what the sweep says, and where it says nothing the
// architecture's default.
v1::Convention ConventionOf(const v1::TrainSpec& train, absl::string_view architecture);

// Of runs of `architecture`, which has the convention that they follow. That of Signum is sparsify's in every
// convention.
double LearningRateOf(const v1::TrainSpec& train, absl::string_view architecture, int64_t latents);

// The target of a run for which the sweep has none; 0 = there is none.
double DefaultTargetL0(v1::Convention convention, absl::string_view architecture);

// Latents of each group of a matryoshka, as dictionary_learning rounds them: down, and the rest to the last.
std::vector<int64_t> GroupSizes(const v1::MatryoshkaSpec& matryoshka, int64_t latents);

// `sae` has its hookpoints, its place on every axis of the grid and whether it has a skip connection; everything else
// is filled in, but for what its architecture does not use. The sweep must be valid. What is counted in steps by
// default is cut in short runs, or they would never come to their peak: a warm-up, of the rate or of the sparsity, to a
// tenth of the steps, and the start of the inference threshold to half of them.
void ResolveSae(const v1::TrainSpec& train, const StreamShape& shape, v1::SaeSpec& sae);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_SAE_DEFAULTS_H_
