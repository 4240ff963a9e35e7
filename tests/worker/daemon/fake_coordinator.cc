#include "tests/worker/daemon/fake_coordinator.h"

#include "absl/strings/str_cat.h"
#include "proto/rpc/status.h"
#include "worker/daemon/rank_id.h"

namespace seedbed {

FakeCoordinator::FakeCoordinator() { StartAgain(); }

FakeCoordinator::~FakeCoordinator() { Crash(); }

std::string FakeCoordinator::address() const { return absl::StrCat("127.0.0.1:", port_); }

void FakeCoordinator::Crash() { server_.reset(); }

void FakeCoordinator::StartAgain() {
  server_ = RpcServer::Start("127.0.0.1", port_, {this}).value();
  port_ = server_->port();
}

void FakeCoordinator::Want(std::vector<v1::DesiredRank> ranks) {
  absl::MutexLock lock(&mutex_);
  wanted_ = std::move(ranks);
}

void FakeCoordinator::WantInspections(std::vector<v1::InspectionRequest> inspections) {
  absl::MutexLock lock(&mutex_);
  inspections_ = std::move(inspections);
}

void FakeCoordinator::SetLease(absl::Duration lease) {
  absl::MutexLock lock(&mutex_);
  lease_ = lease;
}

void FakeCoordinator::SetSilent(bool silent) {
  absl::MutexLock lock(&mutex_);
  silent_ = silent;
}

void FakeCoordinator::RefuseWith(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  refusal_ = std::move(status);
}

v1::WorkerReport FakeCoordinator::last() const {
  absl::MutexLock lock(&mutex_);
  return last_;
}

v1::RankStatus FakeCoordinator::Rank(const std::string& gang_id, int rank) const {
  absl::MutexLock lock(&mutex_);
  for (const v1::RankStatus& status : last_.ranks()) {
    if (RankId::Of(status.key()) == RankId{gang_id, 1, rank}) return status;
  }
  return {};
}

int FakeCoordinator::sessions() const {
  absl::MutexLock lock(&mutex_);
  return sessions_;
}

int64_t FakeCoordinator::reports() const {
  absl::MutexLock lock(&mutex_);
  return reports_;
}

bool FakeCoordinator::saw_a_gap() const {
  absl::MutexLock lock(&mutex_);
  return gap_;
}

grpc::Status FakeCoordinator::Session(grpc::ServerContext*,
                                      grpc::ServerReaderWriter<v1::WorkerDirective, v1::WorkerReport>* stream) {
  {
    absl::MutexLock lock(&mutex_);
    ++sessions_;
    if (!refusal_.ok()) return ToGrpcStatus(refusal_);
  }
  uint64_t sequence = 0;
  v1::WorkerReport report;
  while (stream->Read(&report)) {
    v1::WorkerDirective directive;
    bool silent = false;
    {
      absl::MutexLock lock(&mutex_);
      if (report.sequence() != ++sequence) gap_ = true;
      ++reports_;
      last_ = report;
      silent = silent_;
      directive = Answer(report);
    }
    if (!silent && !stream->Write(directive)) break;
  }
  return grpc::Status::OK;
}

v1::WorkerDirective FakeCoordinator::Answer(const v1::WorkerReport& report) {
  v1::WorkerDirective directive;
  directive.set_acknowledged_sequence(report.sequence());
  directive.set_lease_ms(absl::ToInt64Milliseconds(lease_));
  for (const v1::InspectionRequest& request : inspections_) *directive.add_inspections() = request;
  for (const v1::DesiredRank& wanted : wanted_) {
    v1::DesiredRank& rank = *directive.add_ranks();
    rank = wanted;
    for (const v1::RankStatus& status : report.ranks()) {
      if (status.key().gang_id() == wanted.key().gang_id() && status.key().rank() == 0) {
        rank.set_rendezvous_address(status.rendezvous_address());
      }
    }
  }
  return directive;
}

}  // namespace seedbed
