#!/usr/bin/env python3
"""Tables of claims whose last column is `test`: every row names tests that exist, as `FILE` or `FILE NAME`. FILE is the end of one path below
tests/; of several files of that name, one below tests/unit/ with the folder of the document's (plugins/rayservice: tests/unit/rayservice)."""
import re
import subprocess
import sys

FILES = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "tests"], text=True).split()


DOCUMENTS = ("deploy/SECURITY.md", "plugins/rayservice/README.md")


def problem(cell, folder):
    """What is wrong with a test's name; None: it is there."""
    file, _, name = cell.partition(" ")
    found = [f for f in FILES if f == f"tests/unit/{folder}/{file}"] or [f for f in FILES if f.endswith("/" + file)]
    if len(found) != 1: return f"{file} is {'no file' if not found else 'several files'} below tests/"
    text = open(found[0]).read()
    wanted = f"def test_{name}(" if file.endswith(".py") else f'{{"{name}",'
    if name and wanted not in text: return f"{found[0]} has no test {name}"


def rows(path):
    """Line and last cell of each row of such a table."""
    inside = False
    for n, line in enumerate(open(path), 1):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        inside = line.startswith("|") and (inside or cells[-1] == "test")
        if inside and cells[-1] not in ("test", "---"): yield n, cells[-1]


def main():
    wrong = []
    for path in DOCUMENTS:
        some, folder = list(rows(path)), path.split("/")[-2]
        if not some: wrong.append(f"{path}: no table of tests")
        for n, cell in some:
            tests = re.findall("`([^`]+)`", cell)
            if not tests: wrong.append(f"{path}:{n}: no test is named")
            wrong += [f"{path}:{n}: {p}" for p in (problem(t, folder) for t in tests) if p]
    for w in wrong: print(w)
    sys.exit(1 if wrong else 0)


main()
