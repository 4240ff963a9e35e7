// A sweep file, as a user writes it.
#include "client/sweep_file.h"

#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string contents(seedbed::AsText(data, size));
  const auto sweep = seedbed::ParseSweepFile("sweep.yaml", contents, "/folder");
  if (!sweep.ok()) seedbed::RequireNamesFile(sweep.status(), "sweep.yaml:");
  if (sweep.ok()) seedbed::Require(sweep->spec.SerializeAsString().size() > 0, "an empty sweep");
  return 0;
}
