#include "worker/agree/tables.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/status.h"
#include "sae/agreement/stability.h"

namespace seedbed {
namespace {

std::string CounterpartCell(const SideCounterparts& side, size_t latent) {
  if (side.counterpart[latent] < 0) return ",";
  return absl::StrFormat("%d,%.9g", side.counterpart[latent], side.cosine[latent]);
}

}  // namespace

std::string StabilityTableName(int64_t dictionary) { return absl::StrCat("dictionary-", dictionary, ".csv"); }

std::string PairTable(const ComparedPair& pair, double threshold) {
  const Counterparts& counterparts = pair.matching.counterparts;
  const bool has_correlations = !pair.correlations.empty();
  std::string table =
      "latent,decoder_counterpart,decoder_cosine,encoder_counterpart,encoder_cosine,largest_decoder_cosine,"
      "largest_encoder_cosine,shared_strict,shared_aligned";
  absl::StrAppend(&table, has_correlations ? ",correlation\n" : "\n");
  for (int64_t i = 0; i < counterparts.latents(); ++i) {
    const auto latent = static_cast<size_t>(i);
    absl::StrAppend(&table, i, ",", CounterpartCell(counterparts.decoder, latent), ",",
                    CounterpartCell(counterparts.encoder, latent));
    absl::StrAppendFormat(&table, ",%.9g,%.9g,%d,%d", pair.matching.decoder.largest_a[latent],
                          pair.matching.encoder.largest_a[latent], counterparts.Strict(i, threshold) ? 1 : 0,
                          counterparts.Aligned(i, threshold) ? 1 : 0);
    if (has_correlations) table.push_back(',');
    if (has_correlations && pair.correlations[latent].has_value()) {
      absl::StrAppendFormat(&table, "%.9g", *pair.correlations[latent]);
    }
    table.push_back('\n');
  }
  return table;
}

std::string StabilityTable(const Comparison& comparison, int64_t dictionary, double threshold) {
  const std::vector<double>& frequency = comparison.dictionaries[static_cast<size_t>(dictionary)].firing_frequency;
  const std::vector<Stability> stability = StabilityOf(comparison.siblings, dictionary, threshold);
  std::string table = "latent,mean_decoder_cosine,mean_encoder_cosine,found_in,siblings";
  absl::StrAppend(&table, frequency.empty() ? "\n" : ",firing_frequency\n");
  for (size_t latent = 0; latent < stability.size(); ++latent) {
    absl::StrAppendFormat(&table, "%d,%.9g,%.9g,%d,%d", latent, stability[latent].decoder_cosine,
                          stability[latent].encoder_cosine, stability[latent].found_in,
                          comparison.siblings.dictionaries() - 1);
    if (!frequency.empty()) absl::StrAppendFormat(&table, ",%.9g", frequency[latent]);
    table.push_back('\n');
  }
  return table;
}

absl::Status WriteTables(const Comparison& comparison, double threshold, const std::string& folder) {
  RETURN_IF_ERROR(MakeFolders(folder));
  for (const ComparedPair& pair : comparison.pairs) {
    RETURN_IF_ERROR(WriteFileDurably(JoinPath(folder, absl::StrCat("pair-", pair.a, "-", pair.b, ".csv")),
                                     PairTable(pair, threshold)));
  }
  for (int64_t i = 0; i < comparison.siblings.dictionaries(); ++i) {
    RETURN_IF_ERROR(
        WriteFileDurably(JoinPath(folder, StabilityTableName(i)), StabilityTable(comparison, i, threshold)));
  }
  return absl::OkStatus();
}

absl::Status WriteStability(const Comparison& comparison, double threshold) {
  for (int64_t i = 0; i < comparison.siblings.dictionaries(); ++i) {
    const std::string& folder = comparison.dictionaries[static_cast<size_t>(i)].path;
    RETURN_IF_ERROR(WriteFileDurably(JoinPath(folder, kStabilityName), StabilityTable(comparison, i, threshold)));
  }
  return absl::OkStatus();
}

}  // namespace seedbed
