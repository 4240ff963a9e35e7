#include "sae/checkpoint/tensor_file.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ATen/ops/empty.h"
#include "ATen/ops/isfinite.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/quoted.h"
#include "common/status.h"
#include "sae/io/scalar_type.h"

namespace seedbed {
namespace {

const StoredTensor* FindStored(absl::Span<const StoredTensor> stored, at::Tensor SaeTensors::*member) {
  const auto found = std::find_if(stored.begin(), stored.end(),
                                  [member](const StoredTensor& tensor) { return tensor.member == member; });
  return found == stored.end() ? nullptr : &*found;
}

TensorToWrite View(const std::string& name, const at::Tensor& tensor) {
  TensorToWrite view;
  view.name = name;
  view.type = TensorType::kF32;
  view.shape = tensor.sizes().vec();
  view.bytes = absl::string_view(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
  return view;
}

}  // namespace

absl::StatusOr<at::Tensor> ReadTensor(const SafetensorsFile& file, const std::string& name,
                                      const std::vector<int64_t>& shape) {
  const auto error = [&](absl::string_view message) {
    return absl::InvalidArgumentError(absl::StrCat(file.path(), ": tensor \"", name, "\" ", message));
  };
  ASSIGN_OR_RETURN(const TensorView view, file.Find(name));
  const std::optional<at::ScalarType> type = FloatScalarType(view.type);
  if (!type.has_value()) {
    return error(absl::StrCat("is ", TensorTypeName(view.type), ", allowed are F64, F32, F16 and BF16"));
  }
  if (view.shape != shape) {
    return error(absl::StrCat("has the shape [", absl::StrJoin(view.shape, ", "), "], cfg.json says [",
                              absl::StrJoin(shape, ", "), "]"));
  }
  at::Tensor tensor = at::empty(shape, *type);
  std::copy(view.bytes.begin(), view.bytes.end(), static_cast<char*>(tensor.mutable_data_ptr()));
  tensor = tensor.to(at::kFloat);
  if (!at::isfinite(tensor).all().item<bool>()) return error("holds a value that is not finite");
  return tensor;
}

absl::Status CheckNoOtherTensors(const SafetensorsFile& file, const std::vector<std::string>& names) {
  for (const auto& [name, view] : file.tensors()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    return absl::InvalidArgumentError(absl::StrCat(file.path(), ": tensor ", Quoted(name),
                                                   " is none of what cfg.json describes, which has ",
                                                   absl::StrJoin(names, ", ")));
  }
  return absl::OkStatus();
}

absl::StatusOr<SaeTensors> ReadTensors(const SafetensorsFile& file, const std::vector<ExpectedFileTensor>& expected,
                                       absl::Span<const StoredTensor> stored, const std::vector<std::string>& besides) {
  SaeTensors tensors;
  std::vector<std::string> names = besides;
  for (const ExpectedFileTensor& wanted : expected) {
    const StoredTensor* tensor = FindStored(stored, wanted.field.member);
    if (tensor == nullptr) return absl::InternalError(absl::StrCat("no name for ", wanted.field.name));
    names.push_back(tensor->name);
    std::vector<int64_t> shape = wanted.shape;
    if (tensor->transposed) std::reverse(shape.begin(), shape.end());
    ASSIGN_OR_RETURN(at::Tensor read, ReadTensor(file, tensor->name, shape));
    tensors.*(tensor->member) = tensor->transposed ? read.t().contiguous() : std::move(read);
  }
  RETURN_IF_ERROR(CheckNoOtherTensors(file, names));
  return tensors;
}

absl::Status WriteTensors(const std::string& path, const SaeTensors& tensors, absl::Span<const StoredTensor> stored) {
  std::vector<at::Tensor> transposed;  // Keeps alive what is written.
  std::vector<TensorToWrite> written;
  for (const StoredTensor& tensor : stored) {
    const at::Tensor& values = tensors.*(tensor.member);
    if (!values.defined()) continue;
    if (tensor.transposed) transposed.push_back(values.t().contiguous());
    written.push_back(View(tensor.name, tensor.transposed ? transposed.back() : values));
  }
  return WriteSafetensors(path, std::move(written), {{"format", "pt"}});
}

}  // namespace seedbed
