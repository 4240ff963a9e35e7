#include "server/results/process_memory.h"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/file.h"

namespace seedbed {

int64_t AnonymousBytes(pid_t pid) {
  const auto status = ReadFile(absl::StrCat("/proc/", pid, "/status"));
  if (!status.ok()) return 0;
  for (absl::string_view line : absl::StrSplit(*status, '\n')) {
    if (!absl::ConsumePrefix(&line, "RssAnon:") || !absl::ConsumeSuffix(&line, " kB")) continue;
    int64_t kib = 0;
    return absl::SimpleAtoi(absl::StripAsciiWhitespace(line), &kib) ? kib << 10 : 0;
  }
  return 0;
}

int64_t MachineBytes() {
  const int64_t machine = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  int64_t group = 0;
  const auto limit = ReadFile("/sys/fs/cgroup/memory.max");
  const bool is_limited = limit.ok() && absl::SimpleAtoi(absl::StripAsciiWhitespace(*limit), &group) && group > 0;
  return is_limited ? std::min(machine, group) : machine;
}

}  // namespace seedbed
