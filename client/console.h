// Where a command prints, and how the user stops it.
#ifndef SEEDBED_CLIENT_CONSOLE_H_
#define SEEDBED_CLIENT_CONSOLE_H_

#include <ostream>

#include "absl/time/time.h"

namespace seedbed {

// How a user's wish to stop reaches a command that waits.
class Interrupts {
 public:
  virtual ~Interrupts() = default;
  // From here on, a wish is kept for Wait instead of ending the program. Call before any thread is started.
  virtual void Hold() = 0;
  // Waits for `duration`, or less: until the user wishes to stop, which makes it true.
  virtual bool Wait(absl::Duration duration) = 0;
};

// SIGINT (Ctrl-C), SIGTERM and SIGHUP (the terminal was closed).
class SignalInterrupts final : public Interrupts {
 public:
  void Hold() override;
  bool Wait(absl::Duration duration) override;
};

// All are borrowed.
struct Console {
  std::ostream* out;
  std::ostream* err;
  Interrupts* interrupts;
  bool terminal = false;  // Whether `out` can redraw lines.
  size_t width = 80;      // Of the terminal.
};

// The process's own standard streams.
Console StandardConsole(Interrupts* interrupts);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_CONSOLE_H_
