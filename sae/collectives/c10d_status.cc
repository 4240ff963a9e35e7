#include "sae/collectives/c10d_status.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "c10/util/Exception.h"

namespace seedbed {
namespace {

std::string MessageOf(const std::exception& error) {
  const auto* c10_error = dynamic_cast<const c10::Error*>(&error);
  return c10_error != nullptr ? c10_error->what_without_backtrace() : error.what();
}

// c10d and Gloo have no exception type of their own for a timeout; both say so in words.
bool SaysTimeout(absl::string_view message) {
  const std::string lower = absl::AsciiStrToLower(message);
  return absl::StrContains(lower, "timed out") || absl::StrContains(lower, "timeout");
}

}  // namespace

absl::Status C10dStatus(const std::exception& error, absl::string_view operation, int rank) {
  const std::string message = MessageOf(error);
  const absl::string_view first_line = absl::string_view(message).substr(0, message.find('\n'));
  const std::string text = absl::StrCat("rank ", rank, ": ", operation, ": ", first_line);
  return SaysTimeout(message) ? absl::DeadlineExceededError(text) : absl::UnavailableError(text);
}

}  // namespace seedbed
