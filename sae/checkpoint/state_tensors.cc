#include "sae/checkpoint/state_tensors.h"

#include <algorithm>
#include <utility>

#include "ATen/ops/empty.h"
#include "ATen/ops/from_blob.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/status.h"

namespace seedbed {
namespace {

std::string Describe(const at::Tensor& tensor) {
  return absl::StrCat(c10::toString(tensor.scalar_type()), " [", absl::StrJoin(tensor.sizes(), ", "), "]");
}

absl::Status CheckAlike(const StateTensors& from, const StateTensors& into) {
  for (const auto& [name, tensor] : into) {
    const auto found = from.find(name);
    if (found == from.end()) return absl::InvalidArgumentError(absl::StrCat("tensor \"", name, "\" is missing"));
    const at::Tensor& saved = found->second;
    if (saved.sizes() == tensor.sizes() && saved.scalar_type() == tensor.scalar_type()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("tensor \"", name, "\" is ", Describe(saved), ", needed is ", Describe(tensor)));
  }
  for (const auto& [name, tensor] : from) {
    if (into.count(name) == 0) {
      return absl::InvalidArgumentError(absl::StrCat("tensor \"", name, "\" belongs to nothing that is trained"));
    }
  }
  return absl::OkStatus();
}

at::Tensor Scalar(void* number, at::ScalarType type) { return at::from_blob(number, at::IntArrayRef(), type); }

}  // namespace

at::Tensor SharedState(int64_t* number) { return Scalar(number, at::kLong); }
at::Tensor SharedState(uint64_t* number) { return Scalar(number, at::kLong); }
at::Tensor SharedState(double* number) { return Scalar(number, at::kDouble); }
at::Tensor SharedState(float* number) { return Scalar(number, at::kFloat); }
at::Tensor SharedState(bool* flag) { return Scalar(flag, at::kBool); }

at::Tensor SharedState(std::vector<int64_t>* numbers) {
  return at::from_blob(numbers->data(), {static_cast<int64_t>(numbers->size())}, at::kLong);
}

at::Tensor SharedState(std::vector<float>* numbers) {
  return at::from_blob(numbers->data(), {static_cast<int64_t>(numbers->size())}, at::kFloat);
}

at::Tensor StateOfText(absl::string_view text) {
  at::Tensor bytes = at::empty({static_cast<int64_t>(text.size())}, at::kByte);
  std::copy(text.begin(), text.end(), static_cast<char*>(bytes.mutable_data_ptr()));
  return bytes;
}

std::string TextOfState(const at::Tensor& bytes) {
  return std::string(static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes());
}

void AddState(absl::string_view prefix, const StateTensors& part, StateTensors* whole) {
  for (const auto& [name, tensor] : part) {
    if (tensor.defined()) (*whole)[absl::StrCat(prefix, ".", name)] = tensor;
  }
}

StateTensors StateUnder(absl::string_view prefix, const StateTensors& whole) {
  const std::string start = absl::StrCat(prefix, ".");
  StateTensors part;
  for (const auto& [name, tensor] : whole) {
    if (absl::StartsWith(name, start)) part[name.substr(start.size())] = tensor;
  }
  return part;
}

void CopyState(const StateTensors& from, StateTensors* into) {
  StateTensors copies;
  for (const auto& [name, tensor] : from) {
    at::Tensor& copy = copies[name];
    const auto reusable = into->find(name);
    if (reusable != into->end()) copy = std::move(reusable->second);
    const bool fits = copy.defined() && copy.sizes() == tensor.sizes() && copy.scalar_type() == tensor.scalar_type();
    if (!fits) copy = at::empty(tensor.sizes(), tensor.scalar_type());
    copy.copy_(tensor);
  }
  *into = std::move(copies);
}

absl::Status RestoreState(const StateTensors& from, const StateTensors& into) {
  RETURN_IF_ERROR(CheckAlike(from, into));
  for (const auto& [name, tensor] : into) {
    at::Tensor target = tensor;
    target.copy_(from.at(name));
  }
  return absl::OkStatus();
}

int64_t StateBytes(const StateTensors& state) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : state) bytes += static_cast<int64_t>(tensor.nbytes());
  return bytes;
}

}  // namespace seedbed
