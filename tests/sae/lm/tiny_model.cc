#include "tests/sae/lm/tiny_model.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "sae/io/safetensors.h"
#include "tests/sae/io/test_files.h"

namespace seedbed {
namespace {

TensorType TypeOf(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return TensorType::kF64;
    case at::kHalf:
      return TensorType::kF16;
    case at::kBFloat16:
      return TensorType::kBF16;
    default:
      return TensorType::kF32;
  }
}

}  // namespace

std::string TinyModelFolder(const std::string& name) { return absl::StrCat(SEEDBED_TEST_DATA "/tiny_", name); }

std::map<std::string, at::Tensor> ReadTensors(const std::string& path) {
  const SafetensorsFile file = SafetensorsFile::Open(path).value();
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, view] : file.tensors()) {
    at::Tensor tensor = at::empty(view.shape, view.type == TensorType::kI64 ? at::kLong : at::kFloat);
    std::memcpy(tensor.data_ptr(), view.bytes.data(), view.bytes.size());
    tensors.emplace(name, std::move(tensor));
  }
  return tensors;
}

void WriteTensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors) {
  std::vector<TensorToWrite> written;
  for (const auto& [name, tensor] : tensors) {
    written.push_back({name, TypeOf(tensor.scalar_type()), tensor.sizes().vec(),
                       absl::string_view(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes())});
  }
  const absl::Status status = WriteSafetensors(path, std::move(written), {});
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

TinyModel::TinyModel(const std::string& name)
    : config(nlohmann::json::parse(ReadFile(JoinPath(TinyModelFolder(name), "config.json")).value())),
      weights(ReadTensors(JoinPath(TinyModelFolder(name), "model.safetensors"))) {}

void TinyModel::WriteConfig() const { WriteTestFile(folder.Path("config.json"), config.dump()); }

std::string TinyModel::Write() const {
  WriteConfig();
  WriteWeights();
  return folder.path();
}

double RelativeError(const at::Tensor& found, const at::Tensor& expected) {
  const at::Tensor difference = found.to(at::kFloat) - expected;
  return (difference.norm() / expected.norm()).item<double>();
}

}  // namespace seedbed
