#include "proto/rpc/status.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/utf8.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace seedbed {
namespace {

constexpr absl::string_view kBadRequestUrl = "type.googleapis.com/google.rpc.BadRequest";
constexpr absl::string_view kRetryInfoUrl = "type.googleapis.com/google.rpc.RetryInfo";

// At most `bytes` of the text and an ellipsis, as UTF-8.
std::string Cut(absl::string_view text, size_t bytes) {
  if (text.size() <= bytes) return ReplaceInvalidUtf8(text);
  const auto continues = [&](size_t i) { return (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80; };
  while (bytes > 0 && continues(bytes)) --bytes;
  return absl::StrCat(ReplaceInvalidUtf8(text.substr(0, bytes)), "...");
}

}  // namespace

absl::Status FieldViolationsError(const std::vector<FieldViolation>& violations, absl::StatusCode code) {
  google::rpc::BadRequest details;
  std::vector<std::string> lines;
  for (const FieldViolation& violation : violations) {
    if (lines.size() == kMaxViolations) {
      lines.push_back(absl::StrCat("and ", violations.size() - kMaxViolations, " more"));
      break;
    }
    auto* added = details.add_field_violations();
    added->set_field(Cut(violation.field, kMaxViolationFieldBytes));
    added->set_description(Cut(violation.description, kMaxViolationDescriptionBytes));
    lines.push_back(absl::StrCat(added->field(), ": ", added->description()));
  }
  absl::Status status(code, absl::StrJoin(lines, "; "));
  status.SetPayload(kBadRequestUrl, absl::Cord(details.SerializeAsString()));
  return status;
}

std::vector<FieldViolation> GetFieldViolations(const absl::Status& status) {
  const auto payload = status.GetPayload(kBadRequestUrl);
  google::rpc::BadRequest details;
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) return {};
  std::vector<FieldViolation> violations;
  for (const auto& violation : details.field_violations()) {
    violations.push_back({violation.field(), violation.description()});
  }
  return violations;
}

absl::Status RetryLaterError(absl::string_view message, absl::Duration delay) {
  google::rpc::RetryInfo details;
  const int64_t seconds = absl::IDivDuration(delay, absl::Seconds(1), &delay);
  details.mutable_retry_delay()->set_seconds(seconds);
  details.mutable_retry_delay()->set_nanos(static_cast<int>(absl::ToInt64Nanoseconds(delay)));
  absl::Status status = absl::ResourceExhaustedError(
      absl::StrCat(message, "; try again in ", absl::FormatDuration(absl::Seconds(seconds) + delay)));
  status.SetPayload(kRetryInfoUrl, absl::Cord(details.SerializeAsString()));
  return status;
}

std::optional<absl::Duration> GetRetryDelay(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryInfoUrl);
  google::rpc::RetryInfo details;
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) return std::nullopt;
  return absl::Seconds(details.retry_delay().seconds()) + absl::Nanoseconds(details.retry_delay().nanos());
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const std::string message = Cut(status.message(), kMaxStatusMessageBytes);
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(message);
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    auto* any = details.add_details();
    any->set_type_url(std::string(url));
    any->set_value(std::string(payload));
  });
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message, details.SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const auto& any : details.details()) result.SetPayload(any.type_url(), absl::Cord(any.value()));
  }
  return result;
}

}  // namespace seedbed
