// How the work of a gang divides among its ranks.
#ifndef SEEDBED_SERVER_SCHEDULER_RANK_BALANCE_H_
#define SEEDBED_SERVER_SCHEDULER_RANK_BALANCE_H_

namespace seedbed {

struct GangWork {
  double model_flops = 0;  // Of the language model on the whole stream.
  double steps_flops = 0;  // Of all steps of all runs.
  int runs = 1;

  bool known() const { return model_flops + steps_flops > 0; }
};

// Floating-point operations of the rank that has most to do: ceil(B / R) of the B micro-batches of every harvest block,
// and ceil(runs / R) of the runs, which are dealt whole (docs/design.md, "How activations flow").
double FlopsOfSlowestRank(const GangWork& work, int ranks);

// The number of ranks, 1..most, on which the gang ends soonest, and the fewest of those: more would keep slots from
// others and gain nothing. `most` where the work is not known. most >= 1.
int BalancedRanks(const GangWork& work, int most);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_RANK_BALANCE_H_
