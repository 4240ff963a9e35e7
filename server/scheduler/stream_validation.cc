#include "server/scheduler/stream_validation.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "server/scheduler/path_check.h"
#include "server/scheduler/stream_shape.h"

namespace seedbed {
namespace {

constexpr int kMostTokenFiles = 64;
constexpr int kMostExcludedTokens = 1024;
constexpr double kMostWeight = 1e9;
constexpr int64_t kMostRows = int64_t{1} << 40;
constexpr int64_t kMostTokenId = 0xFFFF'FFFF;  // Token files hold 32 bits at most.

constexpr absl::string_view kAbsentForFolder = "must be absent where activations come from a folder";

void CheckModel(const v1::SweepSpec& spec, ViolationList& violations) {
  const v1::ModelSpec& model = spec.model();
  if (!ReadsFolder(spec) || !model.path().empty()) CheckPath("model.path", model.path(), violations);
  const bool is_computed_in = model.dtype() == v1::FLOAT_TYPE_UNSPECIFIED || model.dtype() == v1::FLOAT_TYPE_FLOAT32 ||
                              model.dtype() == v1::FLOAT_TYPE_BFLOAT16;
  if (!is_computed_in) {
    violations.Add("model.dtype", absl::StrCat("is ", model.dtype(), "; must be float32 or bfloat16"));
  } else if (ReadsFolder(spec) && model.dtype() != v1::FLOAT_TYPE_UNSPECIFIED) {
    violations.Add("model.dtype", absl::StrCat("is given; ", kAbsentForFolder));
  }
}

void CheckTokenFiles(const v1::DataSpec& data, ViolationList& violations) {
  if (data.tokens().empty() || data.tokens_size() > kMostTokenFiles) {
    violations.Add("data.tokens", absl::StrCat("has ", data.tokens_size(), " files; must have 1..", kMostTokenFiles));
    return;
  }
  absl::flat_hash_map<absl::string_view, int> first;
  for (int i = 0; i < data.tokens_size(); ++i) {
    const v1::TokenFileSpec& file = data.tokens(i);
    const std::string field = ElementPath("data.tokens", i);
    CheckPath(absl::StrCat(field, ".path"), file.path(), violations);
    if (!(file.weight() > 0 && file.weight() <= kMostWeight)) {
      violations.Add(
          absl::StrCat(field, ".weight"),
          absl::StrCat("is ", file.weight(), "; must be above 0 and at most ", static_cast<int64_t>(kMostWeight)));
    }
    const auto [earlier, inserted] = first.emplace(file.path(), i);
    if (!inserted) {
      violations.Add(absl::StrCat(field, ".path"),
                     absl::StrCat("is the same as ", ElementPath("data.tokens", earlier->second),
                                  ".path; files of a mixture must differ"));
    }
  }
}

void CheckTokens(const v1::SweepSpec& spec, ViolationList& violations) {
  const v1::DataSpec& data = spec.data();
  CheckTokenFiles(data, violations);
  violations.CheckRange<int64_t>("data.sequence_length", data.sequence_length(), 2, 1'048'576);
  const int64_t least_tokens = std::max<int64_t>(2, data.sequence_length());
  if (data.max_tokens() < least_tokens || data.max_tokens() > kMostTokens) {
    violations.Add("data.max_tokens", absl::StrCat("is ", data.max_tokens(), "; must be at least sequence_length (",
                                                   data.sequence_length(), ") and at most ", kMostTokens));
  }
  if (data.has_padding_token()) {
    violations.CheckRange<int64_t>("data.padding_token", data.padding_token(), 0, kMostTokenId);
  }
  const v1::ActivationSpec& activations = spec.activations();
  if (activations.exclude_first() < 0 || activations.exclude_first() >= std::max(2, data.sequence_length())) {
    violations.Add("activations.exclude_first",
                   absl::StrCat("is ", activations.exclude_first(), "; must be at least 0 and less than ",
                                "sequence_length (", data.sequence_length(), ")"));
  }
  if (!activations.path().empty()) {
    violations.Add("activations.path",
                   absl::StrCat("is ", Quoted(activations.path()), "; must be absent unless source is folder"));
  }
}

void CheckFolder(const v1::SweepSpec& spec, ViolationList& violations) {
  const v1::DataSpec& data = spec.data();
  const v1::ActivationSpec& activations = spec.activations();
  CheckPath("activations.path", activations.path(), violations);
  violations.CheckRange<int64_t>("data.max_tokens", data.max_tokens(), 0, kMostTokens);
  const auto must_be_absent = [&](absl::string_view field, bool is_there) {
    if (is_there) violations.Add(field, absl::StrCat("is given; ", kAbsentForFolder));
  };
  must_be_absent("data.tokens", !data.tokens().empty());
  must_be_absent("data.sequence_length", data.sequence_length() != 0);
  must_be_absent("data.padding_token", data.has_padding_token());
  must_be_absent("activations.exclude_first", activations.exclude_first() != 0);
  must_be_absent("activations.exclude_tokens", !activations.exclude_tokens().empty());
  must_be_absent("activations.cache", activations.has_cache());
}

void CheckExcludedTokens(const v1::ActivationSpec& activations, ViolationList& violations) {
  if (activations.exclude_tokens_size() > kMostExcludedTokens) {
    violations.Add("activations.exclude_tokens", absl::StrCat("has ", activations.exclude_tokens_size(),
                                                              " values; must have at most ", kMostExcludedTokens));
    return;
  }
  absl::flat_hash_map<int64_t, int> first;
  for (int i = 0; i < activations.exclude_tokens_size(); ++i) {
    const std::string field = ElementPath("activations.exclude_tokens", i);
    violations.CheckRange<int64_t>(field, activations.exclude_tokens(i), 0, kMostTokenId);
    const auto [earlier, inserted] = first.emplace(activations.exclude_tokens(i), i);
    if (!inserted) {
      violations.Add(field, absl::StrCat("is the same as ", ElementPath("activations.exclude_tokens", earlier->second),
                                         "; values of one list must differ"));
    }
  }
}

void CheckNormalization(const v1::ActivationSpec& activations, ViolationList& violations) {
  if (activations.normalize() != v1::NORMALIZATION_NONE && activations.normalize() != v1::NORMALIZATION_MEAN_SQUARE) {
    violations.Add("activations.normalize",
                   absl::StrCat("is ", activations.normalize(), "; must be none or mean_square"));
  }
  if (!activations.has_normalize_rows()) return;
  if (activations.normalize() == v1::NORMALIZATION_NONE) {
    violations.Add("activations.normalize_rows", absl::StrCat("is ", activations.normalize_rows(),
                                                              "; must be absent unless normalize is mean_square"));
  } else if (activations.normalize_rows() < 1 || activations.normalize_rows() > activations.shuffle_rows()) {
    violations.Add("activations.normalize_rows",
                   absl::StrCat("is ", activations.normalize_rows(), "; must be at least 1 and at most shuffle_rows (",
                                activations.shuffle_rows(), ")"));
  }
}

void CheckActivations(const v1::ActivationSpec& activations, ViolationList& violations) {
  violations.CheckRange<int64_t>("activations.shuffle_rows", activations.shuffle_rows(), 1, kMostRows);
  CheckExcludedTokens(activations, violations);
  if (!v1::FloatType_IsValid(activations.dtype())) {
    violations.Add("activations.dtype",
                   absl::StrCat("is ", activations.dtype(), "; must be float32, bfloat16 or float16"));
  }
  if (activations.source() != v1::ACTIVATION_SOURCE_MODEL && activations.source() != v1::ACTIVATION_SOURCE_FOLDER) {
    violations.Add("activations.source", absl::StrCat("is ", activations.source(), "; must be model or folder"));
  }
  if (activations.has_cache()) {
    CheckPath("activations.cache.dir", activations.cache().dir(), violations);
    if (activations.cache().max_bytes() < 1) {
      violations.Add("activations.cache.max_bytes",
                     absl::StrCat("is ", activations.cache().max_bytes(), "; must be at least 1"));
    }
  }
  CheckNormalization(activations, violations);
}

}  // namespace

void CheckStream(const v1::SweepSpec& spec, ViolationList& violations) {
  CheckModel(spec, violations);
  if (ReadsFolder(spec)) {
    CheckFolder(spec, violations);
  } else {
    CheckTokens(spec, violations);
  }
  if (spec.data().order() != v1::SEQUENCE_ORDER_SEQUENTIAL && spec.data().order() != v1::SEQUENCE_ORDER_SHUFFLED) {
    violations.Add("data.order", absl::StrCat("is ", spec.data().order(), "; must be sequential or shuffled"));
  }
  CheckActivations(spec.activations(), violations);
}

void CheckMixture(const v1::SweepSpec& spec, ViolationList& violations) {
  const StreamShape shape = ShapeOf(spec, std::nullopt);
  for (size_t i = 0; i < shape.sequences_by_file.size(); ++i) {
    if (shape.sequences_by_file[i] > 0) continue;
    const std::string field = absl::StrCat(ElementPath("data.tokens", static_cast<int64_t>(i)), ".weight");
    violations.Add(field, absl::StrCat("is ", spec.data().tokens(static_cast<int>(i)).weight(),
                                       "; must give the file at least one of the ", shape.sequences, " sequences"));
  }
}

}  // namespace seedbed
