"""What stderr shows while a corpus is tokenized: a bar on a terminal, a line now and then elsewhere."""

import sys
import time

BAR_WIDTH = 24


class Progress:
    def __init__(self, bytes_read):
        self._bytes_read = bytes_read
        self._started = self._shown = time.monotonic()
        self._on_terminal = sys.stderr.isatty()

    def show(self, tokens, last=False):
        now = time.monotonic()
        if not last and now - self._shown < (0.2 if self._on_terminal else 5):
            return
        self._shown = now
        line = self._line(tokens, max(now - self._started, 1e-3))
        if self._on_terminal:
            print(f"\r\x1b[K{self._bar()}{line}", end="\n" if last else "", file=sys.stderr, flush=True)
        else:
            print(f"tokenize_text: {line}", file=sys.stderr, flush=True)

    def _fraction(self):
        # A Parquet file's reader seeks, and reads some bytes twice.
        return min(1.0, self._bytes_read.count / self._bytes_read.total) if self._bytes_read.total else 1.0

    def _bar(self):
        filled = int(BAR_WIDTH * self._fraction())
        return f"[{'#' * filled}{'-' * (BAR_WIDTH - filled)}] {self._fraction():4.0%}  "

    def _line(self, tokens, seconds):
        read, total = self._bytes_read.count / 1e6, self._bytes_read.total / 1e6
        return (
            f"{min(read, total):.1f} of {total:.1f} MB at {read / seconds:.2f} MB/s, "
            f"{tokens / 1e6:.2f} M tokens at {tokens / 1e3 / seconds:.0f} k tokens/s, {seconds:.0f} s"
        )
