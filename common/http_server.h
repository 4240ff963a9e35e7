// The HTTP side of every daemon: /metrics for Prometheus, /healthz for whoever supervises it, and pages for people.
#ifndef SEEDBED_COMMON_HTTP_SERVER_H_
#define SEEDBED_COMMON_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "prometheus/collectable.h"

namespace seedbed {

// Serves until destroyed. Handlers run on the server's own threads.
class HttpServer {
 public:
  // Everything under a path, for GET alone.
  struct Page {
    std::string prefix;  // "/report/"
    // HTML for what follows the prefix, decoded. Must be thread-safe. An error's message is answered as plain text:
    // NOT_FOUND with 404, INVALID_ARGUMENT with 400, all others with 503.
    std::function<absl::StatusOr<std::string>(const std::string& rest)> render;
  };

  struct Options {
    std::string host = "127.0.0.1";
    int port = 0;                                                   // 0 = a free one.
    std::vector<std::shared_ptr<prometheus::Collectable>> metrics;  // Of different names.
    // OK = 200 "ok"; anything else = 503 with the message. Must be thread-safe and quick.
    std::function<absl::Status()> health;
    std::vector<Page> pages;
  };

  // UNAVAILABLE, naming the address, when it can't be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(Options options);
  virtual ~HttpServer() = default;

  virtual int port() const = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_COMMON_HTTP_SERVER_H_
