// Agreements as CSV, for programs. Pure.
#ifndef SEEDBED_CLIENT_AGREEMENT_TABLES_H_
#define SEEDBED_CLIENT_AGREEMENT_TABLES_H_

#include <map>
#include <string>
#include <vector>

#include "seedbed/v1/results.pb.h"

namespace seedbed {

inline constexpr const char* kAgreementTables[] = {"pairs", "curves", "sharing_counts", "unique_fractions"};

// Each of kAgreementTables by its name, with a line of headings (docs/formats.md). Agreements that failed have no
// lines.
std::map<std::string, std::string> AgreementTables(const std::vector<seedbed::v1::Agreement>& agreements);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_AGREEMENT_TABLES_H_
