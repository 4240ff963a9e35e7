#include "worker/agree/consensus_dictionary.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/mv.h"
#include "ATen/ops/zeros_like.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/agreement/consensus.h"
#include "sae/evaluation/reconstruction_metrics.h"
#include "sae/inference/encoder.h"

namespace seedbed {
namespace {

constexpr char kMembersName[] = "consensus.csv";

// Members of Dictionary with a row, or a number, for each latent.
constexpr at::Tensor SaeTensors::*kByLatent[] = {
    &SaeTensors::encoder_weight, &SaeTensors::encoder_bias,  &SaeTensors::decoder_weight, &SaeTensors::gate_bias,
    &SaeTensors::magnitude_bias, &SaeTensors::log_magnitude, &SaeTensors::threshold};
// Of those, what is added to W_enc c. Gated adds its gate's bias to that, and its magnitude's to exp(r_mag) W_enc c.
constexpr at::Tensor SaeTensors::*kAddedToProduct[] = {&SaeTensors::encoder_bias, &SaeTensors::gate_bias};

absl::Status CheckSameArchitecture(const std::vector<ComparedDictionary>& dictionaries) {
  for (const ComparedDictionary& dictionary : dictionaries) {
    if (dictionary.architecture == dictionaries[0].architecture) continue;
    return absl::InvalidArgumentError(absl::StrCat(dictionary.path, " is ", dictionary.architecture, ", ",
                                                   dictionaries[0].path, " is ", dictionaries[0].architecture,
                                                   "; a consensus is of one architecture"));
  }
  return absl::OkStatus();
}

// Means over the dictionaries, and which architecture, k and centering they have.
absl::StatusOr<Dictionary> Common(const std::vector<ComparedDictionary>& dictionaries, DictionaryCache* cache) {
  Dictionary common;
  const double share = 1.0 / static_cast<double>(dictionaries.size());
  for (const ComparedDictionary& described : dictionaries) {
    ASSIGN_OR_RETURN(const std::shared_ptr<const Dictionary> dictionary, cache->Get(described.path));
    const bool first = !common.decoder_bias.defined();
    if (!first && (dictionary->centers_input != common.centers_input ||
                   dictionary->skip_weight.defined() != common.skip_weight.defined())) {
      return absl::InvalidArgumentError(absl::StrCat(described.path, " and ", dictionaries[0].path,
                                                     " differ in whether the encoder reads x - b_dec, or in a skip "
                                                     "connection; a consensus is of dictionaries that don't"));
    }
    for (at::Tensor SaeTensors::*member : {&SaeTensors::decoder_bias, &SaeTensors::skip_weight}) {
      const at::Tensor& tensor = (*dictionary).*member;
      if (!tensor.defined()) continue;
      if (first) common.*member = at::zeros_like(tensor);
      common.*member = common.*member + share * tensor;
    }
    if (first) {
      common.architecture = dictionary->architecture;
      common.k = dictionary->k;
      common.centers_input = dictionary->centers_input;
    }
  }
  return common;
}

// W_enc (b_mean - b_own) of each of a dictionary's latents, undefined where the encoder doesn't center its input.
at::Tensor Shift(const Dictionary& dictionary, const at::Tensor& mean_bias) {
  if (!dictionary.centers_input) return {};
  return at::mv(dictionary.encoder_weight, mean_bias - dictionary.decoder_bias);
}

void CopyLatent(const Dictionary& from, int64_t latent, const at::Tensor& shift, int64_t place, Dictionary* consensus) {
  for (at::Tensor SaeTensors::*member : kByLatent) {
    if (!(from.*member).defined()) continue;
    (consensus->*member)[place].copy_((from.*member)[latent]);
  }
  if (!shift.defined()) return;
  for (at::Tensor SaeTensors::*member : kAddedToProduct) {
    if ((consensus->*member).defined()) (consensus->*member)[place].add_(shift[latent]);
  }
  if (!consensus->magnitude_bias.defined()) return;
  consensus->magnitude_bias[place].add_(from.log_magnitude[latent].exp() * shift[latent]);
}

absl::Status CopyLatents(const Comparison& comparison, const std::vector<ConsensusLatent>& latents,
                         DictionaryCache* cache, Dictionary* consensus) {
  for (size_t d = 0; d < comparison.dictionaries.size(); ++d) {
    ASSIGN_OR_RETURN(const std::shared_ptr<const Dictionary> dictionary, cache->Get(comparison.dictionaries[d].path));
    const at::Tensor shift = Shift(*dictionary, consensus->decoder_bias);
    for (at::Tensor SaeTensors::*member : kByLatent) {
      const at::Tensor& tensor = (*dictionary).*member;
      if (!tensor.defined() || (consensus->*member).defined()) continue;
      std::vector<int64_t> shape = tensor.sizes().vec();
      shape[0] = static_cast<int64_t>(latents.size());
      consensus->*member = at::empty(shape, tensor.options());
    }
    for (size_t place = 0; place < latents.size(); ++place) {
      const ConsensusMember& center = latents[place].center;
      if (center.dictionary != static_cast<int32_t>(d)) continue;
      CopyLatent(*dictionary, center.latent, shift, static_cast<int64_t>(place), consensus);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ConsensusLatent>> Find(const Comparison& comparison, const ConsensusOptions& options) {
  std::vector<ConsensusLatent> latents = FindConsensus(comparison.siblings, options.threshold, options.least_members);
  if (!latents.empty()) return latents;
  return absl::InvalidArgumentError(absl::StrCat("no latent is found in ", options.least_members, " of ",
                                                 comparison.siblings.dictionaries(), " dictionaries at a cosine of ",
                                                 options.threshold, ", so there is no consensus"));
}

absl::StatusOr<Dictionary> MakeFrom(const Comparison& comparison, const std::vector<ConsensusLatent>& latents,
                                    DictionaryCache* cache) {
  RETURN_IF_ERROR(CheckSameArchitecture(comparison.dictionaries));
  ASSIGN_OR_RETURN(Dictionary consensus, Common(comparison.dictionaries, cache));
  RETURN_IF_ERROR(CopyLatents(comparison, latents, cache, &consensus));
  consensus.k = std::min(consensus.k, consensus.latents());
  RETURN_IF_ERROR(CheckDictionary(consensus));
  return consensus;
}

std::string MembersTable(const std::vector<ConsensusLatent>& latents, int64_t dictionaries) {
  std::string table = "latent,members,mean_cosine,center_dictionary,center_latent";
  for (int64_t d = 0; d < dictionaries; ++d) absl::StrAppend(&table, ",dictionary_", d);
  table.push_back('\n');
  for (size_t i = 0; i < latents.size(); ++i) {
    const ConsensusLatent& latent = latents[i];
    absl::StrAppendFormat(&table, "%d,%d,%.9g,%d,%d", i, latent.members.size(), latent.mean_cosine,
                          latent.center.dictionary, latent.center.latent);
    size_t next = 0;
    for (int64_t d = 0; d < dictionaries; ++d) {
      table.push_back(',');
      if (next == latent.members.size() || latent.members[next].dictionary != d) continue;
      absl::StrAppend(&table, latent.members[next++].latent);
    }
    table.push_back('\n');
  }
  return table;
}

// FVU is of an autoencoder alone: a transcoder's targets are not among the rows. Rows that are all equal have none.
absl::Status AddMetrics(const Comparison& comparison, const Dictionary& consensus, nlohmann::json* facts) {
  if (!comparison.rows.has_value()) return absl::OkStatus();
  const at::Tensor& x = comparison.rows->rows;
  ASSIGN_OR_RETURN(SparseActivations activations, Encode(consensus, x));
  nlohmann::json& metrics = (*facts)["metrics"];
  metrics["l0"] = static_cast<double>(activations.latents.size()) / static_cast<double>(activations.rows());
  (*facts)["held_out_rows"] = {{"rows", x.size(0)}, {"sha256", comparison.rows->sha256}};
  const bool is_transcoder =
      !comparison.dictionaries[0].facts.target_hookpoint.empty() || x.size(1) != consensus.d_out();
  if (is_transcoder) return absl::OkStatus();
  ASSIGN_OR_RETURN(at::Tensor x_hat, Decode(consensus, activations, x));
  ReconstructionMetrics reconstruction(x.size(1), consensus.latents());
  RETURN_IF_ERROR(reconstruction.Add(x, {std::move(activations), std::move(x_hat)}));
  if (const auto summary = reconstruction.Result(); summary.ok()) metrics["fvu"] = summary->fvu;
  return absl::OkStatus();
}

nlohmann::json FactsOf(const Comparison& comparison, const ConsensusOptions& options) {
  nlohmann::json facts = nlohmann::json::object();
  nlohmann::json& consensus = facts["consensus"];
  consensus["threshold"] = options.threshold;
  consensus["least_members"] = options.least_members;
  for (const ComparedDictionary& dictionary : comparison.dictionaries) {
    consensus["dictionaries"].push_back({{"run_id", dictionary.facts.run_id}, {"identity", dictionary.identity}});
  }
  const RunFacts& first = comparison.dictionaries[0].facts;
  for (const auto& [name, text] :
       {std::pair("hookpoint", &first.hookpoint), std::pair("target_hookpoint", &first.target_hookpoint),
        std::pair("convention", &first.convention)}) {
    if (!text->empty()) facts[name] = *text;
  }
  if (!first.model.empty()) facts["stream"]["model_path"] = first.model;
  if (!first.model_fingerprint.empty()) facts["stream"]["model_fingerprint"] = first.model_fingerprint;
  return facts;
}

}  // namespace

absl::StatusOr<ExportedDictionary> ExportConsensus(const Comparison& comparison, const ConsensusOptions& options,
                                                   DictionaryCache* cache) {
  ASSIGN_OR_RETURN(const std::vector<ConsensusLatent> latents, Find(comparison, options));
  ASSIGN_OR_RETURN(const Dictionary consensus, MakeFrom(comparison, latents, cache));
  nlohmann::json facts = FactsOf(comparison, options);
  RETURN_IF_ERROR(AddMetrics(comparison, consensus, &facts));
  const std::map<std::string, std::string> files = {
      {kMembersName, MembersTable(latents, comparison.siblings.dictionaries())}};
  return ExportDictionary(consensus, facts.dump(), files, /*attempt=*/1, options.folder);
}

}  // namespace seedbed
