// seedbed: the command line.
#include <signal.h>

#include <string>
#include <vector>

#include "client/cli.h"
#include "client/console.h"

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  seedbed::SignalInterrupts interrupts;
  seedbed::Console console = seedbed::StandardConsole(&interrupts);
  return seedbed::RunCli(std::vector<std::string>(argv + 1, argv + argc), console);
}
