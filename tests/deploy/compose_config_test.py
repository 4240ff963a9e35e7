"""The compose files by themselves: valid for every Compose that is here, closed by default, as Prometheus expects them.

`tests/deploy/compose_test.sh` runs them on a real engine.
"""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
FURTHER_MACHINE = {"SEEDBED_COORDINATOR": "10.0.0.1:7600", "SEEDBED_HOST": "10.0.0.2",
                   "SEEDBED_ARTIFACTS": "/artifacts", "SEEDBED_INPUTS": "/inputs"}  # fmt: skip


def composes():
    """Commands of every Compose on this machine: docker-compose 1.29, and the plugin of docker."""
    found = [["docker-compose"]] if shutil.which("docker-compose") else []
    if shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        found.append(["docker", "compose"])
    return found


def config(compose, file, profile, environment):
    command = [*compose, "-f", DEPLOY / file, "--profile", profile, "config"]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


class ComposeFiles(unittest.TestCase):
    def setUp(self):
        self.text = (DEPLOY / "compose.yaml").read_text()

    def test_ports_are_published_on_loopback_unless_the_user_names_an_address(self):
        ports = re.findall(r'(\S+?):(\d+):(\d+)["\]]*$', self.text, re.MULTILINE)
        self.assertEqual([port for _, port, _ in ports],
                         ["7600", "7610", "7601", "7612", "9090", "9093", "3000"])  # fmt: skip
        for address, outside, inside in ports:
            self.assertRegex(address, r'(^|\[|")(127\.0\.0\.1|\$\{SEEDBED_PUBLISH:-127\.0\.0\.1\})$')
            self.assertEqual(outside, inside)

    def test_a_worker_has_the_time_to_end_its_ranks(self):
        for file in ("compose.yaml", "compose.worker.yaml"):
            text = (DEPLOY / file).read_text()
            (grace_s,) = map(int, re.findall(r"stop_grace_period: (\d+)s\n  shm_size", text))
            graces_ms = list(map(int, re.findall(r"--stop-grace-ms[ =](\d+)", text)))
            self.assertTrue(graces_ms)
            self.assertGreater(grace_s, max(graces_ms) / 1000)

    def test_prometheus_scrapes_the_services_where_they_listen(self):
        scraped = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
        for target in ("coordinator:7610", "results:7612", "alertmanager:9093"):
            service, port = target.split(":")
            self.assertIn(f'"{target}"', scraped)
            self.assertRegex(self.text, rf"(?s)\n  {service}:\n.*:{port}:{port}")
        self.assertIn("names: [worker-cpu], type: A, port: 7611", scraped)

    def test_settings_of_the_example_are_those_of_the_files(self):
        settings = {name for file in ("compose.yaml", "compose.worker.yaml")
                    for name in re.findall(r"\$\{(SEEDBED_\w+)", (DEPLOY / file).read_text())}  # fmt: skip
        example = set(re.findall(r"^#(SEEDBED_\w+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE))
        self.assertEqual(example, settings - {"SEEDBED_COORDINATOR", "SEEDBED_HOST"})


@unittest.skipUnless(composes(), "no Compose; Debian's package docker-compose has one")
class ComposeFilesInCompose(unittest.TestCase):
    def test_both_files_are_valid_with_either_profile(self):
        for compose in composes():
            for profile in ("cpu", "gpu"):
                for file, environment in (("compose.yaml", {}), ("compose.worker.yaml", FURTHER_MACHINE)):
                    with self.subTest(compose=compose, file=file, profile=profile):
                        done = config(compose, file, profile, environment)
                        self.assertEqual(done.returncode, 0, done.stderr)
                        self.assertIn(f"worker-{profile}", done.stdout)

    def test_a_further_machine_must_say_where_the_coordinator_is(self):
        for compose in composes():
            environment = {**FURTHER_MACHINE, "SEEDBED_COORDINATOR": ""}
            done = config(compose, "compose.worker.yaml", "cpu", environment)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("HOST:PORT of the coordinator", done.stderr)


if __name__ == "__main__":
    unittest.main()
