#include "client/sweep_schema.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace seedbed {
namespace {

using v1::SweepSpec;
using Type = SweepField::Type;
using Need = SweepField::Need;
using Range = SweepField::Range;

constexpr int64_t kUnbounded = std::numeric_limits<int64_t>::max();
constexpr int64_t kMillion = 1 << 20;
constexpr int64_t kLargestTokenId = 0xFFFF'FFFF;
constexpr size_t kLongestName = 64;
constexpr size_t kLongestText = 4096;

SweepField Field(const char* key, Type type, void (*set)(const SweepValue&, SweepSpec&)) {
  SweepField field;
  field.key = key;
  field.type = type;
  field.set = set;
  return field;
}

SweepField Integer(const char* key, int64_t least, int64_t most, void (*set)(const SweepValue&, SweepSpec&)) {
  SweepField field = Field(key, Type::kInteger, set);
  field.least = least;
  field.most = most;
  return field;
}

SweepField Number(const char* key, Range range, void (*set)(const SweepValue&, SweepSpec&)) {
  SweepField field = Field(key, Type::kNumber, set);
  field.range = range;
  return field;
}

SweepField Choice(const char* key, std::vector<std::string> choices, void (*set)(const SweepValue&, SweepSpec&)) {
  SweepField field = Field(key, Type::kChoice, set);
  field.choices = std::move(choices);
  return field;
}

SweepField Bytes(const char* key, void (*set)(const SweepValue&, SweepSpec&)) {
  SweepField field = Field(key, Type::kBytes, set);
  field.least = 1;
  field.most = kUnbounded;
  return field;
}

SweepField Needed(Need need, SweepField field) {
  field.need = need;
  return field;
}

SweepField Required(SweepField field) { return Needed(Need::kAlways, std::move(field)); }

SweepField List(SweepField field) {
  field.list = true;
  return field;
}

SweepField Repeating(SweepField field) {
  field.repeats = true;
  return List(std::move(field));
}

SweepField Keyed(SweepField field) {
  field.keyed = true;
  return field;
}

v1::FloatType FloatTypeAt(int64_t index) {
  constexpr v1::FloatType kTypes[] = {v1::FLOAT_TYPE_FLOAT32, v1::FLOAT_TYPE_BFLOAT16, v1::FLOAT_TYPE_FLOAT16};
  return kTypes[index];
}

// A choice's index as a value of an enum whose 0 is "unspecified" and whose others are the choices, in order.
template <typename Enum>
Enum EnumAt(int64_t index) {
  return static_cast<Enum>(index + 1);
}

// Paths, or mappings of a path and its weight.
SweepField TokenFiles() {
  SweepField field =
      List(Field("data.tokens", Type::kPath, [](const SweepValue&, SweepSpec& s) { s.mutable_data()->add_tokens(); }));
  field.members = {Required(Field("path", Type::kPath,
                                  [](const SweepValue& v, SweepSpec& s) {
                                    s.mutable_data()->mutable_tokens()->rbegin()->set_path(v.text);
                                  })),
                   Number("weight", Range::kPositive, [](const SweepValue& v, SweepSpec& s) {
                     s.mutable_data()->mutable_tokens()->rbegin()->set_weight(v.number);
                   })};
  return field;
}

std::vector<SweepField> DataFields() {
  return {
      Required(Field("name", Type::kName, [](const SweepValue& v, SweepSpec& s) { s.set_name(v.text); })),
      Needed(Need::kUnlessFolder,
             Field("model.path", Type::kPath,
                   [](const SweepValue& v, SweepSpec& s) { s.mutable_model()->set_path(v.text); })),
      Choice("model.dtype", {"float32", "bfloat16"},
             [](const SweepValue& v, SweepSpec& s) { s.mutable_model()->set_dtype(FloatTypeAt(v.integer)); }),
      Needed(Need::kUnlessFolder, TokenFiles()),
      Needed(Need::kUnlessFolder,
             Integer("data.sequence_length", 2, kMillion,
                     [](const SweepValue& v, SweepSpec& s) { s.mutable_data()->set_sequence_length(v.integer); })),
      Needed(Need::kUnlessFolder,
             Integer("data.max_tokens", 0, kUnbounded,
                     [](const SweepValue& v, SweepSpec& s) { s.mutable_data()->set_max_tokens(v.integer); })),
      Choice("data.order", {"sequential", "shuffled"},
             [](const SweepValue& v, SweepSpec& s) {
               s.mutable_data()->set_order(v.integer == 0 ? v1::SEQUENCE_ORDER_SEQUENTIAL
                                                          : v1::SEQUENCE_ORDER_SHUFFLED);
             }),
      Field("data.seed", Type::kUnsigned,
            [](const SweepValue& v, SweepSpec& s) { s.mutable_data()->set_seed(v.unsigned_int); }),
      Integer("data.padding_token", 0, kLargestTokenId,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_data()->set_padding_token(v.integer); }),
  };
}

std::vector<SweepField> ActivationFields() {
  return {
      Integer("activations.exclude_first", 0, kMillion - 1,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_activations()->set_exclude_first(v.integer); }),
      List(Integer("activations.exclude_tokens", 0, kLargestTokenId,
                   [](const SweepValue& v, SweepSpec& s) { s.mutable_activations()->add_exclude_tokens(v.integer); })),
      Integer("activations.shuffle_rows", 1, kUnbounded,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_activations()->set_shuffle_rows(v.integer); }),
      Choice("activations.dtype", {"float32", "bfloat16", "float16"},
             [](const SweepValue& v, SweepSpec& s) { s.mutable_activations()->set_dtype(FloatTypeAt(v.integer)); }),
      Choice("activations.source", {"model", "folder"},
             [](const SweepValue& v, SweepSpec& s) {
               s.mutable_activations()->set_source(v.integer == 0 ? v1::ACTIVATION_SOURCE_MODEL
                                                                  : v1::ACTIVATION_SOURCE_FOLDER);
             }),
      Field("activations.path", Type::kPath,
            [](const SweepValue& v, SweepSpec& s) { s.mutable_activations()->set_path(v.text); }),
      Needed(Need::kWithSection, Field("activations.cache.dir", Type::kPath,
                                       [](const SweepValue& v, SweepSpec& s) {
                                         s.mutable_activations()->mutable_cache()->set_dir(v.text);
                                       })),
      Needed(Need::kWithSection, Bytes("activations.cache.max_bytes",
                                       [](const SweepValue& v, SweepSpec& s) {
                                         s.mutable_activations()->mutable_cache()->set_max_bytes(v.integer);
                                       })),
      Choice("activations.normalize", {"none", "mean_square"},
             [](const SweepValue& v, SweepSpec& s) {
               s.mutable_activations()->set_normalize(v.integer == 0 ? v1::NORMALIZATION_NONE
                                                                     : v1::NORMALIZATION_MEAN_SQUARE);
             }),
      Integer("activations.normalize_rows", 1, kUnbounded,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_activations()->set_normalize_rows(v.integer); }),
  };
}

SweepField LearningRate() {
  SweepField field = Number("train.learning_rate", Range::kPositive,
                            [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->set_learning_rate(v.number); });
  field.automatic = "auto";
  return field;
}

std::vector<SweepField> TrainFields() {
  return {
      Integer("train.epochs", 1, 10'000,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->set_epochs(v.integer); }),
      Integer("train.batch_tokens", 1, kMillion,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->set_batch_tokens(v.integer); }),
      LearningRate(),
      Integer("train.warmup_steps", 0, kUnbounded,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->set_warmup_steps(v.integer); }),
      Choice("train.decay", {"linear", "constant", "cosine"},
             [](const SweepValue& v, SweepSpec& s) {
               s.mutable_train()->set_decay(EnumAt<v1::LearningRateDecay>(v.integer));
             }),
      Integer("train.decay_start_step", 0, kUnbounded,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->set_decay_start_step(v.integer); }),
      Number("train.final_learning_rate", Range::kNotNegative,
             [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->set_final_learning_rate(v.number); }),
      Number("train.auxiliary.alpha", Range::kNotNegative,
             [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->mutable_auxiliary()->set_alpha(v.number); }),
      Integer("train.auxiliary.dead_after_tokens", 1, kUnbounded,
              [](const SweepValue& v, SweepSpec& s) {
                s.mutable_train()->mutable_auxiliary()->set_dead_after_tokens(v.integer);
              }),
      Integer("train.auxiliary.k", 1, kMillion,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->mutable_auxiliary()->set_k(v.integer); }),
      Choice("train.convention", {"sparsify", "saelens", "dictionary_learning"},
             [](const SweepValue& v, SweepSpec& s) {
               s.mutable_train()->set_convention(EnumAt<v1::Convention>(v.integer));
             }),
      Choice("train.decoder_bias", {"zero", "mean", "geometric_median"},
             [](const SweepValue& v, SweepSpec& s) {
               s.mutable_train()->set_decoder_bias(EnumAt<v1::DecoderBiasStart>(v.integer));
             }),
      Choice("train.multi_topk", {"false", "true"},
             [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->set_multi_topk(v.integer == 1); }),
      Field("train.init_from", Type::kPath,
            [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->set_init_from(v.text); }),
      Choice("train.compute", {"float32", "tf32", "bfloat16"},
             [](const SweepValue& v, SweepSpec& s) {
               s.mutable_train()->set_compute(EnumAt<v1::ComputeType>(v.integer));
             }),
  };
}

std::vector<SweepField> OptimizerFields() {
  return {
      Choice("train.optimizer.kind", {"adam", "signum"},
             [](const SweepValue& v, SweepSpec& s) {
               s.mutable_train()->mutable_optimizer()->set_kind(EnumAt<v1::OptimizerKind>(v.integer));
             }),
      Number("train.optimizer.beta1", Range::kNotNegative,
             [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->mutable_optimizer()->set_beta1(v.number); }),
      Number("train.optimizer.beta2", Range::kNotNegative,
             [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->mutable_optimizer()->set_beta2(v.number); }),
      Number("train.optimizer.epsilon", Range::kPositive,
             [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->mutable_optimizer()->set_epsilon(v.number); }),
      Number("train.optimizer.momentum", Range::kPositive,
             [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->mutable_optimizer()->set_momentum(v.number); }),
      Number("train.optimizer.gradient_clip", Range::kNotNegative,
             [](const SweepValue& v, SweepSpec& s) {
               s.mutable_train()->mutable_optimizer()->set_gradient_clip(v.number);
             }),
  };
}

std::vector<SweepField> SparsityFields() {
  return {
      Number(
          "train.sparsity.coefficient", Range::kNotNegative,
          [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->mutable_sparsity()->set_coefficient(v.number); }),
      Integer("train.sparsity.warmup_steps", 0, kUnbounded,
              [](const SweepValue& v, SweepSpec& s) {
                s.mutable_train()->mutable_sparsity()->set_warmup_steps(v.integer);
              }),
      Number("train.sparsity.bandwidth", Range::kPositive,
             [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->mutable_sparsity()->set_bandwidth(v.number); }),
      Number("train.sparsity.threshold", Range::kPositive,
             [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->mutable_sparsity()->set_threshold(v.number); }),
      Choice("train.sparsity.penalty", {"step", "tanh"},
             [](const SweepValue& v, SweepSpec& s) {
               s.mutable_train()->mutable_sparsity()->set_penalty(EnumAt<v1::JumpreluPenalty>(v.integer));
             }),
      Repeating(Number(
          "train.matryoshka.fractions", Range::kPositive,
          [](const SweepValue& v, SweepSpec& s) { s.mutable_train()->mutable_matryoshka()->add_fractions(v.number); })),
  };
}

SweepField Transcoders() {
  SweepField field = List(Field("sae.transcoders", Type::kText,
                                [](const SweepValue&, SweepSpec& s) { s.mutable_sae()->add_transcoders(); }));
  field.members = {Required(Field("input", Type::kText,
                                  [](const SweepValue& v, SweepSpec& s) {
                                    s.mutable_sae()->mutable_transcoders()->rbegin()->set_input(v.text);
                                  })),
                   Required(Field("target", Type::kText, [](const SweepValue& v, SweepSpec& s) {
                     s.mutable_sae()->mutable_transcoders()->rbegin()->set_target(v.text);
                   }))};
  return field;
}

std::vector<SweepField> GridFields() {
  return {
      List(Field("sae.hookpoints", Type::kText,
                 [](const SweepValue& v, SweepSpec& s) { s.mutable_sae()->add_hookpoints(v.text); })),
      Transcoders(),
      Choice("sae.skip", {"false", "true"},
             [](const SweepValue& v, SweepSpec& s) { s.mutable_sae()->set_skip(v.integer == 1); }),
      List(Field("sae.architectures", Type::kText,
                 [](const SweepValue& v, SweepSpec& s) { s.mutable_sae()->add_architectures(v.text); })),
      List(Required(Integer("sae.latents", 1, kMillion,
                            [](const SweepValue& v, SweepSpec& s) { s.mutable_sae()->add_latents(v.integer); }))),
      List(Integer("sae.k", 1, kMillion, [](const SweepValue& v, SweepSpec& s) { s.mutable_sae()->add_k(v.integer); })),
      List(Number("sae.target_l0", Range::kPositive,
                  [](const SweepValue& v, SweepSpec& s) { s.mutable_sae()->add_target_l0(v.number); })),
      List(Required(Field("sae.seeds", Type::kUnsigned,
                          [](const SweepValue& v, SweepSpec& s) { s.mutable_sae()->add_seeds(v.unsigned_int); }))),
      Integer("evaluation.sequences", 0, kUnbounded,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_evaluation()->set_sequences(v.integer); }),
      Integer("evaluation.every_tokens", 1, kUnbounded,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_evaluation()->set_every_tokens(v.integer); }),
      Integer("evaluation.held_out_rows", 0, kUnbounded,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_evaluation()->set_held_out_rows(v.integer); }),
      Number("agreement.threshold", Range::kCosine,
             [](const SweepValue& v, SweepSpec& s) { s.mutable_agreement()->set_threshold(v.number); }),
      Integer("agreement.consensus_members", 0, kMillion,
              [](const SweepValue& v, SweepSpec& s) {
                s.mutable_agreement()->set_consensus_members(static_cast<int32_t>(v.integer));
              }),
      Integer("checkpoint.every_tokens", 0, kUnbounded,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_checkpoint()->set_every_tokens(v.integer); }),
      Number("checkpoint.every_minutes", Range::kNotNegative,
             [](const SweepValue& v, SweepSpec& s) { s.mutable_checkpoint()->set_every_minutes(v.number); }),
      Integer("resources.ranks", 1, 64,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_resources()->set_ranks(v.integer); }),
      Keyed(
          Field("resources.labels", Type::kName,
                [](const SweepValue& v, SweepSpec& s) { (*s.mutable_resources()->mutable_labels())[v.key] = v.text; })),
      Integer("scheduling.priority", -1000, 1000,
              [](const SweepValue& v, SweepSpec& s) { s.mutable_scheduling()->set_priority(v.integer); }),
      Field("scheduling.user", Type::kName,
            [](const SweepValue& v, SweepSpec& s) { s.mutable_scheduling()->set_user(v.text); }),
      Choice("scheduling.hold", {"false", "true"},
             [](const SweepValue& v, SweepSpec& s) { s.mutable_scheduling()->set_hold(v.integer == 1); }),
  };
}

bool IsName(absl::string_view text) {
  return !text.empty() && text.size() <= kLongestName && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

// Digits as people write them, 131_072, without the underscores. False for what has anything in it but digits, single
// underscores between them and, when `decimal`, what a decimal fraction has.
bool StripUnderscores(absl::string_view text, bool decimal, std::string* digits) {
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = text[i];
    if (c == '_') {
      const bool between = i > 0 && i + 1 < text.size() &&
                           absl::ascii_isdigit(static_cast<unsigned char>(text[i - 1])) &&
                           absl::ascii_isdigit(static_cast<unsigned char>(text[i + 1]));
      if (!between) return false;
      continue;
    }
    const bool sign = (c == '-' || c == '+') && (i == 0 || decimal);
    if (!absl::ascii_isdigit(c) && !sign && !(decimal && (c == '.' || c == 'e' || c == 'E'))) return false;
    digits->push_back(static_cast<char>(c));
  }
  return !digits->empty();
}

bool InRange(Range range, double value) {
  switch (range) {
    case Range::kPositive:
      return value > 0;
    case Range::kNotNegative:
      return value >= 0;
    case Range::kCosine:
      return value >= -1 && value <= 1;
  }
  return false;
}

bool ReadInteger(const SweepField& field, const YamlNode& scalar, SweepValue* value) {
  std::string digits;
  if (scalar.quoted || !StripUnderscores(scalar.text, false, &digits)) return false;
  if (field.type == Type::kUnsigned) return absl::SimpleAtoi(digits, &value->unsigned_int);
  return absl::SimpleAtoi(digits, &value->integer) && value->integer >= field.least && value->integer <= field.most;
}

// "500_000_000", "10GB", "512MiB".
bool ReadBytes(const SweepField& field, const YamlNode& scalar, SweepValue* value) {
  constexpr std::pair<absl::string_view, int64_t> kUnits[] = {{"", 1},
                                                              {"kB", 1'000},
                                                              {"MB", 1'000'000},
                                                              {"GB", 1'000'000'000},
                                                              {"TB", 1'000'000'000'000},
                                                              {"KiB", 1LL << 10},
                                                              {"MiB", 1LL << 20},
                                                              {"GiB", 1LL << 30},
                                                              {"TiB", 1LL << 40}};
  const absl::string_view text = scalar.text;
  const size_t digits_end = std::min(text.find_first_not_of("0123456789_"), text.size());
  const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [&](const auto& known) { return known.first == text.substr(digits_end); });
  std::string digits;
  int64_t count = 0;
  if (scalar.quoted || unit == std::end(kUnits) || !StripUnderscores(text.substr(0, digits_end), false, &digits) ||
      !absl::SimpleAtoi(digits, &count) || count > field.most / unit->second) {
    return false;
  }
  value->integer = count * unit->second;
  return value->integer >= field.least;
}

bool ReadNumber(const SweepField& field, const YamlNode& scalar, SweepValue* value) {
  value->automatic = !scalar.quoted && !field.automatic.empty() && scalar.text == field.automatic;
  if (value->automatic) return true;
  std::string digits;
  return !scalar.quoted && StripUnderscores(scalar.text, true, &digits) && absl::SimpleAtod(digits, &value->number) &&
         std::isfinite(value->number) && InRange(field.range, value->number);
}

bool ReadText(const SweepField& field, const YamlNode& scalar, SweepValue* value) {
  value->text = scalar.text;
  if (field.type == Type::kName) return IsName(scalar.text);
  if (field.type != Type::kChoice) return !scalar.text.empty() && scalar.text.size() <= kLongestText;
  const auto choice = std::find(field.choices.begin(), field.choices.end(), scalar.text);
  value->integer = choice - field.choices.begin();
  return choice != field.choices.end();
}

std::string DescribeScalar(const YamlNode& scalar) {
  if (scalar.quoted) return absl::StrCat("the text ", QuoteForMessage(scalar.text));
  const bool one_word = IsName(absl::StripPrefix(scalar.text, "+"));
  return one_word ? scalar.text : QuoteForMessage(scalar.text);
}

}  // namespace

bool SweepField::TakesSingleValue() const {
  return std::none_of(members.begin() + 1, members.end(),
                      [](const SweepField& member) { return member.need == Need::kAlways; });
}

std::string SweepField::Allowed() const {
  if (!members.empty()) {
    const auto add_key = [](std::string* out, const SweepField& member) { absl::StrAppend(out, member.key); };
    const std::string mapping = absl::StrCat("a mapping of ", absl::StrJoin(members, ", ", add_key));
    return TakesSingleValue() ? absl::StrCat(members[0].Allowed(), " or ", mapping) : mapping;
  }
  switch (type) {
    case Type::kName:
      return absl::StrCat("1..", kLongestName, " characters of A-Z a-z 0-9 . _ -");
    case Type::kText:
      return "text";
    case Type::kPath:
      return "a path";
    case Type::kChoice:
      return absl::StrJoin(choices, " or ");
    case Type::kUnsigned:
      return absl::StrCat("an integer, 0..", std::numeric_limits<uint64_t>::max());
    case Type::kInteger:
      if (most == kUnbounded) return absl::StrCat("an integer, ", least, " or more");
      return absl::StrCat("an integer, ", least, "..", most);
    case Type::kBytes:
      return "bytes, 1 or more, as in 500_000_000, 10GB or 512MiB";
    case Type::kNumber:
      if (range == Range::kCosine) return "a number, -1..1";
      return absl::StrCat(range == Range::kPositive ? "a number above 0" : "a number, 0 or more",
                          automatic.empty() ? "" : " or ", automatic);
  }
  return "";
}

const std::vector<SweepField>& SweepFields() {
  static const auto* fields = [] {
    auto* all = new std::vector<SweepField>(DataFields());
    for (const auto& more : {ActivationFields(), TrainFields(), OptimizerFields(), SparsityFields(), GridFields()})
      all->insert(all->end(), more.begin(), more.end());
    return all;
  }();
  return *fields;
}

absl::StatusOr<SweepValue> ReadSweepValue(const SweepField& field, const YamlNode& scalar) {
  SweepValue value;
  bool good = false;
  switch (field.type) {
    case Type::kInteger:
    case Type::kUnsigned:
      good = ReadInteger(field, scalar, &value);
      break;
    case Type::kBytes:
      good = ReadBytes(field, scalar, &value);
      break;
    case Type::kNumber:
      good = ReadNumber(field, scalar, &value);
      break;
    default:
      good = ReadText(field, scalar, &value);
  }
  if (good) return value;
  return absl::InvalidArgumentError(DescribeScalar(scalar));
}

}  // namespace seedbed
