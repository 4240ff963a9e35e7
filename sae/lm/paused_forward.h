// A language model's forward pass that stands at a hookpoint, from where it can be taken to its end again and again.
#ifndef SEEDBED_SAE_LM_PAUSED_FORWARD_H_
#define SEEDBED_SAE_LM_PAUSED_FORWARD_H_

#include <vector>

#include "ATen/core/Tensor.h"

namespace seedbed {

// Not thread-safe; the model may be used for other passes in between.
class PausedForward {
 public:
  virtual ~PausedForward() = default;

  // Of the hookpoints that were asked for, in that order: as LanguageModel::Forward.
  virtual const std::vector<at::Tensor>& activations() const = 0;

  // LanguageModel::CrossEntropy of the model in which `replaced`, [batch * sequence, d_model] on its device, takes the
  // place of the activations where the pass stands: at a residual stream the stream itself, at an attention or MLP what
  // it adds to the stream (of Gemma 2 before the norm that follows), at an MLP's input what it reads. Rows that are as
  // they were go on as they were.
  virtual at::Tensor CrossEntropyWith(const at::Tensor& replaced) = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_PAUSED_FORWARD_H_
