// The sidecar of a token file of four tokens.
#include <fstream>
#include <vector>

#include "sae/io/token_file.h"
#include "tests/common/testing.h"
#include "tests/fuzz/fuzzing.h"

namespace seedbed {
namespace {

// One for the process, for making a folder takes longer than all the rest.
const TempFolder& Folder() {
  static const TempFolder folder;
  return folder;
}

std::string WriteTokens() {
  const std::string path = Folder().Path("tokens.bin");
  const uint16_t tokens[] = {0, 1, 2, 50'000};
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(tokens), sizeof(tokens));
  return path;
}

}  // namespace
}  // namespace seedbed

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string path = seedbed::WriteTokens();
  std::ofstream(path + ".json", std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  const auto file = seedbed::TokenFile::Open(path);
  if (!file.ok()) {
    seedbed::RequireNamesFile(file.status(), path + ".json: ");
    return 0;
  }
  seedbed::Require(file->padding_token().has_value() == file->sequence_length().has_value(), "half a padding");
  std::vector<int64_t> tokens(static_cast<size_t>(file->size()));
  const absl::Status read = file->Read(0, absl::MakeSpan(tokens));
  seedbed::Require(read.ok() || file->vocabulary_size() <= 50'000, "tokens that cannot be read", read.message());
  return 0;
}
