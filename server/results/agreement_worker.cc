#include "server/results/agreement_worker.h"

#include <optional>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/logging.h"
#include "server/results/comparison.h"

namespace seedbed {

AgreementWorker::AgreementWorker(Options options, ResultsStore* store, ResultsMetrics* metrics)
    : options_(std::move(options)), store_(store), metrics_(metrics), thread_([this] { Run(); }) {}

AgreementWorker::~AgreementWorker() {
  signal_.Stop();
  thread_.join();
}

void AgreementWorker::Run() {
  while (!signal_.stopped()) {
    const auto pending = store_->Pending();
    if (!pending.ok()) {
      Log(LogLevel::kError, "can't read what is pending", {{"error", pending.status().message()}});
      signal_.WaitForStop(options_.retry_delay);
      continue;
    }
    metrics_->SetPending(*pending);
    if (pending->empty()) {
      signal_.WaitForWork();
    } else {
      Process(pending->front());
    }
  }
}

void AgreementWorker::Process(const v1::Agreement& request) {
  const std::string key = ContentKey(request);
  const auto known = store_->FindNumbers(key);
  if (!known.ok()) {
    Log(LogLevel::kError, "can't look up an agreement",
        {{"sweep", request.sweep_id()},
         {"sibling_set", request.sibling_set_id()},
         {"error", known.status().message()}});
    signal_.WaitForStop(options_.retry_delay);
  } else if (known->has_value()) {
    KeepReused(request, key, **known);
  } else {
    const absl::Duration start = Clock::Real()->Monotonic();
    const AgreeOutcome outcome = Compute(request);
    const double seconds = absl::ToDoubleSeconds(Clock::Real()->Monotonic() - start);
    if (outcome.agreement.has_value()) KeepComputed(request, key, *outcome.agreement, seconds);
    if (outcome.failure.has_value()) KeepFailure(request, *outcome.failure);
  }
}

void AgreementWorker::KeepReused(const v1::Agreement& request, const std::string& key, const v1::Agreement& numbers) {
  if (!Store(request, [&] { return store_->StoreNumbers(request, key, numbers); })) return;
  metrics_->CountReused();
  Log(LogLevel::kInfo, "agreement known already",
      {{"sweep", request.sweep_id()}, {"sibling_set", request.sibling_set_id()}});
}

void AgreementWorker::KeepComputed(const v1::Agreement& request, const std::string& key, const v1::Agreement& numbers,
                                   double seconds) {
  if (!Store(request, [&] { return store_->StoreNumbers(request, key, numbers); })) return;
  metrics_->CountComputed(numbers, seconds);
  Log(LogLevel::kInfo, "agreement computed",
      {{"sweep", request.sweep_id()},
       {"sibling_set", request.sibling_set_id()},
       {"dictionaries", request.dictionaries_size()},
       {"pw_mcc", numbers.siblings().pw_mcc()},
       {"shared_strict", numbers.siblings().shared_strict().mean()},
       {"largest_gap", LargestGap(numbers)},
       {"seconds", seconds}});
}

void AgreementWorker::KeepFailure(const v1::Agreement& request, const v1::Failure& failure) {
  if (!Store(request, [&] { return store_->StoreFailure(request, failure); })) return;
  metrics_->CountFailed();
  Log(LogLevel::kError, "agreement given up",
      {{"sweep", request.sweep_id()}, {"sibling_set", request.sibling_set_id()}, {"error", failure.message()}});
}

AgreeOutcome AgreementWorker::Compute(const v1::Agreement& request) {
  for (int attempt = 1;; ++attempt) {
    AgreeOutcome outcome = RunAgree(options_.agree, request, signal_);
    if (!outcome.failure.has_value()) return outcome;
    metrics_->CountFailedAttempt();
    Log(LogLevel::kWarning, "agreement failed",
        {{"sweep", request.sweep_id()},
         {"sibling_set", request.sibling_set_id()},
         {"try", attempt},
         {"of", options_.attempts},
         {"error", outcome.failure->message()}});
    if (attempt >= options_.attempts) return outcome;
    if (signal_.WaitForStop(attempt * options_.retry_delay)) {
      AgreeOutcome stopped;
      stopped.stopped = true;
      return stopped;
    }
  }
}

bool AgreementWorker::Store(const v1::Agreement& request, const std::function<absl::Status()>& store) {
  for (;;) {
    const absl::Status status = store();
    if (status.ok()) return true;
    Log(LogLevel::kError, "can't store an agreement",
        {{"sweep", request.sweep_id()}, {"sibling_set", request.sibling_set_id()}, {"error", status.message()}});
    if (signal_.WaitForStop(options_.retry_delay)) return false;
  }
}

}  // namespace seedbed
