// Names a message by its content.
#ifndef SEEDBED_SERVER_SCHEDULER_MESSAGE_HASH_H_
#define SEEDBED_SERVER_SCHEDULER_MESSAGE_HASH_H_

#include <string>

#include "google/protobuf/message_lite.h"

namespace seedbed {

// SHA-256 of the deterministic serialization, 64 hexadecimal digits: equal messages have equal hashes.
std::string MessageSha256(const google::protobuf::MessageLite& message);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_MESSAGE_HASH_H_
