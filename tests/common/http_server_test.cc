#include "common/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "prometheus/registry.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

int ConnectTo(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

// Sends the bytes and gives all that comes back until the server closes.
std::string Exchange(int port, const std::string& request) {
  const int fd = ConnectTo(port);
  EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  shutdown(fd, SHUT_WR);
  std::string response;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = recv(fd, buffer, sizeof buffer, 0)) > 0) response.append(buffer, static_cast<size_t>(count));
  close(fd);
  return response;
}

std::string Get(int port, const std::string& path) {
  return Exchange(port, absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: x\r\n\r\n"));
}

TEST(HttpServerTest, APortThatIsTakenIsNamed) {
  const auto first = HttpServer::Start({});
  ASSERT_TRUE(first.ok()) << first.status();
  HttpServer::Options options;
  options.port = (*first)->port();
  const auto second = HttpServer::Start(options);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(absl::StrCat("127.0.0.1:", options.port)));
}

TEST(HttpServerTest, APortIsFreeOnceItsServerIsGone) {
  HttpServer::Options options;
  {
    const auto first = HttpServer::Start(options);
    ASSERT_TRUE(first.ok());
    options.port = (*first)->port();
  }
  EXPECT_TRUE(HttpServer::Start(options).ok());
}

TEST(HttpServerTest, HealthFollowsItsFunction) {
  std::atomic<bool> healthy{true};
  HttpServer::Options options;
  options.health = [&] { return healthy ? absl::OkStatus() : absl::UnavailableError("no session"); };
  const auto server = HttpServer::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT(Get((*server)->port(), "/healthz"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get((*server)->port(), "/healthz"), EndsWith("\r\n\r\nok\n"));
  healthy = false;
  EXPECT_THAT(Get((*server)->port(), "/healthz"), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(Get((*server)->port(), "/healthz"), EndsWith("\r\n\r\nno session\n"));
}

TEST(HttpServerTest, MetricsAreTheRegistrysNow) {
  HttpServer::Options options;
  auto registry = std::make_shared<prometheus::Registry>();
  options.metrics = {registry};
  auto& counter =
      prometheus::BuildCounter().Name("seedbed_test_total").Help("Of this test").Register(*registry).Add({});
  const auto server = HttpServer::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT(Get((*server)->port(), "/metrics"), HasSubstr("seedbed_test_total 0"));
  counter.Increment(2);
  const std::string response = Get((*server)->port(), "/metrics");
  EXPECT_THAT(response, HasSubstr("seedbed_test_total 2"));
  EXPECT_THAT(response, HasSubstr("# TYPE seedbed_test_total counter"));
  EXPECT_THAT(response, HasSubstr("Content-Type: text/plain; version=0.0.4"));
}

TEST(HttpServerTest, MetricsOfSeveralRegistriesAreOnePage) {
  HttpServer::Options options;
  for (const char* name : {"seedbed_first_total", "seedbed_second_total"}) {
    auto registry = std::make_shared<prometheus::Registry>();
    prometheus::BuildCounter().Name(name).Register(*registry).Add({});
    options.metrics.push_back(registry);
  }
  const auto server = HttpServer::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT(Get((*server)->port(), "/metrics"),
              AllOf(HasSubstr("seedbed_first_total 0"), HasSubstr("seedbed_second_total 0")));
}

TEST(HttpServerTest, WithoutRegistryAndHealthItStillAnswers) {
  const auto server = HttpServer::Start({});
  ASSERT_TRUE(server.ok());
  EXPECT_THAT(Get((*server)->port(), "/metrics"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get((*server)->port(), "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServerTest, ServesNothingElseAndSurvivesRubbish) {
  const auto server = HttpServer::Start({});
  ASSERT_TRUE(server.ok());
  const int port = (*server)->port();
  EXPECT_THAT(Get(port, "/"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Get(port, "/../../etc/passwd"), testing::Not(HasSubstr("root:")));
  EXPECT_THAT(Get(port, "/healthz/more"), StartsWith("HTTP/1.1 404"));
  Exchange(port, std::string("\0\xFF", 2) + "\n\r\n\r\n garbage");
  Exchange(port, "");
  EXPECT_THAT(Get(port, "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServerTest, PagesAreRenderedFromWhatFollowsTheirPrefix) {
  HttpServer::Options options;
  options.pages = {{"/greet/", [](const std::string& rest) -> absl::StatusOr<std::string> {
                      if (rest.empty()) return absl::InvalidArgumentError("no name");
                      if (rest == "nobody") return absl::NotFoundError("no such name");
                      if (rest == "broken") return absl::DataLossError("damaged");
                      return absl::StrCat("<p>", rest, "</p>");
                    }}};
  const auto server = HttpServer::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  const int port = (*server)->port();
  const std::string response = Get(port, "/greet/a%20b?c=d");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(response, HasSubstr("Content-Type: text/html; charset=utf-8"));
  EXPECT_THAT(response, EndsWith("\r\n\r\n<p>a b</p>"));
  EXPECT_THAT(Get(port, "/greet/"), StartsWith("HTTP/1.1 400"));
  const std::string missing = Get(port, "/greet/nobody");
  EXPECT_THAT(missing, StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(missing, EndsWith("\r\n\r\nno such name\n"));
  EXPECT_THAT(Get(port, "/greet/broken"), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(Get(port, "/gree"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Get(port, "/more/greet/x"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Exchange(port, "POST /greet/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
              StartsWith("HTTP/1.1 405"));
}

TEST(HttpServerTest, ALargePageComesWhole) {
  const std::string body(5'000'000, 'x');
  HttpServer::Options options;
  options.pages = {{"/large/", [&](const std::string&) { return body; }}};
  const auto server = HttpServer::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT(Get((*server)->port(), "/large/"), EndsWith(absl::StrCat("\r\n\r\n", body)));
}

TEST(HttpServerTest, AnswersManyAtOnce) {
  const auto server = HttpServer::Start({});
  ASSERT_TRUE(server.ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) EXPECT_THAT(Get((*server)->port(), "/healthz"), StartsWith("HTTP/1.1 200"));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace seedbed
