// A SweepSubmitted in the fewest words.
#ifndef SEEDBED_TESTS_SERVER_SUPPORT_SWEEP_EVENT_H_
#define SEEDBED_TESTS_SERVER_SUPPORT_SWEEP_EVENT_H_

#include <string>

#include "seedbed/v1/event.pb.h"
#include "server/state/ids.h"

namespace seedbed {

// A sweep of `gangs` gangs, each with one sibling set of `siblings` runs.
inline v1::Event SweepEvent(const std::string& sweep_id, int gangs, int siblings, const std::string& key = "") {
  v1::Event event;
  event.set_sweep_id(sweep_id);
  v1::SweepSubmitted& body = *event.mutable_sweep_submitted();
  body.set_idempotency_key(key);
  for (int g = 0; g < gangs; ++g) {
    v1::Gang& gang = *body.add_gangs();
    gang.set_gang_id(GangId(sweep_id, g));
    gang.set_sweep_id(sweep_id);
    gang.set_state(v1::GANG_STATE_QUEUED);
    v1::SiblingSet& set = *body.add_sibling_sets();
    set.set_sibling_set_id(SiblingSetId(sweep_id, g));
    for (int s = 0; s < siblings; ++s) {
      v1::Run& run = *body.add_runs();
      run.set_run_id(RunId(sweep_id, g * siblings + s));
      run.set_sweep_id(sweep_id);
      run.set_gang_id(gang.gang_id());
      run.set_sibling_set_id(set.sibling_set_id());
      run.set_state(v1::RUN_STATE_QUEUED);
      run.mutable_sae()->set_seed(s);
      gang.add_run_ids(run.run_id());
      set.add_run_ids(run.run_id());
    }
  }
  return event;
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_SUPPORT_SWEEP_EVENT_H_
