#include "proto/rpc/endpoint.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "proto/rpc/status.h"
#include "seedbed/v1/coordinator.grpc.pb.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

constexpr char kServing[] = "\x08\x01";
constexpr char kNotServing[] = "\x08\x02";

// Answers every submission with the same status.
class RefusingService final : public v1::SweepService::Service {
 public:
  explicit RefusingService(absl::Status status) : status_(std::move(status)) {}
  grpc::Status SubmitSweep(grpc::ServerContext*, const v1::SubmitSweepRequest*, v1::SubmitSweepResponse*) override {
    return ToGrpcStatus(status_);
  }

 private:
  const absl::Status status_;
};

absl::Status Submit(int port, const v1::SubmitSweepRequest& request = {}, absl::Duration timeout = absl::Seconds(10)) {
  const auto stub = v1::SweepService::NewStub(MakeChannel(absl::StrCat("127.0.0.1:", port)));
  grpc::ClientContext context;
  SetDeadline(context, timeout);
  v1::SubmitSweepResponse response;
  return FromGrpcStatus(stub->SubmitSweep(&context, request, &response));
}

// A socket that the kernel connects to and that nobody answers on.
class SilentListener {
 public:
  SilentListener() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentListener() { close(fd_); }
  int port() const { return port_; }

 private:
  const int fd_;
  int port_ = 0;
};

// The serialized grpc.health.v1.HealthCheckResponse for the whole server.
std::string Health(int port) {
  grpc::GenericStub stub(MakeChannel(absl::StrCat("127.0.0.1:", port)));
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(10));
  const grpc::Slice of_whole_server(std::string("\x0A\x00", 2));
  grpc::CompletionQueue queue;
  const auto call =
      stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::ByteBuffer(&of_whole_server, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (!status.ok()) return status.error_message();
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(response.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

TEST(RpcServerTest, APortThatIsTakenIsRefusedAndNamed) {
  const auto first = RpcServer::Start("127.0.0.1", 0, {});
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = RpcServer::Start("127.0.0.1", (*first)->port(), {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(absl::StrCat("127.0.0.1:", (*first)->port())));
}

TEST(RpcServerTest, ThePortIsFreeAgainAfterwards) {
  int port = 0;
  {
    const auto first = RpcServer::Start("127.0.0.1", 0, {});
    port = (*first)->port();
  }
  EXPECT_TRUE(RpcServer::Start("127.0.0.1", port, {}).ok());
}

TEST(RpcServerTest, GrpcItselfPrintsNothing) {
  const auto first = RpcServer::Start("127.0.0.1", 0, {});
  testing::internal::CaptureStderr();
  EXPECT_FALSE(RpcServer::Start("127.0.0.1", (*first)->port(), {}).ok());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(RpcServerTest, AnAddressThatIsNotOursIsRefused) {
  EXPECT_EQ(RpcServer::Start("192.0.2.1", 0, {}).status().code(), absl::StatusCode::kUnavailable);
}

TEST(RpcServerTest, TheHealthServiceAnswers) {
  const auto server = RpcServer::Start("127.0.0.1", 0, {});
  ASSERT_TRUE(server.ok());
  EXPECT_EQ(Health((*server)->port()), kServing);
  (*server)->SetHealthy(false);
  EXPECT_EQ(Health((*server)->port()), kNotServing);
  (*server)->SetHealthy(true);
  EXPECT_EQ(Health((*server)->port()), kServing);
}

TEST(RpcServerTest, ShutdownEndsCallsAndMayBeRepeated) {
  const auto server = RpcServer::Start("127.0.0.1", 0, {});
  (*server)->Shutdown(absl::Milliseconds(100));
  (*server)->Shutdown(absl::Milliseconds(100));
  EXPECT_EQ(Submit((*server)->port()).code(), absl::StatusCode::kUnavailable);
}

TEST(EndpointTest, FieldViolationsCrossTheBorder) {
  RefusingService service(FieldViolationsError({{"spec.name", "is empty"}}));
  const auto server = RpcServer::Start("127.0.0.1", 0, {&service});
  const absl::Status status = Submit((*server)->port());
  EXPECT_EQ(status.message(), "spec.name: is empty");
  ASSERT_EQ(GetFieldViolations(status).size(), 1u);
  EXPECT_EQ(GetFieldViolations(status)[0].field, "spec.name");
}

TEST(EndpointTest, TheLongestErrorStillArrives) {
  std::vector<FieldViolation> many;
  for (int i = 0; i < 500; ++i) many.push_back({std::string(500, 'f'), std::string(5000, '%')});
  RefusingService service(FieldViolationsError(many));
  const auto server = RpcServer::Start("127.0.0.1", 0, {&service});
  const absl::Status status = Submit((*server)->port());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(GetFieldViolations(status).size(), kMaxViolations);
}

TEST(EndpointTest, AMessageOverTheLimitIsRefusedAndTheServerGoesOn) {
  RefusingService service(absl::AlreadyExistsError("taken"));
  const auto server = RpcServer::Start("127.0.0.1", 0, {&service});
  v1::SubmitSweepRequest request;
  request.set_idempotency_key(std::string(kMaxMessageBytes + 1, 'x'));
  EXPECT_EQ(Submit((*server)->port(), request).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Submit((*server)->port()).code(), absl::StatusCode::kAlreadyExists);
}

TEST(EndpointTest, NobodyThereIsUnavailableAndADeadlineEndsTheWait) {
  int port = 0;
  {
    const auto server = RpcServer::Start("127.0.0.1", 0, {});
    port = (*server)->port();
  }
  EXPECT_EQ(Submit(port).code(), absl::StatusCode::kUnavailable);
}

TEST(ChannelTest, AServerThatIsSlowToAnswerTheConnectionIsWaitedFor) {
  const SilentListener listener;
  // UNAVAILABLE would mean that the connection was given up before.
  EXPECT_EQ(Submit(listener.port(), {}, absl::Milliseconds(500)).code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace seedbed
