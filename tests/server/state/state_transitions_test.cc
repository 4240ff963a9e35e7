// Every event in every state of a run: the edges of the diagram in state.h, and no others.
#include <set>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "tests/server/state/state_fixture.h"

namespace seedbed {
namespace {

enum class Action { kPlace, kTrain, kExport, kSucceed, kFail, kEndAttempt, kCancel };

constexpr Action kActions[] = {Action::kPlace, Action::kTrain,      Action::kExport, Action::kSucceed,
                               Action::kFail,  Action::kEndAttempt, Action::kCancel};

struct Case {
  v1::RunState from;
  std::vector<std::pair<Action, v1::RunState>> legal;  // And the state of the run after it.
};

class StateTransitions : public StateFixture, public testing::WithParamInterface<Case> {
 protected:
  // A new sweep of one run, in that state.
  void DriveTo(v1::RunState state) {
    sweep_ = SweepId(static_cast<int64_t>(state_.sweeps().size()) + 1);
    ASSERT_TRUE(Submit(sweep_, 1, 1).ok());
    if (state == v1::RUN_STATE_QUEUED) return;
    if (state == v1::RUN_STATE_CANCELLED) {
      ASSERT_TRUE(Cancel(sweep_).ok());
      return;
    }
    ASSERT_TRUE(Take(Action::kPlace).ok());
    if (state == v1::RUN_STATE_PLACED) return;
    if (state == v1::RUN_STATE_FAILED) {
      ASSERT_TRUE(Take(Action::kFail).ok());
      return;
    }
    ASSERT_TRUE(Take(Action::kTrain).ok());
    if (state == v1::RUN_STATE_TRAINING) return;
    ASSERT_TRUE(Take(Action::kExport).ok());
    if (state == v1::RUN_STATE_EXPORTING) return;
    ASSERT_TRUE(Take(Action::kSucceed).ok());
  }

  absl::Status Take(Action action) {
    const std::string gang = GangId(sweep_, 0);
    const int attempt = state_.FindGang(gang)->gang.attempt();
    switch (action) {
      case Action::kPlace:
        return Place(gang, attempt + 1);
      case Action::kTrain:
        return Advance(gang, attempt, {run()}, v1::RUN_STATE_TRAINING);
      case Action::kExport:
        return Advance(gang, attempt, {run()}, v1::RUN_STATE_EXPORTING);
      case Action::kSucceed:
        return Succeed(run(), attempt);
      case Action::kFail:
        return Fail(run(), attempt);
      case Action::kEndAttempt:
        return EndAttempt(gang, attempt);
      case Action::kCancel:
        return Cancel(sweep_);
    }
    return absl::InternalError("no such action");
  }

  std::string run() const { return RunId(sweep_, 0); }

  std::string sweep_;
};

TEST_P(StateTransitions, LegalOnesChangeTheRun) {
  for (const auto& [action, to] : GetParam().legal) {
    ASSERT_NO_FATAL_FAILURE(DriveTo(GetParam().from));
    ASSERT_EQ(StateOf(run()), GetParam().from);
    EXPECT_TRUE(Take(action).ok()) << static_cast<int>(action);
    EXPECT_EQ(StateOf(run()), to) << static_cast<int>(action);
  }
}

TEST_P(StateTransitions, IllegalOnesAreErrorsAndChangeNothing) {
  ASSERT_NO_FATAL_FAILURE(DriveTo(GetParam().from));
  std::set<Action> legal;
  for (const auto& [action, to] : GetParam().legal) legal.insert(action);
  const std::string before = Dump();
  for (const Action action : kActions) {
    if (legal.count(action) > 0) continue;
    EXPECT_EQ(Take(action).code(), absl::StatusCode::kFailedPrecondition) << static_cast<int>(action);
    EXPECT_EQ(Dump(), before) << static_cast<int>(action);
  }
}

INSTANTIATE_TEST_SUITE_P(
    EveryState, StateTransitions,
    testing::Values(Case{v1::RUN_STATE_QUEUED,
                         {{Action::kPlace, v1::RUN_STATE_PLACED}, {Action::kCancel, v1::RUN_STATE_CANCELLED}}},
                    Case{v1::RUN_STATE_PLACED,
                         {{Action::kTrain, v1::RUN_STATE_TRAINING},
                          {Action::kFail, v1::RUN_STATE_FAILED},
                          {Action::kEndAttempt, v1::RUN_STATE_QUEUED},
                          {Action::kCancel, v1::RUN_STATE_CANCELLED}}},
                    Case{v1::RUN_STATE_TRAINING,
                         {{Action::kExport, v1::RUN_STATE_EXPORTING},
                          {Action::kFail, v1::RUN_STATE_FAILED},
                          {Action::kEndAttempt, v1::RUN_STATE_QUEUED},
                          {Action::kCancel, v1::RUN_STATE_CANCELLED}}},
                    Case{v1::RUN_STATE_EXPORTING,
                         {{Action::kSucceed, v1::RUN_STATE_SUCCEEDED},
                          {Action::kFail, v1::RUN_STATE_FAILED},
                          {Action::kEndAttempt, v1::RUN_STATE_QUEUED},
                          {Action::kCancel, v1::RUN_STATE_CANCELLED}}},
                    // The attempt outlasts its runs; ending it is not a change of theirs.
                    Case{v1::RUN_STATE_SUCCEEDED, {{Action::kEndAttempt, v1::RUN_STATE_SUCCEEDED}}},
                    Case{v1::RUN_STATE_FAILED, {{Action::kEndAttempt, v1::RUN_STATE_FAILED}}},
                    Case{v1::RUN_STATE_CANCELLED, {}}),
    [](const testing::TestParamInfo<Case>& info) { return RunStateName(info.param.from); });

}  // namespace
}  // namespace seedbed
