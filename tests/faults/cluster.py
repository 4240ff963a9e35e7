"""A real cluster: coordinator, results and three workers, each on a host and a disk of its own, started again when they end.

Every process leads a session of its own, so that Ctrl-C at the harness's terminal is for the harness alone.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid

import disks
import hosts
import service

WORKERS = ("worker-1", "worker-2", "worker-3")
DAEMONS = ("coordinator", "results", *WORKERS)
TRAINER, AGREE = "seedbed-trainer", "seedbed-agree"  # What workers and the results service start.
PROXIED = (*WORKERS, "results", "client")  # Reach the coordinator through the proxy.
LEASE_SECONDS = 3  # Workers report once a second and stop their ranks after two thirds of it.
HOST_MARK = "SEEDBED_TEST_HOST"  # In the environment of everything on a host.

_PORTS = {"coordinator": 7600, "results": 7601}
_HTTP_PORT = 7610
_FIRST_PROXY_PORT = 7701
_RESTART_SECONDS = 0.2  # From the end of a daemon to its next start.
_START_SECONDS = 60


class Daemon:
    """A process that is to run always."""

    def __init__(self, name, command, log, environment):
        self.name = name
        self._command = command
        self._log = log
        self._environment = environment
        self._process = None
        self._start_at = 0
        self._lock = threading.Lock()
        self._killed = False
        self.ends = []  # (exit code, last line of the log) of every end that was not asked for.

    @property
    def pid(self):
        """0 while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def keep_running(self):
        """Starts it where it does not run and its time has come. Called by one thread, which must outlive it."""
        with self._lock:
            if self._process and self._process.poll() is not None:
                self._note_end(self._process.returncode)
            if self._process is None and time.monotonic() >= self._start_at:
                with open(self._log, "ab") as log:
                    self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                     env=self._environment, start_new_session=True)  # fmt: skip

    def _note_end(self, code):
        if not self._killed:
            lines = pathlib.Path(self._log).read_text(errors="replace").splitlines()
            self.ends.append((code, lines[-1] if lines else ""))
            self._start_at = time.monotonic() + _RESTART_SECONDS
        self._killed = False
        self._process = None

    def kill(self, down_seconds):
        """kill -9; not started again for so long."""
        with self._lock:
            if self._process is None:
                return
            self._killed = True
            self._start_at = time.monotonic() + down_seconds
            self._process.kill()

    def stop(self):
        """Asks it to end, and gives its exit code."""
        with self._lock:
            if self._process is None:
                return 0
            self._process.terminate()
            try:
                return self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                return "none within 30 s of SIGTERM"


class Cluster:
    """Thread-safe, but for what starts daemons: construction, keep_running and close belong to one thread."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.mark = uuid.uuid4().hex
        self._cleanup = []
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _make(self):
        self.logs = self.folder / "logs"
        self.logs.mkdir(parents=True)
        self.network = hosts.make_network(["coordinator", "results", *WORKERS, "client"])
        self._cleanup.append(self.network.close)
        self.disks = {}
        for name in (*DAEMONS, "artifacts"):
            self.disks[name] = disks.make_disk(self.folder / "disks" / name)
            self._cleanup.append(self.disks[name].close)
        self._start_proxy()
        self.daemons = {name: self._daemon(name) for name in DAEMONS}
        deadline = time.monotonic() + _START_SECONDS
        while not all(self._ready_file(name).exists() for name in DAEMONS):
            self.keep_running()
            assert time.monotonic() < deadline, f"the cluster is not up after {_START_SECONDS} s, see {self.logs}"
            time.sleep(0.02)

    def _ready_file(self, name):
        return self.disks[name].folder / "ready.json"

    def address(self, name):
        return self.network.hosts[name].address

    def _environment(self, host):
        return {**os.environ, service.MARK: self.mark, HOST_MARK: host, "SEEDBED_PARENT_PID": str(os.getpid())}

    def _daemon(self, name):
        options = {"coordinator": self._coordinator_options, "results": self._results_options}.get(name)
        argv = [service.BIN / f"seedbed-{'worker' if name in WORKERS else name}", "--http",
                f"{self.address(name)}:{_HTTP_PORT}", "--ready-file", self._ready_file(name),
                *(options() if options else self._worker_options(name))]  # fmt: skip
        return Daemon(name, self.network.hosts[name].command(argv), self.logs / f"{name}.log", self._environment(name))

    def _coordinator_options(self):
        return ["--listen", f"{self.address('coordinator')}:{_PORTS['coordinator']}",
                "--db", self.disks["coordinator"].folder / "coordinator.db",
                "--results-address", f"{self.address('results')}:{_PORTS['results']}",
                "--lease-seconds", LEASE_SECONDS, "--first-worker-seconds", 10]  # fmt: skip

    def _results_options(self):
        return ["--coordinator", self.coordinator_seen_from("results"),
                "--listen", f"{self.address('results')}:{_PORTS['results']}",
                "--db", self.disks["results"].folder / "results.db", "--threads", 1]  # fmt: skip

    def _worker_options(self, name):
        return ["--coordinator", self.coordinator_seen_from(name), "--name", name, "--slots", "cpu:1",
                "--threads-per-slot", 1, "--artifacts", self.artifacts, "--scratch", self.scratch(name),
                "--host", self.address(name), "--collective-timeout-ms", 20_000, "--stop-grace-ms", 1000]  # fmt: skip

    @property
    def artifacts(self):
        return self.disks["artifacts"].folder

    def scratch(self, worker):
        return self.disks[worker].folder / "scratch"

    def coordinator_seen_from(self, host):
        """The proxy's door for that host."""
        return f"{self.address('coordinator')}:{_FIRST_PROXY_PORT + PROXIED.index(host)}"

    def _start_proxy(self):
        ports = [str(_FIRST_PROXY_PORT + index) for index in range(len(PROXIED))]
        address = self.address("coordinator")
        script = pathlib.Path(__file__).parent / "proxy.py"
        argv = [sys.executable, "-B", script, address, address, _PORTS["coordinator"], *ports]
        with open(self.logs / "proxy.log", "wb") as log:
            self._proxy = subprocess.Popen(self.network.hosts["coordinator"].command(argv), stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE, stderr=log, start_new_session=True)  # fmt: skip
        self._proxy_lock = threading.Lock()
        self._cleanup.append(self._stop_proxy)
        assert self._proxy.stdout.readline() == b"ready\n", f"the proxy did not start, see {self.logs}"

    def _stop_proxy(self):
        self._proxy.stdin.close()
        self._proxy.stdout.close()
        self._proxy.wait()

    def tell_proxy(self, command, host, *arguments):
        """A command of proxy.py about the connections from that host to the coordinator."""
        words = [command, str(_FIRST_PROXY_PORT + PROXIED.index(host)), *map(str, arguments)]
        with self._proxy_lock:
            self._proxy.stdin.write((" ".join(words) + "\n").encode())
            self._proxy.stdin.flush()

    def keep_running(self):
        """Starts again what has ended and is due."""
        for daemon in self.daemons.values():
            daemon.keep_running()

    def processes(self, host=None, program=None):
        """Ids of what runs here: of that host, of that program."""
        found = service.processes_with(f"{service.MARK}={self.mark}")
        if host is not None:
            on_host = set(service.processes_with(f"{HOST_MARK}={host}"))
            found = [pid for pid in found if pid in on_host]
        return [pid for pid in found if program is None or service.program_of(pid) == program]

    def signal(self, pids, number):
        """To those of them that still run here."""
        for pid in set(pids) & set(self.processes()):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def start_cli(self, *arguments):
        """The command line on the client's host, with pipes for what it prints."""
        command = self.network.hosts["client"].command([service.BIN / "seedbed", *arguments])
        environment = {**os.environ, "SEEDBED_SERVER": self.coordinator_seen_from("client")}
        return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                start_new_session=True)  # fmt: skip

    def cli(self, *arguments):
        """Runs it to its end, which its own time limits bring."""
        process = self.start_cli(*arguments)
        out, error = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, error)

    def ask(self, *arguments):
        """A listing as the JSON that it prints; None while nobody answers."""
        done = self.cli(*arguments, "--output", "json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def keep_disks(self, folder):
        """Copies what lies on the disks, for who looks for the cause of a violation."""
        for name, disk in self.disks.items():
            try:
                shutil.copytree(disk.folder, folder / name, ignore=shutil.ignore_patterns(disks.BALLAST))
            except (shutil.Error, OSError):
                pass  # Some of it changed meanwhile.

    def stop(self):
        """Asks all daemons to end. Gives {name: exit code}."""
        return {name: self.daemons[name].stop() for name in reversed(DAEMONS)}

    def close(self):
        """Ends whatever still runs. What lies on the disks is lost, the logs of daemons stay."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        for clean in reversed(self._cleanup):
            clean()
        self._cleanup = []
