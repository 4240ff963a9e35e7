// Agreements as a user reads them.
#ifndef SEEDBED_CLIENT_AGREEMENT_REPORT_H_
#define SEEDBED_CLIENT_AGREEMENT_REPORT_H_

#include <string>

#include "seedbed/v1/results.pb.h"

namespace seedbed {

// One sibling set: what was compared, a table of pairs with mean and standard deviation, the PW-MCC, in how many
// dictionaries latents are found, and whether the siblings saw the same batches.
std::string FormatAgreement(const seedbed::v1::Agreement& agreement);

// All of a sweep; those that are still being computed are counted.
std::string FormatAgreements(const seedbed::v1::ListAgreementsResponse& agreements);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_AGREEMENT_REPORT_H_
