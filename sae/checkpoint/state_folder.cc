#include "sae/checkpoint/state_folder.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "ATen/ops/empty.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "common/file.h"
#include "common/quoted.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/checkpoint/file_list.h"
#include "sae/checkpoint/manifest.h"
#include "sae/io/json_object.h"
#include "sae/io/safetensors.h"
#include "sae/io/scalar_type.h"

namespace seedbed {
namespace {

constexpr char kSchema[] = "seedbed-state/1";
constexpr char kTensorsName[] = "state.safetensors";
constexpr char kStagedEnd[] = ".tmp";

absl::Status WriteTensors(const std::string& path, const StateTensors& state) {
  std::vector<TensorToWrite> written;
  for (const auto& [name, tensor] : state) {
    const std::optional<TensorType> type = TensorTypeOf(tensor.scalar_type());
    if (!type.has_value()) return absl::InternalError(absl::StrCat("tensor \"", name, "\" is of no type for a file"));
    const absl::string_view bytes(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
    written.push_back({name, *type, tensor.sizes().vec(), bytes});
  }
  return WriteSafetensors(path, std::move(written), {});
}

absl::StatusOr<StateTensors> ReadTensors(const std::string& path) {
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  StateTensors state;
  for (const auto& [name, view] : file.tensors()) {
    at::Tensor tensor = at::empty(view.shape, ScalarTypeOf(view.type));
    std::copy(view.bytes.begin(), view.bytes.end(), static_cast<char*>(tensor.mutable_data_ptr()));
    state[name] = std::move(tensor);
  }
  return state;
}

absl::Status CheckLabel(const JsonObject& manifest, const StateLabel& label) {
  ASSIGN_OR_RETURN(const std::string schema, manifest.String("format"));
  if (schema != kSchema) {
    return manifest.Error("format", absl::StrCat("is ", Quoted(schema), ", allowed is \"", kSchema, "\""));
  }
  ASSIGN_OR_RETURN(const int64_t step, manifest.Integer("step", 0, std::numeric_limits<int64_t>::max()));
  if (step != label.step) return manifest.Error("step", absl::StrCat("is ", step, ", the folder's is ", label.step));
  ASSIGN_OR_RETURN(const std::string made_from, manifest.String("made_from"));
  if (made_from == label.made_from) return absl::OkStatus();
  return absl::FailedPreconditionError(
      manifest.Error("made_from", absl::StrCat("is ", Quoted(made_from), ", needed is ", label.made_from)).message());
}

}  // namespace

std::string StateFolderName(int64_t step) { return absl::StrFormat("step-%012d", step); }

absl::StatusOr<int64_t> WriteState(const std::string& folder, const StateLabel& label, const StateTensors& state,
                                   int attempt, const std::function<absl::Status()>& may_commit) {
  const std::string target = JoinPath(folder, StateFolderName(label.step));
  const std::string staged = absl::StrCat(target, ".attempt-", attempt, kStagedEnd);
  RETURN_IF_ERROR(RemoveAll(staged));
  absl::Cleanup remove_staged = [&staged] { RemoveAll(staged).IgnoreError(); };
  RETURN_IF_ERROR(MakeFolders(staged));
  RETURN_IF_ERROR(WriteTensors(JoinPath(staged, kTensorsName), state));
  ASSIGN_OR_RETURN(const ExportedFile file, DescribeFile(staged, kTensorsName));
  const nlohmann::json manifest = {
      {"format", kSchema}, {"step", label.step}, {"made_from", label.made_from}, {"files", FileListJson({file})}};
  RETURN_IF_ERROR(WriteFileDurably(JoinPath(staged, kManifestName), absl::StrCat(manifest.dump(/*indent=*/2), "\n")));
  RETURN_IF_ERROR(may_commit());
  RETURN_IF_ERROR(CommitFolder(staged, target));
  return file.bytes;
}

absl::StatusOr<StateTensors> ReadState(const std::string& folder, const StateLabel& label) {
  const std::string path = JoinPath(folder, StateFolderName(label.step));
  ASSIGN_OR_RETURN(const JsonObject manifest, JsonObject::ReadFrom(JoinPath(path, kManifestName)));
  RETURN_IF_ERROR(CheckLabel(manifest, label));
  ASSIGN_OR_RETURN(const std::vector<ExportedFile> files, ReadFileList(manifest));
  for (const ExportedFile& file : files) RETURN_IF_ERROR(VerifyFile(path, file));
  return ReadTensors(JoinPath(path, kTensorsName));
}

std::vector<int64_t> SavedSteps(const std::string& folder) {
  const absl::StatusOr<std::vector<std::string>> names = ListFolder(folder);
  std::vector<int64_t> steps;
  if (!names.ok()) return steps;
  for (absl::string_view name : *names) {
    int64_t step = 0;
    const bool is_state = absl::ConsumePrefix(&name, "step-") && absl::SimpleAtoi(name, &step);
    if (is_state) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

absl::Status RemoveState(const std::string& folder, int64_t step) {
  return RemoveAll(JoinPath(folder, StateFolderName(step)));
}

absl::Status RemoveStagedStates(const std::string& folder) {
  const absl::StatusOr<std::vector<std::string>> names = ListFolder(folder);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    if (absl::EndsWith(name, kStagedEnd)) RETURN_IF_ERROR(RemoveAll(JoinPath(folder, name)));
  }
  return absl::OkStatus();
}

}  // namespace seedbed
