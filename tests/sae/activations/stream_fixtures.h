// A language model and token files whose activations say where they come from.
#ifndef SEEDBED_TESTS_SAE_ACTIVATIONS_STREAM_FIXTURES_H_
#define SEEDBED_TESTS_SAE_ACTIVATIONS_STREAM_FIXTURES_H_

#include <stdlib.h>

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/file.h"
#include "gtest/gtest.h"
#include "sae/activations/block_source.h"
#include "sae/activations/sequences/token_mixture.h"
#include "sae/lm/hookpoint.h"
#include "sae/lm/language_model.h"

namespace seedbed {

// A folder that is removed at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(JoinPath(testing::TempDir(), "seedbed-XXXXXX")) {
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~TemporaryFolder() { EXPECT_TRUE(RemoveAll(path_).ok()); }
  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const { return JoinPath(path_, name); }

 private:
  std::string path_;
};

// `fields` are further fields of the sidecar, each with a comma before it.
template <typename Token>
std::string WriteTokens(const TemporaryFolder& folder, absl::string_view name, const std::vector<Token>& tokens,
                        int64_t vocabulary_size, absl::string_view fields = "", absl::string_view tokenizer = "none") {
  const std::string path = folder.File(name);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(tokens.data()), static_cast<std::streamsize>(tokens.size() * sizeof(Token)));
  std::ofstream(path + ".json") << R"({"tokenizer": ")" << tokenizer << R"(", "dtype": "uint)" << 8 * sizeof(Token)
                                << R"(", "count": )" << tokens.size() << R"(, "vocabulary_size": )" << vocabulary_size
                                << R"(, "sha256": ")" << std::string(64, '0') << '"' << fields << "}";
  return path;
}

// Token i of the file is i, so an activation that holds its token holds its place in the file.
inline std::string WriteNumberedTokens(const TemporaryFolder& folder, int64_t count, int64_t vocabulary_size,
                                       absl::string_view name = "tokens.bin") {
  std::vector<uint32_t> tokens(static_cast<size_t>(count));
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<uint32_t>(i);
  return WriteTokens(folder, name, tokens, vocabulary_size);
}

// The activation of token i at hookpoint h is [i, 1000 h + sequences in the call, 0.5 i, h].
class FakeLanguageModel final : public LanguageModel {
 public:
  static constexpr int64_t kWidth = 4;

  explicit FakeLanguageModel(int hookpoints, int64_t vocabulary_size = int64_t{1} << 24)
      : hookpoints_(static_cast<size_t>(hookpoints)), vocabulary_size_(vocabulary_size) {}

  int64_t d_model() const override { return kWidth; }
  int64_t layers() const override { return 1; }
  int64_t vocabulary_size() const override { return vocabulary_size_; }
  int64_t context_length() const override { return 0; }
  at::ScalarType dtype() const override { return at::kFloat; }
  const std::vector<Hookpoint>& hookpoints() const override { return hookpoints_; }
  int64_t tokens_seen() const { return tokens_seen_; }

  std::vector<at::Tensor> Forward(const at::Tensor& tokens) override {
    tokens_seen_ += tokens.numel();
    std::vector<at::Tensor> activations;
    for (size_t h = 0; h < hookpoints_.size(); ++h) {
      at::Tensor rows = at::empty({tokens.numel(), kWidth}, at::kFloat);
      const int64_t* ids = tokens.const_data_ptr<int64_t>();
      float* out = rows.data_ptr<float>();
      for (int64_t i = 0; i < tokens.numel(); ++i) {
        const auto id = static_cast<float>(ids[i]);
        *out++ = id;
        *out++ = static_cast<float>(1000 * static_cast<int64_t>(h) + tokens.size(0));
        *out++ = 0.5f * id;
        *out++ = static_cast<float>(h);
      }
      activations.push_back(rows);
    }
    return activations;
  }

  at::Tensor Logits(const at::Tensor& /*tokens*/) override { return {}; }
  at::Tensor CrossEntropy(const at::Tensor& /*tokens*/) override { return {}; }
  std::unique_ptr<PausedForward> PauseAt(const at::Tensor& /*tokens*/,
                                         const std::vector<Hookpoint>& /*hookpoints*/) override {
    return nullptr;
  }

 private:
  std::vector<Hookpoint> hookpoints_;
  int64_t vocabulary_size_;
  int64_t tokens_seen_ = 0;
};

// What a stream over `model` and `tokens` is made of. `scratch`: where blocks are kept for later epochs. Everything
// pointed to outlives the stream.
inline BlockSourceParts StreamPartsOver(const StreamConfig& config, const TokenMixture& tokens, LanguageModel& model,
                                        Collectives& group, const std::vector<std::vector<int>>& hosted, int hookpoints,
                                        const std::string& scratch, std::optional<RowCacheOptions> cache = std::nullopt,
                                        at::ScalarType dtype = at::kFloat) {
  BlockStoreOptions store;
  store.scratch_dir = scratch;
  store.keep = config.epochs > 1;
  if (cache) store.caches.push_back(*std::move(cache));
  for (const int hookpoint : hosted[group.rank()]) store.hookpoints.push_back(absl::StrCat("layers.", hookpoint));
  store.width = model.d_model();
  store.dtype = dtype;
  store.blocks = BlockPlan(config).blocks();
  store.rows = config.rows_per_epoch();
  BlockSourceParts parts;
  parts.cached = !store.caches.empty();
  parts.store = BlockStore::Open(std::move(store)).value();
  parts.tokens = &tokens;
  parts.model = [&model] { return &model; };
  parts.hookpoints = hookpoints;
  parts.d_model = model.d_model();
  parts.dtype = dtype;
  parts.collectives = &group;
  parts.hosted = hosted;
  parts.clock = Clock::Real();
  return parts;
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_ACTIVATIONS_STREAM_FIXTURES_H_
