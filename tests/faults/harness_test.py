"""That the harness would see what it looks for. Starts no daemon of ours."""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import types
import unittest

import artifact_writes
import disks
import history as histories
import hosts
import invariants
import service

ALL = histories.Abilities(links=True, full_disks=True)


class HistoryTest(unittest.TestCase):
    def test_a_seed_always_gives_the_same_history(self):
        for seed in range(50):
            self.assertEqual(histories.draw_history(seed, ALL, 3), histories.draw_history(seed, ALL, 3))
        self.assertNotEqual(histories.draw_history(1, ALL, 3), histories.draw_history(2, ALL, 3))

    def test_every_kind_of_fault_is_drawn(self):
        drawn = {type(fault).__name__ for seed in range(300) for fault in histories.draw_history(seed, ALL, 3).faults}
        self.assertEqual(len(drawn), 14)

    def test_nothing_is_drawn_that_the_machine_does_not_let_happen(self):
        few = histories.Abilities(links=False, full_disks=False)
        drawn = {type(fault).__name__ for seed in range(300) for fault in histories.draw_history(seed, few, 3).faults}
        self.assertFalse(drawn & {"LinkDown", "DropPackets", "SlowLink", "FillDisk"})


class WriteWatchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for attempt in (1, 2):
            self.staged(attempt).mkdir(parents=True)

    def staged(self, attempt):
        return self.root / "s1" / f"s1-r0.attempt-{attempt}.tmp"

    def violations(self, *writes):
        watch = artifact_writes.WriteWatch(self.root)
        for attempt, name in writes:
            (self.staged(attempt) / name).write_text("x")
        watch.stop()
        return watch.violations

    def test_attempts_one_after_the_other_are_fine(self):
        self.assertEqual(self.violations((1, "a"), (1, "b"), (2, "a"), (2, "b")), [])

    def test_an_attempt_that_goes_on_beside_a_later_one(self):
        found = self.violations((1, "a"), (2, "a"), (1, "b"))
        self.assertTrue(found)
        self.assertIn("attempt 1 wrote", found[0])


class InvariantsTest(unittest.TestCase):
    def outcome(self, state, failure=None, content=b"trained"):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        (pathlib.Path(folder.name) / "sae.safetensors").write_bytes(content)
        run = {"run_id": "s1-r0", "state": f"RUN_STATE_{state}", "result": {"dictionary": {"path": folder.name}}}
        run.update({"failure": failure} if failure else {})
        sweep = types.SimpleNamespace(runs=[run], succeeded=state == "SUCCEEDED", agreements=[], is_compared=lambda: True)
        return types.SimpleNamespace(sweeps={"s1": sweep})

    def complete(self, outcome, sweep_ids=("s1",), seed_with_full_disk=False):
        submission = types.SimpleNamespace(number=1, sweep_ids=set(sweep_ids), last_error="")
        explains = lambda kind: seed_with_full_disk and kind == "IO"  # noqa: E731
        return invariants.acknowledged_sweeps_are_complete(outcome, [submission], types.SimpleNamespace(explains=explains))

    def test_a_complete_sweep(self):
        self.assertEqual(self.complete(self.outcome("SUCCEEDED")), [])

    def test_a_sweep_that_still_trains(self):
        self.assertTrue(self.complete(self.outcome("TRAINING")))

    def test_a_failure_is_fine_only_where_the_history_explains_it(self):
        outcome = self.outcome("FAILED", {"kind": "FAILURE_KIND_IO", "message": "no space left"})
        self.assertTrue(self.complete(outcome))
        self.assertEqual(self.complete(outcome, seed_with_full_disk=True), [])

    def test_a_sweep_that_was_made_twice_or_lost(self):
        self.assertTrue(self.complete(self.outcome("SUCCEEDED"), ("s1", "s2")))
        self.assertTrue(self.complete(self.outcome("SUCCEEDED"), ()))

    def test_one_other_byte_in_an_export(self):
        undisturbed = {"s1-r0": {"sae.safetensors": b"trained"}}
        judge = invariants.exports_are_the_undisturbed_ones
        self.assertEqual(judge(self.outcome("SUCCEEDED"), undisturbed), [])
        self.assertTrue(judge(self.outcome("SUCCEEDED", content=b"treined"), undisturbed))


class ProxyTest(unittest.TestCase):
    def setUp(self):
        self.target = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.target.close)
        threading.Thread(target=self.echo, daemon=True).start()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        script = pathlib.Path(__file__).parent / "proxy.py"
        self.proxy = subprocess.Popen(
            [sys.executable, "-B", script, "127.0.0.1", "127.0.0.1", str(self.target.getsockname()[1]), str(self.port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        self.addCleanup(self.proxy.communicate)
        self.assertEqual(self.proxy.stdout.readline(), b"ready\n")

    def echo(self):
        """One answer a connection, until the socket is closed."""
        while True:
            try:
                connection, _ = self.target.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.sendall(connection.recv(100))
                except OSError:
                    pass  # It was cut.

    def tell(self, line):
        self.proxy.stdin.write(line.encode() + b"\n")
        self.proxy.stdin.flush()

    def is_answered(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
                connection.sendall(b"hello")
                return connection.recv(100) == b"hello"
        except OSError:
            return False

    def test_hands_on_and_cuts_and_lets_pass(self):
        self.assertTrue(self.is_answered())
        self.tell(f"cut {self.port}")
        service.wait_for(lambda: not self.is_answered(), 20, "cut")
        self.tell(f"pass {self.port}")
        service.wait_for(self.is_answered, 20, "let through")

    def test_cuts_what_is_connected(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            self.tell(f"cut {self.port}")
            with self.assertRaises(ConnectionResetError):
                connection.recv(100)


@unittest.skipUnless(hosts.can_make_namespaces(), "network namespaces can't be made here")
class NamespacesTest(unittest.TestCase):
    def setUp(self):
        self.network = hosts.NamespaceNetwork(["one", "two"])
        self.addCleanup(self.network.close)
        server = self.network.hosts["two"].command([sys.executable, "-m", "http.server", "80"])
        self.server = subprocess.Popen(server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (self.server.kill(), self.server.wait()))
        service.wait_for(self.reaches, 20, "up")

    def reaches(self):
        address = self.network.hosts["two"].address
        client = f"import socket; socket.create_connection(('{address}', 80), timeout=0.5)"
        return subprocess.run(self.network.hosts["one"].command([sys.executable, "-c", client]),
                              stderr=subprocess.DEVNULL).returncode == 0  # fmt: skip

    def test_links_are_cut_and_restored(self):
        cuts = {"down": lambda: self.network.set_link("two", "down"), "from": lambda: self.network.drop_from("two"),
                "to": lambda: self.network.drop_to("two")}  # fmt: skip
        for name, cut in cuts.items():
            with self.subTest(name):
                cut()
                self.assertFalse(self.reaches())
                self.network.restore("two")
                service.wait_for(self.reaches, 20, "restored")


@unittest.skipUnless(disks.can_mount(), "file systems can't be mounted here")
class DiskTest(unittest.TestCase):
    def test_is_full_until_it_is_freed(self):
        with tempfile.TemporaryDirectory() as folder:
            disk = disks.MemoryDisk(pathlib.Path(folder) / "disk")
            try:
                disk.fill()
                with self.assertRaises(OSError):
                    (disk.folder / "more").write_bytes(bytes(os.sysconf("SC_PAGESIZE")))
                disk.free()
                (disk.folder / "more").write_bytes(b"more")
            finally:
                disk.close()


if __name__ == "__main__":
    unittest.main()
