#include "sae/lm/weight_reader.h"

#include <ATen/ops/empty.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "common/status.h"
#include "sae/io/scalar_type.h"

namespace seedbed {
namespace {

// `Bits` is an integer of the values' width; an exponent of all ones is an infinity or not a number.
template <typename Bits, Bits kExponent>
bool AllFinite(const void* values, int64_t count) {
  Bits broken = 0;
  for (int64_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, static_cast<const Bits*>(values) + i, sizeof bits);
    broken |= static_cast<Bits>((bits & kExponent) == kExponent);
  }
  return broken == 0;
}

bool AllFinite(const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kBFloat16) {
    return AllFinite<uint16_t, 0x7f80u>(tensor.const_data_ptr(), tensor.numel());
  }
  return AllFinite<uint32_t, 0x7f800000u>(tensor.const_data_ptr(), tensor.numel());
}

// Of a model folder, whose tensors are float32, float16 or bfloat16. Mapped bytes need not be aligned, so they are
// copied before LibTorch sees them.
void CopyConverted(const TensorView& view, const at::Tensor& out) {
  constexpr int64_t kPiece = int64_t{1} << 20;
  const at::ScalarType type = *FloatScalarType(view.type);
  if (type == out.scalar_type()) {
    std::memcpy(out.data_ptr(), view.bytes.data(), view.bytes.size());
    return;
  }
  const at::Tensor flat = out.view(-1);
  const at::Tensor raw = at::empty({std::min(kPiece, flat.numel())}, type);
  const int64_t width = static_cast<int64_t>(raw.element_size());
  for (int64_t first = 0; first < flat.numel(); first += kPiece) {
    const int64_t count = std::min(kPiece, flat.numel() - first);
    std::memcpy(raw.data_ptr(), view.bytes.data() + first * width, static_cast<size_t>(count * width));
    flat.narrow(0, first, count).copy_(raw.narrow(0, 0, count));
  }
}

// Takes the pages of mapped bytes that were read out of this process's memory; they are read again when looked at.
// Beside the copy they would double what loading needs.
void ReleasePages(absl::string_view bytes) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace

absl::Status ReadTensor(const WeightFiles& files, const std::string& name, const at::Tensor& out) {
  ASSIGN_OR_RETURN(const WeightFiles::Tensor tensor, files.Find(name));
  CopyConverted(*tensor.view, out);
  ReleasePages(tensor.view->bytes);
  if (AllFinite(out)) return absl::OkStatus();
  return TensorError(*tensor.file, name, "holds a value that is NaN or infinite");
}

absl::StatusOr<at::Tensor> ReadTensor(const WeightFiles& files, const std::string& name, at::ScalarType type) {
  ASSIGN_OR_RETURN(const WeightFiles::Tensor tensor, files.Find(name));
  at::Tensor out = at::empty(tensor.view->shape, type);
  RETURN_IF_ERROR(ReadTensor(files, name, out));
  return out;
}

}  // namespace seedbed
