// `submit --wait`: stays with a sweep until its runs have ended and its sibling sets are compared.
#ifndef SEEDBED_CLIENT_WAIT_H_
#define SEEDBED_CLIENT_WAIT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/connection.h"
#include "client/console.h"

namespace seedbed {

struct WaitOptions {
  bool json = false;  // One JSON object on `out` at the end; what happens meanwhile goes to `err`.
  absl::Duration redraw_every = absl::Milliseconds(250);
  absl::Duration plain_line_every = absl::Seconds(5);  // Where nothing can be redrawn.
  absl::Duration poll_every = absl::Milliseconds(250);
};

// OK only when every run has succeeded and every sibling set with two or more of them has its agreement. Prints the
// agreements and where the exports lie; of failed runs the log tails on `err`, and the error says why. CANCELLED when
// the user stopped waiting: the sweep goes on. Lost connections are waited out.
absl::Status WaitForSweep(CoordinatorClient& coordinator, const std::string& sweep_id, const WaitOptions& options,
                          Console& console);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_WAIT_H_
