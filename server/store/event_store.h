// The coordinator's log of events, append-only and durable. Tests stand in for it.
#ifndef SEEDBED_SERVER_STORE_EVENT_STORE_H_
#define SEEDBED_SERVER_STORE_EVENT_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "seedbed/v1/event.pb.h"

namespace seedbed {

// Thread-safe. Blocks for as long as the disk takes.
class EventStore {
 public:
  virtual ~EventStore() = default;

  // Appends all of `events` or, on any error, none; durable when it returns OK. Their numbers follow the last one
  // without a gap. RESOURCE_EXHAUSTED: the disk is full. PERMISSION_DENIED: it is read-only. UNAVAILABLE: the device
  // failed. DATA_LOSS: the log is damaged.
  virtual absl::Status Append(absl::Span<const v1::Event> events) = 0;

  // Events with a number above `number`, in order; of one sweep, or of all where `sweep_id` is empty. At most `limit`
  // of them, fewer where they are large, none only where there is none. DATA_LOSS, naming the event and the log, for
  // one that is damaged or missing.
  virtual absl::StatusOr<std::vector<v1::Event>> ReadAfter(int64_t number, int limit,
                                                           absl::string_view sweep_id = "") = 0;

  // 0 when there is none.
  virtual absl::StatusOr<int64_t> LastNumber() = 0;

  // Writes the whole log to a file that can be opened in its place; durable when it returns. Gives the number of its
  // last event. ALREADY_EXISTS for a file that is there; on any other error there is none.
  virtual absl::StatusOr<int64_t> BackUp(const std::string& path) = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_STORE_EVENT_STORE_H_
