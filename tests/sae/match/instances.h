// Random and adversarial sets of rows, the same bits as instances.py makes.
#ifndef SEEDBED_TESTS_SAE_MATCH_INSTANCES_H_
#define SEEDBED_TESTS_SAE_MATCH_INSTANCES_H_

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "common/random.h"
#include "sae/match/unit_rows.h"

namespace seedbed {

// Row-major.
struct RowSet {
  int64_t rows = 0;
  int64_t width = 0;
  std::vector<float> values;

  UnitRows Unit() const { return UnitRows::Of(values.data(), rows, width, "test").value(); }
};

struct Instance {
  RowSet a;
  RowSet b;
};

namespace instances_internal {

// [rows, width], with a density like a bell's.
class Matrix {
 public:
  Matrix(int64_t rows, int64_t width, SplitMix64* random) : rows_(rows), width_(width) {
    for (int64_t i = 0; i < rows * width; ++i) {
      const double first = random->Uniform();
      const double second = random->Uniform();
      values_.push_back(first + second + random->Uniform() - 1.5);
    }
  }

  int64_t rows() const { return rows_; }
  double& at(int64_t i, int64_t q) { return values_[static_cast<size_t>(i * width_ + q)]; }

  // at(i, q) = function(i, q).
  template <typename Function>
  void Set(Function function) {
    for (int64_t i = 0; i < rows_; ++i) {
      for (int64_t q = 0; q < width_; ++q) at(i, q) = function(i, q);
    }
  }

  RowSet ToRowSet() const { return {rows_, width_, std::vector<float>(values_.begin(), values_.end())}; }

 private:
  int64_t rows_;
  int64_t width_;
  std::vector<double> values_;
};

}  // namespace instances_internal

inline Instance MakeInstance(const std::string& kind, uint64_t seed, int64_t n, int64_t m, int64_t d) {
  using instances_internal::Matrix;
  SplitMix64 random(seed);
  Matrix a(n, d, &random);
  Matrix b(m, d, &random);
  Matrix drawn = a;
  if (kind == "planted") {
    b.Set([&](int64_t j, int64_t q) { return drawn.at((j * 7 + 3) % n, q) + 0.25 * b.at(j, q); });
  } else if (kind == "ties") {
    for (Matrix* side : {&a, &b}) side->Set([&](int64_t i, int64_t q) { return std::floor(side->at(i, q) + 0.5); });
  } else if (kind == "near_duplicates") {
    for (Matrix* side : {&a, &b}) {
      side->Set([&](int64_t i, int64_t q) { return drawn.at(0, q) + 0x1p-12 * side->at(i, q); });
    }
  } else if (kind == "low_rank") {
    for (Matrix* side : {&a, &b}) {
      side->Set([&](int64_t i, int64_t q) { return q < 2 ? side->at(i, q) : side->at(i, 0) + side->at(i, 1); });
    }
  } else if (kind == "all_equal") {
    for (Matrix* side : {&a, &b}) side->Set([&](int64_t /*i*/, int64_t q) { return drawn.at(0, q); });
  } else if (kind == "outliers") {
    for (Matrix* side : {&a, &b}) {
      side->Set([&](int64_t i, int64_t q) { return q == 0 ? 64 * side->at(i, q) : side->at(i, q); });
    }
  } else if (kind == "duplicates") {
    a.Set([&](int64_t i, int64_t q) { return drawn.at(i % 3 % n, q); });
    b.Set([&](int64_t j, int64_t q) { return drawn.at(j % 5 % n, q); });
  }
  return {a.ToRowSet(), b.ToRowSet()};
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_MATCH_INSTANCES_H_
