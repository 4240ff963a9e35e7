#include "sae/arch/cpu/topk_engine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "ATen/ops/empty.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/zeros.h"
#include "absl/functional/function_ref.h"
#include "common/status.h"
#include "sae/arch/cpu/auxiliary_pass.h"
#include "sae/arch/cpu/batch_screening.h"
#include "sae/arch/cpu/finite_checks.h"
#include "sae/arch/cpu/firing_record.h"
#include "sae/arch/cpu/parameter.h"
#include "sae/arch/cpu/parameter_set.h"
#include "sae/arch/cpu/prepared_batch.h"
#include "sae/arch/cpu/row_screening.h"
#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/batch_selection.h"
#include "sae/arch/kernels/decode.h"
#include "sae/arch/kernels/dense_reach.h"
#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/row_selection.h"
#include "sae/arch/kernels/rows.h"
#include "sae/arch/kernels/update.h"
#include "sae/arch/latent_groups.h"
#include "sae/arch/step_checks.h"

namespace seedbed {
namespace {

// Rows whose pre-activations exist at once. Fixed, because the product's rounding may depend on it. Half as many cost
// the product up to 8 % where there are many latents, since its weights are packed anew for every tile.
constexpr int64_t kRowsInTile = 1024;
static_assert(kRowsInTile % kRowsInPiece == 0);

constexpr double kMultiTopkWeight = 1.0 / 8;

// What a step needs beside the parameters, for batches of up to `rows` rows.
struct Workspace {
  int64_t rows = 0;
  std::vector<SelectionScratch> threads;
  at::Tensor thread_rows;      // [threads, the larger width]
  at::Tensor pre;              // [min(rows, kRowsInTile), latents]
  at::Tensor output_gradient;  // [groups, rows, target width]
  at::Tensor row_sums;         // [pieces of rows, target width]
  at::Tensor multi_gradient;   // [rows, target width], of multi_topk.
  at::Tensor latent_sums;      // [pieces of latents, input width]
  at::Tensor encoder_bias_gradient;
  at::Tensor decoder_bias_gradient;
  at::Tensor skip_gradient;  // [d_out, input width]
  std::vector<DecodeSums> pieces;
  std::vector<double> squares;
  RowEntries entries;
  LatentEntries by_latent;
  RowEntries multi_entries;
  LatentEntries multi_by_latent;
  // Gradients that are stored, once there is a reason to.
  at::Tensor encoder_gradient;  // [latents, input width]
  at::Tensor decoder_gradient;  // [latents, target width]
};

class TopkEngine final : public SaeEngine {
 public:
  TopkEngine(const SaeConfig& config, const SaeTensors& initial);

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
  struct Losses {
    double total_variance = 0;
    double auxiliary = 0;
    DecodeSums decode;
    DecodeSums multi;
  };

  void Reserve(int64_t rows);
  void ForEachTile(absl::FunctionRef<void(const PreActivations&)> body);
  void Select();
  void SelectOfRows();
  void SelectOfBatch();
  void Decode(Losses* losses);
  void DecodeMulti(Losses* losses);
  DecodePass PassOf(RowEntries* entries);
  void AddRowSums();
  const float* OutputGradient(int64_t group) const;
  void RunAuxiliary(Losses* losses);
  bool is_screened() const { return row_screening_.has_value() || batch_screening_.has_value(); }
  // Whether its pre-activations are among those that the selection computes. Screening computes few.
  bool auxiliary_selects_in_tiles() const {
    return auxiliary_.is_active() && !auxiliary_.follows_selection() && !is_screened();
  }
  bool auxiliary_teaches_encoder() const { return auxiliary_.is_active() && auxiliary_.teaches_encoder(); }
  void FindGradients(const at::Tensor& input);
  absl::Status CheckFinite(const Losses& losses, int64_t step) const;
  BatchLosses Report(const Losses& losses) const;
  // Of the positive activations, times their latents' norms.
  float SmallestRank() const;

  // dL/dx_hat = LossScale (x_hat - target) for each group.
  double LossScale(double total_variance) const;
  LatentMatrix EncoderMatrix() const;
  LatentMatrix DecoderMatrix(int64_t group);
  LatentRange GroupRange(int64_t group) const;

  int64_t latents() const { return config_.latents; }
  int64_t groups() const { return static_cast<int64_t>(group_ends_.size()); }
  int64_t multi_k() const { return config_.multi_topk ? std::min(4 * config_.k, latents()) : 0; }
  bool selects_of_batch() const { return config_.architecture != "topk"; }
  bool ranks_by_norm() const { return config_.convention == Convention::kSaeLens; }
  const float* norms() const { return ranks_by_norm() ? decoder_norms_.data() : nullptr; }

  const SaeConfig config_;
  ParameterSet parameters_;
  // Of it.
  Parameter& encoder_weight_;
  Parameter& encoder_bias_;
  Parameter& decoder_weight_;
  Parameter& decoder_bias_;
  Parameter* const skip_weight_;      // nullptr without a skip connection.
  std::vector<int64_t> group_ends_;   // One where all latents are one group.
  std::vector<float> decoder_norms_;  // [n], where latents rank by them.
  FiringRecord firing_;
  PreparedBatch batch_;
  std::optional<RowScreening> row_screening_;
  // Of those that select of the batch: one of the ways, where it ends.
  std::optional<BatchScreening> batch_screening_;
  std::optional<DenseReach> dense_reach_;
  BatchSelection batch_selection_;
  AuxiliaryPass auxiliary_;
  Workspace workspace_;
  bool gradients_stored_ = false;  // Those of the batch that was differentiated last.
};

TopkEngine::TopkEngine(const SaeConfig& config, const SaeTensors& initial)
    : config_(config),
      parameters_(initial, config.optimizer),
      encoder_weight_(parameters_.Get(&SaeTensors::encoder_weight)),
      encoder_bias_(parameters_.Get(&SaeTensors::encoder_bias)),
      decoder_weight_(parameters_.Get(&SaeTensors::decoder_weight)),
      decoder_bias_(parameters_.Get(&SaeTensors::decoder_bias)),
      skip_weight_(parameters_.Find(&SaeTensors::skip_weight)),
      group_ends_(GroupEnds(config)),
      firing_(config),
      batch_(config),
      auxiliary_(config) {
  if (RowScreening::Pays(config)) row_screening_.emplace(config, encoder_weight_.width());
  if (BatchScreening::Pays(config)) batch_screening_.emplace(config, encoder_weight_.width());
  if (selects_of_batch() && !is_screened()) dense_reach_.emplace(latents());
  if (!ranks_by_norm()) return;
  const int64_t width = decoder_weight_.width();
  for (int64_t i = 0; i < latents(); ++i) {
    const float* row = decoder_weight_.data() + i * width;
    decoder_norms_.push_back(std::sqrt(Dot(row, row, width)));
  }
}

absl::StatusOr<BatchLosses> TopkEngine::Differentiate(const at::Tensor& input, const at::Tensor& target,
                                                      const StepPlan& plan) {
  gradients_stored_ = false;
  Reserve(input.size(0));
  Losses losses;
  losses.total_variance = batch_.Prepare(input, target, decoder_bias_.data(),
                                         skip_weight_ != nullptr ? skip_weight_->value() : at::Tensor());
  RETURN_IF_ERROR(CheckTotalVariance(plan.step, losses.total_variance));
  Select();
  Decode(&losses);
  if (config_.multi_topk) DecodeMulti(&losses);
  RunAuxiliary(&losses);
  FindGradients(input);
  RETURN_IF_ERROR(CheckFinite(losses, plan.step));
  return Report(losses);
}

void TopkEngine::Reserve(int64_t rows) {
  Workspace& w = workspace_;
  const int64_t input_width = encoder_weight_.width();
  const int64_t target_width = decoder_weight_.width();
  if (static_cast<int>(w.threads.size()) < LoopThreads()) {
    w.thread_rows = at::empty({LoopThreads(), std::max(input_width, target_width)});
    const int64_t most_k = std::max({config_.k, multi_k(), std::min(latents(), config_.auxiliary_width())});
    while (static_cast<int>(w.threads.size()) < LoopThreads()) w.threads.emplace_back(latents(), most_k);
  }
  if (rows <= w.rows) return;
  w.rows = rows;
  const int64_t pieces = PieceCount(rows, kRowsInPiece);
  w.pre = at::empty({std::min(rows, kRowsInTile), latents()});
  w.output_gradient = at::empty({groups(), rows, target_width});
  w.row_sums = at::empty({pieces, target_width});
  if (config_.multi_topk) w.multi_gradient = at::empty({rows, target_width});
  w.latent_sums = at::empty({PieceCount(latents(), kLatentsInSumPiece), input_width});
  w.encoder_bias_gradient = at::empty({encoder_bias_.width()});
  w.decoder_bias_gradient = at::empty({target_width});
  if (skip_weight_ != nullptr) w.skip_gradient = at::zeros({config_.target_width(), input_width});
  w.pieces.resize(static_cast<size_t>(pieces));
}

void TopkEngine::ForEachTile(absl::FunctionRef<void(const PreActivations&)> body) {
  const at::Tensor encoder = encoder_weight_.padded().t();
  for (int64_t first = 0; first < batch_.rows(); first += kRowsInTile) {
    const int64_t rows = std::min(kRowsInTile, batch_.rows() - first);
    at::Tensor pre = workspace_.pre.narrow(0, 0, rows);
    at::mm_out(pre, batch_.encoder_input().narrow(0, first, rows), encoder);
    body({first, rows, latents(), Data(pre), encoder_bias_.data()});
  }
}

void TopkEngine::Select() {
  firing_.BeginBatch();
  if (!auxiliary_.follows_selection()) auxiliary_.Begin(firing_, batch_.rows());
  if (selects_of_batch()) {
    SelectOfBatch();
  } else {
    SelectOfRows();
  }
  // SAELens counts what is above 0, the others what is kept.
  const bool counts_zeros = !selects_of_batch() && !ranks_by_norm();
  firing_.MarkFired(config_.multi_topk ? workspace_.multi_entries : workspace_.entries, counts_zeros);
}

void TopkEngine::SelectOfRows() {
  Workspace& w = workspace_;
  w.entries.Resize(batch_.rows(), config_.k);
  if (row_screening_) {
    row_screening_->Select(encoder_weight_, encoder_bias_, batch_.encoder_input(), norms(), &w.entries);
    return;
  }
  if (config_.multi_topk) w.multi_entries.Resize(batch_.rows(), multi_k());
  ForEachTile([&](const PreActivations& pre) {
    SelectLargest(pre, config_.k, norms(), &w.threads, &w.entries);
    if (config_.multi_topk) SelectLargest(pre, multi_k(), norms(), &w.threads, &w.multi_entries);
    if (auxiliary_selects_in_tiles()) auxiliary_.Select(pre, norms(), &w.threads);
  });
}

void TopkEngine::SelectOfBatch() {
  Workspace& w = workspace_;
  if (batch_screening_) {
    batch_screening_->Select(encoder_weight_, encoder_bias_, batch_.encoder_input(), norms(), &batch_selection_,
                             &w.entries);
    return;
  }
  do {
    batch_selection_.Begin(batch_.rows(), config_.k * batch_.rows(), norms());
    ForEachTile([&](const PreActivations& pre) {
      dense_reach_->AddTo(pre, &batch_selection_);
      if (auxiliary_selects_in_tiles()) auxiliary_.Select(pre, norms(), &w.threads);
    });
  } while (!batch_selection_.Finish(&w.entries));
}

double TopkEngine::LossScale(double total_variance) const {
  if (config_.convention == Convention::kSparsify) return 2 / total_variance;
  const auto count = static_cast<double>(groups());
  const double weight = config_.convention == Convention::kDictionaryLearning ? 1 / (count * count) : 1;
  return 2 * weight / static_cast<double>(batch_.rows());
}

void TopkEngine::Decode(Losses* losses) {
  Workspace& w = workspace_;
  DecodePass pass = PassOf(&w.entries);
  pass.group_ends = group_ends_;
  pass.target = batch_.residual();
  pass.loss_scale = static_cast<float>(LossScale(losses->total_variance));
  pass.input_norms = batch_.input_norms();
  pass.gradient = Data(w.output_gradient);
  losses->decode = RunDecode(pass, &w.pieces);
  w.decoder_bias_gradient.zero_();
  AddRowSums();
}

// W_dec and b_dec alone learn from the 4 k largest, and W_skip is no part of what they reconstruct.
void TopkEngine::DecodeMulti(Losses* losses) {
  Workspace& w = workspace_;
  DecodePass pass = PassOf(&w.multi_entries);
  pass.group_ends = group_ends_;
  pass.target = batch_.centered_target();
  pass.loss_scale = static_cast<float>(kMultiTopkWeight * 2 / losses->total_variance);
  pass.input_norms = nullptr;
  pass.gradient = Data(w.multi_gradient);
  losses->multi = RunDecode(pass, &w.pieces);
  AddRowSums();
  OrderByLatent(w.multi_entries, latents(), &w.multi_by_latent);
}

DecodePass TopkEngine::PassOf(RowEntries* entries) {
  DecodePass pass;
  pass.width = decoder_weight_.width();
  pass.decoder = decoder_weight_.data();
  pass.target_scale = 1;
  pass.entries = entries;
  pass.column_sums = Data(workspace_.row_sums);
  return pass;
}

// To the gradient by b_dec.
void TopkEngine::AddRowSums() {
  const int64_t width = decoder_weight_.width();
  for (int64_t p = 0; p < PieceCount(batch_.rows(), kRowsInPiece); ++p) {
    AddScaled(Data(workspace_.row_sums) + p * width, 1.0f, width, Data(workspace_.decoder_bias_gradient));
  }
}

const float* TopkEngine::OutputGradient(int64_t group) const {
  return Data(workspace_.output_gradient) + group * batch_.rows() * decoder_weight_.width();
}

void TopkEngine::RunAuxiliary(Losses* losses) {
  Workspace& w = workspace_;
  if (auxiliary_.follows_selection()) auxiliary_.Begin(firing_, batch_.rows());
  if (!auxiliary_.is_active()) return;
  if (!auxiliary_selects_in_tiles()) {
    if (!w.encoder_gradient.defined()) w.encoder_gradient = at::empty({latents(), encoder_weight_.width()});
    auxiliary_.SelectFromProduct(batch_.encoder_input(), encoder_weight_.padded(), encoder_bias_.data(), norms(),
                                 /*gathered=*/w.encoder_gradient, w.pre, kRowsInTile, &w.threads);
  }
  const ReconstructionError error = {OutputGradient(groups() - 1),
                                     static_cast<float>(LossScale(losses->total_variance)), losses->total_variance};
  losses->auxiliary =
      auxiliary_.Run(error, decoder_weight_.data(), decoder_weight_.width(), batch_.input_norms(), &w.pieces);
}

void TopkEngine::FindGradients(const at::Tensor& input) {
  Workspace& w = workspace_;
  OrderByLatent(w.entries, latents(), &w.by_latent);
  w.encoder_bias_gradient.zero_();
  float* encoder_bias = Data(w.encoder_bias_gradient);
  AddBiasGradients(w.by_latent, latents(), encoder_bias);
  if (auxiliary_teaches_encoder()) AddBiasGradients(auxiliary_.by_latent(), latents(), encoder_bias);
  if (config_.centers_input()) {
    SubtractThroughEncoder(encoder_bias, encoder_weight_.data(), latents(), encoder_weight_.width(),
                           Data(w.latent_sums), Data(w.decoder_bias_gradient));
  }
  if (skip_weight_ == nullptr) return;
  at::Tensor skip = w.skip_gradient.narrow(1, 0, config_.d_in);
  const at::Tensor output = w.output_gradient.view({-1, decoder_weight_.width()}).narrow(0, 0, batch_.rows());
  at::mm_out(skip, output.narrow(1, 0, config_.target_width()).t(), input);
}

absl::Status TopkEngine::CheckFinite(const Losses& losses, int64_t step) const {
  const Workspace& w = workspace_;
  if (!std::isfinite(losses.decode.squared_error)) return NotFinite(step, "loss (FVU)");
  if (!std::isfinite(losses.auxiliary)) return NotFinite(step, "auxiliary loss");
  if (!std::isfinite(losses.multi.squared_error)) return NotFinite(step, "loss of multi_topk");
  const DecodeSums& auxiliary = auxiliary_.sums();
  if (!(losses.decode.encoder_bound + auxiliary.encoder_bound < kLargestGradient)) {
    return NotFinite(step, "gradient of encoder_weight");
  }
  if (!(losses.decode.decoder_bound + losses.multi.decoder_bound + auxiliary.decoder_bound < kLargestGradient)) {
    return NotFinite(step, "gradient of decoder_weight");
  }
  if (!AllFinite(w.encoder_bias_gradient)) return NotFinite(step, "gradient of encoder_bias");
  if (!AllFinite(w.decoder_bias_gradient)) return NotFinite(step, "gradient of decoder_bias");
  if (skip_weight_ != nullptr && !AllFinite(w.skip_gradient)) return NotFinite(step, "gradient of skip_weight");
  return absl::OkStatus();
}

BatchLosses TopkEngine::Report(const Losses& losses) const {
  BatchLosses out;
  out.loss = LossScale(losses.total_variance) / 2 * losses.decode.squared_errors +
             kMultiTopkWeight * losses.multi.squared_error / losses.total_variance +
             config_.auxiliary_alpha * losses.auxiliary;
  out.total_variance = losses.total_variance;
  out.squared_error = losses.decode.squared_error;
  out.auxiliary = losses.auxiliary;
  out.active = losses.decode.active;
  if (selects_of_batch() && losses.decode.active > 0) {
    out.smallest_active = ranks_by_norm() ? SmallestRank() : losses.decode.smallest_active;
  }
  return out;
}

float TopkEngine::SmallestRank() const {
  const LatentEntries& entries = workspace_.by_latent;
  float smallest = std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < latents(); ++i) {
    const auto latent = static_cast<size_t>(i);
    for (size_t e = entries.starts[latent]; e < entries.starts[latent + 1]; ++e) {
      if (entries.values[e] > 0) smallest = std::min(smallest, entries.values[e] * decoder_norms_[latent]);
    }
  }
  return smallest;
}

LatentMatrix TopkEngine::EncoderMatrix() const {
  const Workspace& w = workspace_;
  LatentMatrix matrix;
  matrix.width = encoder_weight_.width();
  matrix.parameter = encoder_weight_.rows();
  matrix.gradient.sparse = {{&w.by_latent, &w.by_latent.gradients, Data(batch_.encoder_input())}};
  if (auxiliary_teaches_encoder()) matrix.gradient.sparse.push_back(auxiliary_.EncoderGradient(batch_.encoder_input()));
  return matrix;
}

LatentMatrix TopkEngine::DecoderMatrix(int64_t group) {
  const Workspace& w = workspace_;
  LatentMatrix matrix;
  matrix.width = decoder_weight_.width();
  matrix.parameter = decoder_weight_.rows();
  matrix.gradient.sparse = {{&w.by_latent, &w.by_latent.values, OutputGradient(group)}};
  if (config_.multi_topk) {
    matrix.gradient.sparse.push_back({&w.multi_by_latent, &w.multi_by_latent.values, Data(w.multi_gradient)});
  }
  if (auxiliary_.is_active()) matrix.gradient.sparse.push_back(auxiliary_.DecoderGradient());
  matrix.unit_rows = config_.unit_decoder();
  matrix.norms = ranks_by_norm() ? decoder_norms_.data() : nullptr;
  return matrix;
}

LatentRange TopkEngine::GroupRange(int64_t group) const {
  const auto g = static_cast<size_t>(group);
  return {g == 0 ? 0 : group_ends_[g - 1], group_ends_[g]};
}

double TopkEngine::GradientNorm() {
  Workspace& w = workspace_;
  const LatentRange all = {0, latents()};
  if (!w.encoder_gradient.defined()) w.encoder_gradient = at::empty({latents(), encoder_weight_.width()});
  if (!w.decoder_gradient.defined()) w.decoder_gradient = at::empty({latents(), decoder_weight_.width()});
  double squares = StoreGradient(all, EncoderMatrix(), Data(w.encoder_gradient), &w.squares);
  for (int64_t g = 0; g < groups(); ++g) {
    squares += StoreGradient(GroupRange(g), DecoderMatrix(g), Data(w.decoder_gradient), &w.squares);
  }
  for (const at::Tensor* gradient : {&w.encoder_bias_gradient, &w.decoder_bias_gradient, &w.skip_gradient}) {
    if (gradient->defined()) squares += Dot(Data(*gradient), Data(*gradient), gradient->numel());
  }
  gradients_stored_ = true;
  return std::sqrt(squares);
}

LatentMatrix WithStoredGradient(LatentMatrix matrix, const at::Tensor& gradient) {
  matrix.gradient.dense = Data(gradient);
  matrix.gradient.is_stored = true;
  matrix.gradient.sparse.clear();
  return matrix;
}

void TopkEngine::Update(const OptimizerUpdate& update) {
  Workspace& w = workspace_;
  if (gradients_stored_) {
    const LatentMatrix encoder = WithStoredGradient(EncoderMatrix(), w.encoder_gradient);
    const LatentMatrix decoder = WithStoredGradient(DecoderMatrix(0), w.decoder_gradient);
    UpdateLatents(update, {0, latents()}, {encoder, decoder}, Data(w.thread_rows));
  } else {
    for (int64_t g = 0; g < groups(); ++g) {
      UpdateLatents(update, GroupRange(g), {EncoderMatrix(), DecoderMatrix(g)}, Data(w.thread_rows));
    }
  }
  encoder_bias_.Update(update, w.encoder_bias_gradient);
  decoder_bias_.Update(update, w.decoder_bias_gradient);
  if (skip_weight_ != nullptr) skip_weight_->Update(update, w.skip_gradient);
  firing_.EndBatch(batch_.rows());
}

StateTensors TopkEngine::State() {
  StateTensors state = parameters_.State();
  state.merge(firing_.State());
  // As the last update left them: another way to compute them may round otherwise.
  if (ranks_by_norm()) state["decoder_norms"] = SharedState(&decoder_norms_);
  return state;
}

}  // namespace

std::unique_ptr<SaeEngine> MakeTopkEngine(const SaeConfig& config, const SaeTensors& initial) {
  return std::make_unique<TopkEngine>(config, initial);
}

}  // namespace seedbed
