"""The report in headless Chromium: at desktop and phone width, light and dark, nothing is said on the console, nothing is
wider than the window, and no figure is empty. Leaves a screenshot of each.

Usage: report_browser_test.py REPORT_PAGE_WRITER SCREENSHOT_FOLDER. Where no Chromium is installed it says so and exits with
77. Chromium is driven over its own protocol through a pipe; standard library only.
"""

import base64
import itertools
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 60
SKIPPED = 77
WIDTHS = {"desktop": 1280, "phone": 390}

# What is wider than the window, but for what lies in a box that scrolls; and what each figure draws.
LOOK = """(() => {
  const wide = [];
  for (const element of document.body.querySelectorAll('*')) {
    if (element.closest('.scroll') && !element.matches('.scroll')) continue;
    const box = element.getBoundingClientRect();
    if (box.right > window.innerWidth + 0.5 || box.left < -0.5) wide.push(element.outerHTML.slice(0, 120));
  }
  const outside = [], empty = [], figures = [...document.querySelectorAll('section.figure')];
  for (const plot of document.querySelectorAll('svg.plot')) {
    const frame = plot.getBoundingClientRect();
    for (const mark of plot.querySelectorAll('text, path, rect, circle')) {
      const box = mark.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 ||
          box.bottom > frame.bottom + 1) outside.push(mark.outerHTML.slice(0, 120));
    }
    for (const series of plot.querySelectorAll('g.series')) {
      const box = series.getBoundingClientRect();
      if (box.width + box.height < 4) empty.push(plot.getAttribute('aria-label'));
    }
    if (!plot.querySelector('g.series')) empty.push(plot.getAttribute('aria-label'));
  }
  for (const figure of figures) {
    if (!figure.querySelector('svg.plot') || !figure.querySelector('tbody tr')) empty.push(figure.id);
  }
  return {scroll_width: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight,
          figures: figures.map(figure => figure.id), background: getComputedStyle(document.body).backgroundColor,
          smallest_text: Math.min(...[...document.querySelectorAll('svg.plot')].map(
              plot => 13 * plot.getBoundingClientRect().width / plot.viewBox.baseVal.width)),
          wide, outside, empty};
})()"""


def find_browser():
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Browser:
    """Chromium with one page. Messages are JSON objects that end with a zero byte, on its descriptors 3 and 4."""

    def __init__(self, program, profile):
        to_read, self._to = os.pipe()
        self._from, from_write = os.pipe()
        wrapper = f'exec "$@" 3<&{to_read} 4>&{from_write}'
        self._process = subprocess.Popen(
            ["bash", "-c", wrapper, "bash", program, "--headless=new", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={profile}", "--remote-debugging-pipe"],
            pass_fds=(to_read, from_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self._numbers = itertools.count(1)
        self._received = b""
        self._session = None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def call(self, method, **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        rest = json.dumps(message).encode() + b"\0"
        while rest:
            rest = rest[os.write(self._to, rest):]
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, event):
        while not any(message.get("method") == event for message in self.events):
            self.events.append(self._receive())

    def _receive(self):
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._received:
            if not select.select([self._from], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"Chromium said nothing for {SECONDS} s")
            part = os.read(self._from, 1 << 20)
            if not part:
                raise RuntimeError("Chromium ended")
            self._received += part
        message, self._received = self._received.split(b"\0", 1)
        return json.loads(message)


def complaints(events):
    """Errors and warnings that the page gave rise to."""
    found = []
    for event in events:
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            found.append(str(parameters["exceptionDetails"]))
        elif event.get("method") == "Runtime.consoleAPICalled":
            found.append(str(parameters["args"]))
        elif event.get("method") == "Log.entryAdded":
            found.append(parameters["entry"]["text"])
    return found


class ReportBrowserTest(unittest.TestCase):
    writer = screenshots = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.page = pathlib.Path(cls.folder.name) / "report.html"
        subprocess.run([cls.writer, str(cls.page)], check=True)
        cls.browser = Browser(find_browser(), str(pathlib.Path(cls.folder.name) / "profile"))
        cls.addClassCleanup(cls.browser.close)
        cls.screenshots.mkdir(parents=True, exist_ok=True)

    def look(self, page, width, scheme, name):
        """What LOOK finds, after a screenshot of the whole page."""
        browser = self.browser
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
                     mobile=width < 600)
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.events.clear()
        browser.call("Page.navigate", url=page.as_uri())
        browser.wait_for("Page.loadEventFired")
        seen = browser.call("Runtime.evaluate", expression=LOOK, returnByValue=True)["result"]["value"]
        shot = browser.call("Page.captureScreenshot", captureBeyondViewport=True,
                            clip={"x": 0, "y": 0, "width": width, "height": seen["height"], "scale": 1})
        (self.screenshots / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
        return seen

    def test_every_width_and_scheme(self):
        backgrounds = {}
        for (device, width), scheme in itertools.product(WIDTHS.items(), ("light", "dark")):
            with self.subTest(device=device, scheme=scheme):
                seen = self.look(self.page, width, scheme, f"{device}-{scheme}")
                self.assertEqual(complaints(self.browser.events), [])
                self.assertLessEqual(seen["scroll_width"], width)
                self.assertEqual(seen["wide"], [])
                self.assertEqual(seen["outside"], [])
                self.assertEqual(seen["empty"], [])
                self.assertEqual(seen["figures"], ["threshold", "width", "hookpoint", "architecture", "sharing", "unique",
                                                   "cosines", "frequency", "correlation"])
                self.assertGreater(seen["smallest_text"], 9)
                backgrounds.setdefault(scheme, set()).add(seen["background"])
        self.assertEqual([len(colours) for colours in backgrounds.values()], [1, 1])
        self.assertNotEqual(backgrounds["light"], backgrounds["dark"])

    def test_the_look_finds_what_is_wrong(self):
        page = pathlib.Path(self.folder.name) / "wrong.html"
        page.write_text("<section class=figure id=a><svg class=plot width=100 viewBox='0 0 440 300' aria-label=b>"
                        "<g class=series></g><text x=430>far outside</text></svg></section>"
                        "<div style='width: 2000px'>wide</div><script>console.error('no'); undefinedName()</script>")
        seen = self.look(page, 390, "light", "wrong")
        self.assertEqual(seen["empty"], ["b", "a"])
        self.assertEqual(len(seen["outside"]), 1)
        self.assertTrue(any("2000px" in element for element in seen["wide"]))
        self.assertEqual(len(complaints(self.browser.events)), 2)
        (self.screenshots / "wrong.png").unlink()


if __name__ == "__main__":
    if find_browser() is None:
        print(f"skipped: none of {', '.join(BROWSERS)} is installed")
        sys.exit(SKIPPED)
    ReportBrowserTest.writer, screenshots = sys.argv[1:3]
    ReportBrowserTest.screenshots = pathlib.Path(screenshots)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
