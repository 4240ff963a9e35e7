// Writes a report: report_page_writer OUT.html [LIST.json]. Of the ListAgreementsResponse in LIST.json, which is what
// `seedbed results SWEEP --output json` prints; of a made-up sweep where none is given.
#include <stdio.h>

#include "common/file.h"
#include "google/protobuf/util/json_util.h"
#include "server/results/report/report_page.h"
#include "tests/server/results/report_fixtures.h"

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    fprintf(stderr, "usage: report_page_writer OUT.html [LIST.json]\n");
    return 2;
  }
  seedbed::v1::ListAgreementsResponse response = seedbed::MadeUpSweep();
  if (argc == 3) {
    response.Clear();
    const auto json = seedbed::ReadFile(argv[2]);
    if (!json.ok() || !google::protobuf::util::JsonStringToMessage(*json, &response).ok()) {
      fprintf(stderr, "%s: holds no ListAgreementsResponse\n", argv[2]);
      return 2;
    }
  }
  const absl::Status written = seedbed::WriteFileDurably(argv[1], seedbed::RenderReport({"s1"}, response, "1.2.3"));
  if (!written.ok()) fprintf(stderr, "%s\n", std::string(written.message()).c_str());
  return written.ok() ? 0 : 1;
}
