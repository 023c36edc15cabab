#!/usr/bin/env python3
"""The commands of deploy/guides, typed as they stand: each guide in one shell, from the checkout's folder, on a sandbox of its own.

Where a guide has a block of YAML that begins with `plugins:`, the operator has these plugins. A comment before a block of commands says what
is left out: `<!-- not typed: REASON -->`, or `<!-- needs PROGRAM -->`."""
import textwrap
from harness import *
from test_commands import KUBECTL, environment, needs_kubectl, shell
from test_deploy import HELM

GUIDES = os.path.join(ROOT, "deploy/guides")
BLOCK = re.compile(r"(?:^ *<!-- (.*?) -->\n)?^( *)```(\w+)\n(.*?)^\2```$", re.M | re.S)
PATHS = re.compile(r"(?:^|[ =])((?:deploy|tests|config|plugins)/[\w./-]+)")


def parts(guide):
    """Its blocks: (remark, language, text)."""
    return [(m[1], m[3], textwrap.dedent(m[4])) for m in BLOCK.finditer(open(os.path.join(GUIDES, guide)).read())]


def plugins(guide):
    found = [text for _, lang, text in parts(guide) if lang == "yaml" and text.startswith("plugins:")]
    assert len(found) <= 1, guide
    return found[0] if found else "plugins: [{name: raycluster}, {name: rayjob}, {name: rayservice}, {name: autoscaler}]\n"


def typed(guide):
    """The commands that are typed, as lines of the shell; those that go on in the next line, or end a loop there, as one."""
    lines = []
    for remark, lang, text in parts(guide):
        if lang != "sh" or (remark or "").startswith("not typed: "): continue
        assert not remark or remark == "needs helm", f"{guide}: {remark}?"
        if remark and not HELM: continue
        whole = ""
        for line in text.splitlines():
            whole += line + "\n"
            if line.endswith("\\") or (re.match("(for|while) ", whole) and "done" not in line): continue
            lines.append(whole.rstrip("\n"))
            whole = ""
        assert not whole, (guide, whole)
    return lines


def guide(name):
    def test(env):
        needs_kubectl()
        lines = typed(name)
        assert len(lines) >= 3, (name, lines)
        tools = os.path.join(env.dir, "tools")
        os.mkdir(tools)
        if HELM: os.symlink(HELM, os.path.join(tools, "helm"))
        os.symlink(KUBECTL, os.path.join(tools, "kubectl"))
        e = environment(env.dir, RAYVISOR_SANDBOX_DIR=os.path.join(env.dir, "sb"))
        e["PATH"] = ":".join([os.path.join(BUILD, "bin"), tools, e["PATH"]])
        config = os.path.join(env.dir, "rayvisor.yaml")
        open(config, "w").write("http: {bind: '127.0.0.1:0'}\n" + plugins(name))
        ctl = lambda *args: subprocess.run([binary("rayvisorctl"), *args], env=e, text=True, capture_output=True, timeout=60 * PATIENCE)
        r = ctl("sandbox", "up", "--config", config)
        try:
            assert r.returncode == 0, r.stderr
            e["KUBECONFIG"] = ctl("sandbox", "kubeconfig").stdout.strip()
            shell(lines, e, timeout=300)
        finally:
            subprocess.run([binary("rayvisorctl"), "sandbox", "down"], env={**e, "RAYVISOR_SANDBOX_DIR": os.path.join(env.dir, "my-sandbox")}, capture_output=True)
            ctl("sandbox", "down")
    return test


NAMES = sorted(f[:-3] for f in os.listdir(GUIDES) if f.endswith(".md") and f != "README.md")
for n in NAMES: globals()["test_" + n.replace("-", "_")] = guide(n + ".md")


def test_what_is_not_typed(env):
    """Each has a reason, and names only files that are there; the index has every guide."""
    index = open(os.path.join(GUIDES, "README.md")).read()
    for name in NAMES:
        assert f"({name}.md)" in index, name
        for remark, lang, text in parts(name + ".md"):
            assert lang in ("sh", "yaml"), (name, lang)
            if lang == "sh":
                for word in PATHS.findall(text): assert os.path.exists(os.path.join(ROOT, word)), (name, word)


if __name__ == "__main__": main()
