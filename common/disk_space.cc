#include "common/disk_space.h"

#include <sys/statvfs.h>

#include <utility>

namespace seedbed {
namespace {

prometheus::MetricFamily GaugeFamily(const char* name, const char* help) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = prometheus::MetricType::Gauge;
  return family;
}

void AddGauge(prometheus::MetricFamily& family, const std::string& folder, double value) {
  prometheus::ClientMetric metric;
  metric.label = {{"folder", folder}};
  metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
}

}  // namespace

DiskSpace::DiskSpace(std::map<std::string, std::string> paths) : paths_(std::move(paths)) {}

std::vector<prometheus::MetricFamily> DiskSpace::Collect() const {
  prometheus::MetricFamily free =
      GaugeFamily("seedbed_disk_free_bytes", "Room left on the disk of a folder of this daemon, for users but root");
  prometheus::MetricFamily size = GaugeFamily("seedbed_disk_size_bytes", "Size of the disk of a folder of this daemon");
  for (const auto& [folder, path] : paths_) {
    struct statvfs disk = {};
    if (statvfs(path.c_str(), &disk) != 0) continue;
    const auto bytes = [&disk](fsblkcnt_t blocks) {
      return static_cast<double>(disk.f_frsize) * static_cast<double>(blocks);
    };
    AddGauge(free, folder, bytes(disk.f_bavail));
    AddGauge(size, folder, bytes(disk.f_blocks));
  }
  return {std::move(free), std::move(size)};
}

}  // namespace seedbed
