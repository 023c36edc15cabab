#!/usr/bin/env python3
"""Every defence in deploy/SECURITY.md names a test that exists: `FILE` or `FILE NAME`, FILE as the end of one path below tests/."""
import re
import subprocess
import sys

FILES = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "tests"], text=True).split()


def problem(cell):
    """What is wrong with a test's name; None: it is there."""
    file, _, name = cell.partition(" ")
    found = [f for f in FILES if f.endswith("/" + file)]
    if len(found) != 1: return f"{file} is {'no file' if not found else 'several files'} below tests/"
    text = open(found[0]).read()
    wanted = f"def test_{name}(" if file.endswith(".py") else f'{{"{name}",'
    if name and wanted not in text: return f"{found[0]} has no test {name}"


def main():
    wrong = []
    for n, line in enumerate(open("deploy/SECURITY.md"), 1):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 3 or cells[2] in ("test", "---"): continue
        tests = re.findall("`([^`]+)`", cells[2])
        if not tests: wrong.append(f"{n}: no test is named")
        wrong += [f"{n}: {p}" for p in map(problem, tests) if p]
    for w in wrong: print("deploy/SECURITY.md:" + w)
    sys.exit(1 if wrong else 0)


main()
