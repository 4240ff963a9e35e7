// Stands in for seedbed-trainer. What it does is the part of its gang's id before the first "-"; see kBehaviours. With
// --inspect it is the part of the sweep's name.
// In the artifact folder it leaves, named by its rank: .starts, a line with its process id for every start; .spec, its
// spec; .lease, the first time that came over its standard input; .eof once it has seen the end of that.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/framing/framing.h"
#include "seedbed/v1/trainer.pb.h"
#include "worker/trainer/process_setup.h"

namespace seedbed {
namespace {

constexpr int kExitAtEndOfInput = 5;

class FakeTrainer {
 public:
  FakeTrainer(v1::TrainerSpec spec, int fd) : spec_(std::move(spec)), fd_(fd) {}

  int Run();

 private:
  std::string File(const std::string& suffix) const {
    return absl::StrCat(spec_.artifact_root(), "/", spec_.gang().gang_id(), "-a", spec_.gang().attempt(), "-r",
                        spec_.rank(), suffix);
  }

  void Send(const v1::RankMessage& message) { (void)WriteFrame(fd_, message); }

  void SayHello() {
    v1::RankMessage message;
    message.mutable_hello()->set_pid(getpid());
    Send(message);
    if (spec_.rank() != 0 || spec_.world_size() == 1) return;
    message.mutable_rendezvous_ready()->set_port(4321);
    Send(message);
  }

  void SendProgress(int64_t step) {
    v1::RankMessage message;
    for (const v1::RunAssignment& run : spec_.gang().runs()) {
      message.mutable_progress()->set_run_id(run.run_id());
      message.mutable_progress()->set_step(step);
      message.mutable_progress()->mutable_metrics()->set_fvu(0.25);
      Send(message);
    }
    message.mutable_stream_progress()->set_tokens_harvested(step * 100);
    message.mutable_stream_progress()->set_harvest_seconds(0.5);
    Send(message);
  }

  void EndRuns() {
    v1::RankMessage message;
    for (const v1::RunAssignment& run : spec_.gang().runs()) {
      message.mutable_run_exporting()->set_run_id(run.run_id());
      Send(message);
      message.mutable_run_ended()->set_run_id(run.run_id());
      message.mutable_run_ended()->mutable_result()->set_steps(10);
      Send(message);
    }
  }

  void SendFailure() {
    v1::RankMessage message;
    message.mutable_rank_failed()->set_kind(v1::FAILURE_KIND_USER_ERROR);
    message.mutable_rank_failed()->set_message("model.safetensors: is cut");
    Send(message);
  }

  void WriteBytes(const std::string& bytes) {
    if (write(fd_, bytes.data(), bytes.size()) < 0) _exit(9);
  }

  int WaitForEndOfInput() {
    char buffer[16];
    while (read(STDIN_FILENO, buffer, sizeof buffer) != 0) {
    }
    std::ofstream(File(".eof")) << "end";
    return kExitAtEndOfInput;
  }

  int Succeed();
  int Hang();
  int Stubborn();
  int ExitWithThree();
  int Segfault();
  int Garbage();
  int UnknownRun();
  int HalfAMessage();
  int Flood();
  int GiveUp();
  int GiveUpAndHang();
  int Chatter();
  int EndWithLease();
  int CheckSurroundings();

  const v1::TrainerSpec spec_;
  const int fd_;
};

int FakeTrainer::Run() {
  std::ofstream(File(".starts"), std::ios::app) << getpid() << "\n";
  std::ofstream(File(".spec"), std::ios::binary) << spec_.SerializeAsString();
  static const std::map<std::string, int (FakeTrainer::*)()> kBehaviours = {{"succeed", &FakeTrainer::Succeed},
                                                                            {"hang", &FakeTrainer::Hang},
                                                                            {"stubborn", &FakeTrainer::Stubborn},
                                                                            {"exit3", &FakeTrainer::ExitWithThree},
                                                                            {"segv", &FakeTrainer::Segfault},
                                                                            {"garbage", &FakeTrainer::Garbage},
                                                                            {"unknownrun", &FakeTrainer::UnknownRun},
                                                                            {"half", &FakeTrainer::HalfAMessage},
                                                                            {"flood", &FakeTrainer::Flood},
                                                                            {"giveup", &FakeTrainer::GiveUp},
                                                                            {"giveuphang", &FakeTrainer::GiveUpAndHang},
                                                                            {"chatter", &FakeTrainer::Chatter},
                                                                            {"lease", &FakeTrainer::EndWithLease},
                                                                            {"check", &FakeTrainer::CheckSurroundings}};
  const std::string name = std::vector<std::string>(absl::StrSplit(spec_.gang().gang_id(), '-'))[0];
  const auto behaviour = kBehaviours.find(name);
  if (behaviour == kBehaviours.end()) {
    fprintf(stderr, "no behaviour %s\n", name.c_str());
    return 99;
  }
  return (this->*behaviour->second)();
}

int FakeTrainer::Succeed() {
  SayHello();
  SendProgress(10);
  EndRuns();
  return 0;
}

int FakeTrainer::Hang() {
  SayHello();
  SendProgress(1);
  return WaitForEndOfInput();
}

int FakeTrainer::Stubborn() {
  signal(SIGTERM, SIG_IGN);
  return Hang();
}

int FakeTrainer::ExitWithThree() {
  SayHello();
  fprintf(stderr, "first line\nlast line, not UTF-8: \xFF\n");
  return 3;
}

int FakeTrainer::Segfault() {
  SayHello();
  signal(SIGSEGV, SIG_DFL);
  raise(SIGSEGV);
  return 0;
}

int FakeTrainer::Garbage() {
  SayHello();
  WriteBytes("terminate called after throwing an instance of 'std::bad_alloc'\n");
  return WaitForEndOfInput();
}

int FakeTrainer::UnknownRun() {
  v1::RankMessage message;
  message.mutable_progress()->set_run_id("of-another-gang");
  Send(message);
  return WaitForEndOfInput();
}

int FakeTrainer::HalfAMessage() {
  SayHello();
  WriteBytes(std::string("\x40\x00\x00\x00half", 8));
  return 0;
}

int FakeTrainer::Flood() {
  for (int i = 0; i < 100'000; ++i) fprintf(stderr, "line %d\n", i);
  return 1;
}

int FakeTrainer::GiveUp() {
  SayHello();
  fprintf(stderr, "reading the model\n");
  SendFailure();
  return 2;
}

int FakeTrainer::GiveUpAndHang() {
  signal(SIGTERM, SIG_IGN);
  SendFailure();
  return WaitForEndOfInput();
}

int FakeTrainer::Chatter() {
  SayHello();
  for (int64_t step = 1;; ++step) SendProgress(step);
}

int FakeTrainer::EndWithLease() {
  SayHello();
  int64_t milliseconds = 0;
  if (read(STDIN_FILENO, &milliseconds, sizeof milliseconds) != sizeof milliseconds) return 9;
  std::ofstream(File(".lease")) << milliseconds << "\n";
  return kLeaseOverExitCode;
}

int FakeTrainer::CheckSurroundings() {
  if (!std::filesystem::is_directory(spec_.scratch_dir()) || !std::filesystem::is_empty(spec_.scratch_dir())) return 10;
  std::ofstream(spec_.scratch_dir() + "/spooled") << "rows";
  if (getpgrp() != getpid()) return 11;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = atoi(entry.path().filename().c_str());
    // 0..3, and whatever this loop holds open, which closes on exec.
    if (fd > 3 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) return 12;
  }
  return 0;
}

// As --inspect. Leaves its process id in the file that the sweep names as its model.
int Inspect(const v1::InspectionRequest& request, int fd) {
  std::ofstream(request.spec().model().path(), std::ios::app) << getpid() << "\n";
  const std::string name = std::vector<std::string>(absl::StrSplit(request.spec().name(), '-'))[0];
  v1::RankMessage message;
  v1::InspectionResult& result = *message.mutable_inspection_result();
  result.set_inspection_id(request.inspection_id());
  result.add_hookpoints("layers.0");
  result.set_rows_per_epoch(7);
  if (name == "otherid") result.set_inspection_id("of-another");
  if (name == "long") result.mutable_hookpoints(0)->append(100'000, 'x');
  if (name == "hello") message.mutable_hello();
  if (name == "bad") {
    result.Clear();
    result.set_inspection_id(request.inspection_id());
    result.add_violations()->set_field("model.path");
  }
  if (name == "exit3" || name == "hang") fprintf(stderr, "reading the model\nout of luck: \xFF\n");
  if (name == "hang") pause();
  if (name == "exit3") return 3;
  if (name == "abort") abort();
  if (name == "silent") return 0;
  (void)WriteFrame(fd, message);
  if (name == "twice") (void)WriteFrame(fd, message);
  return 0;
}

int Main(int argc, char** argv) {
  std::string spec_path;
  std::string request_path;
  int fd = -1;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--spec") == 0) spec_path = argv[i + 1];
    if (strcmp(argv[i], "--inspect") == 0) request_path = argv[i + 1];
    if (strcmp(argv[i], "--message-fd") == 0) fd = atoi(argv[i + 1]);
  }
  signal(SIGPIPE, SIG_IGN);
  if (!request_path.empty()) {
    v1::InspectionRequest request;
    std::ifstream file(request_path, std::ios::binary);
    return request.ParseFromIstream(&file) ? Inspect(request, fd) : 98;
  }
  v1::TrainerSpec spec;
  {
    std::ifstream file(spec_path, std::ios::binary);
    if (!spec.ParseFromIstream(&file)) return 98;
  }
  return FakeTrainer(std::move(spec), fd).Run();
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) { return seedbed::Main(argc, argv); }
