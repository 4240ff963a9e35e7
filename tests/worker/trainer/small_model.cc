#include "tests/worker/trainer/small_model.h"

#include <filesystem>
#include <fstream>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/random.h"
#include "common/sha256.h"
#include "gtest/gtest.h"
#include "sae/io/safetensors.h"

namespace seedbed {
namespace {

constexpr char kWeights[] = "model.safetensors";

}  // namespace

void WriteSmallModel(const std::string& folder) {
  for (const char* name : {"config.json", kWeights}) {
    std::filesystem::copy_file(JoinPath(SEEDBED_TEST_DATA "/tiny_llama", name), JoinPath(folder, name));
  }
}

void OverflowTensor(const std::string& folder, const std::string& name) {
  const std::string path = JoinPath(folder, kWeights);
  const absl::StatusOr<SafetensorsFile> model = SafetensorsFile::Open(path);
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<TensorToWrite> tensors;
  for (const auto& [key, view] : model->tensors()) tensors.push_back({key, view.type, view.shape, view.bytes});
  const std::vector<float> largest(static_cast<size_t>(model->Find(name)->elements()),
                                   std::numeric_limits<float>::max());
  for (TensorToWrite& tensor : tensors) {
    if (tensor.name != name) continue;
    ASSERT_EQ(tensor.type, TensorType::kF32);
    tensor.bytes = {reinterpret_cast<const char*>(largest.data()), largest.size() * sizeof(float)};
  }
  ASSERT_TRUE(WriteSafetensors(path + ".new", tensors, model->metadata()).ok());
  std::filesystem::rename(path + ".new", path);
}

std::vector<uint16_t> SmallModelTokens(int64_t count) {
  SplitMix64 random(2);
  std::vector<uint16_t> tokens;
  for (int64_t i = 0; i < count; ++i) tokens.push_back(static_cast<uint16_t>(random.Below(kSmallModelVocabulary)));
  return tokens;
}

void WriteTokens(const std::string& path, const std::vector<uint16_t>& tokens, int64_t vocabulary_size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(uint16_t));
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  std::ofstream(path + ".json") << R"({"tokenizer": "none", "dtype": "uint16", "count": )" << tokens.size()
                                << R"(, "vocabulary_size": )" << vocabulary_size << R"(, "sha256": ")"
                                << Sha256Hex(bytes) << R"("})";
}

}  // namespace seedbed
