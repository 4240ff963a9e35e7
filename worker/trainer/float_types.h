// Floating types of messages, of LibTorch and of people.
#ifndef SEEDBED_WORKER_TRAINER_FLOAT_TYPES_H_
#define SEEDBED_WORKER_TRAINER_FLOAT_TYPES_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "c10/core/ScalarType.h"
#include "seedbed/v1/sweep.pb.h"

namespace seedbed {

// nullopt for FLOAT_TYPE_UNSPECIFIED and for a value that this version does not know.
std::optional<at::ScalarType> ScalarTypeOf(v1::FloatType type);

// "float32", "bfloat16", "float16".
absl::string_view NameOf(at::ScalarType type);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_FLOAT_TYPES_H_
