#include "sae/arch/cuda/topk_engine.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "ATen/Context.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/from_blob.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "absl/functional/function_ref.h"
#include "c10/cuda/CUDAException.h"
#include "common/status.h"
#include "sae/arch/cuda/batch_rows.h"
#include "sae/arch/cuda/batch_selection_buffer.h"
#include "sae/arch/cuda/bias_gradients.h"
#include "sae/arch/cuda/cuda_auxiliary.h"
#include "sae/arch/cuda/cuda_batch.h"
#include "sae/arch/cuda/cuda_parameter_set.h"
#include "sae/arch/cuda/engine_stream.h"
#include "sae/arch/cuda/matrix_sums.h"
#include "sae/arch/cuda/row_selection.h"
#include "sae/arch/cuda/step_report.h"
#include "sae/arch/cuda/step_scales.h"
#include "sae/arch/cuda/tile_plan.h"
#include "sae/arch/kernels/rows.h"
#include "sae/arch/latent_groups.h"

namespace seedbed {
namespace {

// A row of a gradient lies in the shared memory of a block, of which every GPU that this is compiled for has so much.
constexpr int64_t kWidestRow = (96 << 10) / static_cast<int64_t>(sizeof(float));

// What a step needs beside the parameters.
struct Workspace {
  DeviceArray<float> pre;                  // [rows in a tile, TileColumns(latents)]
  DeviceArray<float> output_gradient;      // [groups, rows, target width]
  DeviceArray<float> multi_gradient;       // [rows, target width], of multi_topk.
  DeviceArray<DeviceDecodeSums> row_sums;  // [rows]
  DeviceArray<double> squares;             // [latents], of one gradient.
};

class CudaTopkEngine final : public SaeEngine {
 public:
  CudaTopkEngine(const SaeConfig& config, const SaeTensors& initial, at::Device device);
  ~CudaTopkEngine() override { stream_.Finish(); }  // Before memory that is in use is another's.

  SaeTensors Parameters() const override;
  SaeTensors AveragedParameters() const override;
  void SetBiases(const at::Tensor& decoder_bias, const at::Tensor& encoder_bias) override;
  void Launch(const at::Tensor& input, const at::Tensor& target, const StepPlan& plan) override;
  absl::StatusOr<BatchLosses> Differentiate(const at::Tensor& input, const at::Tensor& target,
                                            const StepPlan& plan) override;
  double GradientNorm() override;
  void Update(const OptimizerUpdate& update) override;
  int64_t DeadLatents() const override { return dead_; }
  StateTensors State() override;
  void Restored() override;

 private:
  void RoundEncoder();
  absl::Status LaunchStep(const at::Tensor& input, const at::Tensor& target);
  void Reserve(int64_t rows);
  void ForEachTile(absl::FunctionRef<void(const DevicePreActivations&)> body);
  void Select();
  void SelectOfRows();
  void SelectOfBatch();
  void Decode();
  void DecodeMulti();
  DeviceDecodePass PassOf(EntryBuffer* entries);
  void RunAuxiliary();
  int64_t FindAuxiliaryCandidates();
  void FindGradients(const at::Tensor& input);
  void SumGradientSquares();
  void FetchRecord();

  StepTerms Terms() const;
  DeviceLatentMatrix EncoderMatrix() const;
  DeviceLatentMatrix DecoderMatrix(int64_t group) const;
  const float* OutputGradient(int64_t group) const;
  EncoderRows encoder_rows() const;
  DeviceFiring firing() const;
  StepRecord* device_record() const { return static_cast<StepRecord*>(record_.mutable_data_ptr()); }
  const StepRecord& record() const { return *static_cast<const StepRecord*>(host_record_.const_data_ptr()); }

  int64_t latents() const { return config_.latents; }
  int64_t groups() const { return static_cast<int64_t>(group_ends_.size()); }
  int64_t multi_k() const { return config_.multi_topk ? std::min(4 * config_.k, latents()) : 0; }
  bool selects_of_batch() const { return config_.architecture != "topk"; }
  bool ranks_by_norm() const { return config_.convention == Convention::kSaeLens; }
  bool teaches_encoder() const { return auxiliary_ran_ && auxiliary_.teaches_encoder(); }
  float* norms() const { return decoder_norms_.data(); }  // nullptr where latents don't rank by them.

  const SaeConfig config_;
  const at::Device device_;
  EngineStream stream_;
  CudaParameterSet parameters_;
  // Of it.
  CudaParameter& encoder_weight_;
  CudaParameter& encoder_bias_;
  CudaParameter& decoder_weight_;
  CudaParameter& decoder_bias_;
  CudaParameter* const skip_weight_;  // nullptr without a skip connection.
  DeviceArray<uint16_t> encoder_bfloat16_;
  DeviceArray<float> decoder_norms_;  // [n], where latents rank by them.
  const std::vector<int64_t> group_ends_;
  at::Tensor device_group_ends_;
  at::Tensor rows_since_;  // int64 [n]
  at::Tensor flags_;       // uint8 [3, n]: fired, candidate, dead.
  EncoderProduct product_;
  CudaBatch batch_;
  EntryBuffer entries_;
  EntryBuffer multi_entries_;
  std::optional<BatchSelectionBuffer> batch_selection_;
  CudaAuxiliary auxiliary_;
  BiasGradients bias_gradients_;
  Workspace workspace_;
  at::Tensor record_;
  at::Tensor host_record_;  // Pinned.
  std::optional<absl::Status> launched_;
  // Of the batch that was launched last.
  bool auxiliary_ran_ = false;
  bool squares_summed_ = false;
  // After the last update.
  int64_t dead_ = 0;
  int64_t candidates_ = 0;  // In a batch of candidate_rows_ rows.
  int64_t candidate_rows_ = 0;
};

CudaTopkEngine::CudaTopkEngine(const SaeConfig& config, const SaeTensors& initial, at::Device device)
    : config_(config),
      device_(device),
      stream_(device),
      parameters_(initial, config.optimizer, device),
      encoder_weight_(parameters_.Get(&SaeTensors::encoder_weight)),
      encoder_bias_(parameters_.Get(&SaeTensors::encoder_bias)),
      decoder_weight_(parameters_.Get(&SaeTensors::decoder_weight)),
      decoder_bias_(parameters_.Get(&SaeTensors::decoder_bias)),
      skip_weight_(parameters_.Find(&SaeTensors::skip_weight)),
      group_ends_(GroupEnds(config)),
      device_group_ends_(at::tensor(group_ends_, at::TensorOptions(at::kLong)).to(device)),
      rows_since_(at::zeros({config.latents}, at::TensorOptions(at::kLong).device(device))),
      flags_(at::zeros({3, config.latents}, at::TensorOptions(at::kByte).device(device))),
      product_(config.compute, encoder_weight_.width(), device),
      batch_(config, device),
      entries_(config.latents, device),
      multi_entries_(config.latents, device),
      auxiliary_(config, device),
      bias_gradients_(config, device),
      record_(DeviceBytes(sizeof(StepRecord), device)),
      host_record_(
          at::empty({static_cast<int64_t>(sizeof(StepRecord))}, at::TensorOptions(at::kByte).pinned_memory(true))) {
  if (ranks_by_norm()) decoder_norms_.Reserve(latents(), device);
  if (config.compute == ComputeType::kBfloat16) encoder_bfloat16_.Reserve(encoder_weight_.size(), device);
  if (selects_of_batch()) batch_selection_.emplace(device);
  stream_.WaitForCaller();
  const auto guard = stream_.Use();
  if (ranks_by_norm()) RowNorms(stream_.get(), decoder_weight_.data(), latents(), decoder_weight_.width(), norms());
  RoundEncoder();
  C10_CUDA_CHECK(cudaGetLastError());
}

void CudaTopkEngine::RoundEncoder() {
  if (config_.compute != ComputeType::kBfloat16) return;
  RoundToBfloat16(stream_.get(), encoder_weight_.data(), encoder_weight_.size(), encoder_bfloat16_.data());
}

SaeTensors CudaTopkEngine::Parameters() const {
  stream_.LetCallerWait();
  return parameters_.Values();
}

SaeTensors CudaTopkEngine::AveragedParameters() const {
  stream_.LetCallerWait();
  return parameters_.Averaged();
}

void CudaTopkEngine::SetBiases(const at::Tensor& decoder_bias, const at::Tensor& encoder_bias) {
  stream_.LetCallerWait();
  decoder_bias_.Set(decoder_bias);
  if (encoder_bias.defined()) encoder_bias_.Set(encoder_bias);
}

void CudaTopkEngine::Launch(const at::Tensor& input, const at::Tensor& target, const StepPlan&) {
  launched_ = LaunchStep(input, target);
}

absl::StatusOr<BatchLosses> CudaTopkEngine::Differentiate(const at::Tensor& input, const at::Tensor& target,
                                                          const StepPlan& plan) {
  const absl::Status launched = launched_.has_value() ? *launched_ : LaunchStep(input, target);
  launched_.reset();
  RETURN_IF_ERROR(launched);
  stream_.Await();
  RETURN_IF_ERROR(CheckStep(Terms(), record(), plan.step));
  return LossesOf(Terms(), record());
}

absl::Status CudaTopkEngine::LaunchStep(const at::Tensor& input, const at::Tensor& target) {
  RETURN_IF_ERROR(CheckPlaces(config_, input.size(0)));
  stream_.WaitForCaller();
  const auto guard = stream_.Use();
  // A setting of the whole process, so every step says what it needs: for the products of a skip connection.
  at::globalContext().setAllowTF32CuBLAS(config_.compute == ComputeType::kTf32);
  Reserve(input.size(0));
  C10_CUDA_CHECK(cudaMemsetAsync(device_record(), 0, sizeof(StepRecord), stream_.get()));
  batch_.Prepare(stream_.get(), input, target, decoder_bias_.data(),
                 skip_weight_ != nullptr ? skip_weight_->value() : at::Tensor(), &device_record()->total_variance);
  SetLossScales(stream_.get(), ScalesOf(config_, batch_.rows()), device_record());
  Select();
  Decode();
  if (config_.multi_topk) DecodeMulti();
  RunAuxiliary();
  FindGradients(input);
  squares_summed_ = config_.gradient_clip > 0;
  if (squares_summed_) SumGradientSquares();
  FetchRecord();
  return absl::OkStatus();
}

void CudaTopkEngine::Reserve(int64_t rows) {
  Workspace& w = workspace_;
  const int64_t width = decoder_weight_.width();
  w.pre.Reserve(RowsInTile(rows, latents()) * CudaAuxiliary::TileColumns(latents()), device_);
  w.output_gradient.Reserve(groups() * rows * width, device_);
  w.row_sums.Reserve(rows, device_);
  w.squares.Reserve(latents(), device_);
  if (config_.multi_topk) w.multi_gradient.Reserve(rows * width, device_);
}

void CudaTopkEngine::ForEachTile(absl::FunctionRef<void(const DevicePreActivations&)> body) {
  const int64_t rows_in_tile = RowsInTile(batch_.rows(), latents());
  DevicePreActivations pre;
  pre.columns = latents();
  pre.stride = latents();
  pre.values = workspace_.pre.data();
  pre.bias = encoder_bias_.data();
  pre.norms = norms();
  for (int64_t first = 0; first < batch_.rows(); first += rows_in_tile) {
    pre.first_row = first;
    pre.rows = std::min(rows_in_tile, batch_.rows() - first);
    product_.Run(stream_.get(), batch_.encoder_input().From(first), pre.rows, encoder_rows().From(0), latents(),
                 workspace_.pre.data());
    body(pre);
  }
}

void CudaTopkEngine::Select() {
  if (selects_of_batch()) {
    SelectOfBatch();
  } else {
    SelectOfRows();
  }
  // SAELens counts what is above 0, the others what is kept.
  const bool counts_zeros = !selects_of_batch() && !ranks_by_norm();
  EntryBuffer& kept = config_.multi_topk ? multi_entries_ : entries_;
  MarkFired(stream_.get(), firing(), kept.entries(), counts_zeros);
  LookAhead(stream_.get(), firing(), batch_.rows(), device_record());
}

void CudaTopkEngine::SelectOfRows() {
  entries_.ReserveRows(batch_.rows(), config_.k);
  if (config_.multi_topk) multi_entries_.ReserveRows(batch_.rows(), multi_k());
  DeviceRowSelection selection;
  selection.k = config_.k;
  selection.fills = true;
  selection.entries = entries_.entries();
  DeviceRowSelection multi = selection;
  multi.k = multi_k();
  multi.entries = multi_entries_.entries();
  ForEachTile([&](const DevicePreActivations& pre) {
    SelectLargestOfRows(stream_.get(), pre, selection);
    if (config_.multi_topk) SelectLargestOfRows(stream_.get(), pre, multi);
  });
}

void CudaTopkEngine::SelectOfBatch() {
  entries_.ReserveBatch(batch_.rows(), config_.k * batch_.rows());
  DeviceBatchSelection selection =
      batch_selection_->Make(config_.k * batch_.rows(), RowsInTile(batch_.rows(), latents()));
  selection.Begin(stream_.get());
  ForEachTile([&](const DevicePreActivations& pre) { selection.Add(stream_.get(), pre); });
  selection.Finish(stream_.get(), &entries_.entries());
}

void CudaTopkEngine::Decode() {
  DeviceDecodePass pass = PassOf(&entries_);
  pass.group_ends = device_group_ends_.const_data_ptr<int64_t>();
  pass.groups = static_cast<int32_t>(groups());
  pass.target = batch_.residual();
  pass.loss_scale = &device_record()->loss_scale;
  pass.input_norms = batch_.input_norms();
  pass.latent_norms = norms();
  pass.gradient = workspace_.output_gradient.data();
  pass.sums = &device_record()->decode;
  DecodeRows(stream_.get(), pass);
  bias_gradients_.SetDecoderBias(stream_.get(), pass.gradient, batch_.rows());
}

// W_dec and b_dec alone learn from the 4 k largest, and W_skip is no part of what they reconstruct.
void CudaTopkEngine::DecodeMulti() {
  DeviceDecodePass pass = PassOf(&multi_entries_);
  pass.target = batch_.centered_target();
  pass.loss_scale = &device_record()->multi_scale;
  pass.gradient = workspace_.multi_gradient.data();
  pass.sums = &device_record()->multi;
  DecodeRows(stream_.get(), pass);
  bias_gradients_.AddToDecoderBias(stream_.get(), pass.gradient, batch_.rows());
  multi_entries_.Order(stream_.get());
}

DeviceDecodePass CudaTopkEngine::PassOf(EntryBuffer* entries) {
  DeviceDecodePass pass;
  pass.width = decoder_weight_.width();
  pass.decoder = decoder_weight_.data();
  pass.entries = entries->entries();
  pass.row_sums = workspace_.row_sums.data();
  return pass;
}

const float* CudaTopkEngine::OutputGradient(int64_t group) const {
  return workspace_.output_gradient.data() + group * batch_.rows() * decoder_weight_.width();
}

void CudaTopkEngine::RunAuxiliary() {
  auxiliary_ran_ = false;
  if (config_.auxiliary_alpha == 0) return;
  const int64_t candidates = FindAuxiliaryCandidates();
  if (candidates == 0) return;
  auxiliary_ran_ = true;
  AuxiliaryStep step;
  step.rows = batch_.rows();
  step.candidates = candidates;
  step.firing = firing();
  step.product = &product_;
  step.encoder_input = batch_.encoder_input();
  step.encoder = encoder_rows();
  step.encoder_bias = encoder_bias_.data();
  step.latent_norms = norms();
  step.tile = workspace_.pre.data();
  step.rows_in_tile = RowsInTile(batch_.rows(), latents());
  step.decoder = decoder_weight_.data();
  step.width = decoder_weight_.width();
  step.output_gradient = OutputGradient(groups() - 1);
  step.input_norms = batch_.input_norms();
  step.row_sums = workspace_.row_sums.data();
  step.record = device_record();
  auxiliary_.Run(stream_.get(), step);
}

// Marks them and returns how many there are, which the step before has told for a batch of as many rows.
int64_t CudaTopkEngine::FindAuxiliaryCandidates() {
  const bool is_known = !firing().counts_batch || candidate_rows_ == batch_.rows();
  if (is_known && candidates_ == 0) return 0;
  FindCandidates(stream_.get(), firing(), batch_.rows());
  return is_known ? candidates_ : flags_[1].sum().item<int64_t>();
}

// Those that are stored.
void CudaTopkEngine::FindGradients(const at::Tensor& input) {
  entries_.Order(stream_.get());
  bias_gradients_.SetEncoderBias(stream_.get(), entries_.by_latent());
  if (teaches_encoder()) bias_gradients_.AddToEncoderBias(stream_.get(), auxiliary_.by_latent());
  if (config_.centers_input()) bias_gradients_.AddThroughEncoder(stream_.get(), encoder_weight_.data());
  if (skip_weight_ != nullptr) bias_gradients_.SetSkip(workspace_.output_gradient.data(), input);
  bias_gradients_.CountNotFinite(stream_.get(), device_record());
}

void CudaTopkEngine::SumGradientSquares() {
  double* sums = device_record()->gradient_squares;
  double* squares = workspace_.squares.data();
  GradientSquares(stream_.get(), 0, latents(), EncoderMatrix(), squares);
  SumValues(stream_.get(), squares, latents(), sums);
  for (int64_t g = 0, begin = 0; g < groups(); begin = group_ends_[static_cast<size_t>(g++)]) {
    GradientSquares(stream_.get(), begin, group_ends_[static_cast<size_t>(g)], DecoderMatrix(g), squares + begin);
  }
  SumValues(stream_.get(), squares, latents(), sums + 1);
  bias_gradients_.SumSquares(stream_.get(), sums + 2);
}

void CudaTopkEngine::FetchRecord() {
  C10_CUDA_CHECK(cudaMemcpyAsync(host_record_.mutable_data_ptr(), device_record(), sizeof(StepRecord),
                                 cudaMemcpyDeviceToHost, stream_.get()));
  C10_CUDA_CHECK(cudaGetLastError());
  stream_.Mark();
}

StepTerms CudaTopkEngine::Terms() const {
  return {ScalesOf(config_, batch_.rows()), config_.auxiliary_alpha, auxiliary_ran_, selects_of_batch()};
}

DeviceLatentMatrix CudaTopkEngine::EncoderMatrix() const {
  const EncoderRows input = batch_.encoder_input();
  DeviceLatentMatrix matrix;
  matrix.width = encoder_weight_.width();
  matrix.parameter = encoder_weight_.pointers();
  matrix.parts[matrix.part_count++] = entries_.WeightedByGradients(input.values);
  if (teaches_encoder()) matrix.parts[matrix.part_count++] = auxiliary_.EncoderGradient(input);
  matrix.bfloat16 = encoder_bfloat16_.data();
  return matrix;
}

DeviceLatentMatrix CudaTopkEngine::DecoderMatrix(int64_t group) const {
  DeviceLatentMatrix matrix;
  matrix.width = decoder_weight_.width();
  matrix.parameter = decoder_weight_.pointers();
  matrix.parts[matrix.part_count++] = entries_.Weighted(OutputGradient(group));
  if (config_.multi_topk) {
    matrix.parts[matrix.part_count++] = multi_entries_.Weighted(workspace_.multi_gradient.data());
  }
  if (auxiliary_ran_) matrix.parts[matrix.part_count++] = auxiliary_.DecoderGradient();
  matrix.unit_rows = config_.unit_decoder();
  matrix.norms = norms();
  return matrix;
}

EncoderRows CudaTopkEngine::encoder_rows() const {
  return {encoder_weight_.data(), encoder_bfloat16_.data(), encoder_weight_.width()};
}

DeviceFiring CudaTopkEngine::firing() const {
  DeviceFiring firing;
  firing.latents = latents();
  firing.dead_after = config_.dead_after_tokens;
  firing.counts_batch = config_.convention == Convention::kDictionaryLearning;
  firing.rows_since = rows_since_.mutable_data_ptr<int64_t>();
  auto* flags = flags_.mutable_data_ptr<uint8_t>();
  firing.fired = flags;
  firing.candidate = flags + latents();
  firing.dead = flags + 2 * latents();
  return firing;
}

double CudaTopkEngine::GradientNorm() {
  if (!squares_summed_) {
    const auto guard = stream_.Use();
    SumGradientSquares();
    FetchRecord();
    stream_.Await();
  }
  double squares = 0;
  for (const double square : record().gradient_squares) squares += square;
  return std::sqrt(squares);
}

void CudaTopkEngine::Update(const OptimizerUpdate& update) {
  const auto guard = stream_.Use();
  UpdateLatentRows(stream_.get(), update, 0, latents(), EncoderMatrix());
  for (int64_t g = 0, begin = 0; g < groups(); begin = group_ends_[static_cast<size_t>(g++)]) {
    UpdateLatentRows(stream_.get(), update, begin, group_ends_[static_cast<size_t>(g)], DecoderMatrix(g));
  }
  const auto update_all = [&](const CudaParameter& parameter, const float* gradient) {
    UpdateElementsOf(stream_.get(), update, parameter.size(), gradient, parameter.pointers());
  };
  update_all(encoder_bias_, bias_gradients_.encoder_bias());
  update_all(decoder_bias_, bias_gradients_.decoder_bias());
  if (skip_weight_ != nullptr) update_all(*skip_weight_, bias_gradients_.skip());
  EndBatch(stream_.get(), firing(), batch_.rows());
  C10_CUDA_CHECK(cudaGetLastError());
  dead_ = record().dead_after;
  candidates_ = record().candidates_after;
  candidate_rows_ = batch_.rows();
}

StateTensors CudaTopkEngine::State() {
  stream_.LetCallerWait();
  StateTensors state = parameters_.State();
  state["rows_since_active"] = rows_since_;
  // As the last update left them: another way to compute them may round otherwise.
  if (ranks_by_norm()) {
    state["decoder_norms"] = at::from_blob(norms(), {latents()}, at::TensorOptions(at::kFloat).device(device_));
  }
  state["dead"] = SharedState(&dead_);
  state["candidates"] = SharedState(&candidates_);
  state["candidate_rows"] = SharedState(&candidate_rows_);
  return state;
}

void CudaTopkEngine::Restored() {
  stream_.WaitForCaller();
  const auto guard = stream_.Use();
  RoundEncoder();
  C10_CUDA_CHECK(cudaGetLastError());
}

}  // namespace

std::unique_ptr<SaeEngine> MakeCudaTopkEngine(const SaeConfig& config, const SaeTensors& initial, at::Device device) {
  if (std::max(PaddedWidth(config.d_in), PaddedWidth(config.target_width())) > kWidestRow) return nullptr;
  return std::make_unique<CudaTopkEngine>(config, initial, device);
}

}  // namespace seedbed
