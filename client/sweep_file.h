// Sweep files: YAML in, SweepSpec out, and where each key stands, so that errors can point at it.
#ifndef SEEDBED_CLIENT_SWEEP_FILE_H_
#define SEEDBED_CLIENT_SWEEP_FILE_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "seedbed/v1/sweep.pb.h"

namespace seedbed {

struct SweepFile {
  std::string path;  // As errors call it.
  seedbed::v1::SweepSpec spec;
  std::map<std::string, int> lines;  // "sae.k" and "sae.k[1]" to their lines, from 1.
};

// Strict: a key that is unknown, missing or given twice, a wrong type and a value out of range are INVALID_ARGUMENT
// with a message of one line, "FILE:LINE: KEY: found X; allowed Y". Relative paths in the file are taken from
// `folder`, an absolute path, and come out absolute. Defaults are left to the coordinator.
absl::StatusOr<SweepFile> ParseSweepFile(const std::string& path, const std::string& contents,
                                         const std::string& folder);

// Reads the file; relative paths in it are taken from the folder that it lies in.
absl::StatusOr<SweepFile> LoadSweepFile(const std::string& path);

// An error of the coordinator's in the words of the file: where it names fields of the spec, each is given with the
// file and, where known, its line. Any other error comes back as it is.
absl::Status InTermsOfFile(const SweepFile& file, const absl::Status& error);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_SWEEP_FILE_H_
