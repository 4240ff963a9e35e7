// absl::Status on this side of a gRPC border, grpc::Status on the other. Field violations travel as a
// google.rpc.BadRequest in the status details.
#ifndef SEEDBED_PROTO_RPC_STATUS_H_
#define SEEDBED_PROTO_RPC_STATUS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/support/status.h"

namespace seedbed {

struct FieldViolation {
  std::string field;        // "spec.sae.k[1]"
  std::string description;  // "is 600; must be at most latents (512)"
};

// What is longer is cut, so that an error always fits into the trailers of a call (kMaxTrailerBytes in endpoint.h).
inline constexpr size_t kMaxViolations = 50;
inline constexpr size_t kMaxViolationFieldBytes = 100;
inline constexpr size_t kMaxViolationDescriptionBytes = 300;
inline constexpr size_t kMaxStatusMessageBytes = 8 << 10;

// Its message is "field: description; field: description", and "; and N more" past kMaxViolations. Another `code` is
// for fields that nothing is wrong with but that can't be served for now.
absl::Status FieldViolationsError(const std::vector<FieldViolation>& violations,
                                  absl::StatusCode code = absl::StatusCode::kInvalidArgument);

// Those that `status` carries; empty for any other status.
std::vector<FieldViolation> GetFieldViolations(const absl::Status& status);

// RESOURCE_EXHAUSTED, with a google.rpc.RetryInfo: the same request may do better after `delay`, which the message
// tells, too. Nothing was changed.
absl::Status RetryLaterError(absl::string_view message, absl::Duration delay);

// What `status` carries of that; nullopt for any other status.
std::optional<absl::Duration> GetRetryDelay(const absl::Status& status);

// An error has details in any case, by which a client tells it from one of gRPC's own.
grpc::Status ToGrpcStatus(const absl::Status& status);
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace seedbed

#endif  // SEEDBED_PROTO_RPC_STATUS_H_
