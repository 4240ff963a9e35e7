// The daemons as the commands call them: every call has a deadline, and a daemon that can't be reached is an error
// that names the address and what to do.
#ifndef SEEDBED_CLIENT_CONNECTION_H_
#define SEEDBED_CLIENT_CONNECTION_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "seedbed/v1/coordinator.grpc.pb.h"
#include "seedbed/v1/results.grpc.pb.h"

namespace seedbed {

inline constexpr char kDefaultServer[] = "127.0.0.1:7600";
inline constexpr absl::Duration kCallTimeout = absl::Seconds(10);
// A worker may take a minute to inspect a sweep's files.
inline constexpr absl::Duration kSubmitTimeout = absl::Seconds(90);

// `status` of a call to "the coordinator" or "the results service" at `address`, as the user is told it. What the
// daemon itself answered stays as it is.
absl::Status ExplainCall(const grpc::Status& status, const std::string& who, const std::string& address,
                         absl::Duration timeout = kCallTimeout);

// How a user calls this program on that coordinator: "seedbed", with --server where it is not the default.
std::string CommandFor(const std::string& address);

// Thread-safe.
class CoordinatorClient {
 public:
  // `address` is HOST:PORT. Connects with the first call.
  explicit CoordinatorClient(const std::string& address);

  const std::string& address() const { return address_; }
  seedbed::v1::SweepService::Stub& stub() { return *stub_; }

  // Asks `interrupted` again and again; once it is true, CANCELLED, and nobody knows what becomes of the request.
  absl::StatusOr<seedbed::v1::SubmitSweepResponse> Submit(const seedbed::v1::SubmitSweepRequest& request,
                                                          const std::function<bool()>& interrupted);
  absl::StatusOr<seedbed::v1::Sweep> GetSweep(const std::string& sweep_id);
  absl::StatusOr<seedbed::v1::CancelSweepResponse> Cancel(const seedbed::v1::CancelSweepRequest& request);
  absl::StatusOr<seedbed::v1::PauseSweepResponse> Pause(const seedbed::v1::PauseSweepRequest& request);
  absl::StatusOr<seedbed::v1::ResumeSweepResponse> Resume(const seedbed::v1::ResumeSweepRequest& request);
  absl::StatusOr<seedbed::v1::RetrySweepResponse> Retry(const seedbed::v1::RetrySweepRequest& request);
  absl::StatusOr<seedbed::v1::Run> GetRun(const std::string& run_id);
  // All pages.
  absl::StatusOr<seedbed::v1::ListSweepsResponse> ListSweeps();
  absl::StatusOr<seedbed::v1::ListRunsResponse> ListRuns(const std::string& sweep_id);
  absl::StatusOr<seedbed::v1::ListWorkersResponse> ListWorkers();
  absl::StatusOr<seedbed::v1::ExplainRunResponse> ExplainRun(const std::string& run_id);
  absl::StatusOr<seedbed::v1::DrainWorkerResponse> DrainWorker(const seedbed::v1::DrainWorkerRequest& request);
  absl::StatusOr<seedbed::v1::ListUsersResponse> ListUsers();
  absl::StatusOr<seedbed::v1::SetQuotaResponse> SetQuota(const seedbed::v1::SetQuotaRequest& request);
  absl::StatusOr<seedbed::v1::BackUpResponse> BackUp(const seedbed::v1::BackUpRequest& request);
  // Address of the results service. FAILED_PRECONDITION when the coordinator was told of none.
  absl::StatusOr<std::string> ResultsAddress();

 private:
  template <typename Request, typename Response>
  using Method = grpc::Status (seedbed::v1::SweepService::Stub::*)(grpc::ClientContext*, const Request&, Response*);
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(Method<Request, Response> method, const Request& request);

  const std::string address_;
  const std::unique_ptr<seedbed::v1::SweepService::Stub> stub_;
};

// Thread-safe.
class ResultsClient {
 public:
  explicit ResultsClient(const std::string& address);

  absl::StatusOr<seedbed::v1::ListAgreementsResponse> ListAgreements(const std::string& sweep_id);
  // FAILED_PRECONDITION while it is being computed.
  absl::StatusOr<seedbed::v1::Agreement> GetAgreement(const std::string& sibling_set_id,
                                                      std::optional<double> threshold);
  absl::StatusOr<seedbed::v1::CompareDictionariesResponse> CompareDictionaries(
      const seedbed::v1::CompareDictionariesRequest& request);
  // Calls back with each message until the stream ends.
  absl::Status WatchAgreement(const std::string& sweep_id,
                              const std::function<void(const seedbed::v1::WatchAgreementResponse&)>& on_update);
  absl::Status StreamLatents(const seedbed::v1::StreamLatentsRequest& request,
                             const std::function<void(const seedbed::v1::StreamLatentsResponse&)>& on_chunk);
  // An HTML page.
  absl::StatusOr<std::string> GetReport(const std::vector<std::string>& sweep_ids);

 private:
  template <typename Request, typename Response>
  using Method = grpc::Status (seedbed::v1::ResultsService::Stub::*)(grpc::ClientContext*, const Request&, Response*);
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(Method<Request, Response> method, const Request& request);

  const std::string address_;
  const std::unique_ptr<seedbed::v1::ResultsService::Stub> stub_;
};

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_CONNECTION_H_
