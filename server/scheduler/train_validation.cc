#include "server/scheduler/train_validation.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/architectures.h"
#include "server/scheduler/grid_validation.h"
#include "server/scheduler/path_check.h"
#include "server/scheduler/sae_defaults.h"

namespace seedbed {
namespace {

constexpr int64_t kMostSteps = int64_t{1} << 40;
constexpr int64_t kUnbounded = std::numeric_limits<int64_t>::max();
constexpr int kMostGroups = 64;
constexpr double kFractionTolerance = 1e-6;

void CheckPositive(absl::string_view field, double value, ViolationList& violations) {
  if (std::isfinite(value) && value > 0) return;
  violations.Add(field, absl::StrCat("is ", value, "; must be finite and above 0"));
}

void CheckNotNegative(absl::string_view field, double value, ViolationList& violations) {
  if (std::isfinite(value) && value >= 0) return;
  violations.Add(field, absl::StrCat("is ", value, "; must be finite and at least 0"));
}

// Of an optional enum: what it may be, besides the 0 that stands for its default.
void CheckEnum(absl::string_view field, int value, int most, absl::string_view allowed, ViolationList& violations) {
  if (value >= 0 && value <= most) return;
  violations.Add(field, absl::StrCat("is ", value, "; must be ", allowed));
}

void CheckEnums(const v1::TrainSpec& train, ViolationList& violations) {
  CheckEnum("train.decay", train.decay(), v1::LearningRateDecay_MAX, "linear, constant or cosine", violations);
  CheckEnum("train.convention", train.convention(), v1::Convention_MAX, "sparsify, saelens or dictionary_learning",
            violations);
  CheckEnum("train.optimizer.kind", train.optimizer().kind(), v1::OptimizerKind_MAX, "adam or signum", violations);
  CheckEnum("train.sparsity.penalty", train.sparsity().penalty(), v1::JumpreluPenalty_MAX, "step or tanh", violations);
  CheckEnum("train.decoder_bias", train.decoder_bias(), v1::DecoderBiasStart_MAX, "zero, mean or geometric_median",
            violations);
  CheckEnum("train.compute", train.compute(), v1::ComputeType_MAX, "float32, tf32 or bfloat16", violations);
}

void CheckLearningRate(const v1::TrainSpec& train, ViolationList& violations) {
  if (train.has_learning_rate()) CheckPositive("train.learning_rate", train.learning_rate(), violations);
  if (train.has_warmup_steps()) {
    violations.CheckRange<int64_t>("train.warmup_steps", train.warmup_steps(), 0, kMostSteps);
  }
  if (train.has_decay_start_step()) {
    if (train.decay() != v1::LEARNING_RATE_DECAY_UNSPECIFIED && train.decay() != v1::LEARNING_RATE_DECAY_LINEAR) {
      violations.Add("train.decay_start_step",
                     absl::StrCat("is ", train.decay_start_step(), "; must be absent unless train.decay is linear"));
    } else {
      violations.CheckRange<int64_t>("train.decay_start_step", train.decay_start_step(), train.warmup_steps(),
                                     kMostSteps);
    }
  }
  if (train.has_final_learning_rate()) {
    CheckNotNegative("train.final_learning_rate", train.final_learning_rate(), violations);
    if (train.decay() != v1::LEARNING_RATE_DECAY_COSINE) {
      violations.Add("train.final_learning_rate",
                     absl::StrCat("is ", train.final_learning_rate(), "; must be absent unless train.decay is cosine"));
    }
  }
}

void CheckOptimizer(const v1::OptimizerSpec& optimizer, ViolationList& violations) {
  const auto check_beta = [&](absl::string_view field, double beta) {
    if (beta >= 0 && beta < 1) return;
    violations.Add(field, absl::StrCat("is ", beta, "; must be at least 0 and below 1"));
  };
  if (optimizer.has_beta1()) check_beta("train.optimizer.beta1", optimizer.beta1());
  if (optimizer.has_beta2()) check_beta("train.optimizer.beta2", optimizer.beta2());
  if (optimizer.has_epsilon()) CheckPositive("train.optimizer.epsilon", optimizer.epsilon(), violations);
  if (optimizer.has_momentum() && !(optimizer.momentum() > 0 && optimizer.momentum() <= 1)) {
    violations.Add("train.optimizer.momentum",
                   absl::StrCat("is ", optimizer.momentum(), "; must be above 0 and at most 1"));
  }
  if (optimizer.has_gradient_clip()) {
    CheckNotNegative("train.optimizer.gradient_clip", optimizer.gradient_clip(), violations);
  }
  const bool signum = optimizer.kind() == v1::OPTIMIZER_KIND_SIGNUM;
  const auto check_used = [&](absl::string_view field, bool is_given, bool is_used, absl::string_view user) {
    if (is_given && !is_used) {
      violations.Add(field, absl::StrCat("is given; must be absent unless train.optimizer.kind is ", user));
    }
  };
  check_used("train.optimizer.beta1", optimizer.has_beta1(), !signum, "adam");
  check_used("train.optimizer.beta2", optimizer.has_beta2(), !signum, "adam");
  check_used("train.optimizer.epsilon", optimizer.has_epsilon(), !signum, "adam");
  check_used("train.optimizer.momentum", optimizer.has_momentum(), signum, "signum");
}

void CheckAuxiliary(const v1::AuxiliarySpec& auxiliary, ViolationList& violations) {
  if (auxiliary.has_alpha()) CheckNotNegative("train.auxiliary.alpha", auxiliary.alpha(), violations);
  if (auxiliary.has_dead_after_tokens()) {
    violations.CheckRange<int64_t>("train.auxiliary.dead_after_tokens", auxiliary.dead_after_tokens(), 1, kUnbounded);
  }
  if (auxiliary.has_k()) violations.CheckRange<int64_t>("train.auxiliary.k", auxiliary.k(), 1, kMostLatents);
}

void CheckSparsity(const v1::SparsitySpec& sparsity, ViolationList& violations) {
  if (sparsity.has_coefficient()) CheckNotNegative("train.sparsity.coefficient", sparsity.coefficient(), violations);
  if (sparsity.has_warmup_steps()) {
    violations.CheckRange<int64_t>("train.sparsity.warmup_steps", sparsity.warmup_steps(), 0, kMostSteps);
  }
  if (sparsity.has_bandwidth()) CheckPositive("train.sparsity.bandwidth", sparsity.bandwidth(), violations);
  if (sparsity.has_threshold()) CheckPositive("train.sparsity.threshold", sparsity.threshold(), violations);
}

void CheckFractions(const v1::MatryoshkaSpec& matryoshka, ViolationList& violations) {
  if (matryoshka.fractions().empty()) return;
  if (matryoshka.fractions_size() > kMostGroups) {
    violations.Add("train.matryoshka.fractions",
                   absl::StrCat("has ", matryoshka.fractions_size(), " values; must have at most ", kMostGroups));
    return;
  }
  double sum = 0;
  for (int i = 0; i < matryoshka.fractions_size(); ++i) {
    CheckPositive(ElementPath("train.matryoshka.fractions", i), matryoshka.fractions(i), violations);
    sum += matryoshka.fractions(i);
  }
  if (!(std::abs(sum - 1) <= kFractionTolerance)) {
    violations.Add("train.matryoshka.fractions", absl::StrCat("has the sum ", sum, "; must have the sum 1"));
  }
}

class TrainOfGrid {
 public:
  TrainOfGrid(const v1::SweepSpec& spec, ViolationList* violations)
      : train_(spec.train()), grid_(spec.sae()), violations_(*violations) {}

  void Check() {
    CheckConvention();
    CheckUsed();
    CheckGroups();
    CheckDefaultTarget();
    CheckFinalLearningRate();
    CheckInitFrom();
  }

 private:
  void CheckConvention() {
    for (const std::string& name : grid_.architectures()) {
      if (train_.convention() == v1::CONVENTION_UNSPECIFIED || HasConvention(name, train_.convention())) {
        followed_.push_back({name, ConventionOf(train_, name)});
      } else {
        violations_.Add("train.convention",
                        absl::StrCat("is ", ConventionName(train_.convention()), "; must be one that ", name,
                                     " has: ", absl::StrJoin(FindArchitectureFacts(name)->conventions, ", ")));
      }
    }
  }

  bool Any(absl::string_view architecture, v1::Convention convention = v1::CONVENTION_UNSPECIFIED) const {
    return absl::c_any_of(followed_, [&](const Followed& followed) {
      return followed.architecture == architecture &&
             (convention == v1::CONVENTION_UNSPECIFIED || followed.convention == convention);
    });
  }

  void CheckUsed() {
    // A convention that an architecture does not have is told already.
    if (followed_.size() < static_cast<size_t>(grid_.architectures_size())) return;
    const v1::SparsitySpec& sparsity = train_.sparsity();
    const bool has_penalty = AnyHasPenalty(grid_);
    const bool keeps_k = AnyKeepsK(grid_);
    CheckUsed("train.auxiliary.alpha", train_.auxiliary().has_alpha(), keeps_k, "an architecture that keeps k latents");
    CheckUsed("train.auxiliary.k", train_.auxiliary().has_k(), keeps_k, "an architecture that keeps k latents");
    CheckUsed("train.sparsity.coefficient", sparsity.has_coefficient(), has_penalty, "relu, gated or jumprelu");
    CheckUsed("train.sparsity.warmup_steps", sparsity.has_warmup_steps(), has_penalty, "relu, gated or jumprelu");
    CheckUsed("train.sparsity.bandwidth", sparsity.has_bandwidth(), Any("jumprelu"), "jumprelu");
    CheckUsed("train.sparsity.threshold", sparsity.has_threshold(), Any("jumprelu"), "jumprelu");
    CheckUsed("train.sparsity.penalty", sparsity.penalty() != v1::JUMPRELU_PENALTY_UNSPECIFIED,
              Any("jumprelu", v1::CONVENTION_SAELENS), "jumprelu in saelens' convention");
    CheckUsed("train.matryoshka.fractions", !train_.matryoshka().fractions().empty(), Any("matryoshka"), "matryoshka");
    CheckUsed("train.multi_topk", train_.multi_topk(), Any("topk", v1::CONVENTION_SPARSIFY),
              "topk in sparsify's convention");
  }

  void CheckUsed(absl::string_view field, bool is_given, bool is_used, absl::string_view user) {
    if (is_given && !is_used) {
      violations_.Add(field, absl::StrCat("is given; must be absent unless the sweep has ", user));
    }
  }

  // Each group has a latent, whatever the width.
  void CheckGroups() {
    if (!Any("matryoshka")) return;
    const std::vector<int64_t> sizes = GroupSizes(train_.matryoshka(), NarrowestLatents(grid_));
    const auto empty = absl::c_find_if(sizes, [](int64_t size) { return size < 1; });
    if (empty == sizes.end()) return;
    violations_.Add("train.matryoshka.fractions",
                    absl::StrCat("leave group ", empty - sizes.begin(), " of ", sizes.size(), " without a latent of ",
                                 NarrowestLatents(grid_), "; each must have at least one"));
  }

  // A target that the convention brings along must fit, too.
  void CheckDefaultTarget() {
    if (!grid_.target_l0().empty()) return;
    for (const Followed& followed : followed_) {
      const double target = DefaultTargetL0(followed.convention, followed.architecture);
      if (target < static_cast<double>(NarrowestLatents(grid_))) continue;
      violations_.Add("sae.target_l0",
                      absl::StrCat("is absent, and ", followed.architecture, "'s default in this convention is ",
                                   target, "; must be given below latents (", NarrowestLatents(grid_), ")"));
    }
  }

  void CheckFinalLearningRate() {
    if (!train_.has_final_learning_rate()) return;
    for (const Followed& followed : followed_) {
      for (const int64_t latents : grid_.latents()) {
        const double learning_rate = LearningRateOf(train_, followed.architecture, latents);
        if (!(train_.final_learning_rate() > learning_rate)) continue;
        violations_.Add("train.final_learning_rate",
                        absl::StrCat("is ", train_.final_learning_rate(), "; must be at most the learning rate (",
                                     learning_rate, ")"));
        return;
      }
    }
  }

  // One dictionary has one width and one architecture, and leaves nothing for seeds to decide.
  void CheckInitFrom() {
    if (!train_.has_init_from()) return;
    const auto check_single = [&](absl::string_view field, int values) {
      if (values <= 1) return;
      violations_.Add(field, absl::StrCat("has ", values, " values; must have one where train.init_from is given"));
    };
    check_single("sae.architectures", grid_.architectures_size());
    check_single("sae.latents", grid_.latents_size());
    check_single("sae.seeds", grid_.seeds_size());
  }

  struct Followed {
    std::string architecture;
    v1::Convention convention;
  };

  const v1::TrainSpec& train_;
  const v1::SaeGrid& grid_;
  ViolationList& violations_;
  std::vector<Followed> followed_;  // The architectures that have the convention.
};

}  // namespace

void CheckTrain(const v1::TrainSpec& train, ViolationList& violations) {
  violations.CheckRange<int64_t>("train.epochs", train.epochs(), 1, 10'000);
  violations.CheckRange<int64_t>("train.batch_tokens", train.batch_tokens(), 1, 1'048'576);
  CheckEnums(train, violations);
  CheckLearningRate(train, violations);
  CheckOptimizer(train.optimizer(), violations);
  CheckAuxiliary(train.auxiliary(), violations);
  CheckSparsity(train.sparsity(), violations);
  CheckFractions(train.matryoshka(), violations);
  if (train.has_init_from()) CheckPath("train.init_from", train.init_from(), violations);
}

void CheckTrainOfGrid(const v1::SweepSpec& spec, ViolationList& violations) { TrainOfGrid(spec, &violations).Check(); }

}  // namespace seedbed
