#include "worker/agree/agreement_message.h"

#include "common/utf8.h"

namespace seedbed {
namespace {

v1::SideAlignment ToMessage(const SideAlignment& side) {
  v1::SideAlignment message;
  message.set_mean_cosine(side.mean_cosine);
  message.set_mmcs_ab(side.mmcs_ab);
  message.set_mmcs_ba(side.mmcs_ba);
  message.set_max_above_ab(side.max_above_ab);
  message.set_max_above_ba(side.max_above_ba);
  message.set_upper_bound(side.upper_bound);
  message.set_certified(side.certified);
  return message;
}

v1::Statistic ToMessage(const Statistic& statistic) {
  v1::Statistic message;
  message.set_mean(statistic.mean);
  message.set_sd(statistic.sd);
  message.mutable_values()->Add(statistic.values.begin(), statistic.values.end());
  return message;
}

}  // namespace

v1::Dictionary ToMessage(const ComparedDictionary& dictionary) {
  v1::Dictionary message;
  message.set_path(ReplaceInvalidUtf8(dictionary.path));
  message.set_run_id(dictionary.facts.run_id);
  message.set_seed(dictionary.facts.seed.value_or(0));
  message.set_latents(dictionary.latents());
  message.set_d_in(dictionary.d_in());
  message.set_manifest_sha256(dictionary.manifest_sha256);
  return message;
}

v1::PairAgreement ToMessage(const PairAgreement& pair) {
  v1::PairAgreement message;
  *message.mutable_decoder() = ToMessage(pair.decoder);
  *message.mutable_encoder() = ToMessage(pair.encoder);
  message.set_encoder_decoder_equal(pair.encoder_decoder_equal);
  message.set_shared_strict(pair.shared_strict);
  message.set_shared_aligned(pair.shared_aligned);
  for (const CurvePoint& point : pair.curve) {
    v1::CurvePoint* added = message.add_curve();
    added->set_threshold(point.threshold);
    added->set_strict(point.strict);
    added->set_aligned(point.aligned);
  }
  return message;
}

v1::AgreementSummary ToMessage(const AgreementSummary& summary) {
  v1::AgreementSummary message;
  *message.mutable_decoder_mean_cosine() = ToMessage(summary.decoder_mean_cosine);
  *message.mutable_encoder_mean_cosine() = ToMessage(summary.encoder_mean_cosine);
  *message.mutable_encoder_decoder_equal() = ToMessage(summary.encoder_decoder_equal);
  *message.mutable_shared_strict() = ToMessage(summary.shared_strict);
  *message.mutable_shared_aligned() = ToMessage(summary.shared_aligned);
  *message.mutable_mmcs() = ToMessage(summary.mmcs);
  message.set_pw_mcc(summary.pw_mcc);
  message.mutable_sharing_counts()->Add(summary.sharing_counts.begin(), summary.sharing_counts.end());
  message.mutable_unique_fraction_by_seeds()->Add(summary.unique_fraction_by_seeds.begin(),
                                                  summary.unique_fraction_by_seeds.end());
  return message;
}

}  // namespace seedbed
