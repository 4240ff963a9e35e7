"""What `cmake --install` and the Debian packages hold, and that installed programs find LibTorch where it will be."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.environ["SEEDBED_BUILD_DIR"]
TORCH_LIBRARIES = "/usr/lib/seedbed/libtorch/lib/python3.11/site-packages/torch/lib"
FILES = {
    "control": {"bin/seedbed", "bin/seedbed-coordinator", "lib/systemd/system/seedbed-coordinator.service"},
    "worker": {"bin/seedbed-agree", "bin/seedbed-convert", "bin/seedbed-results", "bin/seedbed-trainer",
               "bin/seedbed-worker", "lib/seedbed/install_libtorch.sh", "lib/systemd/system/seedbed-results.service",
               "lib/systemd/system/seedbed-worker.service"},
}  # fmt: skip


def output_of(*command):
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="seedbed-test-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for component in FILES:
            output_of("cmake", "--install", BUILD, "--component", component, "--prefix", cls.folder / component)

    def test_each_component_has_its_files_and_no_other(self):
        for component, files in FILES.items():
            root = self.folder / component
            self.assertEqual({str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}, files)

    def test_libtorch_is_looked_for_where_install_libtorch_puts_it(self):
        for program in ("seedbed-trainer", "seedbed-agree", "seedbed-convert"):
            dynamic = output_of("readelf", "-d", self.folder / "worker" / "bin" / program)
            self.assertEqual(re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", dynamic), [TORCH_LIBRARIES])

    def test_the_control_plane_loads_no_libtorch(self):
        for program in FILES["control"]:
            if program.startswith("bin/"):
                self.assertNotIn("libtorch", output_of("readelf", "-d", self.folder / "control" / program))

    def test_units_start_programs_that_are_installed_beside_them(self):
        for component, files in FILES.items():
            for unit in (file for file in files if file.endswith(".service")):
                text = (self.folder / component / unit).read_text()
                (program,) = re.findall(r"^ExecStart=/usr/(\S+)", text, re.MULTILINE)
                self.assertIn(program, files)
                told = output_of(self.folder / component / program, "--help")
                for flag in re.findall(r" (--[a-z-]+) \$", text):
                    self.assertIn(flag, told)


@unittest.skipUnless(shutil.which("dpkg-deb"), "no dpkg-deb; this is not Debian")
class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="seedbed-test-packages-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        output_of("cpack", "--config", f"{BUILD}/CPackConfig.cmake", "-B", cls.folder)
        cls.packages = {path.name.split("_")[0]: path for path in cls.folder.glob("*.deb")}

    def test_there_is_one_for_each_component_with_its_files(self):
        self.assertEqual(set(self.packages), {"seedbed-control", "seedbed-worker"})
        for component, files in FILES.items():
            listing = output_of("dpkg-deb", "--contents", self.packages[f"seedbed-{component}"])
            found = {line.split()[5] for line in listing.splitlines() if line.startswith("-")}
            self.assertEqual(found, {f"./usr/{file}" for file in files})

    def test_they_depend_on_what_their_programs_load_and_make_their_user(self):
        for package, path in self.packages.items():
            depends = output_of("dpkg-deb", "--field", path, "Depends")
            for wanted in ("adduser", "libc6", "libgrpc++1.51", "libsqlite3-0"):
                self.assertIn(wanted, depends, package)
            with tempfile.TemporaryDirectory() as control:
                output_of("dpkg-deb", "--control", path, control)
                script = pathlib.Path(control, "postinst")
                self.assertEqual(script.stat().st_mode & 0o777, 0o755)
                self.assertIn("adduser", script.read_text())


if __name__ == "__main__":
    unittest.main()
