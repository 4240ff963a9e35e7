// The gRPC side of the results service.
#ifndef SEEDBED_SERVER_RESULTS_RESULTS_SERVICE_H_
#define SEEDBED_SERVER_RESULTS_RESULTS_SERVICE_H_

#include <cstdint>
#include <functional>

#include "grpcpp/support/server_callback.h"
#include "seedbed/v1/results.grpc.pb.h"
#include "server/results/results_store.h"

namespace seedbed {

// Answers from the store: short reads of a local database, which every handler finishes before it returns. Thread-safe.
// INVALID_ARGUMENT for an empty id; otherwise the store's errors.
class ResultsService final : public v1::ResultsService::CallbackService {
 public:
  // `last_event` is thread-safe and gives a number that the store has taken in when it returns.
  ResultsService(ResultsStore* store, std::function<int64_t()> last_event)
      : store_(store), last_event_(std::move(last_event)) {}

  grpc::ServerUnaryReactor* ListAgreements(grpc::CallbackServerContext* context,
                                           const v1::ListAgreementsRequest* request,
                                           v1::ListAgreementsResponse* response) override;
  grpc::ServerUnaryReactor* GetAgreement(grpc::CallbackServerContext* context, const v1::GetAgreementRequest* request,
                                         v1::GetAgreementResponse* response) override;
  grpc::ServerUnaryReactor* GetReport(grpc::CallbackServerContext* context, const v1::GetReportRequest* request,
                                      v1::GetReportResponse* response) override;

 private:
  absl::Status List(const v1::ListAgreementsRequest& request, v1::ListAgreementsResponse& response);
  absl::Status Get(const v1::GetAgreementRequest& request, v1::GetAgreementResponse& response);

  ResultsStore* const store_;
  const std::function<int64_t()> last_event_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_RESULTS_SERVICE_H_
