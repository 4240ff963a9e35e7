"""Prometheus' rules by themselves: they are valid, each alert is tested and documented."""

import pathlib
import re
import shutil
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
UNIT_TESTS = sorted((ROOT / "tests" / "deploy" / "prometheus").glob("*_test.yml"))


def alerts():
    return re.findall(r"- alert: (\S+)", (PROMETHEUS / "rules" / "alerts.yml").read_text())


class AlertRules(unittest.TestCase):
    def test_every_alert_has_a_case_in_which_it_fires(self):
        cases = "".join(path.read_text() for path in UNIT_TESTS)
        self.assertGreater(len(alerts()), 10)
        for alert in alerts():
            with self.subTest(alert=alert):
                self.assertRegex(cases, rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels")

    def test_operations_has_each_alert_and_no_other(self):
        documented = re.findall(r"^\| `(Seedbed\w+)` \|", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
        self.assertEqual(sorted(documented), sorted(alerts()))


@unittest.skipUnless(shutil.which("promtool"), "no promtool; Debian's package prometheus has it")
class AlertRulesInPromtool(unittest.TestCase):
    def promtool(self, *arguments):
        done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_configuration_and_rules_are_valid(self):
        told = self.promtool("check", "config", PROMETHEUS / "prometheus.yml")
        self.assertIn(f"{len(alerts())} rules found", told)

    def test_unit_tests_pass(self):
        self.assertEqual(len(UNIT_TESTS), 2)
        self.promtool("test", "rules", *UNIT_TESTS)


if __name__ == "__main__":
    unittest.main()
