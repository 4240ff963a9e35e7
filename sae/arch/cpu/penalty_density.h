// Whether a step treats activations as sparse or as dense.
#ifndef SEEDBED_SAE_ARCH_CPU_PENALTY_DENSITY_H_
#define SEEDBED_SAE_ARCH_CPU_PENALTY_DENSITY_H_

namespace seedbed {

// A function of the densities alone. Between the two limits it stays with what it did, so that a density near one limit
// does not make it change its mind with every batch. Not thread-safe.
class DensityChoice {
 public:
  // Sparse steps stay faster up to three times as many, but there the entries of a batch take more memory than all of
  // its activations would.
  static constexpr double kSparseBelow = 0.06;
  static constexpr double kDenseAbove = 0.08;

  // Of the next batch. The first one's is unknown, and fresh dictionaries are dense.
  bool is_dense() const { return is_dense_; }

  // A batch was seen in which this part of all activations was not 0.
  void Advance(double density) {
    if (density < kSparseBelow) is_dense_ = false;
    if (density > kDenseAbove) is_dense_ = true;
  }

  // Calls visit(name, address) for what the next choice depends on.
  template <typename Visit>
  void VisitState(Visit&& visit) {
    visit("is_dense", &is_dense_);
  }

 private:
  bool is_dense_ = true;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_PENALTY_DENSITY_H_
