// seedbed-agree: compares dictionaries on disk and prints, or writes, one Agreement message as JSON.
//
// Exit codes: those of RunTool.
#include <errno.h>
#include <stdio.h>

#include <memory>
#include <string>
#include <vector>

#include "ATen/Parallel.h"
#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "common/utf8.h"
#include "google/protobuf/util/json_util.h"
#include "sae/match/product_sweep_choice.h"
#include "worker/agree/agreement_message.h"
#include "worker/agree/comparison.h"
#include "worker/agree/consensus_dictionary.h"
#include "worker/agree/dictionary_cache.h"
#include "worker/agree/stability_artifact.h"
#include "worker/agree/tables.h"
#include "worker/tool/tool_main.h"

namespace seedbed {
namespace {

constexpr int kMostThreads = 1024;

struct Flags {
  ComparisonOptions comparison;
  int threads = 0;
  std::string device = "auto";
  int64_t cached_mib = 4096;
  std::string output;
  std::string tables;
  bool stability = false;
  std::string stability_folder;
  ConsensusOptions consensus;
  bool consensus_may_be_missing = false;
  std::string sweep_id;
  std::string sibling_set_id;
  std::vector<std::string> folders;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--threshold", flags.comparison.threshold, "Cosine at and above which a latent is shared, -1..1")
      ->capture_default_str();
  app.add_option("-o,--output", flags.output, "File to write the JSON to; standard output if not given");
  app.add_option("--tables", flags.tables, "Folder for tables by latent, as CSV");
  app.add_flag("--stability", flags.stability, "Writes stability.csv into each dictionary's folder");
  app.add_option("--stability-folder", flags.stability_folder,
                 "Folder for the stability of all dictionaries, with a manifest, beside none of them");
  app.add_option(
      "--rows", flags.comparison.rows,
      "Safetensors with \"activations\" [rows, d], held out: adds how matched latents' activations correlate");
  app.add_option("--consensus", flags.consensus.folder, "Folder for the latents that several have, as a dictionary");
  app.add_option("--consensus-members", flags.consensus.least_members,
                 "In how many dictionaries a latent of the consensus is found, at least")
      ->capture_default_str();
  app.add_flag("--consensus-may-be-missing", flags.consensus_may_be_missing,
               "Warns, and goes on, where the dictionaries have no consensus");
  app.add_option("--pairs", flags.comparison.pair_folder,
                 "Folder that keeps every pair's matching, so that none is computed twice");
  app.add_option("--threads", flags.threads, "CPU threads, 1..1024; 0 = as many as there are cores")
      ->capture_default_str();
  app.add_option("--device", flags.device,
                 "Where int8 products are computed: cpu, cuda (the first GPU), or auto, a GPU where there is one. The "
                 "result is the same")
      ->capture_default_str();
  app.add_option("--cached-mib", flags.cached_mib, "MiB of dictionaries that are kept in memory, besides two")
      ->capture_default_str();
  app.add_option("--max-seconds", flags.comparison.max_seconds,
                 "Seconds after which matchings are left as they are, with a bound but without a proof; 0 = no limit")
      ->capture_default_str();
  app.add_option("--sweep", flags.sweep_id, "Copied into the result");
  app.add_option("--sibling-set", flags.sibling_set_id, "Copied into the result");
  app.add_option("DIR", flags.folders, "Folders of dictionaries, ours, sparsify's or SAELens', two or more")
      ->required();
}

absl::Status CheckFlags(const Flags& flags) {
  const double threshold = flags.comparison.threshold;
  if (!(threshold >= -1 && threshold <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("--threshold: found ", threshold, "; -1..1 is allowed"));
  }
  if (flags.threads < 0 || flags.threads > kMostThreads) {
    return absl::InvalidArgumentError(absl::StrCat("--threads: found ", flags.threads, "; 0..1024 is allowed"));
  }
  if (!(flags.comparison.max_seconds >= 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--max-seconds: found ", flags.comparison.max_seconds, "; 0 or more is allowed"));
  }
  if (flags.folders.size() < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("found ", flags.folders.size(), " dictionary (", flags.folders[0], "); two or more are needed"));
  }
  if (flags.cached_mib < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--cached-mib: found ", flags.cached_mib, "; 0 and more is allowed"));
  }
  const auto dictionaries = static_cast<int64_t>(flags.folders.size());
  if (flags.consensus.least_members < 2 || flags.consensus.least_members > dictionaries) {
    return absl::InvalidArgumentError(absl::StrCat("--consensus-members: found ", flags.consensus.least_members,
                                                   "; 2..", dictionaries, ", the dictionaries given, is allowed"));
  }
  return absl::OkStatus();
}

absl::Status Deliver(const v1::Agreement& agreement, const std::string& output) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(agreement, &json, options);
  if (!status.ok()) return absl::InternalError(absl::StrCat("writing JSON: ", status.ToString()));
  if (!output.empty()) return WriteFileDurably(output, json);
  const bool written = fwrite(json.data(), 1, json.size(), stdout) == json.size() && fflush(stdout) == 0;
  return written ? absl::OkStatus() : ErrnoStatus(errno, "standard output");
}

absl::Status AddConsensus(const Flags& flags, const Comparison& comparison, DictionaryCache* cache,
                          v1::Agreement* agreement) {
  ConsensusOptions options = flags.consensus;
  options.threshold = flags.comparison.threshold;
  const auto exported = ExportConsensus(comparison, options, cache);
  agreement->set_consensus_members(static_cast<int32_t>(options.least_members));
  if (absl::IsInvalidArgument(exported.status()) && flags.consensus_may_be_missing) {
    agreement->add_warnings(ReplaceInvalidUtf8(exported.status().message()));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(exported.status());
  *agreement->mutable_consensus() = ToMessage(*exported);
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags) {
  RETURN_IF_ERROR(CheckFlags(flags));
  if (flags.threads > 0) at::set_num_threads(flags.threads);
  DictionaryCache cache(flags.cached_mib << 20);
  const double threshold = flags.comparison.threshold;
  ASSIGN_OR_RETURN(const std::unique_ptr<ProductSweep> sweep, MakeProductSweep(flags.device));
  ComparisonOptions options = flags.comparison;
  options.sweep = sweep.get();
  ASSIGN_OR_RETURN(const Comparison comparison, CompareDictionaries(flags.folders, options, &cache));
  ASSIGN_OR_RETURN(v1::Agreement agreement, ToMessage(comparison, threshold));
  agreement.set_sweep_id(ReplaceInvalidUtf8(flags.sweep_id));
  agreement.set_sibling_set_id(ReplaceInvalidUtf8(flags.sibling_set_id));
  if (!flags.consensus.folder.empty()) RETURN_IF_ERROR(AddConsensus(flags, comparison, &cache, &agreement));
  if (!flags.stability_folder.empty()) {
    ASSIGN_OR_RETURN(*agreement.mutable_stability(),
                     WriteStabilityArtifact(comparison, threshold, flags.stability_folder));
  }
  absl::Status delivered = flags.tables.empty() ? absl::OkStatus() : WriteTables(comparison, threshold, flags.tables);
  if (delivered.ok() && flags.stability) delivered = WriteStability(comparison, threshold);
  if (delivered.ok()) delivered = Deliver(agreement, flags.output);
  // Whatever is wrong with the output, the dictionaries are good.
  return delivered.ok() ? delivered : absl::UnavailableError(delivered.message());
}

int Main(int argc, char** argv) {
  CLI::App app("Measures how far dictionaries of sparse autoencoders agree: exact matching of their rows, with proof.",
               "seedbed-agree");
  Flags flags;
  AddFlags(app, flags);
  return RunTool(app, argc, argv, [&flags] { return Run(flags); });
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) { return seedbed::Main(argc, argv); }
