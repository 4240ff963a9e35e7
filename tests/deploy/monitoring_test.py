"""A real Prometheus, with the configuration of deploy/prometheus, scrapes a real cluster through a real sweep. Every
query of every dashboard and every recording rule must give data.

An alert's expression is empty in a healthy cluster, so of an alert it is every selector in it, without the comparisons,
that must give data, and Prometheus that must evaluate the whole.
"""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

import dashboards
import service

PROMETHEUS = dashboards.ROOT / "deploy" / "prometheus"
SELECTOR = re.compile(r"((?<![\w:])(?:\w+:)?seedbed_\w+(?::\w+)*|(?<![\w:])seedbed:[\w:]+|\bup\b)(\{[^}]*\})?")
LONGEST_WAIT_S = 60
# How full the disks of the machine that tests are is not the cluster's health.
NOT_ABOUT_THE_CLUSTER = {"SeedbedDiskNearlyFull", "SeedbedDiskFull"}


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def replace_once(text, old, new):
    assert text.count(old) == 1, f"prometheus.yml: found {old!r} {text.count(old)} times; once is expected"
    return text.replace(old, new)


def configuration(addresses, own_address):
    """deploy/prometheus/prometheus.yml with a cluster's addresses, scraping every second."""
    text = (PROMETHEUS / "prometheus.yml").read_text()
    text = replace_once(text, "scrape_interval: 15s", "scrape_interval: 1s")
    text = replace_once(text, "evaluation_interval: 15s", "evaluation_interval: 1s")
    text = replace_once(text, "coordinator:7610", addresses["coordinator_http"])
    text = replace_once(text, "results:7612", addresses["results_http"])
    text = replace_once(text, "localhost:9090", own_address)
    worker = f'static_configs: [{{targets: ["{addresses["worker_http"]}"]}}]'
    return re.sub(r"dns_sd_configs: .*", lambda _: worker, text)


class Prometheus:
    """A Prometheus on a free port with its data in a folder of its own."""

    def __init__(self, addresses):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="seedbed-test-prometheus-"))
        self.address = free_address()
        shutil.copytree(PROMETHEUS, self.folder / "config")
        (self.folder / "config" / "prometheus.yml").write_text(configuration(addresses, self.address))
        self.output = open(self.folder / "output", "wb")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={self.folder}/config/prometheus.yml",
             f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address={self.address}"],
            stdout=self.output, stderr=subprocess.STDOUT)  # fmt: skip
        try:
            service.wait_for(self._scrapes_everything, LONGEST_WAIT_S, "every daemon scraped by Prometheus")
        except BaseException:
            self.close()
            raise

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.output.close()
        shutil.rmtree(self.folder)

    def get(self, path, **parameters):
        """The data of an answer of the HTTP API; an AssertionError with Prometheus' word where it refuses."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise  # It is still starting.
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def query(self, expression):
        return self.get("query", query=expression)["result"]

    def rules(self, kind):
        return [rule for group in self.get("rules", type=kind)["groups"] for rule in group["rules"]]

    def _scrapes_everything(self):
        if self.process.poll() is not None:
            raise AssertionError("Prometheus ended: " + (self.folder / "output").read_text())
        try:
            return len(self.query("up == 1")) == 4  # Coordinator, results, worker and itself.
        except OSError:
            return False


@unittest.skipUnless(shutil.which("prometheus"), "no prometheus; Debian's package prometheus has it")
class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.inputs = service.Inputs()
        cls.addClassCleanup(cls.inputs.close)
        cls.service = service.Service()
        cls.addClassCleanup(cls.service.close)
        cls.prometheus = Prometheus(cls.service.addresses)
        cls.addClassCleanup(cls.prometheus.close)
        cls.service.submit_and_wait(cls.inputs.write_sweep())  # For agreement.
        cls.training = cls.submit_long()  # For the series of runs, which last as long as these train.

    @classmethod
    def submit_long(cls, **changes):
        """A sweep that trains for longer than any test here takes."""
        return cls.service.submit(cls.inputs.write_sweep(epochs=10_000, max_tokens=20_000, latents="[512]", **changes))

    def assert_gives_data(self, expression):
        service.wait_for(lambda: self.prometheus.query(expression), LONGEST_WAIT_S, f"data for {expression}")

    def test_every_query_of_every_dashboard_gives_data(self):
        for name, dashboard in dashboards.load().items():
            for panel, query in dashboards.panel_queries(dashboard):
                with self.subTest(dashboard=name, panel=panel):
                    self.assert_gives_data(dashboards.with_all(query))

    def test_every_variable_of_every_dashboard_has_a_value(self):
        for name, dashboard in dashboards.load().items():
            for variable, selector, label in dashboards.variable_queries(dashboard):
                with self.subTest(dashboard=name, variable=variable):
                    selector = dashboards.with_all(selector)
                    self.assert_gives_data(selector)
                    self.assertTrue(all(series["metric"][label] for series in self.prometheus.query(selector)))

    def test_every_recording_rule_gives_data(self):
        rules = self.prometheus.rules("record")
        self.assertGreater(len(rules), 5)
        for rule in rules:
            with self.subTest(rule=rule["name"]):
                self.assert_gives_data(rule["name"])

    def test_every_alert_is_evaluated_over_series_that_exist(self):
        alerts = self.prometheus.rules("alert")
        self.assertGreater(len(alerts), 10)
        for alert in alerts:
            with self.subTest(alert=alert["name"]):
                self.prometheus.query(alert["query"])
                selectors = {name + labels for name, labels in SELECTOR.findall(alert["query"])}
                self.assertTrue(selectors)
                for selector in selectors:
                    self.assert_gives_data(selector)

    def test_nothing_fires_in_a_healthy_cluster(self):
        self.assert_gives_data("seedbed_run_step")
        firing = {series["metric"]["alertname"] for series in self.prometheus.query('ALERTS{alertstate="firing"}')}
        self.assertEqual(firing - NOT_ABOUT_THE_CLUSTER, set())

    def test_series_of_a_run_end_with_it(self):
        sweep = self.submit_long(seeds="[7]")
        # It waits for the only slot until the other sweep is gone; then its series are the only ones.
        self.service.cli("cancel", self.training)
        try:
            service.wait_for(lambda: self.runs() and all(run.startswith(sweep + "-") for run in self.runs()),
                             LONGEST_WAIT_S, "the series of the running sweep alone")  # fmt: skip
        finally:
            type(self).training = sweep

    def runs(self):
        return {series["metric"]["run"] for series in self.prometheus.query("seedbed_run_step")}


if __name__ == "__main__":
    unittest.main()
