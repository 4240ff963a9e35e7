// seedbed-convert: writes the dictionary of one folder as another folder. Exit codes: those of RunTool.
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "common/status.h"
#include "sae/checkpoint/conversion.h"
#include "sae/checkpoint/dictionary_format.h"
#include "worker/tool/tool_main.h"

namespace seedbed {
namespace {

struct Flags {
  std::string format;
  std::string output;
  std::string source;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--format", flags.format,
                 "Export to another library: sparsify or saelens; not given = a folder of ours");
  app.add_option("-o,--output", flags.output, "Folder to write; must not exist yet")->required();
  app.add_option("DIR", flags.source, "Folder of a dictionary: ours, sparsify's or SAELens'")->required();
}

absl::Status Convert(const Flags& flags) {
  if (flags.format.empty()) return ImportFolder(flags.source, flags.output);
  absl::StatusOr<DictionaryFormat> format = ParseDictionaryFormat(flags.format);
  if (!format.ok()) return Annotate(format.status(), "--format");
  return ExportFolder(flags.source, *format, flags.output);
}

int Main(int argc, char** argv) {
  CLI::App app("Converts a folder of a sparse dictionary to another library's format, or to ours.", "seedbed-convert");
  Flags flags;
  AddFlags(app, flags);
  return RunTool(app, argc, argv, [&flags] { return Convert(flags); });
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) { return seedbed::Main(argc, argv); }
