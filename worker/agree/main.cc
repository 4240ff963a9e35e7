// seedbed-agree: compares dictionaries on disk and prints, or writes, one Agreement message as JSON.
//
// Exit codes: those of RunTool.
#include <errno.h>
#include <stdio.h>

#include <string>
#include <utility>
#include <vector>

#include "ATen/Parallel.h"
#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/status.h"
#include "common/utf8.h"
#include "google/protobuf/util/json_util.h"
#include "sae/match/agreement.h"
#include "sae/match/summary.h"
#include "worker/agree/agreement_message.h"
#include "worker/agree/compared_dictionary.h"
#include "worker/tool/tool_main.h"

namespace seedbed {
namespace {

constexpr int kMostThreads = 1024;

struct Flags {
  double threshold = 0.7;
  int threads = 0;
  std::string output;
  std::string sweep_id;
  std::string sibling_set_id;
  std::vector<std::string> folders;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--threshold", flags.threshold, "Cosine at and above which a latent is shared, -1..1")
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "CPU threads, 1..1024; 0 = as many as there are cores")
      ->capture_default_str();
  app.add_option("--output", flags.output, "File to write the JSON to; standard output if not given");
  app.add_option("--sweep", flags.sweep_id, "Copied into the result");
  app.add_option("--sibling-set", flags.sibling_set_id, "Copied into the result");
  app.add_option("DIR", flags.folders, "Folders of dictionaries, ours, sparsify's or SAELens', two or more")
      ->required();
}

absl::Status CheckFlags(const Flags& flags) {
  if (!(flags.threshold >= -1 && flags.threshold <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("--threshold: found ", flags.threshold, "; -1..1 is allowed"));
  }
  if (flags.threads < 0 || flags.threads > kMostThreads) {
    return absl::InvalidArgumentError(absl::StrCat("--threads: found ", flags.threads, "; 0..1024 is allowed"));
  }
  if (flags.folders.size() < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("found ", flags.folders.size(), " dictionary (", flags.folders[0], "); two or more are needed"));
  }
  return absl::OkStatus();
}

absl::Status CheckWidth(absl::string_view field, const ComparedDictionary& latest, int64_t found,
                        const ComparedDictionary& first, int64_t needed) {
  if (found == needed) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(latest.path, ": ", field, " is ", found, ", but that of ", first.path,
                                                 " is ", needed, "; only dictionaries of one width can be compared"));
}

absl::StatusOr<std::vector<ComparedDictionary>> LoadAll(const std::vector<std::string>& folders) {
  std::vector<ComparedDictionary> dictionaries;
  for (const std::string& folder : folders) {
    ASSIGN_OR_RETURN(ComparedDictionary dictionary, LoadComparedDictionary(folder));
    dictionaries.push_back(std::move(dictionary));
    const ComparedDictionary& first = dictionaries.front();
    const ComparedDictionary& latest = dictionaries.back();
    RETURN_IF_ERROR(CheckWidth("d_in", latest, latest.d_in(), first, first.d_in()));
    RETURN_IF_ERROR(CheckWidth("d_out", latest, latest.d_out(), first, first.d_out()));
  }
  return dictionaries;
}

void AddBatchHashes(const std::vector<ComparedDictionary>& dictionaries, v1::Agreement& agreement) {
  bool same = !dictionaries[0].facts.batch_hash.empty();
  for (const ComparedDictionary& dictionary : dictionaries) {
    agreement.add_batch_hashes(dictionary.facts.batch_hash);
    same = same && dictionary.facts.batch_hash == dictionaries[0].facts.batch_hash;
  }
  agreement.set_same_batches(same);
}

absl::StatusOr<v1::Agreement> Compare(const std::vector<ComparedDictionary>& dictionaries, const Flags& flags) {
  v1::Agreement agreement;
  agreement.set_sweep_id(ReplaceInvalidUtf8(flags.sweep_id));
  agreement.set_sibling_set_id(ReplaceInvalidUtf8(flags.sibling_set_id));
  agreement.set_threshold(flags.threshold);
  for (const ComparedDictionary& dictionary : dictionaries) *agreement.add_dictionaries() = ToMessage(dictionary);
  AddBatchHashes(dictionaries, agreement);
  std::vector<PairAgreement> pairs;
  for (size_t a = 0; a < dictionaries.size(); ++a) {
    for (size_t b = a + 1; b < dictionaries.size(); ++b) {
      const absl::Duration start = Clock::Real()->Monotonic();
      auto pair = ComparePair(dictionaries[a].rows, dictionaries[b].rows, flags.threshold);
      if (!pair.ok()) {
        return Annotate(pair.status(), absl::StrCat(dictionaries[a].path, " and ", dictionaries[b].path));
      }
      v1::PairAgreement* message = agreement.add_pairs();
      *message = ToMessage(*pair);
      message->set_a(static_cast<int>(a));
      message->set_b(static_cast<int>(b));
      message->set_seconds(absl::ToDoubleSeconds(Clock::Real()->Monotonic() - start));
      pairs.push_back(*std::move(pair));
    }
  }
  ASSIGN_OR_RETURN(const AgreementSummary summary, Summarize(pairs, static_cast<int64_t>(dictionaries.size())));
  *agreement.mutable_summary() = ToMessage(summary);
  return agreement;
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

absl::Status Run(const Flags& flags) {
  RETURN_IF_ERROR(CheckFlags(flags));
  if (flags.threads > 0) at::set_num_threads(flags.threads);
  ASSIGN_OR_RETURN(const std::vector<ComparedDictionary> dictionaries, LoadAll(flags.folders));
  ASSIGN_OR_RETURN(const v1::Agreement agreement, Compare(dictionaries, flags));
  const absl::Status delivered = Deliver(agreement, flags.output);
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
