// Users and their slots, as a table.
#ifndef SEEDBED_CLIENT_USER_TABLE_H_
#define SEEDBED_CLIENT_USER_TABLE_H_

#include <string>

#include "seedbed/v1/coordinator.pb.h"

namespace seedbed {

std::string FormatUsers(const seedbed::v1::ListUsersResponse& response);

// "1", "0.5": no more digits than it needs.
std::string FormatShare(double share);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_USER_TABLE_H_
