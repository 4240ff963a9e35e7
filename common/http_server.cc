#include "common/http_server.h"

#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "civetweb.h"
#include "prometheus/text_serializer.h"

namespace seedbed {
namespace {

constexpr char kPlainText[] = "text/plain; charset=utf-8";

void Respond(mg_connection* connection, int code, const char* reason, const char* type, const std::string& body) {
  mg_printf(connection, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", code,
            reason, type, body.size());
  mg_write(connection, body.data(), body.size());
}

void RespondError(mg_connection* connection, const absl::Status& status) {
  const std::string body = absl::StrCat(status.message(), "\n");
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return Respond(connection, 404, "Not Found", kPlainText, body);
    case absl::StatusCode::kInvalidArgument:
      return Respond(connection, 400, "Bad Request", kPlainText, body);
    default:
      return Respond(connection, 503, "Service Unavailable", kPlainText, body);
  }
}

class CivetHttpServer final : public HttpServer {
 public:
  explicit CivetHttpServer(Options options) : options_(std::move(options)) {}
  ~CivetHttpServer() override {
    if (context_ == nullptr) return;
    // civetweb looks whether it is to stop when a connection comes, and otherwise every 2 s.
    absl::Notification stopped;
    std::thread knocker([&] {
      do {
        Knock();
      } while (!stopped.WaitForNotificationWithTimeout(absl::Milliseconds(10)));
    });
    mg_stop(context_);
    stopped.Notify();
    knocker.join();
  }

  absl::Status Listen() {
    const std::string address = absl::StrCat(options_.host, ":", options_.port);
    const char* settings[] = {"listening_ports",    address.c_str(), "num_threads", "2",
                              "request_timeout_ms", "10000",         nullptr};
    mg_callbacks callbacks = {};
    callbacks.log_message = [](const mg_connection*, const char*) { return 1; };  // Ours names the address.
    context_ = mg_start(&callbacks, nullptr, settings);
    if (context_ == nullptr) {
      return absl::UnavailableError(absl::StrCat("can't listen on http://", address, ": is the port taken?"));
    }
    mg_server_port bound = {};
    if (mg_get_server_ports(context_, 1, &bound) != 1) return absl::InternalError("no HTTP port was bound");
    port_ = bound.port;
    mg_set_request_handler(context_, "/metrics$", &HandleMetrics, this);
    mg_set_request_handler(context_, "/healthz$", &HandleHealth, this);
    for (const Page& page : options_.pages) {
      mg_set_request_handler(context_, absl::StrCat(page.prefix, "**").c_str(), &HandlePage,
                             const_cast<Page*>(&page));  // Only read.
    }
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  void Knock() const {
    absl::string_view host = options_.host;
    if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
    char ignored[128];
    mg_connection* connection = mg_connect_client(std::string(host).c_str(), port_, 0, ignored, sizeof ignored);
    if (connection != nullptr) mg_close_connection(connection);
  }

  static int HandleMetrics(mg_connection* connection, void* self) {
    const Options& options = static_cast<CivetHttpServer*>(self)->options_;
    std::string body;
    for (const auto& metrics : options.metrics) body += prometheus::TextSerializer().Serialize(metrics->Collect());
    Respond(connection, 200, "OK", "text/plain; version=0.0.4; charset=utf-8", body);
    return 1;
  }

  static int HandleHealth(mg_connection* connection, void* self) {
    const Options& options = static_cast<CivetHttpServer*>(self)->options_;
    const absl::Status health = options.health ? options.health() : absl::OkStatus();
    if (health.ok()) {
      Respond(connection, 200, "OK", kPlainText, "ok\n");
    } else {
      RespondError(connection, absl::UnavailableError(health.message()));
    }
    return 1;
  }

  static int HandlePage(mg_connection* connection, void* of) {
    const Page& page = *static_cast<const Page*>(of);
    const mg_request_info* request = mg_get_request_info(connection);
    if (absl::string_view(request->request_method) != "GET") {
      Respond(connection, 405, "Method Not Allowed", kPlainText, "only GET is answered\n");
      return 1;
    }
    const absl::string_view path = request->local_uri;
    const absl::StatusOr<std::string> body = page.render(std::string(absl::StripPrefix(path, page.prefix)));
    if (body.ok()) {
      Respond(connection, 200, "OK", "text/html; charset=utf-8", *body);
    } else {
      RespondError(connection, body.status());
    }
    return 1;
  }

  const Options options_;
  mg_context* context_ = nullptr;
  int port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(Options options) {
  auto server = std::make_unique<CivetHttpServer>(std::move(options));
  if (absl::Status status = server->Listen(); !status.ok()) return status;
  return server;
}

}  // namespace seedbed
