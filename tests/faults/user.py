"""Who submits the sweeps of a history, one after the other, does not give up until each is acknowledged, and waits for them."""

import json
import threading
import time


class Submission:
    def __init__(self, number, sweep_file, at):
        self.number = number
        self.at = at  # Seconds after the start of the history.
        self.begun = threading.Event()
        self.sweep_ids = set()  # Of all answers.
        self.last_error = ""
        self.waited = None  # Exit code and last line of `submit --wait`, once it has ended.
        self._arguments = ["submit", sweep_file, "--idempotency-key", f"submission-{number}"]

    def submit(self, cluster):
        """Tries once; True if it was acknowledged."""
        done = cluster.cli(*self._arguments, "--output", "json")
        if done.returncode != 0:
            self.last_error = done.stderr.strip()
            return False
        self.sweep_ids.add(json.loads(done.stdout)["sweep"]["sweep_id"])
        return True

    def wait(self, cluster, started):
        """Waits with the command line, which is to wait out whatever happens once it is answered. `started` gets the process."""
        process = cluster.start_cli(*self._arguments, "--wait")
        started(process)
        out, error = process.communicate()
        if " submitted" in out:
            self.waited = (process.returncode, (error.splitlines() or [""])[-1])


class User:
    """Thread-safe."""

    _BETWEEN_TRIES_SECONDS = 0.3

    def __init__(self, cluster, sweep_files, times):
        self._cluster = cluster
        self.submissions = [Submission(number, file, at)
                            for number, (file, at) in enumerate(zip(sweep_files, times), start=1)]  # fmt: skip
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._processes = []
        self._threads = [threading.Thread(target=self._submit_all)]
        self._threads += [threading.Thread(target=self._wait_for, args=(each,)) for each in self.submissions]

    def start(self):
        for thread in self._threads:
            thread.start()

    def is_done(self):
        """All is submitted, and the end of all was seen."""
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self):
        """No more tries, no more waiting."""
        with self._lock:
            self._stopping.set()
            for process in self._processes:
                process.kill()
        for thread in self._threads:
            thread.join()

    def _submit_all(self):
        begin = time.monotonic()
        for submission in self.submissions:
            self._stopping.wait(max(0, begin + submission.at - time.monotonic()))
            submission.begun.set()
            while not self._stopping.is_set() and not submission.submit(self._cluster):
                self._stopping.wait(self._BETWEEN_TRIES_SECONDS)

    def _wait_for(self, submission):
        while not self._stopping.wait(self._BETWEEN_TRIES_SECONDS) and submission.waited is None:
            if submission.sweep_ids:
                submission.wait(self._cluster, self._track)

    def _track(self, process):
        with self._lock:
            self._processes.append(process)
            if self._stopping.is_set():
                process.kill()
