#include "sae/checkpoint/run_facts.h"

#include <limits>

#include "common/status.h"

namespace seedbed {
namespace {

absl::Status ReadText(const JsonObject& object, const std::string& field, std::string* text) {
  if (!object.Has(field)) return absl::OkStatus();
  ASSIGN_OR_RETURN(*text, object.String(field));
  return absl::OkStatus();
}

absl::Status ReadTraining(const JsonObject& object, RunFacts* facts) {
  RETURN_IF_ERROR(ReadText(object, "hookpoint", &facts->hookpoint));
  RETURN_IF_ERROR(ReadText(object, "target_hookpoint", &facts->target_hookpoint));
  return ReadText(object, "convention", &facts->convention);
}

std::string LastComponent(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return path;
  const size_t slash = path.find_last_of('/', end);
  return path.substr(slash == std::string::npos ? 0 : slash + 1, slash == std::string::npos ? end + 1 : end - slash);
}

absl::Status ReadStream(const JsonObject& stream, RunFacts* facts) {
  RETURN_IF_ERROR(ReadText(stream, "model_path", &facts->model));
  facts->model = LastComponent(facts->model);
  RETURN_IF_ERROR(ReadText(stream, "model_fingerprint", &facts->model_fingerprint));
  RETURN_IF_ERROR(ReadText(stream, "tokens_sha256", &facts->tokens_sha256));
  if (stream.Has("sequence_length")) {
    ASSIGN_OR_RETURN(facts->sequence_length, stream.Integer("sequence_length", 1, std::numeric_limits<int64_t>::max()));
  }
  if (!stream.Has("tokens")) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<JsonObject> files, stream.ObjectList("tokens"));
  for (const JsonObject& file : files) {
    ASSIGN_OR_RETURN(std::string path, file.String("path"));
    facts->token_files.push_back(std::move(path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RunFacts> ReadRunFacts(const JsonObject& facts) {
  RunFacts read;
  RETURN_IF_ERROR(ReadText(facts, "run_id", &read.run_id));
  RETURN_IF_ERROR(ReadText(facts, "batch_hash", &read.batch_hash));
  if (facts.Has("seed")) {
    ASSIGN_OR_RETURN(read.seed, facts.Unsigned("seed"));
  }
  if (facts.Has("training")) {
    ASSIGN_OR_RETURN(const JsonObject training, facts.Object("training"));
    RETURN_IF_ERROR(ReadTraining(training, &read));
  }
  RETURN_IF_ERROR(ReadTraining(facts, &read));
  if (facts.Has("stream")) {
    ASSIGN_OR_RETURN(const JsonObject stream, facts.Object("stream"));
    RETURN_IF_ERROR(ReadStream(stream, &read));
  }
  for (const char* measured : {"metrics", "evaluation"}) {
    if (!facts.Has(measured)) continue;
    ASSIGN_OR_RETURN(const auto numbers, facts.Numbers(measured));
    for (const auto& [name, value] : numbers) {
      read.metrics[std::string(measured) == "metrics" ? name : "held-out " + name] = value;
    }
  }
  return read;
}

}  // namespace seedbed
