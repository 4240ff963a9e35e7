// The sweep of the demo, to be varied by tests.
#ifndef SEEDBED_TESTS_SERVER_SUPPORT_SWEEP_BUILDER_H_
#define SEEDBED_TESTS_SERVER_SUPPORT_SWEEP_BUILDER_H_

#include "seedbed/v1/sweep.pb.h"

namespace seedbed {

// One hookpoint, one width, one k and `seeds` seeds: one sibling set in one gang.
inline v1::SweepSpec DemoSweep(int seeds = 3) {
  v1::SweepSpec spec;
  spec.set_name("topk-seeds");
  spec.mutable_model()->set_path("/models/smollm2-135m");
  spec.mutable_data()->add_tokens()->set_path("/data/gcide.bin");
  spec.mutable_data()->set_sequence_length(256);
  spec.mutable_data()->set_max_tokens(131'072);
  spec.mutable_activations()->set_exclude_first(1);
  spec.mutable_train()->set_epochs(8);
  spec.mutable_train()->set_batch_tokens(256);
  spec.mutable_train()->set_learning_rate(0.003);
  spec.mutable_sae()->add_hookpoints("layers.9");
  spec.mutable_sae()->add_latents(512);
  spec.mutable_sae()->add_k(16);
  for (int seed = 0; seed < seeds; ++seed) spec.mutable_sae()->add_seeds(seed);
  return spec;
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_SUPPORT_SWEEP_BUILDER_H_
