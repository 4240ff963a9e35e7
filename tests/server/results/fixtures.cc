#include "tests/server/results/fixtures.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/file.h"
#include "common/sha256.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "server/results/comparison.h"

namespace seedbed {
namespace {

constexpr char kScript[] = R"sh(#!/bin/sh
folder='@FOLDER@'
echo "$$" >> "$folder/pids"
echo "$*" >> "$folder/arguments"
while [ $# -gt 0 ]; do
  case "$1" in
    --output) output=$2; shift ;;
    --sibling-set) set=$2; shift ;;
  esac
  shift
done
echo "$set" >> "$folder/runs"
mode=$(cat "$folder/mode")
if [ "$mode" = "fail once" ]; then
  mode=ok
  [ "$(wc -l < "$folder/runs")" -gt 1 ] || mode=fail
fi
case "$mode" in
  ok) cp "$folder/$set.json" "$output.tmp" && mv "$output.tmp" "$output" ;;
  fail) echo "a warning" >&2; echo "seedbed-agree: it did not work" >&2; exit 2 ;;
  crash) kill -SEGV $$ ;;
  "bad json") echo '{"threshold": ' > "$output" ;;
  silent) ;;
  hang) exec sleep 600 ;;
  hungry) held=$(head -c 200000000 /dev/zero | tr '\0' x); sleep 600 & wait ;;
  stubborn) trap '' TERM; while :; do sleep 600; done ;;
esac
)sh";

}  // namespace

v1::SaeSpec TestSae() {
  v1::SaeSpec sae;
  sae.set_hookpoint("layers.9");
  sae.set_architecture("topk");
  sae.set_latents(512);
  sae.set_k(16);
  return sae;
}

v1::Event FinishedEvent(const std::string& sweep_id, const std::string& sibling_set_id, const std::string& content,
                        int runs) {
  v1::Event event;
  event.set_sweep_id(sweep_id);
  v1::SiblingSetFinished* finished = event.mutable_sibling_set_finished();
  finished->set_sibling_set_id(sibling_set_id);
  finished->set_threshold(0.7);
  for (int seed = 0; seed < runs; ++seed) {
    finished->add_run_ids(absl::StrCat(sibling_set_id, "-run-", seed));
    finished->add_seeds(seed);
    v1::RunResult* result = finished->add_results();
    result->set_batch_hash("0123456789abcdef0123456789abcdef");
    result->mutable_dictionary()->set_path(absl::StrCat("/artifacts/", sweep_id, "/", sibling_set_id, "-run-", seed));
    result->mutable_dictionary()->set_manifest_sha256(Sha256Hex(absl::StrCat(content, seed)));
  }
  return event;
}

v1::Event OtherEvent(const std::string& sweep_id) {
  v1::Event event;
  event.set_sweep_id(sweep_id);
  event.mutable_gang_placed();
  return event;
}

v1::Agreement TestRequest(const std::string& sweep_id, const std::string& sibling_set_id, const std::string& content,
                          int runs) {
  return RequestFor(FinishedEvent(sweep_id, sibling_set_id, content, runs), TestSae());
}

v1::Agreement TestAnswer(const v1::Agreement& request, double pw_mcc) {
  v1::Agreement answer = request;
  const int count = request.dictionaries_size();
  for (int a = 0; a < count; ++a) {
    answer.mutable_dictionaries(a)->set_latents(512);
    answer.mutable_dictionaries(a)->set_d_in(576);
    for (int b = a + 1; b < count; ++b) {
      v1::PairAgreement* pair = answer.add_pairs();
      pair->set_a(a);
      pair->set_b(b);
      pair->mutable_decoder()->set_mean_cosine(pw_mcc);
      pair->mutable_decoder()->set_upper_bound(pw_mcc + 1e-13);
      pair->mutable_decoder()->set_certified(true);
    }
  }
  answer.mutable_siblings()->set_pw_mcc(pw_mcc);
  answer.mutable_siblings()->mutable_shared_strict()->set_mean(pw_mcc / 2);
  return answer;
}

void FakeCoordinator::Start() {
  auto server = RpcServer::Start("127.0.0.1", port_, {this});
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  port_ = server_->port();
}

void FakeCoordinator::Stop() {
  if (server_ != nullptr) server_->Shutdown(absl::ZeroDuration());
  server_.reset();
}

std::string FakeCoordinator::address() const { return absl::StrCat("127.0.0.1:", port_); }

int64_t FakeCoordinator::Append(v1::Event event) {
  absl::MutexLock lock(&mutex_);
  event.set_number(static_cast<int64_t>(log_.size()) + 1);
  log_.push_back(std::move(event));
  return log_.back().number();
}

void FakeCoordinator::ReplaceLog() {
  absl::MutexLock lock(&mutex_);
  log_.clear();
}

void FakeCoordinator::BreakGetRun(bool broken) {
  absl::MutexLock lock(&mutex_);
  get_run_is_broken_ = broken;
}

std::vector<int64_t> FakeCoordinator::watches() {
  absl::MutexLock lock(&mutex_);
  return watches_;
}

grpc::Status FakeCoordinator::WatchSweep(grpc::ServerContext* context, const v1::WatchSweepRequest* request,
                                         grpc::ServerWriter<v1::WatchSweepResponse>* writer) {
  {
    absl::MutexLock lock(&mutex_);
    watches_.push_back(request->after_event());
  }
  int64_t sent = request->after_event();
  while (!context->IsCancelled()) {
    v1::WatchSweepResponse response;
    {
      absl::MutexLock lock(&mutex_);
      const auto more = [&]()
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return static_cast<int64_t>(log_.size()) > sent; };
      // IsCancelled can only be asked for.
      if (!mutex_.AwaitWithTimeout(absl::Condition(&more), absl::Milliseconds(10))) continue;
      *response.mutable_event() = log_[sent];
    }
    if (!writer->Write(response)) break;
    ++sent;
  }
  return grpc::Status::CANCELLED;
}

grpc::Status FakeCoordinator::GetSweep(grpc::ServerContext*, const v1::GetSweepRequest* request,
                                       v1::GetSweepResponse* response) {
  absl::MutexLock lock(&mutex_);
  for (const v1::Event& event : log_) {
    if (event.sweep_id() == request->sweep_id()) response->mutable_sweep()->set_last_event(event.number());
  }
  if (!response->has_sweep()) return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such sweep");
  return grpc::Status::OK;
}

grpc::Status FakeCoordinator::GetRun(grpc::ServerContext*, const v1::GetRunRequest* request,
                                     v1::GetRunResponse* response) {
  absl::MutexLock lock(&mutex_);
  if (get_run_is_broken_) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "try again");
  response->mutable_run()->set_run_id(request->run_id());
  *response->mutable_run()->mutable_sae() = TestSae();
  response->mutable_run()->mutable_sae()->set_seed(17);
  return grpc::Status::OK;
}

v1::Event SubmittedEvent(const std::string& sweep_id, const std::string& sibling_set_id, int runs) {
  v1::Event event;
  event.set_sweep_id(sweep_id);
  for (int seed = 0; seed < runs; ++seed) {
    v1::Run* run = event.mutable_sweep_submitted()->add_runs();
    run->set_run_id(absl::StrCat(sibling_set_id, "-run-", seed));
    run->set_sweep_id(sweep_id);
    run->set_sibling_set_id(sibling_set_id);
    *run->mutable_sae() = TestSae();
    run->mutable_sae()->set_seed(seed);
  }
  return event;
}

v1::Event SucceededEvent(const v1::Event& finished, int run) {
  v1::Event event;
  event.set_sweep_id(finished.sweep_id());
  event.mutable_run_succeeded()->set_run_id(finished.sibling_set_finished().run_ids(run));
  *event.mutable_run_succeeded()->mutable_result() = finished.sibling_set_finished().results(run);
  return event;
}

FakeAgree::FakeAgree(const std::string& folder) : folder_(folder) {
  std::string script = kScript;
  script.replace(script.find("@FOLDER@"), 8, folder);
  EXPECT_TRUE(WriteFileDurably(program(), script).ok());
  EXPECT_EQ(chmod(program().c_str(), 0755), 0);
  SetMode("ok");
}

std::string FakeAgree::program() const { return JoinPath(folder_, "fake-agree"); }

void FakeAgree::SetMode(const std::string& mode) {
  EXPECT_TRUE(WriteFileDurably(JoinPath(folder_, "mode"), mode).ok());
}

void FakeAgree::Prepare(const std::string& sibling_set_id, const v1::Agreement& answer) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(answer, &json).ok());
  EXPECT_TRUE(WriteFileDurably(JoinPath(folder_, sibling_set_id + ".json"), json).ok());
}

std::vector<std::string> FakeAgree::Lines(const std::string& name) const {
  const auto text = ReadFile(JoinPath(folder_, name));
  if (!text.ok()) return {};
  std::vector<std::string> lines = absl::StrSplit(*text, '\n');
  lines.pop_back();  // What follows the last line feed: nothing, or a line that is being written.
  return lines;
}

std::vector<std::string> FakeAgree::Runs() const { return Lines("runs"); }

std::vector<std::string> FakeAgree::Arguments() const { return Lines("arguments"); }

std::vector<int> FakeAgree::Pids() const {
  std::vector<int> pids;
  for (const std::string& line : Lines("pids")) {
    int pid = 0;
    EXPECT_TRUE(absl::SimpleAtoi(line, &pid)) << line;
    pids.push_back(pid);
  }
  return pids;
}

}  // namespace seedbed
