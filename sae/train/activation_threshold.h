// What batchtopk and matryoshka encode with after training: a moving average of the smallest activation kept.
#ifndef SEEDBED_SAE_TRAIN_ACTIVATION_THRESHOLD_H_
#define SEEDBED_SAE_TRAIN_ACTIVATION_THRESHOLD_H_

#include <cstdint>

namespace seedbed {

// Not thread-safe.
class ActivationThreshold {
 public:
  enum class Start {
    kZero,   // From 0, as in SAELens; a batch without an activation changes nothing.
    kFirst,  // From the first value that counts, as in dictionary_learning; a batch without an activation counts as 0.
  };
  struct Options {
    double decay = 0;        // Of the old value, in each step.
    int64_t start_step = 0;  // Steps up to and with this one (from 0) don't count with kFirst.
    Start start = Start::kZero;
  };

  explicit ActivationThreshold(const Options& options) : options_(options) {}

  // A step was taken whose smallest positive activation was `smallest`, 0 = there was none.
  void Advance(double smallest);

  // Where no step counted so far, the last step's smallest activation.
  double value() const { return counted_ > 0 ? average_ : last_; }

  // Calls visit(name, address) for every number that decides what follows, besides the options.
  template <typename Visit>
  void VisitState(Visit&& visit) {
    visit("step", &step_);
    visit("last", &last_);
    visit("counted", &counted_);
    visit("average", &average_);
  }

 private:
  Options options_;
  int64_t step_ = 0;
  double last_ = 0;
  int64_t counted_ = 0;  // Steps that are in the average.
  double average_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_TRAIN_ACTIVATION_THRESHOLD_H_
