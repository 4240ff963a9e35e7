#include "server/results/agreement_worker.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/logging.h"
#include "server/results/comparison.h"
#include "server/results/stored_pairs.h"

namespace seedbed {
namespace {

int CoresOf(int threads) {
  return threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

v1::Failure OutOfMemory(const std::string& message) {
  v1::Failure failure;
  failure.set_kind(v1::FAILURE_KIND_OUT_OF_MEMORY);
  failure.set_message(message);
  return failure;
}

}  // namespace

AgreementWorker::AgreementWorker(Options options, ResultsStore* store, ResultsMetrics* metrics, AgreementFeed* feed)
    : options_(std::move(options)),
      store_(store),
      metrics_(metrics),
      feed_(feed),
      budget_(CoresOf(options_.agree.threads), options_.memory_bytes, options_.sets_at_once),
      thread_([this] { Run(); }) {}

AgreementWorker::~AgreementWorker() {
  signal_.Stop();
  thread_.join();
}

void AgreementWorker::Run() {
  while (!signal_.stopped()) {
    JoinJobs(/*all=*/false);
    const auto pending = store_->Pending();
    if (!pending.ok()) {
      Log(LogLevel::kError, "can't read what is pending", {{"error", pending.status().message()}});
      signal_.WaitForStop(options_.retry_delay);
      continue;
    }
    metrics_->SetPending(*pending);
    Dispatch(*pending);
    signal_.WaitForWork();
  }
  JoinJobs(/*all=*/true);
}

void AgreementWorker::JoinJobs(bool all) {
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    if (!all && !job->done) {
      ++job;
      continue;
    }
    job->thread.join();
    budget_.GiveBack(job->cores, job->plan.bytes);
    RemoveAll(job->work_folder).IgnoreError();
    job = jobs_.erase(job);
  }
}

bool AgreementWorker::IsRunning(const std::string& sibling_set_id, const std::string& key) const {
  return std::any_of(jobs_.begin(), jobs_.end(),
                     [&](const Job& job) { return job.request.sibling_set_id() == sibling_set_id || job.key == key; });
}

void AgreementWorker::Dispatch(const std::vector<v1::Agreement>& pending) {
  std::vector<const v1::Agreement*> waiting;
  for (const v1::Agreement& request : pending) {
    if (!IsRunning(request.sibling_set_id(), ContentKey(request))) waiting.push_back(&request);
  }
  for (size_t i = 0; i < waiting.size(); ++i) {
    if (signal_.stopped() || !Consider(*waiting[i], static_cast<int>(waiting.size() - i))) return;
  }
}

bool AgreementWorker::Consider(const v1::Agreement& request, int waiting) {
  const std::string key = ContentKey(request);
  // One of equal sets is computed; the others find its numbers.
  if (IsRunning(request.sibling_set_id(), key)) return true;
  const auto known = store_->FindNumbers(key);
  if (!known.ok()) {
    Log(LogLevel::kError, "can't look up an agreement",
        {{"sweep", request.sweep_id()},
         {"sibling_set", request.sibling_set_id()},
         {"error", known.status().message()}});
    signal_.WaitForStop(options_.retry_delay);
    signal_.Wake();
    return false;
  }
  if (known->has_value()) {
    KeepReused(request, key, **known);
    return true;
  }
  const MemoryPlan plan = PlanMemory(request, options_.memory_bytes);
  if (!plan.refusal.empty()) {
    KeepFailure(request, OutOfMemory(plan.refusal));
    return true;
  }
  const int cores = budget_.CoresForNext(waiting);
  if (cores == 0 || !budget_.HasRoomFor(plan.bytes)) return false;
  Start(request, key, plan, cores);
  return true;
}

void AgreementWorker::Start(const v1::Agreement& request, const std::string& key, const MemoryPlan& plan, int cores) {
  budget_.Take(cores, plan.bytes);
  Job& job = jobs_.emplace_back();
  job.request = request;
  job.key = key;
  job.plan = plan;
  job.cores = cores;
  job.work_folder = JoinPath(options_.agree.work_folder, absl::StrCat(++started_));
  job.thread = std::thread([this, &job] {
    Process(job);
    job.done = true;
    signal_.Wake();
  });
}

void AgreementWorker::Process(const Job& job) {
  const absl::Duration start = Clock::Real()->Monotonic();
  const AgreeOutcome outcome = Compute(job);
  const double seconds = absl::ToDoubleSeconds(Clock::Real()->Monotonic() - start);
  if (outcome.agreement.has_value()) KeepComputed(job.request, job.key, *outcome.agreement, seconds);
  if (outcome.failure.has_value()) KeepFailure(job.request, *outcome.failure);
  feed_->ClearProgress(job.request.sibling_set_id());
}

void AgreementWorker::KeepReused(const v1::Agreement& request, const std::string& key, const v1::Agreement& numbers) {
  if (!Store(request, [&] { return store_->StoreNumbers(request, key, numbers); })) return;
  feed_->Notify();
  metrics_->CountReused();
  Log(LogLevel::kInfo, "agreement known already",
      {{"sweep", request.sweep_id()}, {"sibling_set", request.sibling_set_id()}});
}

void AgreementWorker::KeepComputed(const v1::Agreement& request, const std::string& key, const v1::Agreement& numbers,
                                   double seconds) {
  if (!Store(request, [&] { return store_->StoreNumbers(request, key, numbers); })) return;
  feed_->Notify();
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
  feed_->Notify();
  metrics_->CountFailed();
  Log(LogLevel::kError, "agreement given up",
      {{"sweep", request.sweep_id()}, {"sibling_set", request.sibling_set_id()}, {"error", failure.message()}});
}

AgreeOutcome AgreementWorker::Compute(const Job& job) {
  MemoryPlan plan = job.plan;
  for (int attempt = 1;; ++attempt) {
    AgreeOutcome outcome = ComputeOnce(job, plan);
    if (!outcome.failure.has_value()) return outcome;
    metrics_->CountFailedAttempt();
    Log(LogLevel::kWarning, "agreement failed",
        {{"sweep", job.request.sweep_id()},
         {"sibling_set", job.request.sibling_set_id()},
         {"try", attempt},
         {"of", options_.attempts},
         {"error", outcome.failure->message()}});
    const bool out_of_memory = outcome.failure->kind() == v1::FAILURE_KIND_OUT_OF_MEMORY;
    if (attempt >= options_.attempts || (out_of_memory && plan.pair_by_pair)) return outcome;
    if (out_of_memory) plan.pair_by_pair = true;
    if (signal_.WaitForStop(attempt * options_.retry_delay)) {
      AgreeOutcome stopped;
      stopped.stopped = true;
      return stopped;
    }
  }
}

AgreeOptions AgreementWorker::OptionsFor(const Job& job, const MemoryPlan& plan) {
  AgreeOptions options = options_.agree;
  options.threads = job.cores;
  options.work_folder = job.work_folder;
  options.artifact_folder = JoinPath(options_.artifact_root, job.key);
  options.cached_bytes = plan.pair_by_pair ? 0 : plan.cached_bytes;
  options.most_bytes = plan.most_bytes;
  options.on_progress = [this, &job] { feed_->SetProgress(ProgressOf(options_.agree.pair_folder, job.request)); };
  return options;
}

AgreeOutcome AgreementWorker::ComputeOnce(const Job& job, const MemoryPlan& plan) {
  AgreeOptions options = OptionsFor(job, plan);
  for (const std::string& folder : {options.work_folder, options.artifact_folder}) {
    if (const absl::Status made = MakeFolders(folder); !made.ok()) {
      AgreeOutcome outcome;
      outcome.failure.emplace();
      outcome.failure->set_kind(v1::FAILURE_KIND_IO);
      outcome.failure->set_message(std::string(made.message()));
      return outcome;
    }
  }
  options.on_progress();
  if (!plan.pair_by_pair) return RunAgree(options, job.request, signal_);
  AgreeOptions of_pair = options;
  of_pair.artifact_folder.clear();
  const int count = job.request.dictionaries_size();
  for (int a = 0; a < count; ++a) {
    for (int b = a + 1; b < count; ++b) {
      if (PairIsStored(options.pair_folder, job.request, a, b)) continue;
      AgreeOutcome outcome = RunAgree(of_pair, OnlyPair(job.request, a, b), signal_);
      if (!outcome.agreement.has_value()) return outcome;
      options.on_progress();
    }
  }
  return RunAgree(options, job.request, signal_);
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
