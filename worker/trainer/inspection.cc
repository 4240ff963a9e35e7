#include "worker/trainer/inspection.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/mixture.h"
#include "common/status.h"
#include "sae/activations/rows/row_folder.h"
#include "sae/activations/sequences/exclusion.h"
#include "sae/activations/sequences/kept_rows.h"
#include "sae/activations/sequences/token_mixture.h"
#include "sae/activations/stream_check.h"
#include "sae/evaluation/held_out.h"
#include "sae/lm/model_inspection.h"
#include "worker/trainer/failure.h"
#include "worker/trainer/folder_inputs.h"

namespace seedbed {
namespace {

// Which of `names`, that can't all be resolved, is the first that can't after those before it.
size_t FirstBadName(const ModelFacts& facts, const std::vector<std::string>& names) {
  size_t good = 0;
  size_t bad = names.size();
  while (good + 1 < bad) {
    const size_t middle = (good + bad) / 2;
    const std::vector<std::string> first(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(middle));
    (ResolveHookpoints(facts, first).ok() ? good : bad) = middle;
  }
  return bad - 1;
}

// One sweep under inspection. Each method adds what it finds wrong and leaves alone what depends on it.
class Inspector {
 public:
  Inspector(const v1::SweepSpec& spec, v1::InspectionResult* result) : spec_(spec), result_(*result) {}

  void Run() {
    InspectLanguageModel();
    if (spec_.activations().source() == v1::ACTIVATION_SOURCE_FOLDER) {
      InspectFolder();
    } else {
      InspectTokens();
    }
  }

 private:
  // False, and a violation, for an error.
  bool Check(const std::string& field, const absl::Status& status) {
    if (status.ok()) return true;
    v1::InspectionViolation* violation = result_.add_violations();
    violation->set_field(field);
    violation->set_description(std::string(status.message()));
    return false;
  }

  void InspectLanguageModel();
  // By canonical names, as `resolve` gives them. False where one can't be used.
  bool NameTranscoders(const std::function<absl::StatusOr<Hookpoint>(const std::string&)>& resolve);
  // A reconstruction is spliced in at the target while the model runs, so the input must have been computed by then.
  absl::Status CheckCanBeEvaluated(const Hookpoint& input, const Hookpoint& target) const;
  void InspectTokens();
  // The token files by themselves; false where one of them can't be used.
  bool InspectTokenFiles();
  // Rows from a folder need no model; then there is nothing that a pattern could mean.
  bool NameHookpointsWithoutModel();
  void InspectFolder();
  // Every hookpoint of the sweep once, those of transcoders last.
  std::vector<std::string> NamesOfAll() const;
  StreamConfig MakeStreamConfig() const;

  const v1::SweepSpec& spec_;
  v1::InspectionResult& result_;
  std::optional<ModelFacts> model_;
};

absl::Status Inspector::CheckCanBeEvaluated(const Hookpoint& input, const Hookpoint& target) const {
  if (spec_.evaluation().sequences() == 0 || !(target < input)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("is ", target.ToString(), ", which comes before the input ",
                                                 input.ToString(),
                                                 "; where evaluation.sequences is above 0 it must come after it"));
}

void Inspector::InspectLanguageModel() {
  if (spec_.model().path().empty()) return;
  absl::StatusOr<ModelFacts> facts = InspectModel(spec_.model().path());
  if (!Check("model.path", facts.status())) return;
  model_ = *std::move(facts);
  result_.set_d_model(model_->d_model);
  result_.set_model_parameters(model_->parameters);
  result_.set_model_layers(model_->layers);
  result_.set_vocabulary_size(model_->vocabulary_size);
  const std::vector<std::string> names(spec_.sae().hookpoints().begin(), spec_.sae().hookpoints().end());
  if (!names.empty()) {
    const absl::StatusOr<std::vector<Hookpoint>> hookpoints = ResolveHookpoints(*model_, names);
    if (!hookpoints.ok()) {
      Check(absl::StrCat("sae.hookpoints[", FirstBadName(*model_, names), "]"), hookpoints.status());
      return;
    }
    for (const Hookpoint& hookpoint : *hookpoints) result_.add_hookpoints(hookpoint.ToString());
  }
  NameTranscoders([&](const std::string& name) -> absl::StatusOr<Hookpoint> {
    ASSIGN_OR_RETURN(const std::vector<Hookpoint> found, ResolveHookpoints(*model_, {name}));
    return found.front();
  });
}

bool Inspector::NameTranscoders(const std::function<absl::StatusOr<Hookpoint>(const std::string&)>& resolve) {
  for (int i = 0; i < spec_.sae().transcoders_size(); ++i) {
    const v1::TranscoderSpec& given = spec_.sae().transcoders(i);
    const std::string field = absl::StrCat("sae.transcoders[", i, "]");
    const absl::StatusOr<Hookpoint> input = resolve(given.input());
    const absl::StatusOr<Hookpoint> target = resolve(given.target());
    if (!Check(absl::StrCat(field, ".input"), input.status())) return false;
    if (!Check(absl::StrCat(field, ".target"), target.status())) return false;
    if (!Check(absl::StrCat(field, ".target"), CheckCanBeEvaluated(*input, *target))) return false;
    v1::TranscoderSpec& named = *result_.add_transcoders();
    named.set_input(input->ToString());
    named.set_target(target->ToString());
  }
  return true;
}

bool Inspector::InspectTokenFiles() {
  bool usable = true;
  for (int i = 0; i < spec_.data().tokens_size(); ++i) {
    const std::string field = absl::StrCat("data.tokens[", i, "].path");
    const absl::StatusOr<TokenFile> file = TokenFile::Open(spec_.data().tokens(i).path());
    usable = Check(field, file.status()) && usable;
    if (file.ok() && model_.has_value())
      usable = Check(field, CheckVocabulary(*file, model_->vocabulary_size)) && usable;
  }
  return usable;
}

StreamConfig Inspector::MakeStreamConfig() const {
  StreamConfig config;
  config.sequence_length = spec_.data().sequence_length();
  config.sequences = spec_.data().max_tokens() / config.sequence_length;
  config.shuffled = spec_.data().order() == v1::SEQUENCE_ORDER_SHUFFLED;
  config.seed = spec_.data().seed();
  config.exclude_first = spec_.activations().exclude_first();
  config.exclude_tokens.assign(spec_.activations().exclude_tokens().begin(),
                               spec_.activations().exclude_tokens().end());
  std::sort(config.exclude_tokens.begin(), config.exclude_tokens.end());
  if (spec_.data().has_padding_token()) config.padding_token = spec_.data().padding_token();
  return config;
}

void Inspector::InspectTokens() {
  if (model_.has_value()) {
    Check("data.sequence_length", CheckContext(spec_.data().sequence_length(), model_->context_length));
  }
  if (!InspectTokenFiles()) return;
  const StreamConfig config = MakeStreamConfig();
  std::vector<double> weights;
  for (const v1::TokenFileSpec& file : spec_.data().tokens()) weights.push_back(file.weight());
  const std::vector<int64_t> shares = DivideSequences(config.sequences, weights);
  std::vector<MixtureFile> files;
  for (int i = 0; i < spec_.data().tokens_size(); ++i) files.push_back({spec_.data().tokens(i).path(), shares[i]});
  const absl::StatusOr<TokenMixture> tokens = TokenMixture::Open(files, config.sequence_length);
  if (!Check(absl::IsOutOfRange(tokens.status()) ? "data.max_tokens" : "data.tokens", tokens.status())) return;
  if (!Check("activations.exclude_tokens", CheckExclusion(config, *tokens))) return;
  const absl::StatusOr<int64_t> rows =
      CountKeptRows(config, *tokens, static_cast<int>(std::thread::hardware_concurrency()));
  if (!Check("data.tokens", rows.status())) return;
  if (*rows == 0) {
    Check("activations.exclude_tokens", absl::InvalidArgumentError("leaves no row of the stream"));
    return;
  }
  result_.set_rows_per_epoch(*rows);
  if (const int64_t held_out = spec_.evaluation().sequences(); held_out > 0) {
    Check("evaluation.sequences", Annotate(CheckHeldOut(config, *tokens, held_out), absl::StrCat("is ", held_out)));
  }
}

bool Inspector::NameHookpointsWithoutModel() {
  for (int i = 0; i < spec_.sae().hookpoints_size(); ++i) {
    const absl::StatusOr<Hookpoint> hookpoint = ParseHookpoint(spec_.sae().hookpoints(i));
    if (!Check(absl::StrCat("sae.hookpoints[", i, "]"), hookpoint.status())) return false;
    result_.add_hookpoints(hookpoint->ToString());
  }
  return NameTranscoders([](const std::string& name) { return ParseHookpoint(name); });
}

std::vector<std::string> Inspector::NamesOfAll() const {
  std::vector<std::string> names(result_.hookpoints().begin(), result_.hookpoints().end());
  for (const v1::TranscoderSpec& transcoder : result_.transcoders()) {
    for (const std::string* name : {&transcoder.input(), &transcoder.target()}) {
      if (std::find(names.begin(), names.end(), *name) == names.end()) names.push_back(*name);
    }
  }
  return names;
}

void Inspector::InspectFolder() {
  if (spec_.model().path().empty() && !NameHookpointsWithoutModel()) return;
  const std::vector<std::string> names = NamesOfAll();
  const std::optional<int64_t> width = model_.has_value() ? std::optional<int64_t>(model_->d_model) : std::nullopt;
  int64_t rows = 0;
  for (const std::string& name : names) {
    const std::string folder = RowFolderOf(spec_.activations().path(), name, names.size() == 1);
    const absl::StatusOr<RowStore> store = OpenRowFolder(folder, width);
    if (!Check("activations.path", store.status())) return;
    if (rows == 0) rows = store->rows();
    if (store->rows() == rows) continue;
    Check("activations.path",
          absl::InvalidArgumentError(absl::StrCat(folder, ": has ", store->rows(), " rows, those of hookpoint ",
                                                  names[0], " are ", rows, "; they must be of the same tokens")));
  }
  if (spec_.data().max_tokens() > rows) {
    Check("data.max_tokens", absl::OutOfRangeError(absl::StrCat("is ", spec_.data().max_tokens(), ", but ",
                                                                spec_.activations().path(), " has ", rows, " rows")));
  }
  result_.set_rows_per_epoch(spec_.data().max_tokens() > 0 ? spec_.data().max_tokens() : rows);
}

absl::StatusOr<v1::InspectionRequest> ReadRequest(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  v1::InspectionRequest request;
  if (!request.ParseFromString(bytes)) {
    return absl::InternalError(absl::StrCat(path, ": is not a serialized seedbed.v1.InspectionRequest"));
  }
  return request;
}

}  // namespace

v1::InspectionResult Inspect(const v1::InspectionRequest& request) {
  v1::InspectionResult result;
  result.set_inspection_id(request.inspection_id());
  Inspector(request.spec(), &result).Run();
  if (result.violations().empty()) return result;
  v1::InspectionResult wrong;
  wrong.set_inspection_id(result.inspection_id());
  *wrong.mutable_violations() = result.violations();
  return wrong;
}

int RunInspection(const std::string& request_path, MessageSink* sink) {
  v1::RankMessage message;
  const absl::Status status = CatchExceptions([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const v1::InspectionRequest request, ReadRequest(request_path));
    message.mutable_inspection_result()->set_inspection_id(request.inspection_id());
    *message.mutable_inspection_result() = Inspect(request);
    return absl::OkStatus();
  });
  if (!status.ok()) message.mutable_inspection_result()->set_error(std::string(status.message()));
  sink->Send(message);
  return 0;
}

}  // namespace seedbed
