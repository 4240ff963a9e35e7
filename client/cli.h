// The command line: arguments in, exit code out.
#ifndef SEEDBED_CLIENT_CLI_H_
#define SEEDBED_CLIENT_CLI_H_

#include <string>
#include <vector>

#include "client/console.h"

namespace seedbed {

// Runs `seedbed ARGUMENTS...` (without the program's name). 0 = it did what was asked; 2 = wrong usage or bad input;
// 1 = any other failure, told in one line, "seedbed: ...", on `console.err`.
int RunCli(const std::vector<std::string>& arguments, Console& console);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_CLI_H_
