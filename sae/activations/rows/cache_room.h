// Room in a folder of cached streams: DIR/KEY/... with a bound on the bytes of everything in DIR.
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_CACHE_ROOM_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_CACHE_ROOM_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace seedbed {

// Whether it is 64 lower-case hexadecimal digits, as the folder of a stream is called.
bool IsStreamKey(absl::string_view name);

// Of all files below, whoever made them. What disappears meanwhile counts as nothing.
int64_t BytesUnder(const std::string& folder);

// Whether `needed` bytes fit into `dir` beside what is there. If need be removes streams until they do: the one that
// was used longest ago (by the folder's time of modification) first, and none that a process has a lock on (flock).
bool MakeRoom(const std::string& dir, int64_t needed, int64_t max_bytes);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_CACHE_ROOM_H_
