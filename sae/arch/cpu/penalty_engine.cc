#include "sae/arch/cpu/penalty_engine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/empty_like.h"
#include "ATen/ops/full.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/zeros.h"
#include "ATen/ops/zeros_like.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/arch/cpu/finite_checks.h"
#include "sae/arch/cpu/firing_record.h"
#include "sae/arch/cpu/matrix_product.h"
#include "sae/arch/cpu/parameter.h"
#include "sae/arch/cpu/parameter_set.h"
#include "sae/arch/cpu/penalty_dense.h"
#include "sae/arch/cpu/penalty_density.h"
#include "sae/arch/cpu/prepared_batch.h"
#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"
#include "sae/arch/kernels/sparse_latents.h"
#include "sae/arch/kernels/update.h"
#include "sae/arch/step_checks.h"
#include "sae/train/optimizer_update.h"

namespace seedbed {
namespace {

// Rows whose pre-activations exist at once in a sparse step. Fixed, because the product's rounding may depend on it.
constexpr int64_t kRowsInBlock = 512;
static_assert(kRowsInBlock % kRowsInPiece == 0);

// Rows of the matrix that holds LatentSums.
enum SumIndex : int64_t { kActive, kPenalized, kPreGradient, kGate, kInner, kMagnitude, kSums };

PenalizedKind KindOf(const SaeConfig& config) {
  if (config.architecture == "relu") return PenalizedKind::kRelu;
  return config.architecture == "gated" ? PenalizedKind::kGated : PenalizedKind::kJumprelu;
}

class PenaltyEngine final : public SaeEngine {
 public:
  PenaltyEngine(const SaeConfig& config, const SaeTensors& initial, PenaltySteps steps);

  SaeTensors Parameters() const override { return parameters_.Values(); }
  SaeTensors AveragedParameters() const override { return parameters_.Averaged(); }
  void SetBiases(const at::Tensor& decoder_bias, const at::Tensor& encoder_bias) override {
    parameters_.SetBiases(decoder_bias, encoder_bias);
  }
  absl::StatusOr<BatchLosses> Differentiate(const at::Tensor& input, const at::Tensor& target,
                                            const StepPlan& plan) override;
  double GradientNorm() override;
  void Update(const OptimizerUpdate& update) override;
  int64_t DeadLatents() const override { return firing_.DeadLatents(); }
  StateTensors State() override;

 private:
  // Of one step.
  struct Sums {
    SquaredErrors squared;
    double penalty = 0;        // Without its coefficient.
    double penalty_slope = 0;  // Of jumprelu: the loss's derivative by the mean L0.
    int64_t active = 0;
    double decoder_bound = 0;  // As SparseSums; 0 in a dense step.
    double encoder_bound = 0;
  };

  Parameter& Get(ParameterSet::Field field) { return parameters_.Get(field); }
  bool is_gated() const { return kind_ == PenalizedKind::kGated; }
  bool is_jumprelu() const { return kind_ == PenalizedKind::kJumprelu; }
  bool is_saelens() const { return config_.convention == Convention::kSaeLens; }
  bool scales_by_norm() const { return is_saelens() && !is_jumprelu(); }
  int64_t latents() const { return config_.latents; }
  bool is_dense() const {
    return steps_ == PenaltySteps::kDense || (steps_ == PenaltySteps::kByDensity && density_.is_dense());
  }

  bool gates_teach_decoder() const { return is_gated() && is_saelens(); }
  float loss_scale() const { return static_cast<float>(2.0 / static_cast<double>(batch_.rows())); }
  at::Tensor BatchRows(const at::Tensor& rows) const { return rows.narrow(0, 0, batch_.rows()); }

  void Reserve();
  void SetLatents(double coefficient);
  void ReserveWholeGradients();
  SquaredErrors RunDense();
  SparseSums RunSparseBlocks();
  void FindPenalty(double coefficient, Sums* sums);
  void FindDecoderNormGradient(double coefficient);
  void FindThresholdGradient(double slope);
  void FindBiasGradients();
  void FindSkipGradient(const at::Tensor& input);
  absl::Status CheckFinite(const Sums& sums, const BatchLosses& losses, int64_t step) const;
  std::array<LatentMatrix, 2> Matrices();
  float* Sum(SumIndex index) { return Data(sums_) + index * sums_.size(1); }

  const SaeConfig config_;
  const PenalizedKind kind_;
  const PenaltySteps steps_;
  ParameterSet parameters_;
  FiringRecord firing_;
  DensityChoice density_;
  at::Tensor decoder_norms_;  // [n]; where the penalty is scaled by them.

  // Of one step.
  double density_of_batch_ = 0;
  PreparedBatch batch_;
  DenseTiles tiles_;
  PenalizedLatents latents_;
  LatentSums latent_sums_;
  at::Tensor sums_;             // [kSums, padded n]: what latent_sums_ points to.
  at::Tensor penalty_;          // [n]
  at::Tensor magnitude_;        // [n], gated: exp(r_mag).
  at::Tensor output_gradient_;  // [rows, padded width of the target]
  at::Tensor gate_gradient_;    // Likewise, gated.
  std::vector<PieceEntries> entries_;
  OrderedEntries ordered_;
  LatentEntries own_rows_;  // Latent i has one entry, row i: W_dec's part of the penalty is a multiple of that row.
  SaeTensors gradients_;    // Padded as the parameters are. W_enc's and W_dec's only in a dense step or with clipping.
  at::Tensor encoder_gradient_;  // The memory of those two, once it was needed.
  at::Tensor decoder_gradient_;
  bool gradients_are_stored_ = false;  // Those two hold all that there is, as an update uses it.
  at::Tensor scratch_rows_;            // [threads or pieces of latents, the larger width]
  std::vector<double> piece_sums_;
};

PenaltyEngine::PenaltyEngine(const SaeConfig& config, const SaeTensors& initial, PenaltySteps steps)
    : config_(config),
      kind_(KindOf(config)),
      steps_(steps),
      parameters_(initial, config.optimizer),
      firing_(config),
      batch_(config) {
  if (!scales_by_norm()) return;
  decoder_norms_ = Get(&SaeTensors::decoder_weight).padded().norm(2, {1});
  own_rows_.starts.resize(static_cast<size_t>(latents()) + 1);
  own_rows_.rows.resize(static_cast<size_t>(latents()));
  own_rows_.values.resize(static_cast<size_t>(latents()));
  for (uint32_t i = 0; i < latents(); ++i) own_rows_.starts[i + 1] = (own_rows_.rows[i] = i) + 1;
}

absl::StatusOr<BatchLosses> PenaltyEngine::Differentiate(const at::Tensor& input, const at::Tensor& target,
                                                         const StepPlan& plan) {
  const at::Tensor skip = config_.skip ? Get(&SaeTensors::skip_weight).value() : at::Tensor();
  const double variance = batch_.Prepare(input, target, Get(&SaeTensors::decoder_bias).data(), skip);
  RETURN_IF_ERROR(CheckTotalVariance(plan.step, variance));
  Reserve();
  SetLatents(plan.sparsity_coefficient);
  Sums sums;
  gradients_ = {};
  gradients_are_stored_ = false;
  if (is_dense()) {
    sums.squared = RunDense();
  } else {
    const SparseSums sparse = RunSparseBlocks();
    sums.squared = {sparse.squared_error, sparse.gate_squared_error};
    sums.decoder_bound = sparse.decoder_bound;
    sums.encoder_bound = sparse.encoder_bound;
  }
  FindPenalty(plan.sparsity_coefficient, &sums);
  FindBiasGradients();
  if (is_jumprelu()) FindThresholdGradient(sums.penalty_slope);
  if (scales_by_norm()) FindDecoderNormGradient(plan.sparsity_coefficient);
  if (config_.skip) FindSkipGradient(input);
  const double rows = static_cast<double>(batch_.rows());
  BatchLosses losses;
  losses.loss = (sums.squared.output + sums.squared.gates) / rows + plan.sparsity_coefficient * sums.penalty;
  losses.total_variance = variance;
  losses.squared_error = sums.squared.output;
  losses.active = sums.active;
  RETURN_IF_ERROR(CheckFinite(sums, losses, plan.step));
  return losses;
}

void PenaltyEngine::Reserve() {
  const int64_t rows = batch_.rows();
  const int64_t width = Get(&SaeTensors::decoder_weight).width();
  if (!output_gradient_.defined() || output_gradient_.size(0) < rows) {
    output_gradient_ = at::empty({rows, width});
    if (is_gated()) gate_gradient_ = at::empty({rows, width});
  }
  const int64_t widest = std::max(width, Get(&SaeTensors::encoder_weight).width());
  if (!scratch_rows_.defined() || scratch_rows_.size(0) < LoopThreads()) {
    scratch_rows_ = at::empty({std::max<int64_t>(LoopThreads(), PieceCount(latents(), kLatentsInSumPiece)), widest});
  }
}

void PenaltyEngine::SetLatents(double coefficient) {
  sums_ = at::zeros({kSums, PaddedWidth(latents())});
  latent_sums_ = {Sum(kActive), Sum(kPenalized), Sum(kPreGradient), Sum(kGate), Sum(kInner), Sum(kMagnitude)};
  latents_.kind = kind_;
  latents_.count = latents();
  latents_.bias = Get(is_gated() ? &SaeTensors::gate_bias : &SaeTensors::encoder_bias).data();
  if (is_jumprelu()) {
    latents_.threshold = Get(&SaeTensors::threshold).data();
    latents_.half_band = static_cast<float>(config_.bandwidth / 2);
    latents_.counts_active_alone = !is_saelens();
    return;
  }
  const double each = coefficient / static_cast<double>(batch_.rows());
  penalty_ = scales_by_norm() ? decoder_norms_ * each : at::full({latents()}, each);
  latents_.penalty = Data(penalty_);
  if (!is_gated()) return;
  magnitude_ = Get(&SaeTensors::log_magnitude).padded().exp();
  latents_.magnitude = Data(magnitude_);
  latents_.magnitude_bias = Get(&SaeTensors::magnitude_bias).data();
}

void PenaltyEngine::ReserveWholeGradients() {
  if (!encoder_gradient_.defined()) {
    encoder_gradient_ = at::empty_like(Get(&SaeTensors::encoder_weight).padded());
    decoder_gradient_ = at::empty_like(Get(&SaeTensors::decoder_weight).padded());
  }
  gradients_.encoder_weight = encoder_gradient_;
  gradients_.decoder_weight = decoder_gradient_;
}

SquaredErrors PenaltyEngine::RunDense() {
  ReserveWholeGradients();
  DenseStep step;
  step.latents = latents_;
  step.sums = latent_sums_;
  step.batch = &batch_;
  step.encoder = Get(&SaeTensors::encoder_weight).padded();
  step.decoder = Get(&SaeTensors::decoder_weight).padded();
  step.loss_scale = loss_scale();
  step.gates_teach_decoder = gates_teach_decoder();
  step.output_gradient = output_gradient_;
  step.gate_gradient = gate_gradient_;
  step.encoder_gradient = encoder_gradient_;
  step.decoder_gradient = decoder_gradient_;
  return tiles_.Run(step);
}

SparseSums PenaltyEngine::RunSparseBlocks() {
  const int64_t pieces = PieceCount(batch_.rows(), kRowsInPiece);
  if (entries_.size() < static_cast<size_t>(pieces)) entries_.resize(static_cast<size_t>(pieces));
  const at::Tensor encoder = Get(&SaeTensors::encoder_weight).padded().t();
  SparsePass pass;
  pass.width = Get(&SaeTensors::decoder_weight).width();
  pass.decoder = Get(&SaeTensors::decoder_weight).data();
  pass.wanted = batch_.residual();
  pass.input_norms = batch_.input_norms();
  pass.loss_scale = loss_scale();
  pass.entries = &entries_;
  pass.output_gradient = Data(output_gradient_);
  pass.gate_gradient = is_gated() ? Data(gate_gradient_) : nullptr;
  SparseSums sums;
  for (int64_t first = 0; first < batch_.rows(); first += kRowsInBlock) {
    pass.first_row = first;
    pass.rows = std::min(kRowsInBlock, batch_.rows() - first);
    const at::Tensor product = MatrixProduct(batch_.encoder_input().narrow(0, first, pass.rows), encoder);
    pass.product = product.const_data_ptr<float>();
    sums += RunSparse(latents_, pass);
  }
  OrderByLatent(entries_, pieces, latents(), &ordered_);
  AddEntries(latents_, ordered_, latent_sums_);
  return sums;
}

void PenaltyEngine::FindPenalty(double coefficient, Sums* sums) {
  const double rows = static_cast<double>(batch_.rows());
  double penalized = 0;  // Of jumprelu how many count as active, of the others what is penalised.
  for (int64_t i = 0; i < latents(); ++i) {
    const double active = latent_sums_.active[i];
    sums->active += static_cast<int64_t>(active);
    if (is_jumprelu()) {
      const bool zero_counts = !is_saelens() && latents_.threshold[i] < 0;
      penalized += zero_counts ? rows : active;
    } else {
      penalized += static_cast<double>(latent_sums_.penalized[i]) * (scales_by_norm() ? Data(decoder_norms_)[i] : 1);
    }
  }
  sums->penalty = penalized / rows;
  sums->penalty_slope = coefficient;
  if (is_jumprelu() && !is_saelens()) {
    const double excess = sums->penalty / config_.loss_target_l0 - 1;
    sums->penalty = excess * excess;
    sums->penalty_slope = coefficient * 2 * excess / config_.loss_target_l0;
  }
  density_of_batch_ = static_cast<double>(sums->active) / (rows * static_cast<double>(latents()));
}

// By W_dec[i]: coefficient mean_B sum f_i W_dec[i] / |W_dec[i]|.
void PenaltyEngine::FindDecoderNormGradient(double coefficient) {
  const double each = coefficient / static_cast<double>(batch_.rows());
  for (int64_t i = 0; i < latents(); ++i) {
    const double norm = Data(decoder_norms_)[i];
    own_rows_.values[static_cast<size_t>(i)] =
        norm > 0 ? static_cast<float>(each * latent_sums_.penalized[i] / norm) : 0.0f;
  }
}

void PenaltyEngine::FindThresholdGradient(double slope) {
  const auto rows = static_cast<float>(batch_.rows());
  const float inverse = static_cast<float>(-1 / config_.bandwidth);
  const float by_count = static_cast<float>(slope / static_cast<double>(batch_.rows()));
  gradients_.threshold = at::zeros({PaddedWidth(latents())});
  for (int64_t i = 0; i < latents(); ++i) {
    const float threshold = latents_.threshold[i];
    float in_band = latent_sums_.penalized[i];
    // There f stands for p, and is 0 wherever it is not active.
    const bool zero_in_band = !is_saelens() && std::abs(threshold) < latents_.half_band;
    if (zero_in_band) in_band += rows - latent_sums_.active[i];
    Data(gradients_.threshold)[i] = inverse * (threshold * latent_sums_.inner[i] + by_count * in_band);
  }
}

void PenaltyEngine::FindBiasGradients() {
  at::Tensor& decoder_bias = gradients_.decoder_bias = BatchRows(output_gradient_).sum(0);
  if (gates_teach_decoder()) decoder_bias += BatchRows(gate_gradient_).sum(0);
  if (config_.centers_input()) {
    const Parameter& encoder = Get(&SaeTensors::encoder_weight);
    SubtractThroughEncoder(latent_sums_.pre_gradient, encoder.data(), latents(), encoder.width(), Data(scratch_rows_),
                           Data(decoder_bias));
  }
  if (is_gated()) {
    gradients_.gate_bias = sums_[kGate];
    gradients_.magnitude_bias = sums_[kInner];
    gradients_.log_magnitude = sums_[kMagnitude];
  } else {
    gradients_.encoder_bias = sums_[kPreGradient];
  }
}

void PenaltyEngine::FindSkipGradient(const at::Tensor& input) {
  at::Tensor output = BatchRows(output_gradient_);
  if (gates_teach_decoder()) output = output + BatchRows(gate_gradient_);
  gradients_.skip_weight = at::zeros_like(Get(&SaeTensors::skip_weight).padded());
  const at::Tensor gradient = at::mm(output.narrow(1, 0, config_.target_width()).t(), input);
  gradients_.skip_weight.narrow(1, 0, config_.d_in).copy_(gradient);
}

absl::Status PenaltyEngine::CheckFinite(const Sums& sums, const BatchLosses& losses, int64_t step) const {
  if (!std::isfinite(losses.squared_error / losses.total_variance)) return NotFinite(step, "loss (FVU)");
  if (!std::isfinite(losses.loss)) return NotFinite(step, "loss");
  for (const SaeTensorField& field : kSaeTensorFields) {
    const at::Tensor& gradient = gradients_.*field.member;
    bool finite = !gradient.defined() || AllFinite(gradient);
    if (field.member == &SaeTensors::encoder_weight) finite = finite && sums.encoder_bound < kLargestGradient;
    if (field.member == &SaeTensors::decoder_weight) finite = finite && sums.decoder_bound < kLargestGradient;
    if (!finite) return NotFinite(step, absl::StrCat("gradient of ", field.name));
  }
  return absl::OkStatus();
}

std::array<LatentMatrix, 2> PenaltyEngine::Matrices() {
  LatentMatrix encoder, decoder;
  encoder.width = Get(&SaeTensors::encoder_weight).width();
  encoder.parameter = Get(&SaeTensors::encoder_weight).rows();
  decoder.width = Get(&SaeTensors::decoder_weight).width();
  decoder.parameter = Get(&SaeTensors::decoder_weight).rows();
  decoder.unit_rows = config_.unit_decoder();
  decoder.norms = scales_by_norm() ? Data(decoder_norms_) : nullptr;
  if (gradients_.encoder_weight.defined()) {
    encoder.gradient.dense = Data(gradients_.encoder_weight);
    decoder.gradient.dense = Data(gradients_.decoder_weight);
    encoder.gradient.is_stored = gradients_are_stored_;
    decoder.gradient.is_stored = gradients_are_stored_;
  } else {
    const LatentEntries& order = ordered_.order;
    encoder.gradient.sparse = {{&order, &order.gradients, Data(batch_.encoder_input())}};
    decoder.gradient.sparse = {{&order, &order.values, Data(output_gradient_)}};
    if (gates_teach_decoder()) decoder.gradient.sparse.push_back({&order, &ordered_.gates, Data(gate_gradient_)});
  }
  const bool adds_penalty = scales_by_norm() && !gradients_are_stored_;
  if (adds_penalty) decoder.gradient.sparse.push_back({&own_rows_, &own_rows_.values, decoder.parameter.value});
  return {encoder, decoder};
}

double PenaltyEngine::GradientNorm() {
  const auto [encoder, decoder] = Matrices();
  ReserveWholeGradients();
  double squares = StoreGradient({0, latents()}, encoder, Data(encoder_gradient_), &piece_sums_) +
                   StoreGradient({0, latents()}, decoder, Data(decoder_gradient_), &piece_sums_);
  gradients_are_stored_ = true;
  for (const auto& [field, parameter] : parameters_.all()) {
    if (field == &SaeTensors::encoder_weight || field == &SaeTensors::decoder_weight) continue;
    squares += (gradients_.*field).square().sum().item<double>();
  }
  return std::sqrt(squares);
}

void PenaltyEngine::Update(const OptimizerUpdate& update) {
  const std::array<LatentMatrix, 2> matrices = Matrices();
  UpdateLatents(update, {0, latents()}, matrices, Data(scratch_rows_));
  for (auto& [field, parameter] : parameters_.all()) {
    if (field == &SaeTensors::encoder_weight || field == &SaeTensors::decoder_weight) continue;
    parameter.Update(update, gradients_.*field);
  }
  // Below 0 the gate would let negative values pass.
  if (is_jumprelu() && is_saelens()) Get(&SaeTensors::threshold).value().clamp_min_(0);
  firing_.BeginBatch();
  for (int64_t i = 0; i < latents(); ++i) {
    if (latent_sums_.active[i] > 0) firing_.MarkFired(i);
  }
  firing_.EndBatch(batch_.rows());
  density_.Advance(density_of_batch_);
}

StateTensors PenaltyEngine::State() {
  StateTensors state = parameters_.State();
  state.merge(firing_.State());
  // As the last update left them: another way to compute them may round otherwise.
  if (decoder_norms_.defined()) state["decoder_norms"] = decoder_norms_;
  density_.VisitState([&state](const char* name, auto* number) { state[name] = SharedState(number); });
  return state;
}

}  // namespace

std::unique_ptr<SaeEngine> MakePenaltyEngine(const SaeConfig& config, const SaeTensors& initial, PenaltySteps steps) {
  const bool has_tanh = config.architecture == "jumprelu" && config.convention == Convention::kSaeLens &&
                        config.jumprelu_penalty == JumpreluPenalty::kTanh;
  if (has_tanh) return nullptr;
  return std::make_unique<PenaltyEngine>(config, initial, steps);
}

std::unique_ptr<SaeEngine> MakePenaltyEngine(const SaeConfig& config, const SaeTensors& initial) {
  return MakePenaltyEngine(config, initial, PenaltySteps::kByDensity);
}

}  // namespace seedbed
