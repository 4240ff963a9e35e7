// What processes and the machine have of memory.
#ifndef SEEDBED_SERVER_RESULTS_PROCESS_MEMORY_H_
#define SEEDBED_SERVER_RESULTS_PROCESS_MEMORY_H_

#include <sys/types.h>

#include <cstdint>

namespace seedbed {

// Memory of a process that no file backs, in bytes (RssAnon of /proc/PID/status); 0 where that can't be read.
int64_t AnonymousBytes(pid_t pid);

// Of the machine, or of this process's control group (memory.max) where that has less.
int64_t MachineBytes();

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_PROCESS_MEMORY_H_
