// The file of a stored matching (docs/formats.md): "seedbed pair 1", a line end, the SHA-256 of the message, a line
// end, the message.
#ifndef SEEDBED_PROTO_PAIRS_STORED_PAIR_H_
#define SEEDBED_PROTO_PAIRS_STORED_PAIR_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "seedbed/v1/pair_matching.pb.h"

namespace seedbed {

std::string FormatStoredPair(const v1::StoredPair& pair);

// None unless the file is whole and of this identity (PairIdentity in common/pair_key.h).
std::optional<v1::StoredPair> ParseStoredPair(absl::string_view file, const std::string& identity);

}  // namespace seedbed

#endif  // SEEDBED_PROTO_PAIRS_STORED_PAIR_H_
