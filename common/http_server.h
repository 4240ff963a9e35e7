// The HTTP side of every daemon: /metrics for Prometheus and /healthz for whoever supervises it.
#ifndef SEEDBED_COMMON_HTTP_SERVER_H_
#define SEEDBED_COMMON_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "prometheus/collectable.h"

namespace seedbed {

// Serves until destroyed. Handlers run on the server's own threads.
class HttpServer {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    int port = 0;  // 0 = a free one.
    std::shared_ptr<prometheus::Collectable> metrics;
    // OK = 200 "ok"; anything else = 503 with the message. Must be thread-safe and quick.
    std::function<absl::Status()> health;
  };

  // UNAVAILABLE, naming the address, when it can't be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(Options options);
  virtual ~HttpServer() = default;

  virtual int port() const = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_COMMON_HTTP_SERVER_H_
