// Which rank of which attempt: RankKey as a value that can be compared, printed and used in a file name.
#ifndef SEEDBED_WORKER_DAEMON_RANK_ID_H_
#define SEEDBED_WORKER_DAEMON_RANK_ID_H_

#include <string>

#include "absl/status/status.h"
#include "seedbed/v1/worker.pb.h"

namespace seedbed {

struct RankId {
  std::string gang_id;
  int attempt = 0;
  int rank = 0;

  static RankId Of(const v1::RankKey& key);
  v1::RankKey ToKey() const;

  // "GANG-aATTEMPT-rRANK".
  std::string FileName() const;

  // INVALID_ARGUMENT unless the id can stand in a file name: gang_id is 1..128 characters of [A-Za-z0-9._-] that don't
  // begin with a dot, and the numbers are not negative.
  absl::Status Check() const;
};

bool operator==(const RankId& a, const RankId& b);
bool operator<(const RankId& a, const RankId& b);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_RANK_ID_H_
