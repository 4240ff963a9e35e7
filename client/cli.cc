#include "client/cli.h"

#include <algorithm>
#include <functional>
#include <sstream>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/agree.h"
#include "client/cli_results.h"
#include "client/connection.h"
#include "client/control.h"
#include "client/convert.h"
#include "client/format.h"
#include "client/listings.h"
#include "client/report.h"
#include "client/submit.h"
#include "client/up.h"
#include "common/daemon.h"
#include "common/file.h"
#include "common/status.h"
#include "common/subprocess.h"

namespace seedbed {
namespace {

constexpr int kOtherFailure = 1;
constexpr int kBadInput = 2;

struct GlobalOptions {
  std::string server = kDefaultServer;
  std::string output = "table";
};

// Everything that the arguments fill, and what they ask for.
struct Invocation {
  GlobalOptions global;
  std::string sweep_id;
  std::string run_id;
  RunSelection selection;
  DrainOptions drain;
  QuotaOptions quota;
  std::string backup_file;
  SubmitOptions submit;
  UpOptions up;
  ConvertOptions convert;
  AgreeCommand agree;
  ReportOptions report;
  CLI::Option* http_port = nullptr;
  std::function<absl::Status(Console&)> command;
};

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kAlreadyExists:
      return kBadInput;
    default:
      return kOtherFailure;
  }
}

int Fail(Console& console, absl::string_view message, int exit_code) {
  *console.err << "seedbed: " << OneLine(message) << std::endl;
  return exit_code;
}

ListingOptions Listing(const Invocation& invocation) {
  return {invocation.global.server, invocation.global.output == "json"};
}

using Lister = absl::Status (*)(const ListingOptions&, Console&);
using SweepLister = absl::Status (*)(const ListingOptions&, const std::string&, Console&);

void AddLister(CLI::App& app, Invocation& invocation, const char* name, const char* description, Lister run) {
  app.add_subcommand(name, description)->callback([&invocation, run] {
    invocation.command = [&invocation, run](Console& console) { return run(Listing(invocation), console); };
  });
}

void AddSweepLister(CLI::App& app, Invocation& invocation, const char* name, const char* description, SweepLister run) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_option("SWEEP", invocation.sweep_id, "Its id, as submit and list print it")->required();
  command->callback([&invocation, run] {
    invocation.command = [&invocation, run](Console& console) {
      return run(Listing(invocation), invocation.sweep_id, console);
    };
  });
}

using RunChanger = absl::Status (*)(const ListingOptions&, const RunSelection&, Console&);

void AddRunChanger(CLI::App& app, Invocation& invocation, const char* name, const char* description, RunChanger run) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_option("SWEEP", invocation.selection.sweep_id, "Its id, as submit and list print it")->required();
  command->add_option("RUN", invocation.selection.run_ids, "Ids of some of its runs; all of it where none is given");
  command->callback([&invocation, run] {
    invocation.command = [&invocation, run](Console& console) {
      return run(Listing(invocation), invocation.selection, console);
    };
  });
}

void AddExplain(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("explain", "Why a run is not running, or where it runs");
  command->add_option("RUN", invocation.run_id, "Its id, as runs prints it")->required();
  command->callback([&invocation] {
    invocation.command = [&invocation](Console& console) {
      return RunExplain(Listing(invocation), invocation.run_id, console);
    };
  });
}

void AddDrain(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("drain", "Give a worker no more ranks; those that it has go on to their end");
  command->add_option("WORKER", invocation.drain.worker, "Its name, as workers prints it")->required();
  command->add_flag("--undo", invocation.drain.undo, "Give it ranks again");
  command->callback([&invocation] {
    invocation.command = [&invocation](Console& console) {
      return RunDrain(Listing(invocation), invocation.drain, console);
    };
  });
}

void AddQuota(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("quota", "Set how many slots a user may hold, and the user's share of them");
  command->add_option("USER", invocation.quota.user, "As scheduling.user of sweep files has it")->required();
  command->add_option("--most-slots", invocation.quota.most_slots, "At once; 0 = any number")->capture_default_str();
  command->add_option("--share", invocation.quota.share, "Of the slots, relative to other users' shares")
      ->capture_default_str();
  command->callback([&invocation] {
    invocation.command = [&invocation](Console& console) {
      return RunQuota(Listing(invocation), invocation.quota, console);
    };
  });
}

void AddBackUp(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("backup", "Copy the coordinator's event log while it serves");
  command->add_option("FILE", invocation.backup_file, "On the coordinator's machine; must not exist yet")->required();
  command->callback([&invocation] {
    invocation.command = [&invocation](Console& console) {
      return RunBackUp(Listing(invocation), invocation.backup_file, console);
    };
  });
}

void AddSubmit(CLI::App& app, Invocation& invocation) {
  SubmitOptions& options = invocation.submit;
  CLI::App* command = app.add_subcommand("submit", "Submit a sweep");
  command
      ->add_option("FILE", options.file,
                   "The sweep file; relative paths in it are taken from the folder that it lies in")
      ->required();
  command->add_flag("--wait", options.wait,
                    "Show progress until the runs have ended and are compared; fail unless all succeeded");
  command->add_flag("--dry-run", options.dry_run, "Check the sweep and print what it would train; submit nothing");
  command->add_option("--idempotency-key", options.idempotency_key,
                      "The same key and sweep again are the sweep that is there already [a random one]");
  command->callback([&invocation] {
    invocation.command = [&invocation](Console& console) {
      invocation.submit.server = invocation.global.server;
      invocation.submit.json = invocation.global.output == "json";
      return RunSubmit(invocation.submit, console);
    };
  });
}

void AddUp(CLI::App& app, Invocation& invocation) {
  UpOptions& options = invocation.up;
  CLI::App* command = app.add_subcommand("up", "Run everything on this machine, on loopback, until Ctrl-C");
  command->add_option("--dir", options.folder, "Where all data goes")->capture_default_str();
  command->add_option("--slots", options.slots, "What the worker offers, as in cpu:2")->capture_default_str();
  command->add_option("--threads-per-slot", options.threads_per_slot, "CPU threads of a rank [the worker's choice]")
      ->check(CLI::Range(1, 1024));
  command
      ->add_option("--port", options.port, "Of the coordinator, and the next one of the results service; 0 = free ones")
      ->capture_default_str();
  invocation.http_port = command
                             ->add_option("--http-port", options.http_port,
                                          "First of three for /metrics and /healthz; 0 = free ones, as with --port 0")
                             ->capture_default_str();
  command->callback([&invocation] {
    invocation.command = [&invocation](Console& console) {
      UpOptions up = invocation.up;
      if (up.port == 0 && invocation.http_port->empty()) up.http_port = 0;
      up.binaries = ExecutableFolder();
      return RunUp(up, console);
    };
  });
}

using Converter = absl::Status (*)(const ConvertOptions&, Console&);

// What export and import share.
void AddConverter(CLI::App* command, Invocation& invocation, const char* source, const char* description,
                  Converter run) {
  command->add_option(source, invocation.convert.source, description)->required();
  command->add_option("-o", invocation.convert.output, "The folder to write; must not exist yet")->required();
  command->callback([&invocation, run] {
    invocation.command = [&invocation, run](Console& console) {
      invocation.convert.server = invocation.global.server;
      invocation.convert.json = invocation.global.output == "json";
      invocation.convert.program = JoinPath(ExecutableFolder(), "seedbed-convert");
      return run(invocation.convert, console);
    };
  });
}

void AddExport(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("export", "Write a run's dictionary as another library's");
  command->add_option("--format", invocation.convert.format, "sparsify or saelens")
      ->check(CLI::IsMember({"sparsify", "saelens"}))
      ->required();
  AddConverter(command, invocation, "RUN|DIR", "The run's id, or the folder of a dictionary", &RunExport);
}

void AddImport(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("import", "Write a dictionary of sparsify or SAELens as one of ours");
  AddConverter(command, invocation, "DIR", "The folder that the library saved", &RunImport);
}

// Flags that seedbed-agree has under the same name.
void AddAgreeFlags(CLI::App* command, Invocation& invocation) {
  const auto pass = [&invocation](const char* flag) {
    return [&invocation, flag](const std::string& value) {
      invocation.agree.passed.insert(invocation.agree.passed.end(), {flag, value});
    };
  };
  command->add_option_function<std::string>("--threshold", pass("--threshold"),
                                            "Cosine at and above which a latent is shared, -1..1; 0.7 if not given");
  command->add_option_function<std::string>("--tables", pass("--tables"), "Folder for tables by latent, as CSV");
  command->add_option_function<std::string>(
      "--rows", pass("--rows"), "Safetensors with \"activations\" [rows, d], held out: adds how activations correlate");
  command->add_option_function<std::string>("--consensus", pass("--consensus"),
                                            "Folder for the latents that several have, as a dictionary");
  command->add_option_function<std::string>(
      "--consensus-members", pass("--consensus-members"),
      "In how many dictionaries such a latent is found, at least; 2 if not given");
  command->add_option_function<std::string>("--pairs", pass("--pairs"),
                                            "Folder that keeps every pair's matching, so that none is computed twice");
  command->add_option_function<std::string>("--threads", pass("--threads"), "CPU threads; all cores if not given");
  command->add_flag_callback(
      "--stability", [&invocation] { invocation.agree.passed.push_back("--stability"); },
      "Writes stability.csv into each dictionary's folder");
}

void AddAgree(CLI::App& app, Invocation& invocation) {
  CLI::App* command =
      app.add_subcommand("agree", "How far any dictionaries agree, whoever trained them; no server needed");
  command->add_option("RUN|DIR", invocation.agree.sources, "Ids of runs, or folders of ours, sparsify's or SAELens'")
      ->required();
  command->add_option("-o", invocation.agree.output, "File for the JSON");
  AddAgreeFlags(command, invocation);
  AddOutputFlags(command, invocation.agree.form);
  command->callback([&invocation] {
    invocation.command = [&invocation](Console& console) {
      invocation.agree.server = invocation.global.server;
      invocation.agree.form = ResolveOutput(invocation.agree.form, invocation.global.output);
      invocation.agree.program = JoinPath(ExecutableFolder(), "seedbed-agree");
      return RunAgreeCommand(invocation.agree, console);
    };
  });
}

void AddReport(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("report", "Write the figures and tables of sweeps as one HTML page");
  command->add_option("SWEEP", invocation.report.sweep_ids, "Their ids, as submit and list print them")->required();
  command->add_option("-o", invocation.report.output, "The file to write")->required();
  command->callback([&invocation] {
    invocation.command = [&invocation](Console& console) {
      invocation.report.server = invocation.global.server;
      invocation.report.json = invocation.global.output == "json";
      return RunReport(invocation.report, console);
    };
  });
}

void AddVersion(CLI::App& app, Invocation& invocation) {
  app.add_subcommand("version", "Print the version of this program")->callback([&invocation] {
    invocation.command = [&invocation](Console& console) {
      if (invocation.global.output == "json") {
        *console.out << "{\"version\": \"" SEEDBED_VERSION "\"}\n";
      } else {
        *console.out << "seedbed " SEEDBED_VERSION "\n";
      }
      return absl::OkStatus();
    };
  });
}

void Describe(CLI::App& app, Invocation& invocation) {
  app.name("seedbed");
  app.description("Trains sparse autoencoders that differ only in their seed and measures how far they agree.");
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--server", invocation.global.server, "HOST:PORT of the coordinator")
      ->envname("SEEDBED_SERVER")
      ->capture_default_str();
  app.add_option("--output", invocation.global.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  AddUp(app, invocation);
  AddSubmit(app, invocation);
  AddLister(app, invocation, "list", "Sweeps, newest first", &RunList);
  AddSweepLister(app, invocation, "get", "One sweep and its gangs", &RunGet);
  AddSweepLister(app, invocation, "runs", "The runs of a sweep", &RunRuns);
  AddLister(app, invocation, "workers", "Workers, their slots and what they do", &RunWorkers);
  AddExplain(app, invocation);
  AddRunChanger(app, invocation, "cancel", "Stop what runs of a sweep and drop what waits", &RunCancel);
  AddRunChanger(app, invocation, "pause", "Stop what runs of a sweep and hold it until it is resumed", &RunPause);
  AddRunChanger(app, invocation, "resume", "Let runs that are held go on", &RunResume);
  AddRunChanger(app, invocation, "retry", "Try runs that failed again", &RunRetry);
  AddDrain(app, invocation);
  AddLister(app, invocation, "users", "Users, their shares and the slots that they hold", &RunUsers);
  AddQuota(app, invocation);
  AddBackUp(app, invocation);
  AddExport(app, invocation);
  AddImport(app, invocation);
  AddAgree(app, invocation);
  AddResultCommands(app, {&invocation.global.server, &invocation.global.output, &invocation.command});
  AddReport(app, invocation);
  AddVersion(app, invocation);
}

}  // namespace

int RunCli(const std::vector<std::string>& arguments, Console& console) {
  CLI::App app;
  Invocation invocation;
  Describe(app, invocation);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them from the back.
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      return app.exit(error, *console.out, *console.err);
    }
    // CLI11 misses the command before it sees that a word stands where one should.
    const std::vector<std::string> unknown = app.remaining();
    const bool no_such_command = app.get_subcommands().empty() && !unknown.empty();
    return Fail(console,
                absl::StrCat(no_such_command ? absl::StrCat("no such command or option: ", unknown[0]) : error.what(),
                             "; see \"seedbed --help\""),
                kBadInput);
  }
  const auto server = ParseHostPort("--server", invocation.global.server);
  absl::Status status = server.status();
  if (status.ok()) status = invocation.command(console);
  return status.ok() ? 0 : Fail(console, status.message(), ExitCodeOf(status));
}

}  // namespace seedbed
