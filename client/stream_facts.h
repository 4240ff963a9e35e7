// What a sweep trains on, as people read it. Pure.
#ifndef SEEDBED_CLIENT_STREAM_FACTS_H_
#define SEEDBED_CLIENT_STREAM_FACTS_H_

#include <string>
#include <utility>
#include <vector>

#include "seedbed/v1/coordinator.pb.h"

namespace seedbed {

struct Fact {
  std::string name;
  std::string value;
};

// Model, hookpoints, files with their sequences, what is left out, rows and steps, types, normalisation and cache of a
// sweep with its gangs. A fact of which there is nothing to say is left out.
std::vector<Fact> StreamFacts(const seedbed::v1::Sweep& sweep);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_STREAM_FACTS_H_
