#include "worker/daemon/slots.h"

#include <algorithm>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr int kMostThreads = 4096;

absl::Status BadSlots(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--slots: found \"", text, "\": ", why,
                                                 "; KIND:COUNT[,KIND:COUNT] is allowed, KIND cpu or cuda, COUNT 1..",
                                                 kMostSlotsOfAKind));
}

// Slots wanted of each kind.
absl::StatusOr<std::map<v1::DeviceKind, int>> ParseCounts(absl::string_view text) {
  std::map<v1::DeviceKind, int> counts;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> kind_and_count =
        absl::StrSplit(part, absl::MaxSplits(':', 1));
    const auto& [kind, count_text] = kind_and_count;
    if (kind != "cpu" && kind != "cuda") return BadSlots(text, absl::StrCat("\"", kind, "\" is no kind of slot"));
    int count = 0;
    if (count_text.find_first_not_of("0123456789") != absl::string_view::npos ||
        !absl::SimpleAtoi(count_text, &count) || count < 1 || count > kMostSlotsOfAKind) {
      return BadSlots(text, absl::StrCat("\"", count_text, "\" is no count"));
    }
    const auto device = kind == "cpu" ? v1::DEVICE_KIND_CPU : v1::DEVICE_KIND_CUDA;
    if (!counts.emplace(device, count).second) return BadSlots(text, absl::StrCat("\"", kind, "\" is there twice"));
  }
  return counts;
}

int DefaultThreads(const std::map<v1::DeviceKind, int>& counts, int cores) {
  const auto cpu = counts.find(v1::DEVICE_KIND_CPU);
  const int sharers = cpu != counts.end() ? cpu->second : counts.at(v1::DEVICE_KIND_CUDA);
  return std::max(1, cores / sharers);
}

}  // namespace

absl::StatusOr<std::vector<v1::Slot>> ParseSlots(absl::string_view text, int threads_per_slot, int cores) {
  if (threads_per_slot < 0 || threads_per_slot > kMostThreads) {
    return absl::InvalidArgumentError(absl::StrCat("--threads-per-slot: is ", threads_per_slot, "; 1..", kMostThreads,
                                                   " is allowed, or 0 for an even share of the cores"));
  }
  ASSIGN_OR_RETURN(const auto counts, ParseCounts(text));
  const int threads = threads_per_slot > 0 ? threads_per_slot : DefaultThreads(counts, cores);
  std::vector<v1::Slot> slots;
  for (const auto& [device, count] : counts) {
    for (int index = 0; index < count; ++index) {
      v1::Slot& slot = slots.emplace_back();
      slot.set_slot_id(absl::StrCat(device == v1::DEVICE_KIND_CPU ? "cpu:" : "cuda:", index));
      slot.set_device(device);
      slot.set_device_index(device == v1::DEVICE_KIND_CUDA ? index : 0);
      slot.set_threads(threads);
    }
  }
  return slots;
}

std::string DeviceOf(const v1::Slot& slot) {
  return slot.device() == v1::DEVICE_KIND_CUDA ? absl::StrCat("cuda:", slot.device_index()) : "cpu";
}

}  // namespace seedbed
