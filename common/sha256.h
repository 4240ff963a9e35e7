// SHA-256, as hexadecimal digits, so that users can check a manifest with sha256sum.
#ifndef SEEDBED_COMMON_SHA256_H_
#define SEEDBED_COMMON_SHA256_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedbed {

// Takes bytes piece by piece. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(absl::string_view bytes);
  // 64 lower-case hexadecimal digits. Call once, last.
  std::string Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string Sha256Hex(absl::string_view bytes);

// Errors: as opening or reading the file gives, with its path.
absl::StatusOr<std::string> Sha256OfFile(const std::string& path);

}  // namespace seedbed

#endif  // SEEDBED_COMMON_SHA256_H_
