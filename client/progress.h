// What a watched sweep looks like: one line a gang that is redrawn on a terminal, plain lines elsewhere.
#ifndef SEEDBED_CLIENT_PROGRESS_H_
#define SEEDBED_CLIENT_PROGRESS_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "client/sweep_view.h"
#include "seedbed/v1/event.pb.h"

namespace seedbed {

// "training    step 2,100/4,080  FVU 0.1712  3 min 20 s left"; with a bar and a percentage after the phase when
// `bar_width` is not 0. Longer than `width` code points it is cut.
std::string FormatProgress(const GangProgress& progress, size_t bar_width, size_t width);

// One line for every gang that has not ended, named where the sweep has several; beyond eight, their number.
std::vector<std::string> ProgressLines(const SweepView& view, size_t bar_width, size_t width);

// What an event says to a user who waits, `view` having taken it in; empty when nothing.
std::string FormatEvent(const SweepView& view, const seedbed::v1::Event& event);

// Lines that stay, above lines that are redrawn. Elsewhere than on a terminal nothing is redrawn.
class ProgressPrinter {
 public:
  ProgressPrinter(std::ostream& out, bool terminal) : out_(out), terminal_(terminal) {}

  void Print(const std::string& line);
  // Replaces the lines drawn before; no lines clear them.
  void Draw(const std::vector<std::string>& lines);
  bool terminal() const { return terminal_; }

 private:
  std::ostream& out_;
  const bool terminal_;
  size_t drawn_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_PROGRESS_H_
