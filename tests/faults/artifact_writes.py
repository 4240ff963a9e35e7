"""What is written into the folder of artifacts, in order, as the kernel tells it (inotify)."""

import ctypes
import os
import pathlib
import re
import select
import struct
import threading
import traceback

_MODIFY, _MOVED_FROM, _MOVED_TO, _CREATE = 0x2, 0x40, 0x80, 0x100
_WRITES = _MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE
_HEADER = struct.Struct("iIII")  # struct inotify_event without its name.
_ATTEMPT = re.compile(r"(?P<target>.+)\.attempt-(?P<attempt>\d+)(\.|$)")
_libc = ctypes.CDLL(None, use_errno=True)


class WriteWatch:
    """Watches from its construction until it is stopped.

    A violation: something is written into what an attempt stages (TARGET.attempt-N.tmp) after a later attempt at the same
    target was written.
    """

    def __init__(self, root):
        self._fd = _libc.inotify_init1(os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._folders = {}  # Watch descriptor: folder.
        self._newest = {}  # Target: newest attempt that was written.
        self.violations = []
        self.staging = threading.Event()  # Set whenever an attempt stages something.
        self._wake_read, self._wake_write = os.pipe()
        self._watch(pathlib.Path(root))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self):
        os.close(self._wake_write)
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._fd)

    def _watch(self, folder):
        """And all folders in it: they may have been made before the watch. What was written before it is not seen."""
        watch = _libc.inotify_add_watch(self._fd, os.fsencode(folder), _WRITES)
        if watch < 0:
            return  # It is gone.
        self._folders[watch] = folder
        for entry in _entries(folder):
            if entry.is_dir():
                self._watch(entry)

    def _run(self):
        try:
            while self._fd in select.select([self._fd, self._wake_read], [], [])[0]:
                self._take(os.read(self._fd, 1 << 16))
        except Exception:  # Seen by nobody else: the thread would just end.
            self.violations.append("the harness failed: " + traceback.format_exc())

    def _take(self, content):
        offset = 0
        while offset < len(content):
            watch, mask, _, length = _HEADER.unpack_from(content, offset)
            offset += _HEADER.size
            name = os.fsdecode(content[offset : offset + length].rstrip(b"\0"))
            offset += length
            folder = self._folders.get(watch)
            if folder is None or not name:
                continue
            self._note(folder / name)
            if mask & _CREATE and (folder / name).is_dir():
                self._watch(folder / name)

    def _note(self, path):
        for part in (path, *path.parents):
            staged = _ATTEMPT.match(part.name)
            if staged:
                self.staging.set()
                return self._judge(str(part.parent / staged["target"]), int(staged["attempt"]))

    def _judge(self, target, attempt):
        newest = self._newest.setdefault(target, attempt)
        if attempt < newest:
            self.violations.append(f"attempt {attempt} wrote {target} after attempt {newest} had begun to")
        self._newest[target] = max(newest, attempt)


def _entries(folder):
    try:
        return list(folder.iterdir())
    except OSError:
        return []
