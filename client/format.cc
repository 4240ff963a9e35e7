#include "client/format.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "common/enum_word.h"
#include "google/protobuf/util/json_util.h"

namespace seedbed {
namespace {

std::string WithoutPrefix(const std::string& name, absl::string_view prefix) {
  return absl::StrReplaceAll(EnumWord(name, prefix), {{"_", " "}});
}

}  // namespace

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
const v1::RunMetrics& LatestMetrics(const v1::Run& run) {
  return run.has_result() ? run.result().metrics() : run.progress().metrics();
}

std::string FormatL0(const v1::Run& run) {
  if (!run.result().target_l0_missed()) return FormatFixed(LatestMetrics(run).l0(), 1);
  return absl::StrCat(FormatFixed(run.result().reached_l0(), 1), ", not ", run.sae().target_l0());
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
