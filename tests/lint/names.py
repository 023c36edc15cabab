#!/usr/bin/env python3
"""Labels and annotations of ray.io and rayvisor.io have one name in the code: a macro, which is what a reader greps for.

Product code (not tests) may write such a text only in the line of a #define, and no two folders define the same one. The
sandbox is the exception of the second rule, because it includes nothing of the controllers.
"""
import re
import subprocess
import sys

LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')
KEY = re.compile(r"(?<![\w./])(?:sandbox\.)?(?:ray|rayvisor)\.io/(?!v1\b)[a-z][\w./-]*")
FOLDERS = ("include/", "ipc/", "supervisor/", "plugins/", "deploy/")


def is_product_code(path):
    name = path.rsplit("/", 1)[-1]
    return path.startswith(FOLDERS) and path.endswith((".c", ".h", ".inc")) and not name.startswith("test_")


def keys(line):
    """The keys in the literals of a line of code."""
    code = re.sub(r"/\*.*?\*/", "", line)
    if code.lstrip().startswith(("*", "/*", "//", "#include")):
        return []
    return [k for literal in LITERAL.findall(code) for k in KEY.findall(literal)]


def findings(files):
    """files: path -> text, of a whole tree."""
    defined = {}
    for path, text in sorted(files.items()):
        if not is_product_code(path):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for key in keys(line):
                if not line.startswith("#define "):
                    yield f"{path}:{number}: {key} is written out; define a name for it, or use the one that there is"
                elif not path.startswith("deploy/sandbox/"):
                    first = defined.setdefault(key, f"{path}:{number}")
                    if first != f"{path}:{number}":
                        yield f"{path}:{number}: {key} has a name already, in {first}"


# Files of a tree, and how many findings they give: the check itself is tested before it is believed.
SAMPLES = [
    ({"plugins/a.h": '#define A "ray.io/cluster" /* "ray.io/group" */'}, 0),
    ({"plugins/a.c": 'x = "ray.io/cluster";'}, 1),
    ({"plugins/a.c": "x = \"{'metadata.labels['ray.io/group']\";"}, 1),
    ({"supervisor/a.c": 'x = "rayvisor.io/price";'}, 1),
    ({"plugins/a.c": 'x = "ray.io/v1", y = "ray.io/", z = "https://docs.ray.io/en/master", s = "/secrets/ray.io/token";'}, 0),
    ({"plugins/a.c": ' * It has the label "ray.io/cluster".'}, 0),
    ({"plugins/a.h": '#define A "ray.io/cluster"', "plugins/b.h": '#define B "ray.io/cluster"'}, 1),
    ({"plugins/a.h": '#define A "ray.io/cluster"', "deploy/sandbox/b.h": '#define B "ray.io/cluster"'}, 0),
    ({"tests/a.c": 'x = "ray.io/cluster";', "plugins/example-vendor/test_a.c": 'x = "ray.io/cluster";'}, 0),
]


def read_tree():
    files = {}
    for path in subprocess.check_output(["git", "ls-files"], text=True).split():
        if is_product_code(path):
            try:
                with open(path) as f:
                    files[path] = f.read()
            except FileNotFoundError:
                pass  # deleted, not committed yet
    return files


def main():
    wrong = [f"tests/lint/names.py itself: {files} gives {n} findings, not {want}"
             for files, want in SAMPLES if (n := len(list(findings(files)))) != want]
    wrong += findings(read_tree())
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
