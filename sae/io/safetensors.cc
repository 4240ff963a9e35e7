#include "sae/io/safetensors.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/quoted.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/io/safetensors_header.h"

namespace seedbed {
namespace {

constexpr absl::string_view kMetadataName = "__metadata__";
constexpr size_t kLengthBytes = 8;
constexpr uint64_t kLongestHeader = 100'000'000;  // As in the reference implementation.

struct TypeInfo {
  TensorType type;
  absl::string_view name;
  size_t bytes;
};

constexpr std::array<TypeInfo, 10> kTypes = {{{TensorType::kF64, "F64", 8},
                                              {TensorType::kF32, "F32", 4},
                                              {TensorType::kF16, "F16", 2},
                                              {TensorType::kBF16, "BF16", 2},
                                              {TensorType::kI64, "I64", 8},
                                              {TensorType::kI32, "I32", 4},
                                              {TensorType::kI16, "I16", 2},
                                              {TensorType::kI8, "I8", 1},
                                              {TensorType::kU8, "U8", 1},
                                              {TensorType::kBool, "BOOL", 1}}};

const TypeInfo& Info(TensorType type) {
  return *std::find_if(kTypes.begin(), kTypes.end(), [type](const TypeInfo& info) { return info.type == type; });
}

absl::Status TensorError(absl::string_view name, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat("tensor ", Quoted(name), " ", message));
}

std::string ShapeText(const std::vector<int64_t>& shape) { return absl::StrCat("[", absl::StrJoin(shape, ", "), "]"); }

absl::StatusOr<TensorType> ParseType(absl::string_view tensor, absl::string_view dtype) {
  for (const TypeInfo& info : kTypes) {
    if (info.name == dtype) return info.type;
  }
  const auto name = [](std::string* out, const TypeInfo& info) { absl::StrAppend(out, info.name); };
  return TensorError(
      tensor, absl::StrCat("has the dtype ", Quoted(dtype), ", allowed are ", absl::StrJoin(kTypes, ", ", name)));
}

// Bytes of a tensor. A dimension of 0 counts as 1 in the test for overflow, so that strides fit as well.
absl::StatusOr<int64_t> BytesOf(absl::string_view tensor, TensorType type, const std::vector<int64_t>& shape) {
  int64_t bound = static_cast<int64_t>(TensorTypeBytes(type));
  bool empty = false;
  for (const int64_t dimension : shape) {
    if (dimension < 0) return TensorError(tensor, absl::StrCat("has the shape ", ShapeText(shape), ", below 0"));
    empty = empty || dimension == 0;
    if (__builtin_mul_overflow(bound, std::max<int64_t>(dimension, 1), &bound)) {
      return TensorError(tensor, "has a shape whose size overflows 64 bits");
    }
  }
  return empty ? 0 : bound;
}

absl::StatusOr<TensorView> ViewOf(const std::string& name, const SafetensorsEntry& entry, absl::string_view data) {
  TensorView view;
  ASSIGN_OR_RETURN(view.type, ParseType(name, entry.dtype));
  view.shape = entry.shape;
  const int64_t begin = entry.data_offsets[0];
  const int64_t end = entry.data_offsets[1];
  const std::string range = absl::StrCat("has data_offsets [", begin, ", ", end, "]");
  if (begin > end) return TensorError(name, absl::StrCat(range, " that run backwards"));
  if (static_cast<uint64_t>(end) > data.size()) {
    return TensorError(name, absl::StrCat(range, ", but the file has ", data.size(), " bytes of data: is it cut off?"));
  }
  ASSIGN_OR_RETURN(const int64_t bytes, BytesOf(name, view.type, view.shape));
  if (bytes != end - begin) {
    return TensorError(name, absl::StrCat(range, ", ", end - begin, " bytes, but ", ShapeText(view.shape), " of ",
                                          TensorTypeName(view.type), " needs ", bytes));
  }
  view.bytes = data.substr(static_cast<size_t>(begin), static_cast<size_t>(bytes));
  return view;
}

// Tensors must cover the data from its first byte to its last, each byte once.
absl::Status CheckCoverage(const SafetensorsHeader& header, absl::string_view data) {
  using Named = std::pair<const std::string, SafetensorsEntry>;
  std::vector<const Named*> order;
  order.reserve(header.entries.size());
  for (const Named& entry : header.entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const Named* a, const Named* b) { return a->second.data_offsets < b->second.data_offsets; });
  int64_t covered = 0;
  for (const Named* entry : order) {
    const int64_t begin = entry->second.data_offsets[0];
    if (begin < covered) {
      return TensorError(entry->first, absl::StrCat("begins at byte ", begin, ", over another that ends at ", covered));
    }
    if (begin > covered) {
      return TensorError(entry->first, absl::StrCat("begins at byte ", begin, " and leaves a hole from ", covered));
    }
    covered = entry->second.data_offsets[1];
  }
  if (static_cast<uint64_t>(covered) != data.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file has ", data.size(), " bytes of data, its tensors cover ", covered));
  }
  return absl::OkStatus();
}

// Splits the file into header and data.
absl::StatusOr<std::pair<absl::string_view, absl::string_view>> SplitFile(absl::string_view bytes) {
  if (bytes.size() < kLengthBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", bytes.size(), " bytes, too few for the 8 of a safetensors header length"));
  }
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  bytes.remove_prefix(kLengthBytes);
  if (length > kLongestHeader) {
    return absl::InvalidArgumentError(
        absl::StrCat("claims a header of ", length, " bytes, at most ", kLongestHeader, " are allowed"));
  }
  if (length > bytes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("claims a header of ", length, " bytes, but ", bytes.size(), " follow: is it cut off?"));
  }
  return std::make_pair(bytes.substr(0, length), bytes.substr(length));
}

absl::StatusOr<std::string> EntryText(const TensorToWrite& tensor, int64_t offset) {
  ASSIGN_OR_RETURN(const int64_t bytes, BytesOf(tensor.name, tensor.type, tensor.shape));
  if (static_cast<uint64_t>(bytes) != tensor.bytes.size()) {
    return TensorError(tensor.name, absl::StrCat("has ", tensor.bytes.size(), " bytes, but ", ShapeText(tensor.shape),
                                                 " of ", TensorTypeName(tensor.type), " needs ", bytes));
  }
  return absl::StrCat(nlohmann::json(tensor.name).dump(), ":{\"dtype\":\"", TensorTypeName(tensor.type),
                      "\",\"shape\":[", absl::StrJoin(tensor.shape, ","), "],\"data_offsets\":[", offset, ",",
                      offset + bytes, "]}");
}

// Fields in the order of the reference implementation. `tensors` are sorted.
absl::StatusOr<std::string> HeaderText(const std::vector<TensorToWrite>& tensors,
                                       const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> entries;
  try {
    if (!metadata.empty()) entries.push_back(absl::StrCat("\"", kMetadataName, "\":", nlohmann::json(metadata).dump()));
    int64_t offset = 0;
    for (size_t i = 0; i < tensors.size(); ++i) {
      const std::string& name = tensors[i].name;
      if (name == kMetadataName || (i > 0 && name == tensors[i - 1].name)) {
        return TensorError(name, "cannot be written: the name is taken");
      }
      ASSIGN_OR_RETURN(std::string entry, EntryText(tensors[i], offset));
      entries.push_back(std::move(entry));
      offset += static_cast<int64_t>(tensors[i].bytes.size());
    }
  } catch (const nlohmann::json::type_error&) {  // Its only way of saying so.
    return absl::InvalidArgumentError("a tensor's name or the metadata is not valid UTF-8");
  }
  std::string text = absl::StrCat("{", absl::StrJoin(entries, ","), "}");
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

absl::Status WriteParts(const std::string& path, const std::vector<absl::string_view>& parts) {
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  if (file == nullptr) return ErrnoStatus(errno, path);
  absl::Status status;
  for (const absl::string_view part : parts) {
    if (std::fwrite(part.data(), 1, part.size(), file) == part.size()) continue;
    status = ErrnoStatus(errno, absl::StrCat("write ", path));
    break;
  }
  if (std::fclose(file) != 0 && status.ok()) status = ErrnoStatus(errno, absl::StrCat("close ", path));
  if (!status.ok()) std::remove(path.c_str());
  return status;
}

}  // namespace

absl::string_view TensorTypeName(TensorType type) { return Info(type).name; }

size_t TensorTypeBytes(TensorType type) { return Info(type).bytes; }

int64_t TensorView::elements() const {
  int64_t product = 1;
  for (const int64_t dimension : shape) product *= dimension;
  return product;
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  SafetensorsFile result;
  result.path_ = path;
  ASSIGN_OR_RETURN(result.file_, MappedFile::Open(path));
  const auto checked = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto parts, SplitFile(result.file_.bytes()));
    ASSIGN_OR_RETURN(SafetensorsHeader header, ParseSafetensorsHeader(parts.first));
    for (const auto& [name, entry] : header.entries) {
      ASSIGN_OR_RETURN(TensorView view, ViewOf(name, entry, parts.second));
      view.file_offset = view.bytes.data() - result.file_.bytes().data();
      result.tensors_.emplace(name, std::move(view));
    }
    RETURN_IF_ERROR(CheckCoverage(header, parts.second));
    result.metadata_ = std::move(header.metadata);
    return absl::OkStatus();
  }();
  if (!checked.ok()) return Annotate(checked, path);
  return result;
}

absl::StatusOr<TensorView> SafetensorsFile::Find(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    return absl::NotFoundError(absl::StrCat(path_, ": has no tensor ", Quoted(name)));
  }
  return found->second;
}

absl::StatusOr<std::string> SafetensorsPrefix(const std::vector<TensorToWrite>& tensors,
                                              const std::map<std::string, std::string>& metadata) {
  ASSIGN_OR_RETURN(const std::string header, HeaderText(tensors, metadata));
  const uint64_t length = header.size();
  std::string prefix(kLengthBytes, '\0');
  std::memcpy(prefix.data(), &length, kLengthBytes);
  return prefix + header;
}

absl::Status WriteSafetensors(const std::string& path, std::vector<TensorToWrite> tensors,
                              const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorToWrite& a, const TensorToWrite& b) { return a.name < b.name; });
  const absl::StatusOr<std::string> prefix = SafetensorsPrefix(tensors, metadata);
  if (!prefix.ok()) return Annotate(prefix.status(), path);
  std::vector<absl::string_view> parts = {*prefix};
  for (const TensorToWrite& tensor : tensors) parts.push_back(tensor.bytes);
  return WriteParts(path, parts);
}

}  // namespace seedbed
