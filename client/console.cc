#include "client/console.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

namespace seedbed {
namespace {

// Whoever started this program may have had it ignore some of them, as nohup does: so it shall. (The kernel keeps a
// blocked signal even when it is ignored.)
bool IsIgnored(int signal) {
  struct sigaction action = {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    if (!IsIgnored(signal)) sigaddset(&set, signal);
  }
  return set;
}

}  // namespace

void SignalInterrupts::Hold() {
  const sigset_t set = StopSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

bool SignalInterrupts::Wait(absl::Duration duration) {
  const sigset_t set = StopSignals();
  const timespec timeout = absl::ToTimespec(duration);
  return sigtimedwait(&set, nullptr, &timeout) > 0;
}

Console StandardConsole(Interrupts* interrupts) {
  Console console{&std::cout, &std::cerr, interrupts};
  console.terminal = isatty(STDOUT_FILENO) != 0;
  winsize size = {};
  if (console.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) console.width = size.ws_col;
  return console;
}

}  // namespace seedbed
