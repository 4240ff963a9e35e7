// seedbed-trainer: trains a gang's SAEs as one of its ranks, or inspects what a sweep names. Started by seedbed-worker
// and by nothing else.
#include <CLI/CLI.hpp>
#include <string>

#include "common/logging.h"
#include "worker/trainer/inspection.h"
#include "worker/trainer/message_sink.h"
#include "worker/trainer/process_setup.h"
#include "worker/trainer/rank.h"

int main(int argc, char** argv) {
  CLI::App app("Trains sparse autoencoders as one rank of a gang.", "seedbed-trainer");
  std::string spec_path;
  std::string request_path;
  int message_fd = -1;
  CLI::Option_group* task = app.add_option_group("task");
  task->require_option(1);
  task->add_option("--spec", spec_path, "Train: file with a serialized seedbed.v1.TrainerSpec");
  task->add_option("--inspect", request_path, "Inspect: file with a serialized seedbed.v1.InspectionRequest");
  app.add_option("--message-fd", message_fd, "File descriptor that messages to the worker are written to")->required();
  CLI11_PARSE(app, argc, argv);

  seedbed::InitLogging("seedbed-trainer");
  seedbed::SetUpSignals();
  seedbed::AllowManyOpenFiles();
  seedbed::KeepFreedMemory();
  seedbed::EndWithWorker();
  seedbed::MessageSink sink(message_fd);
  return request_path.empty() ? seedbed::RunRank(spec_path, &sink) : seedbed::RunInspection(request_path, &sink);
}
