#include "worker/agree/firing_frequency.h"

#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/file.h"
#include "common/quoted.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY\x01\x00", 8);
constexpr size_t kPrefixBytes = 10;  // With the header's length, two bytes.

absl::Status Wrong(const std::string& path, absl::string_view found, absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", found, "; ", allowed));
}

}  // namespace

absl::StatusOr<std::vector<double>> ReadFiringFrequency(const std::string& path, int64_t latents) {
  ASSIGN_OR_RETURN(const std::string file, ReadFile(path));
  const absl::string_view bytes = file;
  if (bytes.size() < kPrefixBytes || !absl::StartsWith(bytes, kMagic)) {
    return Wrong(path, "does not begin as a NumPy file of version 1.0 does", "that is what is read");
  }
  const auto byte = [&](size_t at) { return static_cast<size_t>(static_cast<unsigned char>(bytes[at])); };
  const size_t header_bytes = byte(8) + 256 * byte(9);
  const absl::string_view header = bytes.substr(kPrefixBytes, header_bytes);
  const std::string shape = absl::StrCat("'shape': (", latents, ",)");
  if (header.size() != header_bytes || !absl::StrContains(header, "'descr': '<f8'") ||
      !absl::StrContains(header, "'fortran_order': False") || !absl::StrContains(header, shape)) {
    return Wrong(path, absl::StrCat("the header is ", Quoted(header)),
                 absl::StrCat("float64 ('<f8') with ", shape, " is needed"));
  }
  const absl::string_view values = bytes.substr(kPrefixBytes + header_bytes);
  std::vector<double> frequencies(static_cast<size_t>(latents));
  if (values.size() != sizeof(double) * frequencies.size()) {
    return Wrong(path, absl::StrCat("has ", values.size(), " bytes of values"),
                 absl::StrCat(sizeof(double) * frequencies.size(), " are needed for ", latents, " latents"));
  }
  std::memcpy(frequencies.data(), values.data(), values.size());
  for (size_t i = 0; i < frequencies.size(); ++i) {
    if (frequencies[i] >= 0 && frequencies[i] <= 1) continue;
    return Wrong(path, absl::StrCat("the frequency of latent ", i, " is ", frequencies[i]), "0 to 1 is allowed");
  }
  return frequencies;
}

}  // namespace seedbed
