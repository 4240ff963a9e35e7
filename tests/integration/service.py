"""What the tests of real processes share: inputs for a tiny language model, `seedbed up`, and the command line."""

import array
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
import uuid

BIN = pathlib.Path(os.environ["SEEDBED_BIN_DIR"])
DATA = pathlib.Path(os.environ["SEEDBED_TEST_DATA"])
TINY_LLAMA = DATA / "tiny_llama"  # 3 layers, 16 wide, 32 token ids.
VOCABULARY = 32
MARK = "SEEDBED_TEST_MARK"  # In the environment of everything that a Service starts, down to the ranks.
DAEMONS = ("coordinator", "results", "worker")


def wait_for(condition, seconds, what):
    """The first true value of condition(), asked again and again."""
    give_up = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > give_up:
            raise AssertionError(f"after {seconds} s: not {what}")
        time.sleep(0.02)


class Inputs:
    """A folder with the tiny model and its tokens; gone when closed."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="seedbed-test-"))
        self.model = self.folder / "model"
        self.model.mkdir()
        for name in ("config.json", "model.safetensors"):
            shutil.copy(TINY_LLAMA / name, self.model / name)
        generator = random.Random(0)
        # Some ids are more frequent than others, and follow each other, as in text.
        ids = [min(int(generator.expovariate(0.15)), VOCABULARY - 1) for _ in range(20_000)]
        self.tokens = self.write_tokens("tokens.bin", ids)

    def close(self):
        shutil.rmtree(self.folder)

    def write_tokens(self, name, ids, vocabulary=VOCABULARY):
        path = self.folder / name
        content = array.array("H", ids).tobytes()  # Little-endian, as is every machine that Seedbed runs on.
        path.write_bytes(content)
        sidecar = {"tokenizer": "none", "vocabulary_size": vocabulary, "dtype": "uint16", "count": len(ids),
                   "sha256": hashlib.sha256(content).hexdigest()}  # fmt: skip
        pathlib.Path(f"{path}.json").write_text(json.dumps(sidecar))
        return path

    def write_sweep(self, **changes):
        """A sweep file of one sibling set of three seeds; each change is a key of `values` below. Gives its path."""
        values = {"name": "tiny", "model": self.model, "tokens": self.tokens, "sequence_length": 32,
                  "max_tokens": 8192, "hookpoints": "[layers.1]", "architectures": "[topk]", "latents": "[48]",
                  "k": "[4]", "seeds": "[0, 1, 2]", "activations": "", "epochs": 4, "batch_tokens": 64,
                  "ranks": 1, "extra": "", **changes}  # fmt: skip
        return self._write_sweep_file(
            "name: {name}\n"
            "model: {{path: {model}}}\n"
            "data: {{tokens: {tokens}, sequence_length: {sequence_length}, max_tokens: {max_tokens}}}\n"
            "activations: {{exclude_first: 1, shuffle_rows: 1024{activations}}}\n"
            "train: {{epochs: {epochs}, batch_tokens: {batch_tokens}, learning_rate: 0.003}}\n"
            "sae:\n"
            "  hookpoints: {hookpoints}\n"
            "  architectures: {architectures}\n"
            "  latents: {latents}\n"
            "  k: {k}\n"
            "  seeds: {seeds}\n"
            "resources: {{ranks: {ranks}}}\n"
            "{extra}".format(**values)
        )

    def write_folder_sweep(self, folder, **changes):
        """A sweep file over a folder of activations; each change is a key of `values` below. Gives its path."""
        values = {"folder": folder, "max_rows": 0, "hookpoints": "[layers.1]", "latents": "[48]", **changes}
        return self._write_sweep_file(
            "name: tiny-folder\n"
            "activations: {{source: folder, path: {folder}, shuffle_rows: 256}}\n"
            "data: {{max_tokens: {max_rows}}}\n"
            "train: {{epochs: 2, batch_tokens: 64, learning_rate: 0.003}}\n"
            "sae: {{hookpoints: {hookpoints}, latents: {latents}, k: [4], seeds: [0, 1]}}\n".format(**values)
        )

    def _write_sweep_file(self, text):
        path = self.folder / f"sweep-{uuid.uuid4().hex}.yaml"
        path.write_text(text)
        return path

    def write_rows(self, name, rows, width=16):
        """A folder of activations with one file of float32 [rows, width]. `rows` gives each row's values."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        content = array.array("f", [value for row in rows for value in row]).tobytes()
        write_safetensors(folder / "rows.safetensors", {"rows": ("F32", [len(content) // 4 // width, width], content)})
        return folder


def read_safetensors(path):
    """{name: (dtype, shape, bytes)}."""
    content = pathlib.Path(path).read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], content[begin:][slice(*entry["data_offsets"])])
            for name, entry in header.items()}  # fmt: skip


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(len(text).to_bytes(8, "little") + text + data)


def run(*arguments, program="seedbed", server=None, timeout=240):
    """Runs a program of ours to its end."""
    environment = {**os.environ, **({"SEEDBED_SERVER": server} if server else {})}
    return subprocess.run([BIN / program, *map(str, arguments)], env=environment, capture_output=True, text=True,
                          timeout=timeout)  # fmt: skip


class Service:
    """`seedbed up` on a folder of its own, with free ports."""

    def __init__(self, slots="cpu:1", threads=1):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="seedbed-test-up-"))
        self.data = self.folder / "data"
        self.mark = uuid.uuid4().hex
        self.output = open(self.folder / "up.log", "wb")
        command = [BIN / "seedbed", "up", "--dir", self.data, "--port", "0", "--slots", slots]
        self.process = subprocess.Popen([*map(str, command), "--threads-per-slot", str(threads)], stdout=self.output,
                                        stderr=subprocess.STDOUT, env={**os.environ, MARK: self.mark})  # fmt: skip
        try:
            self.addresses = wait_for(self._addresses, 60, "up")
        except BaseException:
            self.close()
            raise

    def _addresses(self):
        if self.process.poll() is not None:
            raise AssertionError("`seedbed up` ended: " + (self.folder / "up.log").read_text())
        return read_json(self.data / "up.json")

    @property
    def server(self):
        return self.addresses["server"]

    def close(self):
        """Stops it, however far it came, and fails if that leaves a process."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self.output.close()
        left = self.processes()
        log = (self.folder / "up.log").read_text()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder)
        assert not left, f"processes left by `seedbed up`: {left}\n{log}"
        assert code in (0, -signal.SIGKILL), f"`seedbed up` ended with {code}\n{log}"

    def processes(self):
        """Ids of all that was started from here and lives."""
        return processes_with(f"{MARK}={self.mark}")

    def ranks(self):
        """Ids of the trainers that run."""
        return [pid for pid in self.processes() if program_of(pid) == "seedbed-trainer"]

    def daemon(self, name):
        """Id of the daemon that serves; 0 while there is none."""
        ready = read_json(self.data / "run" / f"{name}.json")
        return int(ready["pid"]) if ready else 0

    def daemons(self):
        return {name: self.daemon(name) for name in DAEMONS}

    def cli(self, *arguments, **options):
        return run(*arguments, server=self.server, **options)

    def ask(self, *arguments):
        """A listing as the JSON that it prints; None while nobody answers."""
        done = self.cli(*arguments, "--output", "json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def submit(self, sweep):
        answer = self.cli("submit", sweep, "--output", "json")
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)["sweep"]["sweep_id"]

    def submit_and_wait(self, sweep):
        """{"sweep", "runs", "agreements"} of a sweep that must succeed; "log" is what was told meanwhile."""
        answer = self.cli("submit", sweep, "--wait", "--output", "json")
        assert answer.returncode == 0, answer.stderr
        return {**json.loads(answer.stdout), "log": answer.stderr}

    def metric(self, daemon, name):
        """The sum of a daemon's series of that name."""
        address = self.addresses[f"{daemon}_http"]
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.split()[0].partition("{")[0] == name)

    def state_of(self, sweep_id):
        answer = self.ask("get", sweep_id)
        return answer["sweep"]["state"].removeprefix("SWEEP_STATE_") if answer else ""

    def steps_of(self, sweep_id):
        """Steps that the run furthest ahead has taken in its current attempt, and that attempt; (0, 0) if unknown."""
        answer = self.ask("runs", sweep_id) or {"runs": []}
        pairs = [(run["attempt"], int(run["progress"]["step"])) for run in answer["runs"] if run.get("progress")]
        return max(pairs, default=(0, 0))


def read_json(path):
    try:
        return json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError):
        return None


def processes_with(entry):
    """Ids of the processes, but this one, with that entry ("NAME=VALUE") in the environment that they started with."""
    pids = [int(process.name) for process in pathlib.Path("/proc").iterdir() if process.name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and has_entry(pid, entry)]


def has_entry(pid, entry):
    try:
        return entry.encode() in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False  # It ended meanwhile, or is another user's.


def program_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def folder_bytes(path):
    """{name: content} of a flat folder."""
    return {entry.name: entry.read_bytes() for entry in pathlib.Path(path).iterdir()}


def exports(outcome):
    """The content of every export of a sweep, in the order of the grid."""
    return [folder_bytes(run["result"]["dictionary"]["path"]) for run in outcome["runs"]]
