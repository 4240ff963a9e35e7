// Under which name the matching of two dictionaries is stored, for who makes it and for who asks whether it is there.
#ifndef SEEDBED_COMMON_PAIR_KEY_H_
#define SEEDBED_COMMON_PAIR_KEY_H_

#include <string>

namespace seedbed {

// Raised whenever the same dictionaries would give another matching, so that stored ones are not taken for it.
inline constexpr int kMatchingVersion = 3;

// What a matching is of: both dictionaries, in this order, by what identifies their content (64 hexadecimal digits),
// and kMatchingVersion.
std::string PairIdentity(const std::string& content_a, const std::string& content_b);

// The name of its file: the SHA-256 of the identity, and ".pair".
std::string PairFileName(const std::string& identity);

}  // namespace seedbed

#endif  // SEEDBED_COMMON_PAIR_KEY_H_
