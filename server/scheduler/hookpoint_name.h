// Names of hookpoints, as far as they show without a model.
#ifndef SEEDBED_SERVER_SCHEDULER_HOOKPOINT_NAME_H_
#define SEEDBED_SERVER_SCHEDULER_HOOKPOINT_NAME_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace seedbed {

inline constexpr size_t kMostHookpointBytes = 128;

// What a canonical name, a synonym and a pattern are made of: 1..128 of [A-Za-z0-9._-] and the *, ?, [ and ] of
// patterns, none of which can leave a folder.
bool IsHookpointText(absl::string_view text);

// Has one of the characters of patterns, so it can mean more than one hookpoint.
bool IsHookpointPattern(absl::string_view text);

// "embeddings", "layers.N", or "layers.N." and one of attn, mlp, mlp_in and resid_mid; N in decimal without leading
// zeros. Such a name means itself in every model.
bool IsCanonicalHookpoint(absl::string_view text);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_HOOKPOINT_NAME_H_
