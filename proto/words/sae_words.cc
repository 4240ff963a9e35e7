#include "proto/words/sae_words.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/architectures.h"
#include "common/enum_word.h"
#include "common/number_words.h"

namespace seedbed {

std::string FormatKind(v1::FailureKind kind) {
  return absl::StrReplaceAll(EnumWord(v1::FailureKind_Name(kind), "FAILURE_KIND_"), {{"_", " "}});
}

std::string FormatFailure(const v1::Failure& failure) {
  return absl::StrCat(FormatKind(failure.kind()), ": ", OneLine(failure.message()));
}

std::string FormatHookpoint(const v1::SaeSpec& sae) {
  if (sae.target_hookpoint().empty()) return sae.hookpoint();
  return absl::StrCat(sae.hookpoint(), " -> ", sae.target_hookpoint());
}

std::string FormatArchitecture(const v1::SaeSpec& sae) {
  const std::string convention = EnumWord(v1::Convention_Name(sae.convention()), "CONVENTION_");
  const ArchitectureFacts* const facts = FindArchitectureFacts(sae.architecture());
  const bool is_default = facts != nullptr && facts->conventions.front() == convention;
  if (is_default || sae.convention() == v1::CONVENTION_UNSPECIFIED) return sae.architecture();
  return absl::StrCat(sae.architecture(), " (", convention, ")");
}

std::string FormatSparsity(const v1::SaeSpec& sae) {
  if (sae.k() > 0) return absl::StrCat("k ", sae.k());
  if (sae.target_l0() > 0) return absl::StrCat("L0 ", sae.target_l0());
  return absl::StrCat("coefficient ", sae.sparsity_coefficient());
}

std::string FormatSae(const v1::SaeSpec& sae) {
  return absl::StrCat(FormatHookpoint(sae), " ", FormatArchitecture(sae), ", ", FormatCount(sae.latents()),
                      " latents, ", FormatSparsity(sae));
}

}  // namespace seedbed
