// In which form a command gives agreements.
#ifndef SEEDBED_CLIENT_AGREEMENT_OUTPUT_H_
#define SEEDBED_CLIENT_AGREEMENT_OUTPUT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/console.h"
#include "seedbed/v1/results.pb.h"

namespace seedbed {

struct AgreementOutput {
  std::string format = "table";  // table, json or csv.
  std::string table = "pairs";   // Of csv: which of kAgreementTables is printed.
  std::string csv_folder;        // Gets all of them, whatever is printed; empty = none.
};

// Writes the tables into the folder, where there is one, and prints the one that is asked for, where csv is. Errors: as
// writing gives, with the path.
absl::Status WriteAgreementTables(const AgreementOutput& output, const std::vector<seedbed::v1::Agreement>& agreements,
                                  Console& console);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_AGREEMENT_OUTPUT_H_
