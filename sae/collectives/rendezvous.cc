#include "sae/collectives/rendezvous.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/daemon.h"
#include "common/status.h"
#include "common/subprocess.h"
#include "sae/collectives/c10d_status.h"
#include "torch/csrc/distributed/c10d/PrefixStore.hpp"
#include "torch/csrc/distributed/c10d/TCPStore.hpp"

namespace seedbed {
namespace {

constexpr int kListenBacklog = 1024;

struct Listener {
  OwnedFd fd;
  int port = 0;
};

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

absl::StatusOr<AddressList> Resolve(const std::string& host) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), "0", &hints, &found); error != 0) {
    return absl::UnavailableError(absl::StrCat("rendezvous host ", host, ": ", gai_strerror(error)));
  }
  return AddressList(found, &freeaddrinfo);
}

int BoundPort(int fd) {
  sockaddr_storage address = {};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  return address.ss_family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port)
                                       : ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

// The store would listen on every interface of the machine if it made its own socket.
absl::StatusOr<Listener> Listen(const std::string& host) {
  ASSIGN_OR_RETURN(const AddressList addresses, Resolve(host));
  OwnedFd fd(socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid() || bind(fd.get(), addresses->ai_addr, addresses->ai_addrlen) != 0 ||
      listen(fd.get(), kListenBacklog) != 0) {
    return absl::UnavailableError(ErrnoStatus(errno, absl::StrCat("rendezvous host ", host, ": bind")).message());
  }
  const int port = BoundPort(fd.get());
  return Listener{std::move(fd), port};
}

absl::StatusOr<c10::intrusive_ptr<c10d::TCPStore>> OpenStore(const std::string& host, const GroupOptions& options,
                                                             c10d::TCPStoreOptions store_options) {
  store_options.numWorkers = options.world_size;
  store_options.waitWorkers = false;
  c10::intrusive_ptr<c10d::TCPStore> store;
  RETURN_IF_ERROR(
      CatchC10d("rendezvous", options.rank, [&] { store = c10::make_intrusive<c10d::TCPStore>(host, store_options); }));
  return store;
}

absl::StatusOr<c10::intrusive_ptr<c10d::TCPStore>> ServeStore(const GroupOptions& options, absl::Duration deadline) {
  ASSIGN_OR_RETURN(Listener listener, Listen(options.rendezvous_host));
  c10d::TCPStoreOptions store_options;
  store_options.isServer = true;
  store_options.port = static_cast<uint16_t>(listener.port);
  store_options.timeout = TimeLeft(deadline);
  // The store takes the socket over, also where it fails.
  store_options.masterListenFd = dup(listener.fd.get());
  ASSIGN_OR_RETURN(auto store, OpenStore(options.rendezvous_host, options, store_options));
  if (options.on_listening) options.on_listening(listener.port);
  return store;
}

absl::StatusOr<c10::intrusive_ptr<c10d::TCPStore>> ReachStore(const GroupOptions& options, absl::Duration deadline) {
  ASSIGN_OR_RETURN(const HostPort address, ParseHostPort("rendezvous_address", options.rendezvous_address));
  c10d::TCPStoreOptions store_options;
  store_options.port = static_cast<uint16_t>(address.port);
  store_options.timeout = TimeLeft(deadline);
  absl::StatusOr<c10::intrusive_ptr<c10d::TCPStore>> store = OpenStore(address.host, options, store_options);
  if (!store.ok()) return Annotate(store.status(), absl::StrCat("rendezvous at ", options.rendezvous_address));
  return store;
}

}  // namespace

std::chrono::milliseconds TimeLeft(absl::Duration deadline) {
  return absl::ToChronoMilliseconds(std::max(deadline - Clock::Real()->Monotonic(), absl::Milliseconds(1)));
}

absl::StatusOr<c10::intrusive_ptr<c10d::Store>> JoinStore(const GroupOptions& options, absl::Duration deadline) {
  ASSIGN_OR_RETURN(auto store, options.rank == 0 ? ServeStore(options, deadline) : ReachStore(options, deadline));
  RETURN_IF_ERROR(CatchC10d("rendezvous", options.rank, [&] {
    store->setTimeout(TimeLeft(deadline));
    store->waitForWorkers();
  }));
  return c10::intrusive_ptr<c10d::Store>(c10::make_intrusive<c10d::PrefixStore>(options.group_name, std::move(store)));
}

}  // namespace seedbed
