#include "tests/worker/trainer/checkpoint/gang_threads.h"

#include <unistd.h>

#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/status.h"
#include "gtest/gtest.h"
#include "proto/framing/framing.h"
#include "tests/sae/collectives/rank_threads.h"
#include "worker/trainer/gang_trainer.h"
#include "worker/trainer/message_sink.h"
#include "worker/trainer/trainer_plan.h"

namespace seedbed {
namespace {

struct Died {};

// Reads a rank's messages until it ends. `port`: of rank 0, which is told in any case; null of another.
std::vector<v1::RankMessage> ReadMessages(int fd, std::promise<int>* port) {
  FrameReader reader;
  bool is_told = port == nullptr;
  std::vector<v1::RankMessage> messages;
  char buffer[4096];
  for (ssize_t count = 0; (count = read(fd, buffer, sizeof buffer)) > 0;) {
    reader.Append(absl::string_view(buffer, static_cast<size_t>(count)));
    v1::RankMessage message;
    while (reader.Next(&message).value()) {
      messages.push_back(message);
      if (!message.has_rendezvous_ready() || is_told) continue;
      port->set_value(message.rendezvous_ready().port());
      is_told = true;
    }
  }
  if (!is_told) port->set_value(0);
  return messages;
}

absl::Status TrainAs(const v1::TrainerSpec& spec, MessageSink* sink, Death death, int64_t dies_after) {
  ASSIGN_OR_RETURN(TrainerPlan plan, MakeTrainerPlan(spec));
  ASSIGN_OR_RETURN(const std::unique_ptr<GangTrainer> trainer, GangTrainer::Load(std::move(plan), sink, Clock::Real()));
  RETURN_IF_ERROR(trainer->Join());
  int64_t asked = 0;
  try {
    return trainer->Train([&] {
      if (++asked < dies_after) return false;
      if (death == Death::kKilled) throw Died();
      return true;
    });
  } catch (const Died&) {
    return absl::UnknownError("died");
  }
}

}  // namespace

std::map<std::string, v1::RunEnded> AttemptEnd::ended() const {
  std::map<std::string, v1::RunEnded> ended;
  for (const std::vector<v1::RankMessage>& of_rank : messages) {
    for (const v1::RankMessage& message : of_rank) {
      if (message.has_run_ended()) ended[message.run_ended().run_id()] = message.run_ended();
    }
  }
  return ended;
}

std::map<std::string, int64_t> AttemptEnd::resumed_steps() const {
  std::map<std::string, int64_t> steps;
  for (const std::vector<v1::RankMessage>& of_rank : messages) {
    for (const v1::RankMessage& message : of_rank) {
      if (message.has_progress()) steps[message.progress().run_id()] = message.progress().resumed_step();
    }
  }
  return steps;
}

AttemptEnd RunAttempt(const TrainerFixture& fixture, const v1::TrainerSpec& spec, const AttemptOptions& options) {
  PrepareForRankThreads();
  AttemptEnd end;
  end.statuses.resize(static_cast<size_t>(options.world_size));
  end.messages.resize(static_cast<size_t>(options.world_size));
  std::promise<int> port;
  const std::shared_future<int> listening = port.get_future().share();
  std::vector<std::thread> threads;
  for (int rank = 0; rank < options.world_size; ++rank) {
    Pipe pipe = MakePipe().value();
    threads.emplace_back([&end, &port, rank, fd = std::move(pipe.read_end)] {
      end.messages[static_cast<size_t>(rank)] = ReadMessages(fd.get(), rank == 0 ? &port : nullptr);
    });
    threads.emplace_back([&, rank, fd = std::move(pipe.write_end)]() mutable {
      v1::TrainerSpec of_rank = fixture.SpecOfRank(spec, rank, options.world_size);
      if (rank > 0) of_rank.set_rendezvous_address(absl::StrCat("127.0.0.1:", listening.get()));
      const auto place = static_cast<size_t>(rank);
      const int64_t dies_after =
          place < options.dies_after.size() ? options.dies_after[place] : std::numeric_limits<int64_t>::max();
      MessageSink sink(fd.get());
      end.statuses[place] = TrainAs(of_rank, &sink, options.death, dies_after);
      fd.Close();
    });
  }
  for (std::thread& thread : threads) thread.join();
  return end;
}

}  // namespace seedbed
