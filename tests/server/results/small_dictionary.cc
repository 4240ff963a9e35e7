#include "tests/server/results/small_dictionary.h"

#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/sha256.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace seedbed {
namespace {

using Rows = std::vector<float>;

Rows RandomRows(int64_t rows, int64_t d, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  Rows values(static_cast<size_t>(rows * d));
  for (float& value : values) value = normal(random);
  return values;
}

// The first half of `rows` rows is that of every seed, moved on by `seed` places.
Rows PartlySharedRows(int64_t rows, int64_t d, uint64_t seed) {
  Rows values = RandomRows(rows, d, seed + 100);
  const int64_t shared = rows / 2;
  const Rows common = RandomRows(shared, d, 7);
  for (int64_t row = 0; row < shared; ++row) {
    const int64_t to = (row + static_cast<int64_t>(seed)) % shared;
    std::memcpy(&values[static_cast<size_t>(to * d)], &common[static_cast<size_t>(row * d)],
                static_cast<size_t>(d) * sizeof(float));
  }
  return values;
}

struct NamedTensor {
  const char* name;
  std::vector<int64_t> shape;
  Rows values;
};

std::string SafetensorsOf(const std::vector<NamedTensor>& tensors) {
  nlohmann::json header;
  std::string data;
  for (const NamedTensor& tensor : tensors) {
    const size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(float));
    header[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  return absl::StrCat(bytes, text, data);
}

}  // namespace

v1::Artifact WriteSmallDictionary(const std::string& folder, int64_t latents, int64_t d, uint64_t seed) {
  const Rows rows = PartlySharedRows(latents, d, seed);
  const nlohmann::json config = {{"activation", "topk"},
                                 {"expansion_factor", 1},
                                 {"normalize_decoder", true},
                                 {"num_latents", latents},
                                 {"k", 1},
                                 {"multi_topk", false},
                                 {"skip_connection", false},
                                 {"transcode", false},
                                 {"d_in", d}};
  const std::vector<std::pair<std::string, std::string>> files = {
      {"cfg.json", config.dump()},
      {"sae.safetensors", SafetensorsOf({{"W_dec", {latents, d}, rows},
                                         {"b_dec", {d}, Rows(static_cast<size_t>(d))},
                                         {"encoder.bias", {latents}, Rows(static_cast<size_t>(latents))},
                                         {"encoder.weight", {latents, d}, rows}})}};
  EXPECT_TRUE(MakeFolders(folder).ok());
  v1::Artifact artifact;
  artifact.set_path(folder);
  nlohmann::json manifest = {{"format", "seedbed-dictionary/1"},
                             {"layout", "sparsify"},
                             {"architecture", "topk"},
                             {"k", 1},
                             {"convention", ""},
                             {"facts", nlohmann::json::object()}};
  for (const auto& [name, contents] : files) {
    v1::ArtifactFile* file = artifact.add_files();
    file->set_name(name);
    file->set_bytes(static_cast<int64_t>(contents.size()));
    file->set_sha256(Sha256Hex(contents));
    manifest["files"].push_back({{"name", name}, {"bytes", contents.size()}, {"sha256", file->sha256()}});
    EXPECT_TRUE(WriteFileDurably(JoinPath(folder, name), contents).ok());
  }
  EXPECT_TRUE(WriteFileDurably(JoinPath(folder, "manifest.json"), manifest.dump()).ok());
  artifact.set_manifest_sha256(Sha256Hex(manifest.dump()));
  return artifact;
}

}  // namespace seedbed
