#include "client/wait.h"

#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "client/agreement_report.h"
#include "client/follow.h"
#include "client/format.h"
#include "client/outcome.h"
#include "client/progress.h"
#include "client/sweep_view.h"
#include "common/clock.h"
#include "common/status.h"

namespace seedbed {
namespace {

// Between the thread that reads the events and the one that prints.
struct Shared {
  absl::Mutex mutex;
  SweepView view ABSL_GUARDED_BY(mutex);
  std::vector<std::string> lines ABSL_GUARDED_BY(mutex);  // To print.
  bool done ABSL_GUARDED_BY(mutex) = false;
  absl::Status status ABSL_GUARDED_BY(mutex);
};

class Waiter {
 public:
  Waiter(CoordinatorClient& coordinator, const std::string& sweep_id, const WaitOptions& options, Console& console)
      : coordinator_(coordinator),
        sweep_id_(sweep_id),
        options_(options),
        console_(console),
        printer_(options.json ? *console.err : *console.out, console.terminal && !options.json) {}

  absl::Status Wait() {
    RETURN_IF_ERROR(FollowRuns());
    ASSIGN_OR_RETURN(SweepOutcome outcome, FetchEnded());
    const absl::Status agreed = AwaitAgreements(outcome);
    if (absl::IsCancelled(agreed)) return agreed;
    *console_.out << (options_.json ? OutcomeToJson(outcome) : FormatOutcome(outcome)) << std::flush;
    *console_.err << FormatLogTails(outcome) << std::flush;
    RETURN_IF_ERROR(agreed);
    return OutcomeStatus(outcome);
  }

 private:
  absl::Status Interrupted() {
    printer_.Draw({});
    const std::string command = CommandFor(coordinator_.address());
    return absl::CancelledError(absl::StrCat("stopped waiting; sweep ", sweep_id_, " goes on: see \"", command, " get ",
                                             sweep_id_, "\" and \"", command, " results ", sweep_id_, "\""));
  }

  // Until the coordinator says that the sweep has ended.
  absl::Status FollowRuns() {
    Shared shared;
    SweepFollower follower(
        &coordinator_, sweep_id_,
        [&shared](const v1::WatchSweepResponse& update) {
          absl::MutexLock lock(&shared.mutex);
          if (update.has_progress()) shared.view.Apply(update.progress(), Clock::Real()->Monotonic());
          if (update.has_event() && shared.view.Apply(update.event())) {
            shared.lines.push_back(FormatEvent(shared.view, update.event()));
          }
          return shared.view.ended();
        },
        [&shared](const absl::Status& lost) {
          absl::MutexLock lock(&shared.mutex);
          shared.lines.push_back(absl::StrCat(lost.message(), "; trying again until it answers"));
        });
    std::thread reader([&] {
      const absl::Status status = follower.Follow();
      absl::MutexLock lock(&shared.mutex);
      shared.status = status;
      shared.done = true;
    });
    const bool interrupted = !ShowUntilDone(shared);
    follower.Stop();
    reader.join();
    if (interrupted) return Interrupted();
    absl::MutexLock lock(&shared.mutex);
    return shared.status;
  }

  // False when the user wishes to stop.
  bool ShowUntilDone(Shared& shared) {
    absl::Duration next_plain = Clock::Real()->Monotonic() + options_.plain_line_every;
    while (true) {
      const absl::Duration now = Clock::Real()->Monotonic();
      const bool plain_line = !printer_.terminal() && now >= next_plain;
      if (plain_line) next_plain = now + options_.plain_line_every;
      if (Show(shared, plain_line)) return true;
      if (console_.interrupts->Wait(options_.redraw_every)) return false;
    }
  }

  // True when the reader is done and all that it left was printed.
  bool Show(Shared& shared, bool plain_line) {
    std::vector<std::string> lines, drawn;
    bool done = false;
    {
      absl::MutexLock lock(&shared.mutex);
      lines.swap(shared.lines);
      done = shared.done;
      if (!done && printer_.terminal()) drawn = ProgressLines(shared.view, BarWidth(), console_.width);
      if (!done && plain_line) {
        for (std::string& line : ProgressLines(shared.view, 0, std::string::npos)) lines.push_back(std::move(line));
      }
    }
    for (const std::string& line : lines) {
      if (!line.empty()) printer_.Print(line);
    }
    printer_.Draw(drawn);
    return done;
  }

  size_t BarWidth() const { return console_.width >= 100 ? 24 : 12; }

  // Calls until there is an answer other than that nobody answers. Says so once.
  template <typename Call>
  auto Persist(Call call) -> decltype(call()) {
    bool said = false;
    while (true) {
      auto result = call();
      if (!absl::IsUnavailable(result.status()) && !absl::IsDeadlineExceeded(result.status())) return result;
      if (!std::exchange(said, true)) {
        printer_.Print(absl::StrCat(result.status().message(), "; trying again until it answers"));
      }
      if (console_.interrupts->Wait(options_.poll_every)) return Interrupted();
    }
  }

  absl::StatusOr<SweepOutcome> FetchEnded() {
    SweepOutcome outcome;
    ASSIGN_OR_RETURN(outcome.sweep, Persist([&] { return coordinator_.GetSweep(sweep_id_); }));
    ASSIGN_OR_RETURN(outcome.runs, Persist([&] { return coordinator_.ListRuns(sweep_id_); }));
    return outcome;
  }

  absl::Status AwaitAgreements(SweepOutcome& outcome) {
    const std::set<std::string> expected = ExpectedAgreements(outcome);
    if (expected.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::string address, Persist([&] { return coordinator_.ResultsAddress(); }));
    ResultsClient results(address);
    bool said = false;
    while (true) {
      ASSIGN_OR_RETURN(outcome.agreements, Persist([&] { return results.ListAgreements(sweep_id_); }));
      std::set<std::string> missing = expected;
      for (const v1::Agreement& agreement : outcome.agreements.agreements()) missing.erase(agreement.sibling_set_id());
      if (missing.empty()) break;
      if (!std::exchange(said, true)) printer_.Print("comparing the dictionaries of siblings");
      if (printer_.terminal()) printer_.Draw({absl::StrCat(missing.size(), " of ", expected.size(), " to compare")});
      if (console_.interrupts->Wait(options_.poll_every)) return Interrupted();
    }
    printer_.Draw({});
    return absl::OkStatus();
  }

  CoordinatorClient& coordinator_;
  const std::string sweep_id_;
  const WaitOptions options_;
  Console& console_;
  ProgressPrinter printer_;
};

}  // namespace

absl::Status WaitForSweep(CoordinatorClient& coordinator, const std::string& sweep_id, const WaitOptions& options,
                          Console& console) {
  return Waiter(coordinator, sweep_id, options, console).Wait();
}

}  // namespace seedbed
