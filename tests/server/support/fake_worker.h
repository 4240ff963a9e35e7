// A worker that does at once what its directive says, and then whatever a test lets its ranks do.
#ifndef SEEDBED_TESTS_SERVER_SUPPORT_FAKE_WORKER_H_
#define SEEDBED_TESTS_SERVER_SUPPORT_FAKE_WORKER_H_

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/coordinator/coordinator.h"

namespace seedbed {

class FakeWorker {
 public:
  // Of every run, whatever its stream.
  static constexpr char kBatchHash[] = "00112233445566778899aabbccddeeff";

  struct Sink final : public SessionSink {
    void Send(v1::WorkerDirective sent) override {
      directive = std::move(sent);
      ++sends;
    }
    void Close(const absl::Status& status) override { closed = status; }
    v1::WorkerDirective directive;
    int sends = 0;
    std::optional<absl::Status> closed;
  };

  FakeWorker(const std::string& name, const std::string& instance, int slots,
             v1::DeviceKind device = v1::DEVICE_KIND_CPU) {
    report_.set_worker_name(name);
    report_.set_instance_id(instance);
    report_.set_host("10.0.0.1");
    for (int i = 0; i < slots; ++i) {
      v1::Slot& slot = *report_.add_slots();
      slot.set_slot_id(absl::StrCat(device == v1::DEVICE_KIND_CUDA ? "cuda:" : "cpu:", i));
      slot.set_device(device);
      slot.set_threads(1);
    }
  }

  // Opens a session and sends the first report.
  absl::Status Connect(Coordinator& coordinator) {
    coordinator_ = &coordinator;
    sink_ = std::make_shared<Sink>();
    session_ = coordinator.OpenSession(sink_);
    report_.set_sequence(0);
    return Report();
  }

  void Disconnect() { coordinator_->CloseSession(session_); }

  absl::Status Report() {
    report_.set_sequence(report_.sequence() + 1);
    return coordinator_->Report(session_, report_);
  }

  // Starts the ranks it is told to, with a progress of 0 steps, forgets those it is not told to, and reports.
  absl::Status Obey() {
    auto& ranks = *report_.mutable_ranks();
    ranks.erase(std::remove_if(ranks.begin(), ranks.end(), [&](const v1::RankStatus& r) { return !Wants(r.key()); }),
                ranks.end());
    for (const v1::DesiredRank& desired : directive().ranks()) {
      if (Find(desired.key()) != nullptr) continue;
      v1::RankStatus& rank = *ranks.Add();
      *rank.mutable_key() = desired.key();
      rank.set_slot_id(desired.slot_id());
      rank.set_state(v1::RANK_STATE_RUNNING);
      if (desired.key().rank() == 0) rank.set_rendezvous_address(absl::StrCat(report_.host(), ":4000"));
    }
    return Report();
  }

  // Looks at the files of all sweeps that it is asked to and finds nothing wrong: no position excluded but the first
  // ones, hookpoints by the names that they have.
  absl::Status Inspect() {
    report_.clear_inspection_results();
    for (const v1::InspectionRequest& request : directive().inspections()) {
      const v1::SweepSpec& spec = request.spec();
      v1::InspectionResult& result = *report_.add_inspection_results();
      result.set_inspection_id(request.inspection_id());
      *result.mutable_hookpoints() = spec.sae().hookpoints();
      *result.mutable_transcoders() = spec.sae().transcoders();
      result.set_d_model(576);
      const int64_t length = spec.data().sequence_length();
      result.set_rows_per_epoch(
          length == 0 ? 1000 : spec.data().max_tokens() / length * (length - spec.activations().exclude_first()));
    }
    return Report();
  }

  // What the following do shows in the next report. Each is of all ranks, which share the runs in turn.
  void Step(int64_t step) {
    ForEachRun([&](v1::RankStatus& rank, const std::string& run_id) {
      auto found = std::find_if(rank.mutable_progress()->begin(), rank.mutable_progress()->end(),
                                [&](const v1::RunProgress& progress) { return progress.run_id() == run_id; });
      v1::RunProgress& progress = found == rank.mutable_progress()->end() ? *rank.add_progress() : *found;
      progress.set_run_id(run_id);
      progress.set_step(step);
    });
  }
  void Export() {
    ForEachRun([](v1::RankStatus& rank, const std::string& run_id) { rank.add_exporting_run_ids(run_id); });
  }
  void Succeed() {
    ForEachRun([](v1::RankStatus& rank, const std::string& run_id) {
      v1::RunOutcome& outcome = *rank.add_outcomes();
      outcome.set_run_id(run_id);
      outcome.mutable_result()->set_steps(4080);
      outcome.mutable_result()->set_batch_hash(kBatchHash);
    });
  }
  void SucceedOne(const std::string& run_id, const std::string& batch_hash = kBatchHash) {
    v1::RunOutcome& outcome = *report_.mutable_ranks(0)->add_outcomes();
    outcome.set_run_id(run_id);
    outcome.mutable_result()->set_steps(4080);
    outcome.mutable_result()->set_batch_hash(batch_hash);
  }
  void FailRun(const std::string& run_id, v1::FailureKind kind) {
    v1::RunOutcome& outcome = *report_.mutable_ranks(0)->add_outcomes();
    outcome.set_run_id(run_id);
    outcome.mutable_failure()->set_kind(kind);
  }
  void Exit() {
    for (v1::RankStatus& rank : *report_.mutable_ranks()) rank.set_state(v1::RANK_STATE_EXITED);
  }
  void Die(v1::FailureKind kind, const std::string& message, int signal = 0) {
    Exit();
    for (v1::RankStatus& rank : *report_.mutable_ranks()) {
      rank.mutable_failure()->set_kind(kind);
      rank.mutable_failure()->set_message(message);
      rank.mutable_failure()->set_signal(signal);
    }
  }

  const v1::WorkerDirective& directive() const { return sink_->directive; }
  Sink& sink() { return *sink_; }
  v1::WorkerReport& report() { return report_; }
  uint64_t session() const { return session_; }

 private:
  static bool Same(const v1::RankKey& a, const v1::RankKey& b) {
    return a.gang_id() == b.gang_id() && a.attempt() == b.attempt() && a.rank() == b.rank();
  }
  bool Wants(const v1::RankKey& key) const {
    return std::any_of(directive().ranks().begin(), directive().ranks().end(),
                       [&](const v1::DesiredRank& desired) { return Same(desired.key(), key); });
  }
  const v1::RankStatus* Find(const v1::RankKey& key) const {
    for (const v1::RankStatus& rank : report_.ranks()) {
      if (Same(rank.key(), key)) return &rank;
    }
    return nullptr;
  }
  template <typename Call>
  void ForEachRun(Call call) {
    for (v1::RankStatus& rank : *report_.mutable_ranks()) {
      for (const v1::DesiredRank& desired : directive().ranks()) {
        if (!Same(desired.key(), rank.key())) continue;
        for (int i = rank.key().rank(); i < desired.gang().runs_size(); i += desired.world_size()) {
          call(rank, desired.gang().runs(i).run_id());
        }
      }
    }
  }

  Coordinator* coordinator_ = nullptr;
  std::shared_ptr<Sink> sink_;
  uint64_t session_ = 0;
  v1::WorkerReport report_;
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_SUPPORT_FAKE_WORKER_H_
