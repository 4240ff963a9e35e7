#include "client/cli_results.h"

#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "client/agreement_tables.h"
#include "client/results.h"

namespace seedbed {
namespace {

void AddThreshold(CLI::App* command, std::optional<double>& threshold, const char* description) {
  command->add_option("--threshold", threshold, description)->check(CLI::Range(-1.0, 1.0));
}

void AddResults(CLI::App& app, const SharedOptions& shared) {
  const auto options = std::make_shared<ResultsOptions>();
  CLI::App* command = app.add_subcommand("results", "How far the dictionaries of a sweep agree");
  command->add_option("SWEEP", options->sweep_id, "Its id, as submit and list print it")->required();
  AddThreshold(command, options->threshold, "Another cosine from which a latent is shared; nothing is matched again");
  command->add_flag("--watch", options->watch, "Print agreements as they come, until all of the sweep are there");
  AddOutputFlags(command, options->output);
  command->callback([options, shared] {
    *shared.command = [options, shared](Console& console) {
      options->server = *shared.server;
      options->output = ResolveOutput(options->output, *shared.output);
      return RunResults(*options, console);
    };
  });
}

void AddCompare(CLI::App& app, const SharedOptions& shared) {
  const auto options = std::make_shared<CompareOptions>();
  CLI::App* command =
      app.add_subcommand("compare", "How far dictionaries of any finished runs agree, computed by the results service");
  command->add_option("RUN", options->run_ids, "Ids of runs, two or more")->required();
  AddThreshold(command, options->threshold, "Cosine at and above which a latent is shared; 0.7 if not given");
  command->add_option("--consensus-members", options->consensus_members,
                      "Makes a dictionary of the latents that so many have; 0 = none");
  AddOutputFlags(command, options->output);
  command->callback([options, shared] {
    *shared.command = [options, shared](Console& console) {
      options->server = *shared.server;
      options->output = ResolveOutput(options->output, *shared.output);
      return RunCompare(*options, console);
    };
  });
}

void AddLatents(CLI::App& app, const SharedOptions& shared) {
  const auto options = std::make_shared<LatentsOptions>();
  CLI::App* command = app.add_subcommand("latents", "How stable each latent of a sibling set is, as CSV");
  command->add_option("SET", options->sibling_set_id, "Id of a sibling set or a comparison")->required();
  command->add_option("--pair", options->pair, "Counterparts of the first of these dictionaries in the second, instead")
      ->expected(2);
  command->callback([options, shared] {
    *shared.command = [options, shared](Console& console) {
      options->server = *shared.server;
      return RunLatents(*options, console);
    };
  });
}

}  // namespace

void AddOutputFlags(CLI::App* command, AgreementOutput& output) {
  output.format = "";
  command->add_option("--format", output.format, "table, json or csv; what --output says if not given")
      ->check(CLI::IsMember({"table", "json", "csv"}));
  const std::vector<std::string> tables(std::begin(kAgreementTables), std::end(kAgreementTables));
  command
      ->add_option("--table", output.table, "Which table csv prints: pairs, curves, sharing_counts, unique_fractions")
      ->check(CLI::IsMember(tables))
      ->capture_default_str();
  command->add_option("--csv", output.csv_folder, "Folder for all tables as CSV, whatever is printed");
}

AgreementOutput ResolveOutput(const AgreementOutput& output, const std::string& global_output) {
  AgreementOutput resolved = output;
  if (resolved.format.empty()) resolved.format = global_output;
  return resolved;
}

void AddResultCommands(CLI::App& app, const SharedOptions& shared) {
  AddResults(app, shared);
  AddCompare(app, shared);
  AddLatents(app, shared);
}

}  // namespace seedbed
