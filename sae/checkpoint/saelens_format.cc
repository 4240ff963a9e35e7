#include "sae/checkpoint/saelens_format.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "sae/checkpoint/expected_tensors.h"
#include "sae/checkpoint/folder_format.h"
#include "sae/checkpoint/transformer_lens_name.h"

namespace seedbed {
namespace {

using Json = nlohmann::ordered_json;

// An inference architecture stands before those that are trained as another and read alone.
constexpr SaeLensArchitecture kArchitectures[] = {{"standard", "relu"},
                                                  {"gated", "gated"},
                                                  {"topk", "topk"},
                                                  {"jumprelu", "jumprelu"},
                                                  {"transcoder", "relu", true},
                                                  {"skip_transcoder", "relu", true, true},
                                                  {"jumprelu_transcoder", "jumprelu", true},
                                                  {"jumprelu_skip_transcoder", "jumprelu", true, true},
                                                  {"batchtopk", "batchtopk"},
                                                  {"matryoshka_batchtopk", "matryoshka"}};

constexpr StoredTensor kTensors[] = {{&SaeTensors::encoder_weight, "W_enc", /*transposed=*/true},
                                     {&SaeTensors::encoder_bias, "b_enc"},
                                     {&SaeTensors::decoder_weight, "W_dec"},
                                     {&SaeTensors::decoder_bias, "b_dec"},
                                     {&SaeTensors::gate_bias, "b_gate"},
                                     {&SaeTensors::magnitude_bias, "b_mag"},
                                     {&SaeTensors::log_magnitude, "r_mag"},
                                     {&SaeTensors::threshold, "threshold"},
                                     {&SaeTensors::skip_weight, "W_skip"}};

// What only a transcoder of SAELens has.
bool NeedsTranscoder(const Dictionary& dictionary) {
  return dictionary.d_in() != dictionary.d_out() || dictionary.skip_weight.defined();
}

// Null where there is none.
const SaeLensArchitecture* FindArchitecture(const Dictionary& dictionary, bool transcoder) {
  const bool thresholds = HasThreshold(dictionary.architecture);
  for (const SaeLensArchitecture& candidate : kArchitectures) {
    if (candidate.ours == (thresholds ? "jumprelu" : dictionary.architecture) && candidate.transcoder == transcoder &&
        candidate.skip == dictionary.skip_weight.defined()) {
      return &candidate;
    }
  }
  return nullptr;
}

absl::Status CheckExpressible(const Dictionary& dictionary) {
  if (!NeedsTranscoder(dictionary)) return absl::OkStatus();
  if (FindArchitecture(dictionary, /*transcoder=*/true) == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "SAELens' format can't express the architecture \"", dictionary.architecture,
        "\" with a skip connection or between different widths, only relu and those that encode with thresholds"));
  }
  if (dictionary.centers_input) {
    return absl::InvalidArgumentError(
        "SAELens' format can't express a skip connection beside an encoder that reads x - b_dec, only one in a "
        "transcoder");
  }
  return absl::OkStatus();
}

// A transcoder where it can only be one or where the run says that it is. Else an SAE, which may leave b_dec alone,
// too.
const SaeLensArchitecture& ArchitectureOf(const Dictionary& dictionary, const RunFacts& facts) {
  const bool trained_as_one = !dictionary.centers_input && !facts.target_hookpoint.empty();
  const SaeLensArchitecture* transcoder = FindArchitecture(dictionary, /*transcoder=*/true);
  if (transcoder != nullptr && (trained_as_one || NeedsTranscoder(dictionary))) return *transcoder;
  return *FindArchitecture(dictionary, /*transcoder=*/false);
}

// Of `facts` what is stated, under names of our own.
Json Provenance(const RunFacts& facts) {
  Json ours = Json::object();
  const auto add = [&ours](const char* name, const std::string& text) {
    if (!text.empty()) ours[name] = text;
  };
  add("run_id", facts.run_id);
  add("hookpoint", facts.hookpoint);
  add("target_hookpoint", facts.target_hookpoint);
  if (facts.seed.has_value()) ours["seed"] = *facts.seed;
  add("convention", facts.convention);
  add("batch_hash", facts.batch_hash);
  add("tokens_sha256", facts.tokens_sha256);
  add("model_fingerprint", facts.model_fingerprint);
  return ours;
}

// A field that is not known is null, as SAELens has it.
Json Metadata(const Dictionary& dictionary, const RunFacts& facts) {
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  Json metadata = {{"sae_lens_version", kSaeLensVersion},
                   {"sae_lens_training_version", nullptr},
                   {"model_name", text(facts.model)},
                   {"hook_name", text(TransformerLensName(facts.hookpoint))},
                   {"hook_head_index", nullptr},
                   {"context_size", facts.sequence_length.has_value() ? Json(*facts.sequence_length) : Json()},
                   {"dataset_path", text(absl::StrJoin(facts.token_files, ","))}};
  if (!facts.target_hookpoint.empty()) metadata["hook_name_out"] = TransformerLensName(facts.target_hookpoint);
  for (const SaeLensArchitecture& trained : kArchitectures) {
    if (trained.transcoder || trained.ours != dictionary.architecture) continue;
    metadata["training_architecture"] = trained.name;
    if (HasK(dictionary.architecture)) metadata["training_architecture_details"] = {{"k", dictionary.k}};
  }
  metadata["seedbed"] = Provenance(facts);
  return metadata;
}

// Fields in the order in which SAELens writes them.
std::string ConfigText(const Dictionary& dictionary, const RunFacts& facts) {
  const SaeLensArchitecture& architecture = ArchitectureOf(dictionary, facts);
  Json config = {{"d_in", dictionary.d_in()},
                 {"d_sae", dictionary.latents()},
                 {"dtype", "float32"},
                 {"device", "cpu"},
                 {"apply_b_dec_to_input", dictionary.centers_input},
                 {"normalize_activations", "none"},
                 {"reshape_activations", "none"},
                 {"metadata", Metadata(dictionary, facts)}};
  if (dictionary.architecture == "topk") {
    config["k"] = dictionary.k;
    config["rescale_acts_by_decoder_norm"] = false;
  }
  if (architecture.transcoder) config["d_out"] = dictionary.d_out();
  config["architecture"] = architecture.name;
  return absl::StrCat(config.dump(/*indent=*/2), "\n");
}

bool Recognizes(const JsonObject& config) { return config.Has("d_sae"); }

}  // namespace

absl::Span<const SaeLensArchitecture> SaeLensArchitectures() { return kArchitectures; }

absl::Span<const StoredTensor> SaeLensTensors() { return kTensors; }

FolderFormat SaeLensFolderFormat() {
  return {DictionaryFormat::kSaeLens, &CheckExpressible, &ConfigText, kTensors, &Recognizes, &ReadSaeLens};
}

}  // namespace seedbed
