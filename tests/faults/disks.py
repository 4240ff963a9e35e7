"""Disks of a cluster: small file systems in memory, or plain folders where those can't be mounted."""

import errno
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

_BYTES = 48 << 20
BALLAST = "ballast"  # The file that fills a disk.


class FolderDisk:
    """A folder on whatever file system it lies. Can't be filled."""

    can_be_full = False

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)

    def close(self):
        shutil.rmtree(self.folder)


class MemoryDisk(FolderDisk):
    """A tmpfs of its own."""

    can_be_full = True

    def __init__(self, folder):
        super().__init__(folder)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_BYTES}", "seedbed-faults", str(folder)], check=True,
                       capture_output=True)  # fmt: skip

    def fill(self):
        """Takes all the room that is left."""
        step = _BYTES
        with open(self.folder / BALLAST, "ab") as ballast:
            while step >= 4096:
                try:
                    os.posix_fallocate(ballast.fileno(), ballast.seek(0, os.SEEK_END), step)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    step //= 2

    def free(self):
        (self.folder / BALLAST).unlink(missing_ok=True)

    def close(self):
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True, capture_output=True)
        super().close()


def make_disk(folder):
    return MemoryDisk(folder) if can_mount() else FolderDisk(folder)


@functools.lru_cache(maxsize=None)
def can_mount():
    """Whether this user may mount file systems here."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory(prefix="seedbed-faults-") as folder:
        try:
            MemoryDisk(pathlib.Path(folder) / "probe").close()
        except (subprocess.CalledProcessError, OSError):
            return False
    return True
