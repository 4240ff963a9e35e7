#include "sae/arch/cpu/topk_engine.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ops/empty.h"
#include "ATen/ops/mm.h"
#include "common/status.h"
#include "sae/arch/cpu/finite_checks.h"
#include "sae/arch/cpu/firing_record.h"
#include "sae/arch/cpu/parameter.h"
#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/forward.h"
#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"
#include "sae/arch/kernels/update.h"
#include "sae/arch/step_checks.h"
#include "sae/train/optimizer_update.h"

namespace seedbed {
namespace {

// Rows whose pre-activations exist at once. Fixed, because the product's rounding may depend on it.
constexpr int64_t kRowsInBlock = 512;
static_assert(kRowsInBlock % kRowsInPiece == 0);

// What a step needs beside the parameters, for batches of up to `rows` rows.
struct Workspace {
  int64_t rows = 0;
  int threads = 0;
  at::Tensor mean;             // [width]
  at::Tensor spread;           // [width]
  at::Tensor centered;         // [rows, width]
  at::Tensor norms;            // [rows]
  at::Tensor pre;              // [min(rows, kRowsInBlock), latents]
  at::Tensor output_gradient;  // [rows, width]
  at::Tensor piece_sums;       // [pieces of rows or of latents, width]
  at::Tensor encoder_bias_gradient;
  at::Tensor decoder_bias_gradient;
  at::Tensor thread_rows;         // [threads, width]
  at::Tensor auxiliary_gradient;  // [rows, width], once there is a dead latent.
  std::vector<double> variances;
  ForwardWorkspace forward;
  RowEntries entries;
  LatentEntries by_latent;
  RowEntries auxiliary_entries;
  LatentEntries auxiliary_by_latent;
  std::vector<uint32_t> dead;
};

class TopkEngine final : public SaeEngine {
 public:
  TopkEngine(const SaeConfig& config, const SaeTensors& initial);

  SaeTensors Parameters() const override;
  SaeTensors AveragedParameters() const override { return Parameters(); }
  void SetBiases(const at::Tensor& decoder_bias, const at::Tensor& encoder_bias) override;
  absl::StatusOr<BatchLosses> Differentiate(const at::Tensor& input, const at::Tensor& target,
                                            const StepPlan& plan) override;
  double GradientNorm() override { return 0; }  // Of no config that this covers.
  void Update(const OptimizerUpdate& update) override;
  int64_t DeadLatents() const override;

 private:
  // Of one step. Nothing that outlives the step is changed before all of it is known to be finite.
  struct Losses {
    double total_variance = 0;
    double auxiliary_scale = 0;  // Of the auxiliary loss: min(D / K, 1).
    ForwardSums forward;
    ForwardSums auxiliary;
    double fvu() const { return forward.squared_error / total_variance; }
    double auxiliary_loss() const { return auxiliary_scale * auxiliary.squared_error / total_variance; }
  };

  void Reserve(int64_t rows);
  absl::StatusOr<Losses> Forward(const at::Tensor& batch, int64_t step);
  void ForwardBlock(int64_t first_row, int64_t rows, Losses* losses);
  void AuxiliaryBlock(int64_t first_row, int64_t rows, Losses* losses);
  void FindGradients(int64_t rows);
  absl::Status CheckFinite(const Losses& losses, int64_t step) const;

  int64_t latents() const { return config_.latents; }
  int64_t auxiliary_k() const {
    return std::min<int64_t>(config_.auxiliary_width(), static_cast<int64_t>(workspace_.dead.size()));
  }
  bool has_auxiliary() const { return !workspace_.dead.empty(); }

  const SaeConfig config_;
  const int64_t width_;
  Parameter encoder_weight_;
  Parameter encoder_bias_;
  Parameter decoder_weight_;
  Parameter decoder_bias_;
  FiringRecord firing_;
  int64_t rows_ = 0;  // Of the batch that was differentiated last.
  Workspace workspace_;
};

TopkEngine::TopkEngine(const SaeConfig& config, const SaeTensors& initial)
    : config_(config),
      width_(PaddedWidth(config.d_in)),
      encoder_weight_(initial.encoder_weight, config.optimizer.kind),
      encoder_bias_(initial.encoder_bias, config.optimizer.kind),
      decoder_weight_(initial.decoder_weight, config.optimizer.kind),
      decoder_bias_(initial.decoder_bias, config.optimizer.kind),
      firing_(config) {}

SaeTensors TopkEngine::Parameters() const {
  SaeTensors parameters;
  parameters.encoder_weight = encoder_weight_.value();
  parameters.encoder_bias = encoder_bias_.value();
  parameters.decoder_weight = decoder_weight_.value();
  parameters.decoder_bias = decoder_bias_.value();
  return parameters;
}

void TopkEngine::SetBiases(const at::Tensor& decoder_bias, const at::Tensor& encoder_bias) {
  decoder_bias_.Set(decoder_bias);
  if (encoder_bias.defined()) encoder_bias_.Set(encoder_bias);
}

absl::StatusOr<BatchLosses> TopkEngine::Differentiate(const at::Tensor& input, const at::Tensor& /*target*/,
                                                      const StepPlan& plan) {
  rows_ = input.size(0);
  Reserve(rows_);
  workspace_.dead.clear();
  if (config_.auxiliary_alpha > 0) firing_.FindDead(rows_, &workspace_.dead);
  ASSIGN_OR_RETURN(const Losses losses, Forward(input, plan.step));
  FindGradients(rows_);
  RETURN_IF_ERROR(CheckFinite(losses, plan.step));
  BatchLosses out;
  out.loss = losses.fvu() + config_.auxiliary_alpha * losses.auxiliary_loss();
  out.total_variance = losses.total_variance;
  out.squared_error = losses.forward.squared_error;
  out.auxiliary = losses.auxiliary_loss();
  out.active = losses.forward.active;
  return out;
}

void TopkEngine::Reserve(int64_t rows) {
  Workspace& w = workspace_;
  if (w.threads < LoopThreads()) {
    w.threads = LoopThreads();
    w.thread_rows = at::empty({w.threads, width_});
    const int64_t most_k = std::max(config_.k, std::min(latents(), config_.auxiliary_width()));
    while (w.forward.threads.size() < static_cast<size_t>(w.threads)) {
      w.forward.threads.emplace_back(latents(), most_k);
    }
  }
  w.entries.Resize(rows, config_.k);
  if (rows <= w.rows) return;
  w.rows = rows;
  const int64_t pieces = PieceCount(rows, kRowsInPiece);
  w.mean = at::empty({width_});
  w.spread = at::empty({width_});
  w.centered = at::empty({rows, width_});
  w.norms = at::empty({rows});
  w.pre = at::empty({std::min(rows, kRowsInBlock), latents()});
  w.output_gradient = at::empty({rows, width_});
  w.piece_sums = at::empty({std::max(pieces, PieceCount(latents(), kLatentsInSumPiece)), width_});
  w.encoder_bias_gradient = at::empty({encoder_bias_.width()});
  w.decoder_bias_gradient = at::empty({width_});
  w.auxiliary_gradient.reset();
  w.variances.resize(static_cast<size_t>(pieces));
  w.forward.pieces.resize(static_cast<size_t>(pieces));
}

absl::StatusOr<TopkEngine::Losses> TopkEngine::Forward(const at::Tensor& batch, int64_t step) {
  Workspace& w = workspace_;
  const BatchView view{batch.const_data_ptr<float>(), batch.size(0), config_.d_in};
  ColumnMeans(view, width_, Data(w.piece_sums), Data(w.mean));
  Losses losses;
  losses.total_variance = CenterRows(view, Data(w.mean), decoder_bias_.data(), width_, Data(w.centered), Data(w.norms),
                                     Data(w.spread), &w.variances);
  RETURN_IF_ERROR(CheckTotalVariance(step, losses.total_variance));
  if (has_auxiliary()) {
    const double full = static_cast<double>(config_.auxiliary_width());
    losses.auxiliary_scale = std::min(static_cast<double>(w.dead.size()) / full, 1.0);
    w.auxiliary_entries.Resize(view.count, auxiliary_k());
    if (!w.auxiliary_gradient.defined()) w.auxiliary_gradient = at::empty({w.rows, width_});
  }
  const at::Tensor encoder = encoder_weight_.padded().t();
  for (int64_t first = 0; first < view.count; first += kRowsInBlock) {
    const int64_t rows = std::min(kRowsInBlock, view.count - first);
    at::Tensor pre = w.pre.narrow(0, 0, rows);
    at::mm_out(pre, w.centered.narrow(0, first, rows), encoder);
    ForwardBlock(first, rows, &losses);
    if (has_auxiliary()) AuxiliaryBlock(first, rows, &losses);
  }
  return losses;
}

void TopkEngine::ForwardBlock(int64_t first_row, int64_t rows, Losses* losses) {
  Workspace& w = workspace_;
  ForwardPass pass;
  pass.first_row = first_row;
  pass.rows = rows;
  pass.latents = latents();
  pass.k = config_.k;
  pass.width = width_;
  pass.pre = Data(w.pre);
  pass.encoder_bias = encoder_bias_.data();
  pass.decoder = decoder_weight_.data();
  pass.centered = Data(w.centered);
  pass.norms = Data(w.norms);
  pass.loss_scale = static_cast<float>(2 / losses->total_variance);
  pass.entries = &w.entries;
  pass.output_gradient = Data(w.output_gradient);
  pass.column_sums = Data(w.piece_sums);
  losses->forward += RunForward(pass, &w.forward);
}

void TopkEngine::AuxiliaryBlock(int64_t first_row, int64_t rows, Losses* losses) {
  Workspace& w = workspace_;
  AuxiliaryPass pass;
  pass.first_row = first_row;
  pass.rows = rows;
  pass.latents = latents();
  pass.k = auxiliary_k();
  pass.width = width_;
  pass.pre = Data(w.pre);
  pass.encoder_bias = encoder_bias_.data();
  pass.decoder = decoder_weight_.data();
  pass.dead = &w.dead;
  pass.output_gradient = Data(w.output_gradient);
  pass.error_scale = static_cast<float>(-losses->total_variance / 2);
  pass.loss_scale = static_cast<float>(config_.auxiliary_alpha * losses->auxiliary_scale * 2 / losses->total_variance);
  pass.entries = &w.auxiliary_entries;
  pass.gradient = Data(w.auxiliary_gradient);
  losses->auxiliary += RunAuxiliary(pass, &w.forward);
}

void TopkEngine::FindGradients(int64_t rows) {
  Workspace& w = workspace_;
  OrderByLatent(w.entries, latents(), &w.by_latent);
  if (has_auxiliary()) OrderByLatent(w.auxiliary_entries, latents(), &w.auxiliary_by_latent);
  float* decoder_bias = Data(w.decoder_bias_gradient);
  std::fill(decoder_bias, decoder_bias + width_, 0.0f);
  for (int64_t p = 0; p < PieceCount(rows, kRowsInPiece); ++p) {
    AddScaled(Data(w.piece_sums) + p * width_, 1.0f, width_, decoder_bias);
  }
  w.encoder_bias_gradient.zero_();
  AddBiasGradients(w.by_latent, latents(), Data(w.encoder_bias_gradient));
  SubtractThroughEncoder(Data(w.encoder_bias_gradient), encoder_weight_.data(), latents(), width_, Data(w.piece_sums),
                         decoder_bias);
}

absl::Status TopkEngine::CheckFinite(const Losses& losses, int64_t step) const {
  const Workspace& w = workspace_;
  if (!std::isfinite(losses.fvu())) return NotFinite(step, "loss (FVU)");
  if (!std::isfinite(losses.auxiliary_loss())) return NotFinite(step, "auxiliary loss");
  if (!(losses.forward.encoder_bound < kLargestGradient)) return NotFinite(step, "gradient of encoder_weight");
  if (!(losses.forward.decoder_bound + losses.auxiliary.decoder_bound < kLargestGradient)) {
    return NotFinite(step, "gradient of decoder_weight");
  }
  if (!AllFinite(w.encoder_bias_gradient)) return NotFinite(step, "gradient of encoder_bias");
  if (!AllFinite(w.decoder_bias_gradient)) return NotFinite(step, "gradient of decoder_bias");
  return absl::OkStatus();
}

void TopkEngine::Update(const OptimizerUpdate& update) {
  Workspace& w = workspace_;
  LatentMatrix encoder;
  encoder.width = width_;
  encoder.parameter = encoder_weight_.rows();
  encoder.gradient.sparse = {{&w.by_latent, &w.by_latent.gradients, Data(w.centered)}};
  LatentMatrix decoder;
  decoder.width = width_;
  decoder.parameter = decoder_weight_.rows();
  decoder.gradient.sparse = {{&w.by_latent, &w.by_latent.values, Data(w.output_gradient)}};
  if (has_auxiliary()) {
    const LatentEntries& auxiliary = w.auxiliary_by_latent;
    decoder.gradient.sparse.push_back({&auxiliary, &auxiliary.values, Data(w.auxiliary_gradient)});
  }
  decoder.unit_rows = true;
  UpdateLatents(update, {0, latents()}, {encoder, decoder}, Data(w.thread_rows));
  encoder_bias_.Update(update, w.encoder_bias_gradient);
  decoder_bias_.Update(update, w.decoder_bias_gradient);
  firing_.BeginBatch();
  firing_.MarkFired(w.entries, /*zeros=*/true);
  firing_.EndBatch(rows_);
}

int64_t TopkEngine::DeadLatents() const { return firing_.DeadLatents(); }

}  // namespace

std::unique_ptr<SaeEngine> MakeTopkEngine(const SaeConfig& config, const SaeTensors& initial) {
  const bool covered = config.convention == Convention::kSparsify && !config.multi_topk && !config.skip &&
                       !config.transcoder && config.optimizer.kind == OptimizerKind::kAdam && config.gradient_clip == 0;
  if (!covered) return nullptr;
  return std::make_unique<TopkEngine>(config, initial);
}

}  // namespace seedbed
