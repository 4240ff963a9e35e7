"""Checks that includes point one way: common <- proto <- {server, worker, client}, common <- sae <- worker.

Usage: include_direction_test.py ROOT. First it proves on made-up files that each rule catches its offence, then it
checks every C++ file under ROOT. Standard library only.
"""

import pathlib
import re
import sys

OURS = ("common", "proto", "sae", "server", "worker", "client", "seedbed", "google", "tests")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
RPC = ("grpc", "grpcpp", "grpc++")


def top(include):
    return include.split("/")[0]


def is_generated(include):
    return include.startswith("seedbed/v1/") or include.startswith("google/rpc/")


def is_rpc(include):
    return top(include) in RPC or include.endswith(".grpc.pb.h") or include.startswith("proto/rpc/")


def only(*allowed):
    """Of our own headers, none but those under the folders named; "generated" stands for the messages."""

    def check(include):
        if is_generated(include):
            return "generated" in allowed
        if top(include) not in OURS or top(include) == "google":
            return True
        return any(include.startswith(folder + "/") for folder in allowed)

    return check


def none_of(*forbidden):
    def check(include):
        return not any(include.startswith(folder) for folder in forbidden)

    return check


def no_rpc(include):
    return not is_rpc(include)


def no_protobuf(include):
    return not is_generated(include) and not include.startswith("google/protobuf/")


# (files under, what they include must pass, why)
RULES = (
    ("common/", only("common"), "common includes nothing of ours but common"),
    ("common/", none_of("grpc", "google/", "seedbed/", "torch/", "ATen/", "c10/"), "common knows no gRPC, protobuf, LibTorch"),
    ("proto/", only("common", "proto", "generated"), "proto includes only common and proto"),
    ("sae/", only("common", "sae"), "sae includes only common and sae"),
    ("sae/", no_rpc, "sae knows no gRPC"),
    ("sae/", no_protobuf, "sae knows no protobuf"),
    ("server/state/", no_rpc, "state knows no gRPC"),
    ("server/scheduler/", no_rpc, "the scheduler knows no gRPC"),
    ("server/state/", none_of("common/clock", "common/file", "common/logging", "server/store", "SQLiteCpp", "sqlite3",
                              "spdlog"), "state knows no clock, storage, logging"),
    ("server/scheduler/", none_of("common/clock", "common/file", "common/logging", "server/store", "SQLiteCpp",
                                  "sqlite3", "spdlog"), "the scheduler knows no clock, storage, logging"),
    ("server/", none_of("worker/", "client/", "sae/"), "server includes neither worker, client nor sae"),
    ("worker/", none_of("server/", "client/"), "worker includes neither server nor client"),
    ("worker/daemon/", none_of("sae/", "torch/", "ATen/", "c10/"), "the worker daemon knows no LibTorch"),
    ("worker/trainer/", no_rpc, "the trainer knows no gRPC"),
    ("worker/agree/", no_rpc, "seedbed-agree knows no gRPC"),
    ("worker/convert/", no_rpc, "seedbed-convert knows no gRPC"),
    ("client/", none_of("server/", "worker/", "sae/"), "client includes neither server, worker nor sae"),
)
NOT_IN_HEADERS = ("torch/torch.h", "torch/all.h", "torch/extension.h")


def offences(path, text):
    """One line for each include of the file that breaks a rule. `path` is relative to the root."""
    found = []
    for include in INCLUDE.findall(text):
        for prefix, allowed, why in RULES:
            if path.startswith(prefix) and not allowed(include):
                found.append(f"{path}: includes {include}: {why}")
        if path.endswith(".h") and include in NOT_IN_HEADERS:
            found.append(f"{path}: includes {include}: it costs every includer 18 s and 1 GB")
        if not path.startswith("tests/") and top(include) == "tests":
            found.append(f"{path}: includes {include}: only tests include tests")
    return found


MUST_BE_CAUGHT = (
    ("common/a.cc", "proto/framing/framing.h"),
    ("common/a.cc", "grpcpp/server.h"),
    ("common/a.cc", "seedbed/v1/run.pb.h"),
    ("proto/rpc/a.cc", "server/state/state.h"),
    ("sae/lm/a.cc", "proto/framing/framing.h"),
    ("sae/lm/a.cc", "seedbed/v1/run.pb.h"),
    ("sae/lm/a.h", "grpcpp/channel.h"),
    ("sae/lm/a.h", "google/protobuf/message.h"),
    ("sae/lm/a.h", "torch/torch.h"),
    ("server/state/a.cc", "common/clock.h"),
    ("server/state/a.cc", "seedbed/v1/coordinator.grpc.pb.h"),
    ("server/state/a.cc", "common/logging.h"),
    ("server/scheduler/a.h", "server/store/store.h"),
    ("server/scheduler/a.h", "proto/rpc/status.h"),
    ("server/coordinator/a.cc", "worker/daemon/worker.h"),
    ("server/results/a.cc", "sae/match/agreement.h"),
    ("worker/daemon/a.cc", "server/state/state.h"),
    ("worker/daemon/a.cc", "ATen/core/Tensor.h"),
    ("worker/trainer/a.cc", "grpcpp/channel.h"),
    ("worker/convert/a.cc", "grpcpp/channel.h"),
    ("client/a.cc", "worker/daemon/worker.h"),
    ("client/a.cc", "sae/io/safetensors.h"),
    ("client/a.cc", "tests/common/testing.h"),
)
MUST_PASS = (
    ("common/a.cc", "common/status.h"),
    ("common/a.cc", "absl/status/status.h"),
    ("proto/rpc/a.cc", "google/rpc/status.pb.h"),
    ("proto/rpc/a.cc", "grpcpp/server.h"),
    ("sae/lm/a.cc", "torch/torch.h"),
    ("sae/lm/a.h", "ATen/core/Tensor.h"),
    ("sae/lm/a.h", "sae/io/safetensors.h"),
    ("server/state/a.h", "seedbed/v1/event.pb.h"),
    ("server/state/a.h", "common/status.h"),
    ("server/coordinator/a.cc", "server/state/state.h"),
    ("worker/trainer/a.cc", "sae/train/trainer.h"),
    ("worker/trainer/a.cc", "seedbed/v1/trainer.pb.h"),
    ("client/a.cc", "seedbed/v1/coordinator.grpc.pb.h"),
    ("tests/client/a.cc", "tests/common/testing.h"),
)


def check_the_rules():
    for path, include in MUST_BE_CAUGHT:
        assert offences(path, f'#include "{include}"\n'), f"no rule catches {include} in {path}"
        assert offences(path, f"  #  include <{include}>\n"), f"no rule catches {include} in {path}"
    for path, include in MUST_PASS:
        assert not offences(path, f'#include "{include}"\n'), offences(path, f'#include "{include}"\n')


def main():
    root = pathlib.Path(sys.argv[1])
    check_the_rules()
    found = []
    files = 0
    for folder in ("common", "proto", "sae", "server", "worker", "client", "tests"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cc"):
                files += 1
                found += offences(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
    assert files > 0, f"no C++ files under {root}"
    print("\n".join(found) if found else f"{files} files, every include points the right way")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
