// How much room is left where a daemon keeps its data, for /metrics (docs/metrics.md).
#ifndef SEEDBED_COMMON_DISK_SPACE_H_
#define SEEDBED_COMMON_DISK_SPACE_H_

#include <map>
#include <string>
#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace seedbed {

// seedbed_disk_free_bytes and seedbed_disk_size_bytes, read at each scrape. Free is what a user who is not root may
// still write. Thread-safe.
class DiskSpace final : public prometheus::Collectable {
 public:
  // Label value ("artifacts") to a path on that disk. A path that can't be looked at has no series.
  explicit DiskSpace(std::map<std::string, std::string> paths);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::map<std::string, std::string> paths_;
};

}  // namespace seedbed

#endif  // SEEDBED_COMMON_DISK_SPACE_H_
