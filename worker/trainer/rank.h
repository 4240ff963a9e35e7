// A rank from its hello to its end.
#ifndef SEEDBED_WORKER_TRAINER_RANK_H_
#define SEEDBED_WORKER_TRAINER_RANK_H_

#include <string>

#include "worker/trainer/message_sink.h"

namespace seedbed {

// Carries out the serialized seedbed.v1.TrainerSpec in `spec_path`. Returns the process's exit code: 0 when every run
// of this rank was answered, or 1 after a last message that says why not. Throws nothing.
int RunRank(const std::string& spec_path, MessageSink* sink);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_RANK_H_
