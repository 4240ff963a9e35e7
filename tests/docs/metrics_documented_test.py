"""docs/metrics.md lists every Prometheus series that the code makes, and no other."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = re.compile(r"seedbed_(?:coordinator|worker|results|run|disk)_[a-z0-9_]+")


def names_in_code():
    found = set()
    for folder in ("common", "server", "worker", "client"):
        for path in (ROOT / folder).rglob("*.cc"):
            found |= {quoted for quoted in re.findall(r'"(seedbed_[a-z0-9_]+)"', path.read_text()) if NAME.fullmatch(quoted)}
    return found


class MetricsDocumented(unittest.TestCase):
    def test_code_and_documentation_name_the_same_series(self):
        code = names_in_code()
        self.assertGreater(len(code), 20)
        self.assertEqual(code, set(NAME.findall((ROOT / "docs" / "metrics.md").read_text())))


if __name__ == "__main__":
    unittest.main()
