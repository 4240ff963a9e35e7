#include "client/agreement_output.h"

#include "client/agreement_tables.h"
#include "common/file.h"
#include "common/status.h"

namespace seedbed {

absl::Status WriteAgreementTables(const AgreementOutput& output, const std::vector<v1::Agreement>& agreements,
                                  Console& console) {
  const auto tables = AgreementTables(agreements);
  if (!output.csv_folder.empty()) {
    RETURN_IF_ERROR(MakeFolders(output.csv_folder));
    for (const auto& [name, table] : tables) {
      RETURN_IF_ERROR(WriteFileDurably(JoinPath(output.csv_folder, name + ".csv"), table));
    }
  }
  if (output.format == "csv") *console.out << tables.at(output.table);
  return absl::OkStatus();
}

}  // namespace seedbed
