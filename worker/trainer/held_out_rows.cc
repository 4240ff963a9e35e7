#include "worker/trainer/held_out_rows.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/status.h"
#include "sae/io/safetensors.h"
#include "worker/trainer/failure.h"

namespace seedbed {
namespace {

constexpr char kFolder[] = "held_out";
constexpr char kTensorName[] = "activations";
constexpr size_t kHashDigits = 16;

absl::StatusOr<std::string> FileOf(const at::Tensor& rows) {
  TensorToWrite tensor;
  tensor.name = kTensorName;
  tensor.shape = rows.sizes().vec();
  tensor.bytes = absl::string_view(static_cast<const char*>(rows.const_data_ptr()), rows.nbytes());
  ASSIGN_OR_RETURN(std::string file, SafetensorsPrefix({tensor}, {}));
  file.append(tensor.bytes.data(), tensor.bytes.size());
  return file;
}

absl::Status WriteOnce(const std::string& folder, const std::string& path, const std::string& file) {
  if (PathExists(path)) return absl::OkStatus();
  RETURN_IF_ERROR(MakeFolders(folder));
  return WriteFileDurably(path, file);
}

}  // namespace

absl::StatusOr<v1::HeldOutRows> WriteHeldOutRows(const TrainerPlan& plan, const HostedRun& run,
                                                 const at::Tensor& rows) {
  ASSIGN_OR_RETURN(const std::string file, FileOf(rows.contiguous()));
  const std::string sha256 = Sha256Hex(file);
  const std::string folder = JoinPath(JoinPath(plan.spec.artifact_root(), plan.spec.gang().sweep_id()), kFolder);
  const std::string name =
      absl::StrCat(run.planned().spec.hookpoint(), "-", absl::string_view(sha256).substr(0, kHashDigits));
  const std::string path = JoinPath(folder, absl::StrCat(name, ".safetensors"));
  if (const absl::Status written = WriteOnce(folder, path, file); !written.ok()) {
    return AsIoFailure(Annotate(written, absl::StrCat("held-out rows of run ", run.run_id())));
  }
  v1::HeldOutRows held_out;
  held_out.set_path(path);
  held_out.set_rows(rows.size(0));
  held_out.set_sha256(sha256);
  return held_out;
}

}  // namespace seedbed
