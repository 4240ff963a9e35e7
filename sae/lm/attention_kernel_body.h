// The attention kernel for vectors of any width; attention_kernel_*.cc instantiate it, each with its own compiler
// flags. Everything is held transposed, queries beside each other in the lanes, so that no step sums across lanes and
// keys and values are read as they lie.
#ifndef SEEDBED_SAE_LM_ATTENTION_KERNEL_BODY_H_
#define SEEDBED_SAE_LM_ATTENTION_KERNEL_BODY_H_

#include <cstdint>
#include <limits>

#include "sae/lm/attention_kernel.h"
#include "sae/lm/vector_math.h"

namespace seedbed {

// kRows: rows of a product whose sums are in registers at once, each in kVectors vectors.
template <typename Floats, int kRows>
class BlockAttention {
 public:
  static constexpr int kVectors = 3;
  static constexpr int64_t kQueries = kVectors * kLanesOf<Floats>;

  static void Attend(const AttentionHead& head, int64_t first, float* scratch) {
    BlockAttention(head, first, scratch).Run();
  }

 private:
  BlockAttention(const AttentionHead& head, int64_t first, float* scratch)
      : head_(head),
        first_(first),
        count_(head.sequence - first < kQueries ? head.sequence - first : kQueries),
        first_key_(head.window > 0 && first >= head.window ? first - head.window + 1 : 0),
        keys_(first_ + count_ - first_key_),
        queries_(scratch),
        attended_(queries_ + kQueries * head.d_head),
        scores_(attended_ + kQueries * head.d_head) {}

  void Run() {
    LoadQueries();
    Product(head_.keys + first_key_ * head_.stride, head_.stride, 1, keys_, head_.d_head, queries_, scores_);
    ScaleAndMask();
    Softmax();
    Product(head_.values + first_key_ * head_.stride, 1, head_.stride, head_.d_head, keys_, scores_, attended_);
    StoreAttended();
  }

  void LoadQueries() {
    for (int64_t i = 0; i < kQueries; ++i) {
      const float* query = head_.queries + (first_ + i) * head_.stride;
      for (int64_t d = 0; d < head_.d_head; ++d) queries_[d * kQueries + i] = i < count_ ? query[d] : 0;
    }
  }

  // out[row] = sum over k of a[row * row_stride + k * k_stride] * b[k], where b and out have rows of kQueries.
  static void Product(const float* a, int64_t row_stride, int64_t k_stride, int64_t rows, int64_t depth, const float* b,
                      float* out) {
    int64_t row = 0;
    for (; row + kRows <= rows; row += kRows) {
      ProductOfRows<kRows>(a + row * row_stride, row_stride, k_stride, depth, b, out + row * kQueries);
    }
    for (; row < rows; ++row) {
      ProductOfRows<1>(a + row * row_stride, row_stride, k_stride, depth, b, out + row * kQueries);
    }
  }

  template <int kCount>
  static void ProductOfRows(const float* a, int64_t row_stride, int64_t k_stride, int64_t depth, const float* b,
                            float* out) {
    Floats sums[kCount][kVectors] = {};
    for (int64_t k = 0; k < depth; ++k, a += k_stride, b += kQueries) {
      Floats factors[kVectors];
      for (int v = 0; v < kVectors; ++v) factors[v] = Load<Floats>(b + v * kLanesOf<Floats>);
      for (int row = 0; row < kCount; ++row) {
        for (int v = 0; v < kVectors; ++v) sums[row][v] += a[row * row_stride] * factors[v];
      }
    }
    for (int row = 0; row < kCount; ++row) {
      for (int v = 0; v < kVectors; ++v) Store(sums[row][v], out + row * kQueries + v * kLanesOf<Floats>);
    }
  }

  // Sets the scores of a key that its queries must not see.
  void Hide(int64_t key, float value) {
    const int64_t position = first_key_ + key;
    float* scores = scores_ + key * kQueries;
    for (int64_t i = 0; first_ + i < position && i < kQueries; ++i) scores[i] = value;
    if (head_.window == 0) return;
    for (int64_t i = kQueries - 1; i >= 0 && first_ + i >= position + head_.window; --i) scores[i] = value;
  }

  void ScaleAndMask() {
    for (int64_t key = 0; key < keys_; ++key) {
      float* scores = scores_ + key * kQueries;
      for (int v = 0; v < kVectors; ++v) {
        Floats score = Load<Floats>(scores + v * kLanesOf<Floats>) * head_.scale;
        // tanh(x) = 1 - 2 / (1 + e^2x)
        if (head_.softcap > 0) score = head_.softcap * (1 - 2 / (1 + Exp(score * (2 / head_.softcap))));
        Store(score, scores + v * kLanesOf<Floats>);
      }
      Hide(key, -std::numeric_limits<float>::infinity());
    }
  }

  // Leaves the weights unnormalized, and their sums in sums_.
  void Softmax() {
    for (int v = 0; v < kVectors; ++v) {
      Floats most = Broadcast<Floats>(-std::numeric_limits<float>::infinity());
      for (int64_t key = 0; key < keys_; ++key) {
        const auto score = Load<Floats>(scores_ + key * kQueries + v * kLanesOf<Floats>);
        most = score > most ? score : most;
      }
      // Lanes beyond the last query may see nothing at all.
      most = most < std::numeric_limits<float>::lowest() ? Floats{} : most;
      for (int64_t key = 0; key < keys_; ++key) {
        float* score = scores_ + key * kQueries + v * kLanesOf<Floats>;
        Store(Exp(Load<Floats>(score) - most), score);
      }
    }
    for (int v = 0; v < kVectors; ++v) sums_[v] = Floats{};
    for (int64_t key = 0; key < keys_; ++key) {
      Hide(key, 0);
      for (int v = 0; v < kVectors; ++v) {
        sums_[v] += Load<Floats>(scores_ + key * kQueries + v * kLanesOf<Floats>);
      }
    }
  }

  void StoreAttended() {
    for (int64_t d = 0; d < head_.d_head; ++d) {
      for (int v = 0; v < kVectors; ++v) {
        float* attended = attended_ + d * kQueries + v * kLanesOf<Floats>;
        Store(Load<Floats>(attended) / sums_[v], attended);
      }
    }
    for (int64_t i = 0; i < count_; ++i) {
      float* out = head_.out + (first_ + i) * head_.out_stride;
      for (int64_t d = 0; d < head_.d_head; ++d) out[d] = attended_[d * kQueries + i];
    }
  }

  const AttentionHead& head_;
  const int64_t first_;      // Query.
  const int64_t count_;      // Queries.
  const int64_t first_key_;  // That any of the queries sees.
  const int64_t keys_;
  float* const queries_;   // [d_head, kQueries]
  float* const attended_;  // [d_head, kQueries]
  float* const scores_;    // [keys_, kQueries]; then the weights.
  Floats sums_[kVectors];
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_ATTENTION_KERNEL_BODY_H_
