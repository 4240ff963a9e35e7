// Looks at the files that a sweep names, before it is accepted. Reads headers and tokens, computes nothing.
#ifndef SEEDBED_WORKER_TRAINER_INSPECTION_H_
#define SEEDBED_WORKER_TRAINER_INSPECTION_H_

#include <string>

#include "seedbed/v1/inspection.pb.h"
#include "worker/trainer/message_sink.h"

namespace seedbed {

// Everything that is wrong, not the first thing alone. Throws nothing of its own.
v1::InspectionResult Inspect(const v1::InspectionRequest& request);

// Carries out the serialized seedbed.v1.InspectionRequest in `request_path` and sends the result, which has an `error`
// where the inspection itself failed. Returns the process's exit code. Throws nothing.
int RunInspection(const std::string& request_path, MessageSink* sink);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_INSPECTION_H_
