"""Two headers may not define a type of one name: all share one namespace, and a program that links both would run one's
destructor on the other's objects without a word from the linker."""

import collections
import pathlib
import re
import sys

FOLDERS = ("common", "sae", "server", "worker", "client")
DEFINITION = re.compile(r"^(?:struct|class|enum class) (\w+)[^;:]*(?::[^:].*)?\{", re.MULTILINE)


def main(root):
    where = collections.defaultdict(list)
    for folder in FOLDERS:
        for header in sorted((root / folder).rglob("*.h")):
            for name in DEFINITION.findall(header.read_text()):
                where[name].append(str(header.relative_to(root)))
    assert len(where) > 100, f"only {len(where)} types were found"
    doubled = {name: files for name, files in where.items() if len(files) > 1}
    for name, files in sorted(doubled.items()):
        print(f"{name} is defined in {' and '.join(files)}")
    return 1 if doubled else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
