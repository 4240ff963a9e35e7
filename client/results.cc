#include "client/results.h"

#include "absl/strings/str_cat.h"
#include "client/agreement_report.h"
#include "client/connection.h"
#include "client/format.h"
#include "client/latent_lines.h"
#include "client/run_table.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr absl::Duration kPollEvery = absl::Milliseconds(200);
constexpr int kMostLooks = 25;  // For a sweep that the service has not read of yet.

absl::Status Stopped() { return absl::CancelledError("stopped waiting; the results service goes on"); }

// Asks until the service has computed it.
absl::StatusOr<v1::Agreement> AwaitAgreement(ResultsClient& results, const std::string& id,
                                             std::optional<double> threshold, Console& console) {
  while (true) {
    absl::StatusOr<v1::Agreement> agreement = results.GetAgreement(id, threshold);
    if (!absl::IsFailedPrecondition(agreement.status())) return agreement;
    if (console.interrupts->Wait(kPollEvery)) return Stopped();
  }
}

absl::Status Print(const ResultsOptions& options, const v1::ListAgreementsResponse& response,
                   CoordinatorClient& coordinator, Console& console) {
  const std::vector<v1::Agreement> agreements(response.agreements().begin(), response.agreements().end());
  RETURN_IF_ERROR(WriteAgreementTables(options.output, agreements, console));
  if (options.output.format == "json") *console.out << ToJson(response);
  if (options.output.format != "table") return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto runs, coordinator.ListRuns(options.sweep_id));
  const std::string exports = FormatExports(runs);
  *console.out << FormatAgreements(response) << (exports.empty() ? "" : "\n") << exports;
  return absl::OkStatus();
}

void PrintUpdate(const v1::WatchAgreementResponse& update, bool json, Console& console) {
  if (json) {
    *console.out << ToJson(update) << std::flush;
  } else if (update.has_agreement()) {
    *console.out << FormatAgreement(update.agreement()) << std::flush;
  } else {
    *console.out << "sibling set " << update.progress().sibling_set_id() << ": " << update.progress().pairs_done()
                 << " of " << update.progress().pairs_total() << " pairs\n"
                 << std::flush;
  }
}

// The coordinator knows the sweep, so the service will too.
absl::Status Watch(ResultsClient& results, const std::string& sweep_id, bool json, Console& console) {
  const auto print = [&](const v1::WatchAgreementResponse& update) { PrintUpdate(update, json, console); };
  absl::Status status = results.WatchAgreement(sweep_id, print);
  for (int i = 0; absl::IsNotFound(status) && i < kMostLooks; ++i) {
    if (console.interrupts->Wait(kPollEvery)) return Stopped();
    status = results.WatchAgreement(sweep_id, print);
  }
  return status;
}

}  // namespace

absl::Status RunResults(const ResultsOptions& options, Console& console) {
  CoordinatorClient coordinator(options.server);
  // The results service answers with nothing for a sweep that it has not heard of; the coordinator knows.
  ASSIGN_OR_RETURN(const v1::Sweep sweep, coordinator.GetSweep(options.sweep_id));
  ASSIGN_OR_RETURN(const std::string address, coordinator.ResultsAddress());
  ResultsClient results(address);
  if (options.watch) return Watch(results, sweep.sweep_id(), options.output.format == "json", console);
  ASSIGN_OR_RETURN(v1::ListAgreementsResponse response, results.ListAgreements(sweep.sweep_id()));
  if (options.threshold.has_value()) {
    for (v1::Agreement& agreement : *response.mutable_agreements()) {
      if (agreement.has_failure()) continue;
      ASSIGN_OR_RETURN(agreement, AwaitAgreement(results, agreement.sibling_set_id(), options.threshold, console));
    }
  }
  return Print(options, response, coordinator, console);
}

absl::Status RunCompare(const CompareOptions& options, Console& console) {
  ASSIGN_OR_RETURN(const std::string address, CoordinatorClient(options.server).ResultsAddress());
  ResultsClient results(address);
  v1::CompareDictionariesRequest request;
  for (const std::string& id : options.run_ids) request.add_run_ids(id);
  if (options.threshold.has_value()) request.set_threshold(*options.threshold);
  request.set_consensus_members(options.consensus_members);
  ASSIGN_OR_RETURN(const v1::CompareDictionariesResponse response, results.CompareDictionaries(request));
  ASSIGN_OR_RETURN(const v1::Agreement agreement,
                   AwaitAgreement(results, response.comparison_id(), std::nullopt, console));
  if (agreement.has_failure()) {
    return absl::AbortedError(
        absl::StrCat("comparison ", response.comparison_id(), ": ", FormatFailure(agreement.failure())));
  }
  RETURN_IF_ERROR(WriteAgreementTables(options.output, {agreement}, console));
  if (options.output.format == "json") *console.out << ToJson(agreement);
  if (options.output.format == "table") {
    *console.out << "comparison " << response.comparison_id() << "\n" << FormatAgreement(agreement);
  }
  return absl::OkStatus();
}

absl::Status RunLatents(const LatentsOptions& options, Console& console) {
  ASSIGN_OR_RETURN(const std::string address, CoordinatorClient(options.server).ResultsAddress());
  v1::StreamLatentsRequest request;
  request.set_sibling_set_id(options.sibling_set_id);
  if (!options.pair.empty()) {
    request.mutable_pair()->set_a(options.pair[0]);
    request.mutable_pair()->set_b(options.pair[1]);
  }
  bool has_heading = false;
  return ResultsClient(address).StreamLatents(request, [&](const v1::StreamLatentsResponse& chunk) {
    if (!std::exchange(has_heading, true)) *console.out << LatentHeading(chunk);
    *console.out << LatentLines(chunk);
  });
}

}  // namespace seedbed
