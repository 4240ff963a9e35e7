"""A token file and its sidecar (docs/formats.md), complete or absent."""

import contextlib
import hashlib
import json
import os
import pathlib

import numpy

from tokenizing import InputError


def sidecar_of(out):
    return out.with_name(out.name + ".json")


def is_finished(out, made_from):
    """Whether the file is there, made in just this way."""
    sidecar = sidecar_of(out)
    if not out.is_file() or not sidecar.is_file():
        return False
    try:
        found = json.loads(sidecar.read_text(encoding="utf-8"))
        size = found["count"] * numpy.dtype(found["dtype"]).itemsize
        return found.get("made_from") == made_from and out.stat().st_size == size
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


class TokenFileWriter:
    """Stages both files beside their places, durably; `commit` puts them there. A context manager that leaves nothing
    staged behind."""

    def __init__(self, out):
        self._out = out
        self._staged = self._beside(out)
        self._staged_sidecar = self._beside(sidecar_of(out))
        self._digest = hashlib.sha256()
        self.count = 0

    @staticmethod
    def _beside(path):
        return path.with_name(f".{path.name}.{os.getpid()}.tmp")

    @contextlib.contextmanager
    def _naming_the_file(self):
        try:
            yield
        except OSError as error:
            raise InputError(f"{self._out}: cannot be written: {error.strerror or error}") from error

    def __enter__(self):
        with self._naming_the_file():
            self._out.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._staged, "wb")
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._file.close()
        for path in (self._staged, self._staged_sidecar):
            path.unlink(missing_ok=True)

    def append(self, ids):
        contents = ids.tobytes()
        self._digest.update(contents)
        self.count += len(ids)
        with self._naming_the_file():
            self._file.write(contents)

    def commit(self, fields):
        """`fields` of the sidecar, besides what is known here. Returns all of them."""
        fields = {**fields, "count": self.count, "sha256": self._digest.hexdigest()}
        with self._naming_the_file():
            self._close_durably(self._file)
            sidecar = open(self._staged_sidecar, "w", encoding="utf-8")
            sidecar.write(json.dumps(fields, indent=2) + "\n")
            self._close_durably(sidecar)
            # So that no sidecar is ever beside tokens that it does not describe.
            sidecar_of(self._out).unlink(missing_ok=True)
            self._staged.rename(self._out)
            self._staged_sidecar.rename(sidecar_of(self._out))
            self._sync_folder(self._out.parent)
        return fields

    @staticmethod
    def _close_durably(file):
        with file:
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def _sync_folder(path: pathlib.Path):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
