#include "client/format.h"

#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/architectures.h"
#include "common/enum_word.h"
#include "google/protobuf/util/json_util.h"

namespace seedbed {
namespace {

std::string WithoutPrefix(const std::string& name, absl::string_view prefix) {
  return absl::StrReplaceAll(EnumWord(name, prefix), {{"_", " "}});
}

}  // namespace

std::string FormatCount(int64_t count) {
  const std::string digits = absl::StrCat(count);
  std::string grouped;
  for (size_t i = 0; i < digits.size(); ++i) {
    const size_t left = digits.size() - i;
    if (i > 0 && left % 3 == 0 && digits[i - 1] != '-') grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

std::string FormatFixed(double value, int decimals) {
  return std::isfinite(value) ? absl::StrFormat("%.*f", decimals, value) : "-";
}

std::string FormatElapsed(absl::Duration duration) {
  if (duration < absl::ZeroDuration() || duration == absl::InfiniteDuration()) return "-";
  if (duration < absl::Seconds(10)) return absl::StrFormat("%.1f s", absl::ToDoubleSeconds(duration));
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < 60) return absl::StrFormat("%d s", seconds);
  if (seconds < 3600) return absl::StrFormat("%d min %02d s", seconds / 60, seconds % 60);
  return absl::StrFormat("%d h %02d min", seconds / 3600, seconds / 60 % 60);
}

std::string FormatTimestamp(int64_t unix_ms) {
  if (unix_ms == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMillis(unix_ms), absl::LocalTimeZone());
}

std::string FormatState(v1::RunState state) { return WithoutPrefix(v1::RunState_Name(state), "RUN_STATE_"); }
std::string FormatState(v1::SweepState state) { return WithoutPrefix(v1::SweepState_Name(state), "SWEEP_STATE_"); }
std::string FormatState(v1::GangState state) { return WithoutPrefix(v1::GangState_Name(state), "GANG_STATE_"); }
std::string FormatKind(v1::FailureKind kind) { return WithoutPrefix(v1::FailureKind_Name(kind), "FAILURE_KIND_"); }

std::string FormatFailure(const v1::Failure& failure) {
  return absl::StrCat(FormatKind(failure.kind()), ": ", OneLine(failure.message()));
}

std::string FormatHookpoint(const v1::SaeSpec& sae) {
  if (sae.target_hookpoint().empty()) return sae.hookpoint();
  return absl::StrCat(sae.hookpoint(), " -> ", sae.target_hookpoint());
}

std::string FormatArchitecture(const v1::SaeSpec& sae) {
  const std::string convention = EnumWord(v1::Convention_Name(sae.convention()), "CONVENTION_");
  const ArchitectureFacts* const facts = FindArchitectureFacts(sae.architecture());
  const bool is_default = facts != nullptr && facts->conventions.front() == convention;
  if (is_default || sae.convention() == v1::CONVENTION_UNSPECIFIED) return sae.architecture();
  return absl::StrCat(sae.architecture(), " (", convention, ")");
}

std::string FormatSparsity(const v1::SaeSpec& sae) {
  if (sae.k() > 0) return absl::StrCat("k ", sae.k());
  if (sae.target_l0() > 0) return absl::StrCat("L0 ", sae.target_l0());
  return absl::StrCat("coefficient ", sae.sparsity_coefficient());
}

std::string FormatSae(const v1::SaeSpec& sae) {
  return absl::StrCat(FormatHookpoint(sae), " ", FormatArchitecture(sae), ", ", FormatCount(sae.latents()),
                      " latents, ", FormatSparsity(sae));
}

const v1::RunMetrics& LatestMetrics(const v1::Run& run) {
  return run.has_result() ? run.result().metrics() : run.progress().metrics();
}

std::string FormatL0(const v1::Run& run) {
  if (!run.result().target_l0_missed()) return FormatFixed(LatestMetrics(run).l0(), 1);
  return absl::StrCat(FormatFixed(run.result().reached_l0(), 1), ", not ", run.sae().target_l0());
}

std::string OneLine(absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, absl::ByAnyChar("\r\n"), absl::SkipWhitespace());
  return absl::StrJoin(lines, "; ", [](std::string* out, absl::string_view line) {
    absl::StrAppend(out, absl::StripAsciiWhitespace(line));
  });
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  // Fails only for an Any of an unknown type; there is none in our messages.
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  return status.ok() ? json : "{}\n";
}

}  // namespace seedbed
