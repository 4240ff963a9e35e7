#include "client/control.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "client/connection.h"
#include "client/format.h"
#include "client/user_table.h"
#include "common/status.h"

namespace seedbed {
namespace {

template <typename Response>
void Print(const ListingOptions& options, const Response& response, const std::string& line, Console& console) {
  *console.out << (options.json ? ToJson(response) : absl::StrCat(line, "\n"));
}

std::string SweepLine(const v1::Sweep& sweep) {
  const std::string counts = FormatRunCounts(sweep);
  return absl::StrCat("sweep ", sweep.sweep_id(), " ", FormatState(sweep.state()), counts.empty() ? "" : ": ", counts);
}

template <typename Request>
Request Select(const RunSelection& selection) {
  Request request;
  request.set_sweep_id(selection.sweep_id);
  request.mutable_run_ids()->Assign(selection.run_ids.begin(), selection.run_ids.end());
  return request;
}

}  // namespace

absl::Status RunCancel(const ListingOptions& options, const RunSelection& selection, Console& console) {
  ASSIGN_OR_RETURN(const auto response,
                   CoordinatorClient(options.server).Cancel(Select<v1::CancelSweepRequest>(selection)));
  Print(options, response, SweepLine(response.sweep()), console);
  return absl::OkStatus();
}

absl::Status RunPause(const ListingOptions& options, const RunSelection& selection, Console& console) {
  ASSIGN_OR_RETURN(const auto response,
                   CoordinatorClient(options.server).Pause(Select<v1::PauseSweepRequest>(selection)));
  Print(options, response, SweepLine(response.sweep()), console);
  return absl::OkStatus();
}

absl::Status RunResume(const ListingOptions& options, const RunSelection& selection, Console& console) {
  ASSIGN_OR_RETURN(const auto response,
                   CoordinatorClient(options.server).Resume(Select<v1::ResumeSweepRequest>(selection)));
  Print(options, response, SweepLine(response.sweep()), console);
  return absl::OkStatus();
}

absl::Status RunRetry(const ListingOptions& options, const RunSelection& selection, Console& console) {
  ASSIGN_OR_RETURN(const auto response,
                   CoordinatorClient(options.server).Retry(Select<v1::RetrySweepRequest>(selection)));
  Print(options, response, SweepLine(response.sweep()), console);
  return absl::OkStatus();
}

absl::Status RunDrain(const ListingOptions& options, const DrainOptions& drain, Console& console) {
  v1::DrainWorkerRequest request;
  request.set_worker(drain.worker);
  request.set_undo(drain.undo);
  ASSIGN_OR_RETURN(const auto response, CoordinatorClient(options.server).DrainWorker(request));
  const std::string now = response.worker().draining() ? " drains: it gets no more ranks" : " takes ranks";
  Print(options, response, absl::StrCat("worker ", response.worker().name(), now), console);
  return absl::OkStatus();
}

absl::Status RunQuota(const ListingOptions& options, const QuotaOptions& quota, Console& console) {
  v1::SetQuotaRequest request;
  request.set_user(quota.user);
  request.set_most_slots(quota.most_slots);
  request.set_share(quota.share);
  ASSIGN_OR_RETURN(const auto response, CoordinatorClient(options.server).SetQuota(request));
  const std::string most = quota.most_slots == 0 ? "any number of" : absl::StrCat("at most ", quota.most_slots);
  Print(options, response,
        absl::StrCat("user ", response.user().name(), ": ", most, " slots at once, share ",
                     FormatShare(response.user().share())),
        console);
  return absl::OkStatus();
}

absl::Status RunBackUp(const ListingOptions& options, const std::string& file, Console& console) {
  v1::BackUpRequest request;
  request.set_path(std::filesystem::absolute(file).lexically_normal().string());
  ASSIGN_OR_RETURN(const auto response, CoordinatorClient(options.server).BackUp(request));
  Print(options, response, absl::StrCat("wrote ", response.last_event(), " events to ", request.path()), console);
  return absl::OkStatus();
}

}  // namespace seedbed
