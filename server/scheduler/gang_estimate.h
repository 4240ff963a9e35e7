// What a gang needs, from sizes alone: before anything of it has run.
#ifndef SEEDBED_SERVER_SCHEDULER_GANG_ESTIMATE_H_
#define SEEDBED_SERVER_SCHEDULER_GANG_ESTIMATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "seedbed/v1/gang.pb.h"
#include "seedbed/v1/run.pb.h"
#include "server/scheduler/rank_balance.h"

namespace seedbed {

// What a worker found of the language model; zeros where rows come from a folder without one.
struct ModelSize {
  int64_t d_model = 0;
  int64_t parameters = 0;  // Of the whole model.
  int64_t layers = 0;
  int64_t vocabulary = 0;  // Rows of the embedding.
};

// Every hookpoint that the SAE reads or reconstructs, once.
std::vector<std::string> HookpointsOf(const v1::SaeSpec& sae);

// Of the layers up to `hookpoint`, by its canonical name, without the embedding. The layers are taken to be equal.
int64_t ParametersUpTo(const ModelSize& model, absl::string_view hookpoint);

// With d = d_model, n latents, B rows a batch, b bytes of the stream's type (4 where the device decides):
//
//   model     b (embedding + layers up to the deepest hookpoint) + 64 d tokens of a micro-batch: the residual stream,
//             queries, keys, values, the product of heads and the two widest of an MLP of 4 d, in float32
//   stream    for each hookpoint: b d rows of a harvest block + 4 d (shuffle buffer + 2 B)
//   run       16 (2 n d + n + d), and d^2 more with a skip connection: parameters, gradient and two moments in float32;
//             of a step 8 B (d + k) for topk, batchtopk and matryoshka, whose activations are sparse, 8 B (d + 2 n) for
//             the others
//   flops     model: 2 for each parameter and token (Kaplan et al. 2020, "Scaling Laws for Neural Language Models",
//             section 2.1); later epochs read rows that are kept. A step: 2 B n d + 16 B k d for the sparse ones, whose
//             only dense product is the encoder's, 12 B n d for the others, forward and twice that backward.
//
// The first two are what the third sums. It is empty where the width is not known.
int64_t HookpointStreamBytes(const ModelSize& model, const v1::StreamSpec& stream);
int64_t RunBytes(const ModelSize& model, const v1::StreamSpec& stream, const v1::SaeSpec& sae);
std::optional<v1::GangEstimate> EstimateGang(const ModelSize& model, const v1::StreamSpec& stream,
                                             absl::Span<const v1::SaeSpec* const> saes);

// Bytes of runs on the rank that has most of them, when they are dealt to ranks by cost, longest first: at most their
// mean and the largest (Graham 1969, "Bounds on Multiprocessing Timing Anomalies").
int64_t LargestRankRunsBytes(int64_t runs_bytes, int64_t largest_run_bytes, int ranks);

// Of the largest rank; 0 where the estimate is empty.
int64_t RankMemoryBytes(const v1::GangEstimate& estimate, int ranks);

GangWork WorkOf(const v1::GangEstimate& estimate, int runs);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_GANG_ESTIMATE_H_
