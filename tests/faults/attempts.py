"""Which ranks run, by the logs of the workers, and whether two attempts at a gang ever do at once."""

import json
import pathlib
import signal
import threading
import traceback

import cluster as clusters
import service

_LOOK_SECONDS = 0.1
_SIGKILL_BIT = 1 << (signal.SIGKILL - 1)


class AttemptWatch:
    """Looks until it is stopped.

    A violation: a rank of an attempt runs, in two looks in a row, after a rank of a later attempt was started. One look is
    not enough, since a process that ends takes a moment to be gone.
    """

    def __init__(self, cluster):
        self._mark = cluster.mark
        self._logs = [_LogReader(cluster.logs / f"{worker}.log") for worker in clusters.WORKERS]
        self._ranks = {}  # gang: {pid: attempt}
        self._seen_late = {}  # pid: looks in a row
        self.violations = []
        self.training = threading.Event()  # Set once a rank was started.
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self):
        self._stopping.set()
        self._thread.join()

    def most_attempts(self):
        """Of any gang."""
        return max((attempt for ranks in self._ranks.values() for attempt in ranks.values()), default=0)

    def _watch(self):
        try:
            while not self._stopping.wait(_LOOK_SECONDS):
                self._read_logs()
                self._look()
        except Exception:  # Seen by nobody else: the thread would just end.
            self.violations.append("the harness failed: " + traceback.format_exc())

    def _read_logs(self):
        for log in self._logs:
            for line in log.read():
                if line.get("event") == "rank started":
                    self._ranks.setdefault(line["gang"], {})[line["pid"]] = line["attempt"]
                    self.training.set()

    def _look(self):
        for gang, ranks in self._ranks.items():
            newest = max(ranks.values())
            for pid, attempt in ranks.items():
                self._judge(gang, pid, attempt, newest)

    def _judge(self, gang, pid, attempt, newest):
        looks = self._seen_late.get(pid, 0) + 1 if attempt < newest and self._runs(pid) else 0
        self._seen_late[pid] = looks
        if looks == 2:
            self.violations.append(
                f"two attempts at once: rank process {pid} of attempt {attempt} of gang {gang} ran after attempt {newest} began"
            )


    def _runs(self, pid):
        """Whether it is a rank of this cluster that can do something.

        It can't while it is loaded, when it has one thread yet (before it gets a second one it sees to its worker being there),
        nor when it is stopped, or a SIGKILL waits for it, or it is a zombie or gone.
        """
        if service.program_of(pid) != clusters.TRAINER or not service.has_entry(pid, f"{service.MARK}={self._mark}"):
            return False
        try:
            lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            return False
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        killed = any(int(status[pending], 16) & _SIGKILL_BIT for pending in ("SigPnd", "ShdPnd"))
        return status["State"][0] not in "TtZX" and int(status["Threads"]) > 1 and not killed


class _LogReader:
    """The JSON lines that a log grows by."""

    def __init__(self, path):
        self._path = pathlib.Path(path)
        self._offset = 0

    def read(self):
        with open(self._path, "rb") as log:
            log.seek(self._offset)
            content = log.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [_parse(line) for line in whole.splitlines()]


def _parse(line):
    try:
        parsed = json.loads(line)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}

