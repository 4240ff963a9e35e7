// How ranks find each other, and what goes wrong there.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/collectives/collectives.h"
#include "tests/sae/collectives/rank_threads.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kShort = absl::Milliseconds(600);

TEST(JoinGroupTest, PeerThatNeverJoinsIsATimeout) {
  GroupOptions options;
  options.world_size = 2;
  options.join_timeout = kShort;
  int port = 0;
  options.on_listening = [&](int bound) { port = bound; };
  const JoinedGroup group = JoinGroup(options);
  EXPECT_EQ(group.status().code(), absl::StatusCode::kDeadlineExceeded) << group.status();
  EXPECT_THAT(std::string(group.status().message()), HasSubstr("rank 0: rendezvous"));
  EXPECT_GT(port, 0);
}

TEST(JoinGroupTest, StoreThatIsNotThereIsATimeoutNamingItsAddress) {
  GroupOptions options;
  options.rank = 1;
  options.world_size = 2;
  options.join_timeout = kShort;
  options.rendezvous_address = "127.0.0.1:1";
  const JoinedGroup group = JoinGroup(options);
  EXPECT_EQ(group.status().code(), absl::StatusCode::kDeadlineExceeded) << group.status();
  EXPECT_THAT(std::string(group.status().message()), HasSubstr("127.0.0.1:1"));
}

// Another address of the loopback network reaches a socket that listens on every interface.
TEST(JoinGroupTest, StoreListensOnNoOtherInterface) {
  GroupOptions options;
  options.world_size = 2;
  options.join_timeout = kShort;
  int connected = -1;
  options.on_listening = [&](int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, "127.0.0.2", &address.sin_addr);
    connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    close(fd);
  };
  EXPECT_FALSE(JoinGroup(options).ok());
  EXPECT_NE(connected, 0);
}

TEST(JoinGroupTest, HostThatIsNotOursIsNamed) {
  GroupOptions options;
  options.world_size = 2;
  options.rendezvous_host = "192.0.2.1";
  const JoinedGroup group = JoinGroup(options);
  EXPECT_EQ(group.status().code(), absl::StatusCode::kUnavailable) << group.status();
  EXPECT_THAT(std::string(group.status().message()), HasSubstr("rendezvous host 192.0.2.1"));
}

TEST(JoinGroupTest, BadAddressDeviceAndRankAreNamed) {
  GroupOptions options;
  options.rank = 1;
  options.world_size = 2;
  options.rendezvous_address = "nowhere";
  EXPECT_THAT(std::string(JoinGroup(options).status().message()), HasSubstr("rendezvous_address"));
  options.device = "tpu";
  EXPECT_THAT(std::string(JoinGroup(options).status().message()), HasSubstr("\"tpu\": allowed are cpu and cuda:N"));
  options.rank = 2;
  EXPECT_THAT(std::string(JoinGroup(options).status().message()), HasSubstr("rank 2 of world size 2"));
}

TEST(JoinGroupTest, OneRankNeedsNoNetworkAndNoGpu) {
  GroupOptions options;
  options.device = "cuda:7";
  const JoinedGroup group = JoinGroup(options);
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_EQ((*group)->world_size(), 1);
  EXPECT_EQ((*group)->device(), at::kCPU);
}

#ifndef USE_C10D_NCCL
TEST(JoinGroupTest, CudaWithoutNcclIsAFailedPrecondition) {
  GroupOptions options;
  options.world_size = 2;
  options.device = "cuda:0";
  const JoinedGroup group = JoinGroup(options);
  EXPECT_EQ(group.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(group.status().message()), HasSubstr("no NCCL"));
}
#endif

}  // namespace
}  // namespace seedbed
