// One rank of a group that takes part in two all-to-alls and then stops, as SIGSTOP stops it, or dies:
//   stopping_rank RANK WORLD_SIZE PORT stop|die
// Rank 0 prints the port that its store listens on; the others are given it.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "ATen/ops/zeros.h"
#include "absl/strings/str_cat.h"
#include "sae/collectives/collectives.h"

namespace {

int Run(int rank, int world_size, const std::string& port, bool dies) {
  seedbed::GroupOptions options;
  options.rank = rank;
  options.world_size = world_size;
  options.group_name = "test/1";
  options.timeout = absl::Seconds(60);
  options.rendezvous_address = absl::StrCat("127.0.0.1:", port);
  options.on_listening = [](int bound) {
    std::printf("%d\n", bound);
    std::fflush(stdout);
  };
  auto group = seedbed::JoinGroup(options);
  if (!group.ok()) return 1;
  const seedbed::TensorsByRank send(world_size, {at::zeros({1000, 8})});
  seedbed::TensorsByRank receive;
  for (int peer = 0; peer < world_size; ++peer) receive.push_back({at::zeros({1000, 8})});
  for (int step = 0; step < 2; ++step) {
    (*group)->SetPhase(absl::StrCat("step ", step));
    if (!(*group)->AllToAll(send, receive).ok()) return 1;
  }
  raise(dies ? SIGKILL : SIGSTOP);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc != 5) return 2;
  return Run(std::atoi(argv[1]), std::atoi(argv[2]), argv[3], std::string(argv[4]) == "die");
}
