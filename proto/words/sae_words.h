// What people call an SAE, and why one has failed: the same words on the command line and in reports.
#ifndef SEEDBED_PROTO_WORDS_SAE_WORDS_H_
#define SEEDBED_PROTO_WORDS_SAE_WORDS_H_

#include <string>

#include "seedbed/v1/run.pb.h"

namespace seedbed {

// "user error": the value's name without its prefix, in lower case, with spaces.
std::string FormatKind(seedbed::v1::FailureKind kind);

// "user error: model/config.json: missing", without line breaks.
std::string FormatFailure(const seedbed::v1::Failure& failure);

// "layers.9", and of a transcoder "layers.9.mlp_in -> layers.9.mlp".
std::string FormatHookpoint(const seedbed::v1::SaeSpec& sae);

// "topk", and in another convention than the architecture's default "topk (saelens)".
std::string FormatArchitecture(const seedbed::v1::SaeSpec& sae);

// What decides how many latents are active: "k 16", "L0 32" for a target and "coefficient 0.1" for a penalty without
// one.
std::string FormatSparsity(const seedbed::v1::SaeSpec& sae);

// "layers.9 topk, 512 latents, k 16".
std::string FormatSae(const seedbed::v1::SaeSpec& sae);

}  // namespace seedbed

#endif  // SEEDBED_PROTO_WORDS_SAE_WORDS_H_
