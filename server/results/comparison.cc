#include "server/results/comparison.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/pair_key.h"
#include "common/sha256.h"

namespace seedbed {
namespace {

bool SameBatches(const v1::Agreement& request) {
  const auto& hashes = request.batch_hashes();
  return !hashes.empty() && !hashes[0].empty() &&
         std::all_of(hashes.begin(), hashes.end(), [&](const std::string& hash) { return hash == hashes[0]; });
}

constexpr size_t kComparisonIdDigits = 16;

// Of the file of weights, the only one of its kind.
int64_t WeightBytes(const v1::Artifact& dictionary) {
  int64_t bytes = 0;
  for (const v1::ArtifactFile& file : dictionary.files()) {
    if (absl::EndsWith(file.name(), ".safetensors")) bytes = std::max(bytes, file.bytes());
  }
  return bytes;
}

void AddDictionary(const std::string& run_id, uint64_t seed, const v1::SaeSpec& sae, const v1::RunResult& result,
                   v1::Agreement* request) {
  v1::Dictionary* dictionary = request->add_dictionaries();
  dictionary->set_run_id(run_id);
  dictionary->set_seed(seed);
  dictionary->set_path(result.dictionary().path());
  dictionary->set_manifest_sha256(result.dictionary().manifest_sha256());
  dictionary->set_latents(sae.latents());
  dictionary->set_weight_bytes(WeightBytes(result.dictionary()));
  request->add_batch_hashes(result.batch_hash());
}

// What all have alike, or nothing: correlations need the same rows.
template <typename Results>
void SetHeldOutRows(const Results& results, v1::Agreement* request) {
  const v1::HeldOutRows* common = nullptr;
  for (const v1::RunResult& result : results) {
    if (common == nullptr) common = &result.held_out_rows();
    if (result.held_out_rows().sha256() != common->sha256()) return;
  }
  if (common != nullptr && !common->path().empty()) *request->mutable_held_out_rows() = *common;
}

absl::Status CheckRows(const v1::Agreement& request, const v1::Agreement& computed) {
  if (!request.has_held_out_rows()) return absl::OkStatus();
  const v1::HeldOutRows& asked = request.held_out_rows();
  for (const v1::PairAgreement& pair : computed.pairs()) {
    if (pair.functional().rows_sha256() == asked.sha256()) continue;
    return absl::InternalError(absl::StrCat(asked.path(), ": holds other rows than were exported: SHA-256 ",
                                            pair.functional().rows_sha256(), ", not ", asked.sha256()));
  }
  return absl::OkStatus();
}

v1::Failure InternalFailure(const std::string& message) {
  v1::Failure failure;
  failure.set_kind(v1::FAILURE_KIND_INTERNAL);
  failure.set_message(message);
  return failure;
}

}  // namespace

v1::Agreement RequestFor(const v1::Event& event, const v1::SaeSpec& sae) {
  const v1::SiblingSetFinished& finished = event.sibling_set_finished();
  v1::Agreement request;
  request.set_sweep_id(event.sweep_id());
  request.set_sibling_set_id(finished.sibling_set_id());
  *request.mutable_sae() = sae;
  request.mutable_sae()->clear_seed();
  const int runs = finished.run_ids_size();
  if (runs < 2 || finished.results_size() != runs || finished.seeds_size() != runs) {
    return Failed(request, InternalFailure(absl::StrCat("event ", event.number(), " names ", runs, " runs, ",
                                                        finished.results_size(), " results and ", finished.seeds_size(),
                                                        " seeds; two or more of each are "
                                                        "needed, and as many of one as of the others")));
  }
  request.set_threshold(finished.threshold());
  request.set_consensus_members(finished.consensus_members());
  for (int i = 0; i < runs; ++i) {
    AddDictionary(finished.run_ids(i), finished.seeds(i), sae, finished.results(i), &request);
  }
  SetHeldOutRows(finished.results(), &request);
  request.set_trained_tokens(finished.trained_tokens());
  request.set_same_batches(SameBatches(request));
  return request;
}

v1::Agreement RequestForRuns(const std::vector<v1::Run>& runs, double threshold, int consensus_members) {
  v1::Agreement request;
  request.set_threshold(threshold);
  request.set_consensus_members(consensus_members);
  std::string ids;
  std::vector<v1::RunResult> results;
  for (const v1::Run& run : runs) {
    AddDictionary(run.run_id(), run.sae().seed(), run.sae(), run.result(), &request);
    absl::StrAppend(&ids, run.run_id(), "\n");
    results.push_back(run.result());
  }
  SetHeldOutRows(results, &request);
  request.set_same_batches(SameBatches(request));
  const std::string digest = Sha256Hex(absl::StrCat(ContentKey(request), "\n", ids));
  request.set_sibling_set_id(absl::StrCat("comparison-", digest.substr(0, kComparisonIdDigits)));
  return request;
}

v1::Agreement AtThreshold(const v1::Agreement& request, double threshold) {
  v1::Agreement other = request;
  other.clear_sweep_id();
  other.set_sibling_set_id(absl::StrFormat("%s@%.17g", request.sibling_set_id(), threshold));
  other.set_threshold(threshold);
  return other;
}

v1::Agreement OnlyPair(const v1::Agreement& request, int a, int b) {
  v1::Agreement pair;
  pair.set_sweep_id(request.sweep_id());
  pair.set_sibling_set_id(request.sibling_set_id());
  pair.set_threshold(request.threshold());
  *pair.add_dictionaries() = request.dictionaries(a);
  *pair.add_dictionaries() = request.dictionaries(b);
  return pair;
}

bool HasConsensus(const v1::Agreement& request) {
  return request.consensus_members() > 0 && request.consensus_members() <= request.dictionaries_size();
}

std::string ContentKey(const v1::Agreement& request) {
  std::string text = absl::StrFormat("numbers %d\nmatching %d\nthreshold %.17g\n", kNumbersVersion, kMatchingVersion,
                                     request.threshold());
  if (request.consensus_members() > 0) absl::StrAppend(&text, "consensus ", request.consensus_members(), "\n");
  if (request.has_held_out_rows()) absl::StrAppend(&text, "rows ", request.held_out_rows().sha256(), "\n");
  for (const v1::Dictionary& dictionary : request.dictionaries()) {
    absl::StrAppend(&text, "dictionary ", dictionary.manifest_sha256(), "\n");
    // What has no checksum is equal to nothing but itself.
    if (dictionary.manifest_sha256().empty()) {
      absl::StrAppend(&text, "of ", request.sibling_set_id(), " ", dictionary.run_id(), "\n");
    }
  }
  return Sha256Hex(text);
}

absl::Status CheckAnswer(const v1::Agreement& request, const v1::Agreement& computed) {
  const int count = request.dictionaries_size();
  if (computed.dictionaries_size() != count || computed.pairs_size() != count * (count - 1) / 2 ||
      !computed.has_siblings()) {
    return absl::InternalError(absl::StrCat("the answer has ", computed.dictionaries_size(), " dictionaries and ",
                                            computed.pairs_size(), " pairs; ", count, " and ", count * (count - 1) / 2,
                                            " are needed, and siblings"));
  }
  if (computed.threshold() != request.threshold()) {
    return absl::InternalError(
        absl::StrCat("the answer is for the threshold ", computed.threshold(), ", not ", request.threshold()));
  }
  for (int i = 0; i < count; ++i) {
    const v1::Dictionary& asked = request.dictionaries(i);
    const std::string& found = computed.dictionaries(i).manifest_sha256();
    if (asked.manifest_sha256().empty() || found == asked.manifest_sha256()) continue;
    return absl::InternalError(absl::StrCat(asked.path(), ": holds another dictionary than run ", asked.run_id(),
                                            " exported: manifest.json has SHA-256 ", found, ", not ",
                                            asked.manifest_sha256()));
  }
  return CheckRows(request, computed);
}

v1::Agreement Complete(const v1::Agreement& request, const v1::Agreement& computed) {
  v1::Agreement result = request;
  *result.mutable_pairs() = computed.pairs();
  *result.mutable_siblings() = computed.siblings();
  *result.mutable_warnings() = computed.warnings();
  if (request.consensus_members() > 0 && !HasConsensus(request)) {
    result.add_warnings(absl::StrCat("a consensus of ", request.consensus_members(), " was asked for, but only ",
                                     request.dictionaries_size(), " runs succeeded"));
  }
  if (computed.has_stability()) *result.mutable_stability() = computed.stability();
  if (computed.has_consensus()) *result.mutable_consensus() = computed.consensus();
  for (int i = 0; i < std::min(result.dictionaries_size(), computed.dictionaries_size()); ++i) {
    v1::Dictionary* dictionary = result.mutable_dictionaries(i);
    const v1::Dictionary& found = computed.dictionaries(i);
    dictionary->set_latents(found.latents());
    dictionary->set_d_in(found.d_in());
    dictionary->set_d_out(found.d_out());
    dictionary->set_model(found.model());
    dictionary->set_hookpoint(found.hookpoint());
    dictionary->set_architecture(found.architecture());
  }
  return result;
}

v1::Agreement Failed(const v1::Agreement& request, const v1::Failure& failure) {
  v1::Agreement result;
  result.set_sweep_id(request.sweep_id());
  result.set_sibling_set_id(request.sibling_set_id());
  *result.mutable_sae() = request.sae();
  *result.mutable_failure() = failure;
  return result;
}

double LargestGap(const v1::Agreement& agreement) {
  double largest = 0;
  for (const v1::PairAgreement& pair : agreement.pairs()) {
    for (const v1::SideAlignment& side : {pair.decoder(), pair.encoder()}) {
      largest = std::max(largest, side.upper_bound() - side.mean_cosine());
    }
  }
  return largest;
}

}  // namespace seedbed
