// Tokens a second of a language model up to a hookpoint, against transformers on the same machine in the same run, and
// the share of the matrix products in it. SmolLM2-135M's layers.14, 8 sequences of 256, float32, two threads.
//
// SEEDBED_BENCH_MODEL is the model's folder (default: build/demo/smollm2-135m, which tools/demo.sh makes),
// SEEDBED_BENCH_PYTHON a Python with torch and transformers (default: python3). Without one the ratio is left out.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/ops/randint.h"
#include "ATen/ops/randn.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/lm/decoder_weights.h"
#include "sae/lm/language_model.h"
#include "sae/lm/model_folder.h"
#include "tests/bench/peer_process.h"
#include "tests/bench/stopwatch.h"

namespace seedbed {
namespace {

constexpr int kThreads = 2;
constexpr int64_t kBatch = 8;
constexpr int64_t kSequence = 256;
constexpr int kLayers = 15;
constexpr int64_t kBlockRows = 512;  // That the decoder takes through a layer at once.
constexpr int kRepetitions = 15;

// transformers' model, which runs each time that it is asked to. Nothing where there is no Python that can.
std::optional<PeerProcess> StartTransformers(const std::string& model) {
  std::optional<PeerProcess> peer =
      PeerProcess::Start("harvest_transformers.py",
                         {"--model", model, "--layers", std::to_string(kLayers), "--threads", std::to_string(kThreads),
                          "--batch", std::to_string(kBatch), "--sequence", std::to_string(kSequence)});
  if (peer.has_value() && !peer->Ask("").has_value()) peer.reset();
  return peer;
}

// The products of the same layers alone, on the same blocks of rows.
class Products {
 public:
  Products(const DecoderConfig& config, DecoderWeights weights)
      : weights_(std::move(weights)),
        in_(at::randn({kBlockRows, config.d_model})),
        attended_(at::randn({kBlockRows, config.heads * config.d_head})),
        hidden_(at::randn({kBlockRows, config.d_mlp})) {}

  void Run() const {
    for (const DecoderLayer& layer : weights_.layers) {
      for (int64_t row = 0; row < kBatch * kSequence; row += kBlockRows) {
        layer.attention_in(in_);
        layer.attention_out(attended_);
        layer.mlp_in(in_);
        layer.mlp_out(hidden_);
      }
    }
  }

 private:
  DecoderWeights weights_;
  at::Tensor in_;
  at::Tensor attended_;
  at::Tensor hidden_;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void PrintRow(const char* name, double seconds) {
  std::printf("%-24s %9.1f %10.0f\n", name, 1e3 * seconds, kBatch * kSequence / seconds);
}

// All take turns, so that a change of the machine's speed falls on all of them.
void Measure(LanguageModel& model, const Products& products, std::optional<PeerProcess> peer) {
  const at::Tensor tokens = at::randint(model.vocabulary_size(), {kBatch, kSequence}, at::kLong);
  std::vector<double> forward;
  std::vector<double> product;
  std::vector<double> theirs;
  for (int i = -1; i < kRepetitions; ++i) {
    const double forward_seconds = SecondsOf([&] { model.Forward(tokens); });
    const double product_seconds = SecondsOf([&] { products.Run(); });
    const std::optional<double> their_seconds = peer.has_value() ? peer->Ask("") : std::nullopt;
    if (i < 0) continue;  // The first warms up.
    forward.push_back(forward_seconds);
    product.push_back(product_seconds);
    if (their_seconds.has_value()) theirs.push_back(*their_seconds);
  }
  std::printf("%-24s %9s %10s\n", "", "ms", "tokens/s");
  PrintRow("seedbed", Median(forward));
  PrintRow("its matrix products", Median(product));
  if (!theirs.empty()) PrintRow("transformers", Median(theirs));
  const std::string ratio = theirs.empty() ? "none" : absl::StrCat(Median(theirs) / Median(forward));
  std::printf("harvest transformers_ratio=%s gemm_share=%.3f\n", ratio.c_str(), Median(product) / Median(forward));
}

absl::Status Run() {
  at::set_num_threads(kThreads);
  std::signal(SIGPIPE, SIG_IGN);  // A Python that cannot is known by its silence.
  const std::string folder = Setting("SEEDBED_BENCH_MODEL", "build/demo/smollm2-135m");
  ASSIGN_OR_RETURN(const auto model, LoadLanguageModel({folder, {{kLayers - 1, HookSite::kResidual}}}));
  ASSIGN_OR_RETURN(const ModelFolder opened, OpenModelFolder(folder));
  ASSIGN_OR_RETURN(DecoderWeights weights, LoadDecoderWeights(opened, {kLayers}));
  Measure(*model, Products(opened.config, std::move(weights)), StartTransformers(folder));
  return absl::OkStatus();
}

}  // namespace
}  // namespace seedbed

int main() {
  const absl::Status status = seedbed::Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "harvest: %s\n", std::string(status.message()).c_str());
  return 1;
}
