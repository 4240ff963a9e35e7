#include "common/logging.h"

#include <unistd.h>

#include <atomic>
#include <memory>

#include "absl/time/clock.h"
#include "nlohmann/json.hpp"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace seedbed {
namespace {

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

struct Logger {
  std::shared_ptr<spdlog::logger> sink;
  std::string program;
  bool terminal = isatty(STDERR_FILENO) != 0;
};

Logger& TheLogger() {
  static Logger* logger = [] {
    auto* made = new Logger;
    made->sink = spdlog::stderr_logger_mt("seedbed");
    made->sink->set_pattern("%v");
    made->sink->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

std::string Quote(absl::string_view text) {
  return nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string JsonLine(LogLevel level, absl::string_view event, std::initializer_list<LogField> fields,
                     const std::string& program) {
  std::string line =
      absl::StrCat("{\"time\":\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()),
                   "\",\"level\":\"", spdlog::level::to_string_view(ToSpdlog(level)).data(), "\"");
  if (!program.empty()) absl::StrAppend(&line, ",\"program\":", Quote(program));
  absl::StrAppend(&line, ",\"event\":", Quote(event));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, ",", Quote(field.key), ":", field.quoted ? Quote(field.value) : field.value);
  }
  return line + "}";
}

std::string TextLine(LogLevel level, absl::string_view event, std::initializer_list<LogField> fields,
                     const std::string& program) {
  std::string line = absl::StrCat(absl::FormatTime("%H:%M:%E3S", absl::Now(), absl::LocalTimeZone()), " ",
                                  spdlog::level::to_short_c_str(ToSpdlog(level)), " ", program, ": ", event);
  for (const LogField& field : fields) {
    absl::StrAppend(&line, "  ", field.key, "=", field.quoted ? Quote(field.value) : field.value);
  }
  return line;
}

}  // namespace

void InitLogging(absl::string_view program, LogLevel least) {
  Logger& logger = TheLogger();
  logger.program = std::string(program);
  logger.sink->set_level(ToSpdlog(least));
}

void Log(LogLevel level, absl::string_view event, std::initializer_list<LogField> fields) {
  Logger& logger = TheLogger();
  if (!logger.sink->should_log(ToSpdlog(level))) return;
  logger.sink->log(ToSpdlog(level), logger.terminal ? TextLine(level, event, fields, logger.program)
                                                    : JsonLine(level, event, fields, logger.program));
}

}  // namespace seedbed
