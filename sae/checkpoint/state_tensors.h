// What an object in training needs to go on from where it is, as tensors with names.
#ifndef SEEDBED_SAE_CHECKPOINT_STATE_TENSORS_H_
#define SEEDBED_SAE_CHECKPOINT_STATE_TENSORS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace seedbed {

// By name: all that decides what an object does next, besides what it was made with. An object gives out tensors that
// share memory with itself, on whatever device, as long as it lives and stays where it is: reading them is to save it,
// writing them to restore it. Numbers are tensors without dimensions. Undefined tensors are not in it.
using StateTensors = std::map<std::string, at::Tensor>;

// Tensors that share memory with what they are made of. An unsigned number is an int64 of the same bits.
at::Tensor SharedState(int64_t* number);
at::Tensor SharedState(uint64_t* number);
at::Tensor SharedState(double* number);
at::Tensor SharedState(float* number);
at::Tensor SharedState(bool* flag);
at::Tensor SharedState(std::vector<int64_t>* numbers);
at::Tensor SharedState(std::vector<float>* numbers);

// Text as bytes, a copy.
at::Tensor StateOfText(absl::string_view text);
std::string TextOfState(const at::Tensor& bytes);

// Adds those of `part` that are defined, under PREFIX.NAME.
void AddState(absl::string_view prefix, const StateTensors& part, StateTensors* whole);
// Those whose names begin with PREFIX., without it.
StateTensors StateUnder(absl::string_view prefix, const StateTensors& whole);

// Copies `from` into tensors on the CPU, contiguous. Memory that `into` has of the same names and shapes is used again;
// what else it has is dropped.
void CopyState(const StateTensors& from, StateTensors* into);

// Writes `from` into the memory of `into`. INVALID_ARGUMENT naming a tensor that only one of them has, or that has
// another shape or type; nothing is written then.
absl::Status RestoreState(const StateTensors& from, const StateTensors& into);

int64_t StateBytes(const StateTensors& state);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_STATE_TENSORS_H_
