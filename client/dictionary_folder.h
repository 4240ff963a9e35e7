// Where a dictionary lies that a user names.
#ifndef SEEDBED_CLIENT_DICTIONARY_FOLDER_H_
#define SEEDBED_CLIENT_DICTIONARY_FOLDER_H_

#include <string>

#include "absl/status/statusor.h"

namespace seedbed {

// `source` itself where it is a folder or has a slash, which no run's id has. Otherwise it is a run's id, also with
// "run:" before it: the folder of that run's dictionary, as the coordinator at `server` (HOST:PORT) knows it, or, on a
// machine that does not see it, DOWNLOADS/RUN, which the files are fetched into from the results service. Errors:
// NOT_FOUND for an unknown run, FAILED_PRECONDITION for one that has no dictionary, what the coordinator answered, as
// DownloadArtifact.
absl::StatusOr<std::string> DictionaryFolder(const std::string& source, const std::string& server,
                                             const std::string& downloads);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_DICTIONARY_FOLDER_H_
