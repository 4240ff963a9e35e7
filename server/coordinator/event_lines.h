// One log line for each event that was made durable.
#ifndef SEEDBED_SERVER_COORDINATOR_EVENT_LINES_H_
#define SEEDBED_SERVER_COORDINATOR_EVENT_LINES_H_

#include "seedbed/v1/event.pb.h"

namespace seedbed {

void LogEvent(const v1::Event& event);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_EVENT_LINES_H_
