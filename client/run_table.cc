#include "client/run_table.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/format.h"
#include "client/table.h"

namespace seedbed {
namespace {

constexpr auto kRight = Table::Align::kRight;

bool AnyEvaluated(const v1::ListRunsResponse& response) {
  return std::any_of(response.runs().begin(), response.runs().end(),
                     [](const v1::Run& run) { return run.result().has_evaluation(); });
}

void AddMetricsColumns(bool evaluated, std::vector<Table::Column>& columns) {
  for (const char* heading : {"FVU", "L0", "LOSS", "DEAD %"}) columns.push_back({heading, kRight});
  if (!evaluated) return;
  for (const char* heading : {"HELD-OUT FVU", "LOSS RECOVERED %"}) columns.push_back({heading, kRight});
}

void AddMetricsCells(const v1::Run& run, bool evaluated, std::vector<std::string>& cells) {
  const v1::RunMetrics& metrics = LatestMetrics(run);
  if (run.has_result() || run.progress().step() > 0) {
    cells.insert(cells.end(), {FormatFixed(metrics.fvu(), 4), FormatL0(run), FormatFixed(metrics.loss(), 4),
                               FormatFixed(100 * metrics.dead_fraction(), 1)});
  } else {
    cells.insert(cells.end(), 4, "-");
  }
  if (!evaluated) return;
  const v1::EvaluationMetrics& held_out = run.result().evaluation();
  const bool has = run.result().has_evaluation();
  cells.push_back(has ? FormatFixed(held_out.fvu(), 4) : "-");
  cells.push_back(has ? FormatFixed(100 * held_out.loss_recovered_zero(), 1) : "-");
}

std::string StepText(const v1::Run& run) {
  if (run.has_result()) return FormatCount(run.result().steps());
  if (run.progress().total_steps() == 0) return "-";
  return absl::StrCat(FormatCount(run.progress().step()), "/", FormatCount(run.progress().total_steps()));
}

std::string Remark(const v1::Run& run) {
  if (run.has_result()) return run.result().dictionary().path();
  const std::string failure = run.has_failure() ? FormatFailure(run.failure()) : "";
  const bool goes_on = run.state() == v1::RUN_STATE_TRAINING && run.progress().resumed_step() > 0;
  if (!goes_on) return failure;
  // The failure is that of the attempt before.
  return absl::StrCat("resumed at step ", FormatCount(run.progress().resumed_step()),
                      failure.empty() ? "" : absl::StrCat(" after ", failure));
}

std::string MissedTargets(const v1::ListRunsResponse& response) {
  std::string text;
  for (const v1::Run& run : response.runs()) {
    if (!run.result().target_l0_missed()) continue;
    absl::StrAppend(&text, "TARGET L0 MISSED: run ", run.run_id(), " (", FormatSae(run.sae()), ", seed ",
                    run.sae().seed(), ") came to ", FormatFixed(run.result().reached_l0(), 1), "\n");
  }
  return text;
}

}  // namespace

std::string FormatRuns(const v1::ListRunsResponse& response) {
  const bool evaluated = AnyEvaluated(response);
  std::vector<Table::Column> columns = {{"RUN"},         {"HOOKPOINT"},    {"ARCHITECTURE"}, {"LATENTS", kRight},
                                        {"SPARSITY"},    {"SEED", kRight}, {"STATE"},        {"ATTEMPT", kRight},
                                        {"STEP", kRight}};
  AddMetricsColumns(evaluated, columns);
  columns.insert(columns.end(), {{"BATCHES"}, {"EXPORT OR FAILURE"}});
  Table table(std::move(columns));
  for (const v1::Run& run : response.runs()) {
    const v1::SaeSpec& sae = run.sae();
    std::vector<std::string> cells = {
        run.run_id(),        FormatHookpoint(sae),     FormatArchitecture(sae),  FormatCount(sae.latents()),
        FormatSparsity(sae), absl::StrCat(sae.seed()), FormatState(run.state()), absl::StrCat(run.attempt()),
        StepText(run)};
    AddMetricsCells(run, evaluated, cells);
    cells.push_back(run.has_result() ? run.result().batch_hash().substr(0, 8) : "-");
    cells.push_back(Remark(run));
    table.AddRow(std::move(cells));
  }
  return table.ToString();
}

std::string FormatExports(const v1::ListRunsResponse& response) {
  const bool evaluated = AnyEvaluated(response);
  std::vector<Table::Column> columns = {{"RUN"}, {"SEED", kRight}};
  AddMetricsColumns(evaluated, columns);
  columns.push_back({"EXPORT"});
  Table table(std::move(columns));
  int rows = 0;
  for (const v1::Run& run : response.runs()) {
    if (run.state() != v1::RUN_STATE_SUCCEEDED) continue;
    std::vector<std::string> cells = {run.run_id(), absl::StrCat(run.sae().seed())};
    AddMetricsCells(run, evaluated, cells);
    cells.push_back(run.result().dictionary().path());
    table.AddRow(std::move(cells));
    ++rows;
  }
  return rows == 0 ? "" : absl::StrCat(table.ToString(), MissedTargets(response));
}

}  // namespace seedbed
