// sparsify 1.3.3 (sparsify/sparse_coder.py, config.py): topk alone, as an autoencoder or a transcoder, with or without
// a skip connection, between equal widths.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/status.h"
#include "sae/checkpoint/expected_tensors.h"
#include "sae/checkpoint/folder_format.h"
#include "sae/lm/config_reader.h"

namespace seedbed {
namespace {

// sparsify's default, which it writes beside num_latents without using it.
constexpr int kExpansionFactor = 32;

constexpr StoredTensor kTensors[] = {{&SaeTensors::encoder_weight, "encoder.weight"},
                                     {&SaeTensors::encoder_bias, "encoder.bias"},
                                     {&SaeTensors::decoder_weight, "W_dec"},
                                     {&SaeTensors::decoder_bias, "b_dec"},
                                     {&SaeTensors::skip_weight, "W_skip"}};

absl::Status CheckExpressible(const Dictionary& dictionary) {
  if (dictionary.architecture != "topk") {
    return absl::InvalidArgumentError(
        absl::StrCat("sparsify's format can't express the architecture \"", dictionary.architecture, "\", only topk"));
  }
  if (dictionary.d_in() != dictionary.d_out()) {
    return absl::InvalidArgumentError(absl::StrCat("sparsify's format can't express a transcoder from width ",
                                                   dictionary.d_in(), " to ", dictionary.d_out(),
                                                   ", only between equal widths"));
  }
  return absl::OkStatus();
}

// Byte for byte what sparsify writes.
std::string ConfigText(const Dictionary& dictionary, const RunFacts&) {
  const auto boolean = [](bool value) { return value ? "true" : "false"; };
  return absl::StrCat("{\"activation\": \"topk\", \"expansion_factor\": ", kExpansionFactor,
                      ", \"normalize_decoder\": true, \"num_latents\": ", dictionary.latents(),
                      ", \"k\": ", dictionary.k,
                      ", \"multi_topk\": false, \"skip_connection\": ", boolean(dictionary.skip_weight.defined()),
                      ", \"transcode\": ", boolean(!dictionary.centers_input), ", \"d_in\": ", dictionary.d_in(), "}");
}

bool Recognizes(const JsonObject& config) { return config.Has("activation"); }

absl::StatusOr<int64_t> LatentsOf(const JsonObject& config, int64_t d_in) {
  if (config.Has("num_latents")) {
    ASSIGN_OR_RETURN(const int64_t latents, config.Integer("num_latents", 0, kLargestWidth));
    if (latents > 0) return latents;
  }
  ASSIGN_OR_RETURN(const int64_t factor, config.Integer("expansion_factor", 1, kLargestWidth));
  return factor * d_in;
}

absl::StatusOr<Dictionary> Read(const JsonObject& config, const SafetensorsFile& weights) {
  ASSIGN_OR_RETURN(const std::string activation, config.String("activation"));
  if (activation != "topk") {
    return config.Error("activation", absl::StrCat("is ", Quoted(activation), ", allowed is \"topk\""));
  }
  DictionaryShape shape;
  shape.architecture = "topk";
  ASSIGN_OR_RETURN(shape.d_in, config.Integer("d_in", 1, kLargestWidth));
  shape.d_out = shape.d_in;
  ASSIGN_OR_RETURN(shape.latents, LatentsOf(config, shape.d_in));
  ASSIGN_OR_RETURN(shape.skip, BooleanOr(config, "skip_connection", false));
  ASSIGN_OR_RETURN(const bool transcode, BooleanOr(config, "transcode", false));
  Dictionary dictionary;
  dictionary.architecture = shape.architecture;
  dictionary.centers_input = !transcode;
  ASSIGN_OR_RETURN(dictionary.k, config.Integer("k", 1, shape.latents));
  ASSIGN_OR_RETURN(static_cast<SaeTensors&>(dictionary), ReadTensors(weights, ExpectedTensors(shape), kTensors));
  return dictionary;
}

}  // namespace

FolderFormat SparsifyFolderFormat() {
  return {DictionaryFormat::kSparsify, &CheckExpressible, &ConfigText, kTensors, &Recognizes, &Read};
}

}  // namespace seedbed
