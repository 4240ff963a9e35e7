#include "sae/lm/families/family.h"

#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/status.h"
#include "sae/lm/families/gemma2.h"
#include "sae/lm/families/gpt2.h"
#include "sae/lm/families/gpt_neox.h"
#include "sae/lm/families/llama.h"
#include "sae/lm/families/mistral.h"
#include "sae/lm/families/qwen2.h"
#include "sae/lm/families/qwen3.h"

namespace seedbed {
namespace {

constexpr const Family* kFamilies[] = {&kLlama, &kMistral, &kQwen2, &kQwen3, &kGptNeox, &kGpt2, &kGemma2};

}  // namespace

absl::StatusOr<const Family*> FindFamily(const JsonObject& config) {
  ASSIGN_OR_RETURN(const std::string model_type, config.String("model_type"));
  std::string known;
  for (const Family* family : kFamilies) {
    if (family->model_type == model_type) return family;
    absl::StrAppend(&known, known.empty() ? "" : ", ", family->model_type);
  }
  return config.Error("model_type", absl::StrCat("is ", Quoted(model_type), ", supported are: ", known));
}

}  // namespace seedbed
