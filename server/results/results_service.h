// The gRPC side of the results service.
#ifndef SEEDBED_SERVER_RESULTS_RESULTS_SERVICE_H_
#define SEEDBED_SERVER_RESULTS_RESULTS_SERVICE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/support/server_callback.h"
#include "seedbed/v1/results.grpc.pb.h"
#include "server/results/agreement_feed.h"
#include "server/results/results_store.h"

namespace seedbed {

// Answers from the store: short reads of a local database, which every handler finishes before it returns. What is to
// be computed first is put there, for the worker. Thread-safe. INVALID_ARGUMENT, naming the field, for a request that
// can't be served; otherwise the store's errors.
class ResultsService final : public v1::ResultsService::CallbackService {
 public:
  struct Parts {
    ResultsStore* store = nullptr;
    AgreementFeed* feed = nullptr;
    std::string pair_folder;
    // Thread-safe; gives a number that the store has taken in when it returns.
    std::function<int64_t()> last_event;
    // Thread-safe; called when the store has got something to compute.
    std::function<void()> on_request;
  };
  explicit ResultsService(Parts parts) : parts_(std::move(parts)) {}

  grpc::ServerUnaryReactor* ListAgreements(grpc::CallbackServerContext* context,
                                           const v1::ListAgreementsRequest* request,
                                           v1::ListAgreementsResponse* response) override;
  grpc::ServerUnaryReactor* GetAgreement(grpc::CallbackServerContext* context, const v1::GetAgreementRequest* request,
                                         v1::GetAgreementResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchAgreementResponse>* WatchAgreement(
      grpc::CallbackServerContext* context, const v1::WatchAgreementRequest* request) override;
  grpc::ServerUnaryReactor* CompareDictionaries(grpc::CallbackServerContext* context,
                                                const v1::CompareDictionariesRequest* request,
                                                v1::CompareDictionariesResponse* response) override;
  grpc::ServerWriteReactor<v1::StreamLatentsResponse>* StreamLatents(grpc::CallbackServerContext* context,
                                                                     const v1::StreamLatentsRequest* request) override;
  grpc::ServerUnaryReactor* GetReport(grpc::CallbackServerContext* context, const v1::GetReportRequest* request,
                                      v1::GetReportResponse* response) override;

 private:
  absl::Status List(const v1::ListAgreementsRequest& request, v1::ListAgreementsResponse& response);
  absl::StatusOr<v1::Agreement> Get(const v1::GetAgreementRequest& request);
  // Of a set that was asked for at another threshold: its request is made where there is none yet.
  absl::StatusOr<v1::Agreement> GetAtThreshold(const std::string& id, double threshold);
  absl::Status Compare(const v1::CompareDictionariesRequest& request, v1::CompareDictionariesResponse& response);
  absl::StatusOr<std::vector<v1::StreamLatentsResponse>> LatentChunks(const v1::StreamLatentsRequest& request);

  const Parts parts_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_RESULTS_SERVICE_H_
