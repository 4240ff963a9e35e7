#include "sae/checkpoint/readme.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/quoted.h"
#include "sae/checkpoint/expected_tensors.h"

namespace seedbed {
namespace {

std::string Row(const std::string& name, const std::string& value) {
  // A bar would begin another column.
  const std::string cell = absl::StrReplaceAll(EscapeControlCharacters(value), {{"|", "\\|"}});
  return absl::StrCat("| ", name, " | ", cell.empty() ? "unknown" : cell, " |\n");
}

std::string ArchitectureText(const Dictionary& dictionary) {
  std::string text = dictionary.architecture;
  if (HasK(dictionary.architecture)) absl::StrAppend(&text, ", k ", dictionary.k);
  if (dictionary.skip_weight.defined()) absl::StrAppend(&text, ", with a skip connection");
  return text;
}

std::string WidthText(const Dictionary& dictionary) {
  return absl::StrCat(dictionary.latents(), " latents, from width ", dictionary.d_in(), " to ", dictionary.d_out());
}

std::string ModelText(const RunFacts& facts) {
  if (facts.model_fingerprint.empty()) return facts.model;
  return absl::StrCat(facts.model, " (fingerprint ", facts.model_fingerprint, ")");
}

std::string Facts(const Dictionary& dictionary, const RunFacts& facts) {
  std::string table = absl::StrCat("| | |\n|---|---|\n", Row("architecture", ArchitectureText(dictionary)),
                                   Row("size", WidthText(dictionary)),
                                   Row("encoder reads", dictionary.centers_input ? "x - b_dec" : "x"),
                                   Row("model", ModelText(facts)), Row("hookpoint", facts.hookpoint));
  if (!facts.target_hookpoint.empty()) absl::StrAppend(&table, Row("target hookpoint", facts.target_hookpoint));
  absl::StrAppend(&table, Row("token files", absl::StrJoin(facts.token_files, ", ")),
                  Row("SHA-256 of the tokens", facts.tokens_sha256), Row("hash of all batches", facts.batch_hash),
                  Row("seed", facts.seed.has_value() ? absl::StrCat(*facts.seed) : ""),
                  Row("convention", facts.convention), Row("run", facts.run_id));
  return table;
}

std::string Metrics(const RunFacts& facts) {
  if (facts.metrics.empty()) return "";
  std::string table = "\n## Metrics\n\n| | |\n|---|---|\n";
  for (const auto& [name, value] : facts.metrics) {
    absl::StrAppend(&table, Row(EscapeControlCharacters(name), absl::StrFormat("%.6g", value)));
  }
  return table;
}

std::string Loading(DictionaryFormat format) {
  switch (format) {
    case DictionaryFormat::kSparsify:
      return "from sparsify import SparseCoder\nsae = SparseCoder.load_from_disk(\"PATH/OF/THIS/FOLDER\")\n";
    case DictionaryFormat::kSaeLens:
      return "from sae_lens import SAE\nsae = SAE.load_from_disk(\"PATH/OF/THIS/FOLDER\")\n";
    case DictionaryFormat::kSeedbed:
      return "from safetensors.torch import load_file\ntensors = load_file(\"PATH/OF/THIS/FOLDER/sae.safetensors\")\n";
  }
  return "";
}

}  // namespace

std::string ReadmeText(const Dictionary& dictionary, DictionaryFormat format, const RunFacts& facts) {
  return absl::StrCat("# A sparse dictionary, exported by Seedbed in the format of ", NameOf(format), "\n\n",
                      Facts(dictionary, facts), Metrics(facts), "\n`manifest.json` has all that is known of the run.\n",
                      "\n## Loading\n\n```python\n", Loading(format), "```\n");
}

}  // namespace seedbed
