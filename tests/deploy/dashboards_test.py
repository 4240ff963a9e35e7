"""The dashboards by themselves: every panel has its description, unit and legend, and every metric is documented."""

import re
import unittest

import dashboards

METRIC = re.compile(r"\bseedbed_[a-z0-9_]+")
RECORDED = re.compile(r"\b[a-z_]*seedbed[a-z_]*:[a-z0-9_:]+|\b[a-z_]+:seedbed_[a-z0-9_:]+")
HISTOGRAM_SUFFIX = re.compile(r"_(bucket|count|sum)$")


def documented_metrics():
    return set(METRIC.findall((dashboards.ROOT / "docs" / "metrics.md").read_text()))


def recorded_series():
    rules = (dashboards.ROOT / "deploy" / "prometheus" / "rules" / "recording.yml").read_text()
    return set(re.findall(r"record: (\S+)", rules))


class Dashboards(unittest.TestCase):
    def setUp(self):
        self.dashboards = dashboards.load()

    def test_there_are_six_and_each_has_an_address_of_its_own(self):
        self.assertEqual(list(self.dashboards), ["agreement.json", "control_plane.json", "overview.json", "stream.json",
                                                 "sweep.json", "training.json"])  # fmt: skip
        self.assertEqual(len({dashboard["uid"] for dashboard in self.dashboards.values()}), len(self.dashboards))

    def test_every_panel_says_what_it_shows_and_in_which_unit(self):
        for name, dashboard in self.dashboards.items():
            for panel in dashboard["panels"]:
                with self.subTest(dashboard=name, panel=panel["title"]):
                    self.assertTrue(panel["description"].endswith("."))
                    self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                    self.assertTrue(all(target["legendFormat"] for target in panel["targets"]))

    def test_panels_neither_share_an_id_nor_lie_on_each_other(self):
        for name, dashboard in self.dashboards.items():
            with self.subTest(dashboard=name):
                ids = [panel["id"] for panel in dashboard["panels"]]
                self.assertEqual(len(ids), len(set(ids)))
                places = [panel["gridPos"] for panel in dashboard["panels"]]
                cells = [(place["x"] + dx, place["y"] + dy) for place in places
                         for dx in range(place["w"]) for dy in range(place["h"])]  # fmt: skip
                self.assertEqual(len(cells), len(set(cells)))
                self.assertLess(max(x for x, _ in cells), 24)

    def test_every_panel_reads_the_provisioned_source(self):
        provisioned = (dashboards.ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text()
        (uid,) = re.findall(r"uid: (\S+)", provisioned)
        for dashboard in self.dashboards.values():
            for part in dashboard["panels"] + dashboard["templating"]["list"]:
                self.assertEqual(part["datasource"], {"type": "prometheus", "uid": uid})

    def test_a_dashboard_uses_its_variables_and_no_others(self):
        for name, dashboard in self.dashboards.items():
            with self.subTest(dashboard=name):
                declared = {variable["name"] for variable in dashboard["templating"]["list"]}
                used_by = [query for _, query in dashboards.panel_queries(dashboard)]
                used_by += [selector for _, selector, _ in dashboards.variable_queries(dashboard)]
                used = set(re.findall(r"\$([a-z]+)", " ".join(used_by)))
                self.assertEqual(used, declared)

    def test_every_metric_is_documented_and_every_recorded_series_recorded(self):
        documented, recorded = documented_metrics(), recorded_series()
        for name, dashboard in self.dashboards.items():
            for panel, query in dashboards.panel_queries(dashboard):
                with self.subTest(dashboard=name, panel=panel):
                    self.assertLessEqual(set(RECORDED.findall(query)), recorded)
                    for metric in METRIC.findall(RECORDED.sub("", query)):
                        self.assertIn(HISTOGRAM_SUFFIX.sub("", metric), documented)


if __name__ == "__main__":
    unittest.main()
