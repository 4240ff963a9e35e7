#include "sae/arch/cuda/encoder_product.h"

#include <cublasLt.h>

#include "ATen/ops/empty.h"
#include "c10/core/DeviceGuard.h"
#include "c10/util/Exception.h"

namespace seedbed {
namespace {

// What NVIDIA recommends for Hopper, where more is of no use.
constexpr int64_t kWorkspaceBytes = int64_t{32} << 20;
// Latents in the auxiliary loss change from step to step, and a plan for each number would never be used again.
constexpr size_t kMostPlans = 64;

void Check(cublasStatus_t status, const char* what) {
  TORCH_CHECK(status == CUBLAS_STATUS_SUCCESS, "cuBLASLt: ", what, " failed with status ", static_cast<int>(status));
}

cublasComputeType_t ComputeTypeOf(ComputeType compute) {
  return compute == ComputeType::kTf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

class Preference {
 public:
  Preference() {
    Check(cublasLtMatmulPreferenceCreate(&preference_), "making a preference");
    const size_t bytes = kWorkspaceBytes;
    Check(cublasLtMatmulPreferenceSetAttribute(preference_, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes,
                                               sizeof bytes),
          "limiting the workspace");
  }
  ~Preference() { cublasLtMatmulPreferenceDestroy(preference_); }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;

  cublasLtMatmulPreference_t get() const { return preference_; }

 private:
  cublasLtMatmulPreference_t preference_ = nullptr;
};

}  // namespace

// cuBLASLt's matrices are column-major: there the product is [latents, rows], of the encoder's transpose and the input.
struct EncoderProduct::Plan {
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t encoder = nullptr;
  cublasLtMatrixLayout_t input = nullptr;
  cublasLtMatrixLayout_t product = nullptr;
  cublasLtMatmulAlgo_t algorithm;

  Plan(cublasLtHandle_t handle, ComputeType compute, int64_t width, int64_t rows, int64_t latents);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
};

EncoderProduct::Plan::Plan(cublasLtHandle_t handle, ComputeType compute, int64_t width, int64_t rows, int64_t latents) {
  const cudaDataType_t type = compute == ComputeType::kBfloat16 ? CUDA_R_16BF : CUDA_R_32F;
  Check(cublasLtMatmulDescCreate(&operation, ComputeTypeOf(compute), CUDA_R_32F), "describing the product");
  const cublasOperation_t transposed = CUBLAS_OP_T;
  Check(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed),
        "transposing the encoder");
  const auto extent = [](int64_t size) { return static_cast<uint64_t>(size); };
  Check(cublasLtMatrixLayoutCreate(&encoder, type, extent(width), extent(latents), width), "describing the encoder");
  Check(cublasLtMatrixLayoutCreate(&input, type, extent(width), extent(rows), width), "describing the input");
  Check(cublasLtMatrixLayoutCreate(&product, CUDA_R_32F, extent(latents), extent(rows), latents),
        "describing the result");
  const Preference preference;
  cublasLtMatmulHeuristicResult_t best;
  int found = 0;
  Check(cublasLtMatmulAlgoGetHeuristic(handle, operation, encoder, input, product, product, preference.get(), 1, &best,
                                       &found),
        "choosing an algorithm");
  TORCH_CHECK(found > 0, "cuBLASLt: no algorithm for [", rows, ", ", width, "] times [", latents, ", ", width, "]^T");
  algorithm = best.algo;
}

EncoderProduct::Plan::~Plan() {
  cublasLtMatrixLayoutDestroy(product);
  cublasLtMatrixLayoutDestroy(input);
  cublasLtMatrixLayoutDestroy(encoder);
  cublasLtMatmulDescDestroy(operation);
}

EncoderProduct::EncoderProduct(ComputeType compute, int64_t width, at::Device device)
    : compute_(compute), width_(width) {
  const c10::DeviceGuard guard(device);
  cublasLtHandle_t handle = nullptr;
  Check(cublasLtCreate(&handle), "making a handle");
  handle_ = handle;
  workspace_ = at::empty({kWorkspaceBytes}, at::TensorOptions(at::kByte).device(device));
}

EncoderProduct::~EncoderProduct() {
  plans_.clear();
  cublasLtDestroy(static_cast<cublasLtHandle_t>(handle_));
}

const EncoderProduct::Plan& EncoderProduct::PlanFor(int64_t rows, int64_t latents) {
  if (plans_.size() >= kMostPlans && plans_.count({rows, latents}) == 0) plans_.clear();
  return plans_.try_emplace({rows, latents}, static_cast<cublasLtHandle_t>(handle_), compute_, width_, rows, latents)
      .first->second;
}

void EncoderProduct::Run(cudaStream_t stream, const void* input, int64_t rows, const void* encoder, int64_t latents,
                         float* product) {
  const Plan& plan = PlanFor(rows, latents);
  const float one = 1;
  const float zero = 0;
  Check(cublasLtMatmul(static_cast<cublasLtHandle_t>(handle_), plan.operation, &one, encoder, plan.encoder, input,
                       plan.input, &zero, product, plan.product, product, plan.product, &plan.algorithm,
                       workspace_.mutable_data_ptr(), static_cast<size_t>(workspace_.numel()), stream),
        "the product");
}

}  // namespace seedbed
