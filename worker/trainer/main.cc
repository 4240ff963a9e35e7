// seedbed-trainer: trains a gang's SAEs as one of its ranks. Started by seedbed-worker and by nothing else.
#include <CLI/CLI.hpp>
#include <string>

#include "common/logging.h"
#include "worker/trainer/message_sink.h"
#include "worker/trainer/process_setup.h"
#include "worker/trainer/rank.h"

int main(int argc, char** argv) {
  CLI::App app("Trains sparse autoencoders as one rank of a gang.", "seedbed-trainer");
  std::string spec_path;
  int message_fd = -1;
  app.add_option("--spec", spec_path, "File with a serialized seedbed.v1.TrainerSpec")->required();
  app.add_option("--message-fd", message_fd, "File descriptor that messages to the worker are written to")->required();
  CLI11_PARSE(app, argc, argv);

  seedbed::InitLogging("seedbed-trainer");
  seedbed::SetUpSignals();
  seedbed::AllowManyOpenFiles();
  seedbed::KeepFreedMemory();
  seedbed::EndWithWorker();
  seedbed::MessageSink sink(message_fd);
  return seedbed::RunRank(spec_path, &sink);
}
