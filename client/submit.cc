#include "client/submit.h"

#include <sys/random.h>

#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/connection.h"
#include "client/format.h"
#include "client/stream_facts.h"
#include "client/sweep_file.h"
#include "client/table.h"
#include "common/clock.h"
#include "common/enum_word.h"
#include "common/status.h"
#include "proto/rpc/status.h"

namespace seedbed {
namespace {

std::string RandomKey() {
  char bytes[16];
  // Reads of up to 256 bytes are never cut short once the kernel's pool is ready.
  while (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
  }
  return absl::BytesToHexString(absl::string_view(bytes, sizeof bytes));
}

// The key makes every repeat of the request the same sweep, so that one whose answer was lost is not made twice.
absl::StatusOr<v1::SubmitSweepResponse> SubmitPersistently(CoordinatorClient& coordinator,
                                                           const v1::SubmitSweepRequest& request,
                                                           absl::Duration retry_for, Console& console) {
  constexpr absl::Duration kBetweenTries = absl::Milliseconds(250);
  const absl::Duration give_up = Clock::Real()->Monotonic() + retry_for;
  const auto interrupted = [&console] { return console.interrupts->Wait(absl::ZeroDuration()); };
  const auto first = coordinator.Submit(request, interrupted);
  auto response = first;
  while (true) {
    const std::optional<absl::Duration> told_to_wait = GetRetryDelay(response.status());
    const bool is_away = absl::IsUnavailable(response.status()) || absl::IsDeadlineExceeded(response.status());
    if (!is_away && !told_to_wait.has_value()) break;
    const absl::Duration pause = told_to_wait.value_or(kBetweenTries);
    // The first error tells most: later ones come from a channel that is backing off.
    if (Clock::Real()->Monotonic() + pause > give_up) return first;
    if (console.interrupts->Wait(pause)) return first;
    response = coordinator.Submit(request, interrupted);
  }
  if (absl::IsCancelled(response.status())) {
    return absl::CancelledError(
        absl::StrCat("stopped waiting for the coordinator's answer; whether the sweep was made: \"",
                     CommandFor(coordinator.address()), " list\""));
  }
  return response;
}

// Ids in the order of their first appearance, from 1.
class Numbering {
 public:
  size_t operator()(const std::string& id) { return numbers_.emplace(id, numbers_.size() + 1).first->second; }
  size_t size() const { return numbers_.size(); }

 private:
  std::map<std::string, size_t> numbers_;
};

// What each gang will take, as far as it is known.
std::string FormatForecasts(const v1::SubmitSweepResponse& response) {
  const auto right = Table::Align::kRight;
  Table table({{"GANG", right}, {"RUNS", right}, {"SLOTS", right}, {"OF"}, {"BYTES A RANK", right}, {"TIME"}});
  for (int i = 0; i < response.forecasts_size(); ++i) {
    const v1::GangForecast& forecast = response.forecasts(i);
    const bool has_device = forecast.device() != v1::DEVICE_KIND_UNSPECIFIED;
    table.AddRow({absl::StrCat(i + 1), absl::StrCat(response.sweep().gangs(i).run_ids_size()),
                  forecast.ranks() == 0 ? "not known yet" : absl::StrCat(forecast.ranks()),
                  has_device ? EnumWord(v1::DeviceKind_Name(forecast.device()), "DEVICE_KIND_") : "-",
                  forecast.rank_memory_bytes() == 0 ? "not known yet" : FormatCount(forecast.rank_memory_bytes()),
                  forecast.seconds() < 0 ? "not known yet" : FormatElapsed(absl::Seconds(forecast.seconds()))});
  }
  return table.ToString();
}

std::string FormatDryRun(const v1::SubmitSweepResponse& response) {
  const auto right = Table::Align::kRight;
  Table table({{"RUN", right},
               {"HOOKPOINT"},
               {"ARCHITECTURE"},
               {"LATENTS", right},
               {"SPARSITY"},
               {"SEED", right},
               {"SIBLING SET", right},
               {"GANG", right}});
  Numbering sets, gangs;
  size_t number = 0;
  for (const v1::Run& run : response.runs()) {
    const v1::SaeSpec& sae = run.sae();
    table.AddRow({absl::StrCat(++number), FormatHookpoint(sae), FormatArchitecture(sae), FormatCount(sae.latents()),
                  FormatSparsity(sae), absl::StrCat(sae.seed()), absl::StrCat(sets(run.sibling_set_id())),
                  absl::StrCat(gangs(run.gang_id()))});
  }
  Table facts({{"sweep"}, {response.sweep().spec().name()}});
  for (const Fact& fact : StreamFacts(response.sweep())) facts.AddRow({fact.name, fact.value});
  return absl::StrCat(facts.ToString(), "\n", table.ToString(), "\n", FormatForecasts(response), "\n", number,
                      number == 1 ? " run" : " runs", ", sibling sets: ", sets.size(), ", gangs: ", gangs.size(), "\n",
                      FormatCount(response.steps_per_run()), " steps a run, ", FormatCount(response.rows_per_epoch()),
                      " rows an epoch\nnothing was submitted (--dry-run)\n");
}

std::string FormatSubmitted(const SubmitOptions& options, const v1::SubmitSweepResponse& response) {
  const v1::Sweep& sweep = response.sweep();
  std::string text = absl::StrCat("sweep ", sweep.sweep_id(), " (", sweep.spec().name(), ") submitted");
  if (response.steps_per_run() > 0) absl::StrAppend(&text, ": ", FormatCount(response.steps_per_run()), " steps a run");
  absl::StrAppend(&text, "\n");
  if (!options.wait)
    absl::StrAppend(&text, "see it with: ", CommandFor(options.server), " get ", sweep.sweep_id(), "\n");
  return text;
}

}  // namespace

absl::Status RunSubmit(const SubmitOptions& options, Console& console) {
  if (options.wait) console.interrupts->Hold();
  ASSIGN_OR_RETURN(const SweepFile file, LoadSweepFile(options.file));
  v1::SubmitSweepRequest request;
  *request.mutable_spec() = file.spec;
  request.set_validate_only(options.dry_run);
  request.set_idempotency_key(options.idempotency_key.empty() ? RandomKey() : options.idempotency_key);

  CoordinatorClient coordinator(options.server);
  const auto response = SubmitPersistently(coordinator, request, options.retry_for, console);
  if (!response.ok()) return InTermsOfFile(file, response.status());
  if (options.json && (options.dry_run || !options.wait)) {
    *console.out << ToJson(*response);
  } else if (!options.json) {
    *console.out << (options.dry_run ? FormatDryRun(*response) : FormatSubmitted(options, *response)) << std::flush;
  }
  if (options.dry_run || !options.wait) return absl::OkStatus();
  WaitOptions waiting = options.waiting;
  waiting.json = options.json;
  return WaitForSweep(coordinator, response->sweep().sweep_id(), waiting, console);
}

}  // namespace seedbed
