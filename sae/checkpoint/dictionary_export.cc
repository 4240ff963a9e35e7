#include <algorithm>
#include <filesystem>
#include <utility>

#include "ATen/ops/isfinite.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/status.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/manifest.h"
#include "sae/io/safetensors.h"

namespace seedbed {
namespace {

// sparsify's default, which it writes beside num_latents without using it.
constexpr int kExpansionFactor = 32;

absl::Status CheckTensor(absl::string_view name, const at::Tensor& tensor, const std::vector<int64_t>& shape) {
  const auto error = [name](absl::string_view message) {
    return absl::InvalidArgumentError(absl::StrCat("tensor \"", name, "\" ", message));
  };
  if (!tensor.defined()) return error("is missing");
  if (tensor.scalar_type() != at::kFloat || !tensor.device().is_cpu() || !tensor.is_contiguous()) {
    return error("is not float32, contiguous and on the CPU");
  }
  if (tensor.sizes() != at::IntArrayRef(shape)) {
    return error(absl::StrCat("has the shape [", absl::StrJoin(tensor.sizes(), ", "), "], needed is [",
                              absl::StrJoin(shape, ", "), "]"));
  }
  if (!at::isfinite(tensor).all().item<bool>()) return error("holds a value that is not finite");
  return absl::OkStatus();
}

absl::Status CheckDictionary(const Dictionary& dictionary) {
  if (dictionary.architecture != "topk") {
    return absl::InvalidArgumentError(
        absl::StrCat("architecture \"", dictionary.architecture, "\": sparsify's format can express \"topk\" alone"));
  }
  if (!dictionary.encoder_weight.defined() || dictionary.encoder_weight.dim() != 2) {
    return absl::InvalidArgumentError("tensor \"encoder.weight\" is missing or does not have 2 dimensions");
  }
  const int64_t latents = dictionary.encoder_weight.size(0);
  const int64_t d_in = dictionary.encoder_weight.size(1);
  if (dictionary.k < 1 || dictionary.k > latents) {
    return absl::InvalidArgumentError(absl::StrCat("k is ", dictionary.k, ", allowed are 1 to ", latents));
  }
  RETURN_IF_ERROR(CheckTensor("encoder.weight", dictionary.encoder_weight, {latents, d_in}));
  RETURN_IF_ERROR(CheckTensor("encoder.bias", dictionary.encoder_bias, {latents}));
  RETURN_IF_ERROR(CheckTensor("W_dec", dictionary.decoder_weight, {latents, d_in}));
  return CheckTensor("b_dec", dictionary.decoder_bias, {d_in});
}

absl::Status CheckExtraFiles(const std::map<std::string, std::string>& extra_files) {
  for (const auto& [name, contents] : extra_files) {
    if (!IsPlainFileName(name) || name == kManifestName || name == kConfigName || name == kWeightsName) {
      return absl::InvalidArgumentError(absl::StrCat("extra file \"", name, "\": the name is taken or no file name"));
    }
  }
  return absl::OkStatus();
}

// Byte for byte what sparsify 1.3.3 writes.
std::string ConfigText(const Dictionary& dictionary) {
  return absl::StrCat("{\"activation\": \"topk\", \"expansion_factor\": ", kExpansionFactor,
                      ", \"normalize_decoder\": true, \"num_latents\": ", dictionary.encoder_weight.size(0),
                      ", \"k\": ", dictionary.k,
                      ", \"multi_topk\": false, \"skip_connection\": false, \"transcode\": false, \"d_in\": ",
                      dictionary.encoder_weight.size(1), "}");
}

TensorToWrite View(const std::string& name, const at::Tensor& tensor) {
  TensorToWrite view;
  view.name = name;
  view.type = TensorType::kF32;
  view.shape = tensor.sizes().vec();
  view.bytes = absl::string_view(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
  return view;
}

absl::Status WriteWeights(const Dictionary& dictionary, const std::string& path) {
  return WriteSafetensors(
      path,
      {View("encoder.weight", dictionary.encoder_weight), View("encoder.bias", dictionary.encoder_bias),
       View("W_dec", dictionary.decoder_weight), View("b_dec", dictionary.decoder_bias)},
      {{"format", "pt"}});
}

absl::StatusOr<ExportedFile> Describe(const std::string& folder, const std::string& name) {
  ExportedFile file;
  file.name = name;
  const std::string path = JoinPath(folder, name);
  ASSIGN_OR_RETURN(file.sha256, Sha256OfFile(path));
  std::error_code error;
  file.bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) return ErrnoStatus(error.value(), path);
  return file;
}

// Everything but the manifest.
absl::Status WriteContents(const Dictionary& dictionary, const std::map<std::string, std::string>& extra_files,
                           const std::string& folder) {
  RETURN_IF_ERROR(WriteWeights(dictionary, JoinPath(folder, kWeightsName)));
  RETURN_IF_ERROR(WriteFileDurably(JoinPath(folder, kConfigName), ConfigText(dictionary)));
  for (const auto& [name, contents] : extra_files) {
    RETURN_IF_ERROR(WriteFileDurably(JoinPath(folder, name), contents));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ExportedDictionary> ExportDictionary(const Dictionary& dictionary, const std::string& facts_json,
                                                    const std::map<std::string, std::string>& extra_files, int attempt,
                                                    const std::string& folder) {
  const auto annotate = [&folder](const absl::Status& status) {
    return Annotate(status, absl::StrCat("export ", folder));
  };
  if (absl::Status status = CheckDictionary(dictionary); !status.ok()) return annotate(status);
  if (absl::Status status = CheckExtraFiles(extra_files); !status.ok()) return annotate(status);

  const std::string staged = absl::StrCat(folder, ".attempt-", attempt, ".tmp");
  RETURN_IF_ERROR(RemoveAll(staged));  // Of a process that died in the middle of this attempt.
  absl::Cleanup remove_staged = [&staged] { RemoveAll(staged).IgnoreError(); };
  RETURN_IF_ERROR(MakeFolders(staged));
  RETURN_IF_ERROR(WriteContents(dictionary, extra_files, staged));

  ExportedDictionary exported;
  exported.path = folder;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(staged));
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(ExportedFile file, Describe(staged, name));
    exported.files.push_back(std::move(file));
  }
  auto manifest = ManifestText({dictionary.architecture, dictionary.k, exported.files}, facts_json);
  if (!manifest.ok()) return annotate(manifest.status());
  RETURN_IF_ERROR(WriteFileDurably(JoinPath(staged, kManifestName), *manifest));
  exported.manifest_sha256 = Sha256Hex(*manifest);
  RETURN_IF_ERROR(CommitFolder(staged, folder));
  return exported;
}

}  // namespace seedbed
