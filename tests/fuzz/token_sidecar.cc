// The sidecar of a token file of four tokens.
#include <filesystem>
#include <fstream>
#include <vector>

#include "sae/io/token_file.h"
#include "tests/common/testing.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/fuzz/memory_file.h"

namespace seedbed {
namespace {

// The tokens on disk, with a link to a sidecar in memory beside them.
class Files {
 public:
  Files() {
    const uint16_t tokens[] = {0, 1, 2, 50'000};
    std::ofstream(path(), std::ios::binary).write(reinterpret_cast<const char*>(tokens), sizeof(tokens));
    std::filesystem::create_symlink(sidecar_.path(), path() + ".json");
  }

  std::string path() const { return folder_.Path("tokens.bin"); }
  MemoryFile& sidecar() { return sidecar_; }

 private:
  TempFolder folder_;
  MemoryFile sidecar_;
};

}  // namespace
}  // namespace seedbed

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static seedbed::Files files;
  files.sidecar().Write(data, size);
  const auto file = seedbed::TokenFile::Open(files.path());
  if (!file.ok()) {
    seedbed::RequireNamesFile(file.status(), files.path() + ".json: ");
    return 0;
  }
  seedbed::Require(file->padding_token().has_value() == file->sequence_length().has_value(), "half a padding");
  std::vector<int64_t> tokens(static_cast<size_t>(file->size()));
  const absl::Status read = file->Read(0, absl::MakeSpan(tokens));
  seedbed::Require(read.ok() || file->vocabulary_size() <= 50'000, "tokens that cannot be read", read.message());
  return 0;
}
