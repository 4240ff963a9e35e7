#include "sae/lm/model_inspection.h"

#include "common/status.h"
#include "sae/lm/hookpoint_resolution.h"
#include "sae/lm/model_fingerprint.h"
#include "sae/lm/model_folder.h"

namespace seedbed {

absl::StatusOr<ModelFacts> InspectModel(const std::string& folder) {
  ASSIGN_OR_RETURN(const ModelFolder opened, OpenModelFolder(folder));
  ModelFacts facts;
  facts.model_type = opened.config.model_type;
  facts.d_model = opened.config.d_model;
  facts.layers = opened.config.layers;
  facts.vocabulary_size = opened.config.vocabulary_size;
  facts.context_length = opened.config.context_length;
  facts.parameters = opened.parameters;
  facts.parallel_residual = opened.config.parallel_residual;
  ASSIGN_OR_RETURN(facts.fingerprint, ModelFingerprint(opened.config_text, opened.files));
  return facts;
}

absl::StatusOr<std::vector<Hookpoint>> ResolveHookpoints(const ModelFacts& facts,
                                                         const std::vector<std::string>& names) {
  return ResolveHookpoints(HookpointInventory{facts.layers, facts.parallel_residual}, names);
}

}  // namespace seedbed
