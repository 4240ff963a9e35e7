// From what is wrong with a request, as pure code finds it, to what an RPC's error says.
#ifndef SEEDBED_SERVER_COORDINATOR_FIELD_VIOLATIONS_H_
#define SEEDBED_SERVER_COORDINATOR_FIELD_VIOLATIONS_H_

#include <utility>
#include <vector>

#include "proto/rpc/status.h"
#include "server/scheduler/violations.h"

namespace seedbed {

inline std::vector<FieldViolation> AsFields(ViolationList& violations) {
  std::vector<FieldViolation> fields;
  for (SpecViolation& violation : violations.Take()) {
    fields.push_back({std::move(violation.field), std::move(violation.description)});
  }
  return fields;
}

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_FIELD_VIOLATIONS_H_
