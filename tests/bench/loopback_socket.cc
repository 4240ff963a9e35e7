#include "tests/bench/loopback_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

namespace {

[[noreturn]] void Stop() {
  std::perror("exchange: loopback");
  std::exit(1);
}

int StopIfRefused(int result) {
  if (result < 0) Stop();
  return result;
}

// Of a read or a write; 0 where the other rank is gone.
size_t StopIfNoneMoved(ssize_t bytes) {
  if (bytes <= 0) Stop();
  return static_cast<size_t>(bytes);
}

}  // namespace

LoopbackSocket::LoopbackSocket(seedbed::Collectives& group) {
  sockaddr_in address = {};
  socklen_t length = sizeof address;
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const any_address = reinterpret_cast<sockaddr*>(&address);
  seedbed::OwnedFd first(StopIfRefused(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  if (group.rank() == 0) {
    StopIfRefused(bind(first.get(), any_address, length));
    StopIfRefused(listen(first.get(), 1));
    StopIfRefused(getsockname(first.get(), any_address, &length));
  }
  const auto ports = group.AllGatherBytes(std::to_string(ntohs(address.sin_port)));
  if (!ports.ok()) std::exit(1);
  if (group.rank() == 0) {
    fd_ = seedbed::OwnedFd(StopIfRefused(accept(first.get(), nullptr, nullptr)));
  } else {
    address.sin_port = htons(static_cast<uint16_t>(std::stoi(ports->front())));
    StopIfRefused(connect(first.get(), any_address, length));
    fd_ = std::move(first);
  }
  StopIfRefused(fcntl(fd_.get(), F_SETFL, O_NONBLOCK));
}

void LoopbackSocket::Swap(size_t bytes) {
  send_.resize(bytes);
  receive_.resize(bytes);
  for (size_t sent = 0, received = 0; sent < bytes || received < bytes;) {
    pollfd ready = {fd_.get(), 0, 0};
    if (received < bytes) ready.events |= POLLIN;
    if (sent < bytes) ready.events |= POLLOUT;
    StopIfRefused(poll(&ready, 1, -1));
    if ((ready.revents & POLLIN) != 0) {
      received += StopIfNoneMoved(read(fd_.get(), &receive_[received], bytes - received));
    }
    if ((ready.revents & POLLOUT) != 0) {
      sent += StopIfNoneMoved(write(fd_.get(), &send_[sent], bytes - sent));
    }
  }
}
