#!/usr/bin/env python3
"""Every path that the documentation names is there: links of Markdown files, and files that stand in `code` in a table or a text.

A name in code counts as a path when it has a known ending or ends in a slash; it is looked for beside the file, below the
repository's root, and by its name alone anywhere (documentation may say `store.c` of a file in its folder's subfolders).
"""
import glob, os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILES = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
FOLDERS = {os.path.dirname(f)[:n] for f in FILES for n in [len(os.path.dirname(f))]} | {"/".join(f.split("/")[:i]) for f in FILES for i in range(1, f.count("/") + 1)}
NAMES = {os.path.basename(f) for f in FILES}
PATH = re.compile(r"^[\w.*/{},-]+(\.(c|h|py|sh|yaml|txt|md|inc|in|json)|/)$")
# Made by the build or by running, or of the reader's own.
ELSEWHERE = ("build", "/", "~", "rayvisor-host", "spec/")


def is_there(text, folder):
    for base in (folder, ""):
        p = os.path.normpath(os.path.join(base, text)) if text else base
        if p in FILES or p in FOLDERS or p == ".": return True
        if "*" in text and glob.glob(os.path.join(ROOT, base, text)): return True
    if text.endswith("/"):
        return any(("/" + f + "/").endswith("/" + text) for f in FOLDERS)
    return os.path.basename(text) in NAMES and any(("/" + f).endswith("/" + text) for f in FILES)


def check(path):
    wrong, fenced = [], False
    folder = os.path.dirname(path)
    for n, line in enumerate(open(os.path.join(ROOT, path)), 1):
        if line.startswith("```"): fenced = not fenced
        if fenced: continue
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:|#", target): continue
            p = os.path.normpath(os.path.join(folder, target.split("#")[0]))
            if p not in FILES and p not in FOLDERS: wrong.append(f"{path}:{n}: the link {target} leads nowhere")
        for code in re.findall(r"`([^`]+)`", line):
            if PATH.match(code) and not code.startswith(ELSEWHERE) and "{" not in code and "NAME" not in code and not is_there(code, folder):
                wrong.append(f"{path}:{n}: there is no {code}")
    return wrong


def main():
    docs = [f for f in FILES if f.endswith(".md")]
    wrong = [w for f in docs for w in check(f)]
    # Folders that a newcomer opens first tell what is in them.
    for f in sorted(f for f in FOLDERS if re.fullmatch(r"(plugins/[a-z-]+|supervisor|ipc|config|tests|tests/integration|tests/bench|deploy/sandbox|include/rayvisor)", f)):
        if f + "/README.md" not in FILES and f not in ("plugins/host", "plugins/sdk"): wrong.append(f"{f} has no README.md")
    print("\n".join(wrong) or f"{len(docs)} documents")
    return 1 if wrong else 0


sys.exit(main())
