// Parameters before the first step.
#ifndef SEEDBED_SAE_ARCH_INITIALIZATION_H_
#define SEEDBED_SAE_ARCH_INITIALIZATION_H_

#include "ATen/core/Tensor.h"
#include "sae/arch/sae_config.h"
#include "sae/checkpoint/sae_tensors.h"

namespace seedbed {

// W_enc, b_enc, W_dec, b_dec and W_skip as the convention's library draws them, from the config's seed alone; the same
// bytes on every machine. U(a) is uniform in (-a, a), N normal; W_skip and biases are 0, but for b_enc = U(1 /
// sqrt(d_in)) of dictionary_learning's relu.
//   sparsify             W_enc = U(1 / sqrt(d_in)), torch's default for nn.Linear; W_dec = W_enc with unit rows, in a
//                        transcoder 0
//   dictionary_learning  W_dec = U with unit rows; of gated N with unit rows, of relu N with rows of norm 0.1;
//                        W_enc = W_dec, in a transcoder drawn likewise
//   SAELens              W_dec = U with rows of norm 0.1, W_enc = W_dec, in a transcoder drawn likewise
// dictionary_learning and SAELens train no transcoders: theirs are ours.
SaeTensors InitialTensors(const SaeConfig& config);

// What b_dec starts from: [d_out].
at::Tensor StartingDecoderBias(DecoderBiasStart start, const at::Tensor& targets);

// The mean of every column, [d]. A column of equal values has exactly that mean.
at::Tensor ColumnMeans(const at::Tensor& batch);

// Where the sum of distances to the rows is least, by Weiszfeld's iteration as in dictionary_learning's
// geometric_median: from the mean, at most 100 times, until it moves by less than 1e-5. A row that it meets is taken to
// be 1e-20 away, where that one divides by 0.
at::Tensor GeometricMedian(const at::Tensor& batch);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_INITIALIZATION_H_
