// Structured logs: one event a line on standard error, as JSON or, on a terminal, as text.
//
//   Log(LogLevel::kInfo, "gang placed", {{"sweep", sweep_id}, {"attempt", attempt}});
//
// The fields "sweep", "run", "gang", "attempt", "rank" and "worker" are used for nothing else.
#ifndef SEEDBED_COMMON_LOGGING_H_
#define SEEDBED_COMMON_LOGGING_H_

#include <cmath>
#include <initializer_list>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace seedbed {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One key and its value, which is written as a JSON number or boolean where it is one and as a string otherwise.
struct LogField {
  template <typename T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  LogField(absl::string_view key, T value) : key(key), value(Number(value)), quoted(!IsNumber(value)) {}
  LogField(absl::string_view key, absl::string_view value) : key(key), value(value), quoted(true) {}
  LogField(absl::string_view key, const char* value) : key(key), value(value), quoted(true) {}
  LogField(absl::string_view key, const std::string& value) : key(key), value(value), quoted(true) {}

  std::string key;
  std::string value;
  bool quoted;

 private:
  // JSON knows no NaN and no infinity.
  template <typename T>
  static bool IsNumber(T value) {
    if constexpr (std::is_floating_point_v<T>) return std::isfinite(value);
    return true;
  }
  static std::string Number(bool value) { return value ? "true" : "false"; }
  template <typename T>
  static std::string Number(T value) {
    return absl::StrCat(value);
  }
};

// Names the program in every line. Call once at the start of main; without it the lines name no program.
void InitLogging(absl::string_view program, LogLevel least = LogLevel::kInfo);

// Thread-safe; a line is written whole.
void Log(LogLevel level, absl::string_view event, std::initializer_list<LogField> fields = {});

}  // namespace seedbed

#endif  // SEEDBED_COMMON_LOGGING_H_
