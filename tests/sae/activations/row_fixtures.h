// Rows that say where they come from, as tensors and as files.
#ifndef SEEDBED_TESTS_SAE_ACTIVATIONS_ROW_FIXTURES_H_
#define SEEDBED_TESTS_SAE_ACTIVATIONS_ROW_FIXTURES_H_

#include <cstdint>
#include <fstream>
#include <map>
#include <string>

#include "ATen/core/Tensor.h"
#include "ATen/ops/arange.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "sae/io/safetensors.h"

namespace seedbed {

// [rows, width]: value j of row i is (first + i) width + j, which every row type holds exactly while it is below 256.
inline at::Tensor NumberedRows(int64_t first, int64_t rows, int64_t width, at::ScalarType dtype = at::kFloat) {
  return at::arange(first * width, (first + rows) * width, at::kFloat).view({rows, width}).to(dtype);
}

inline absl::string_view BytesOf(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

inline TensorType TypeOf(const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kBFloat16) return TensorType::kBF16;
  return tensor.scalar_type() == at::kHalf ? TensorType::kF16 : TensorType::kF32;
}

inline void WriteTensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors) {
  std::vector<TensorToWrite> to_write;
  for (const auto& [name, tensor] : tensors) {
    to_write.push_back({name, TypeOf(tensor), tensor.sizes().vec(), BytesOf(tensor)});
  }
  ASSERT_TRUE(WriteSafetensors(path, std::move(to_write), {}).ok());
}

// Changes one byte, counted from the end.
inline void DamageByte(const std::string& path, int64_t from_end) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-from_end, std::ios::end);
  const auto byte = static_cast<char>(file.get() ^ 1);
  file.seekp(-from_end, std::ios::end);
  file.put(byte);
  ASSERT_TRUE(file.good());
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_ACTIVATIONS_ROW_FIXTURES_H_
