#!/usr/bin/env python3
"""Puts what `rayvisord --print-schema` prints (standard input) into values.schema.json: the keys of `config` without those that other values
set, the settings of each plugin, and the feature gates that are known. The rest of that file is written by hand.

With --check it only says whether the file is up to date.
"""
import json, os, re, sys

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "values.schema.json")
# What the chart sets itself, from other values.
SET = {"": ["runtimeDir", "pluginDirs", "hostBinary", "http", "admission"], "kubernetes": ["kubeconfig", "context", "namespaces", "proxyHttp"], "leaderElection": ["enabled", "namespace"]}


def gates():
    """The list known_gates of plugins/ray/settings.c, by which the controllers refuse any other."""
    read = lambda name: open(os.path.join(HERE, "../../plugins/ray", name)).read()
    names = dict(re.findall(r'#define (RC_GATE_\w+) "(\w+)"', read("fields.h")))
    listed = re.search(r"known_gates\[\] = \{(.*?)\};", read("settings.c"), re.S)[1]
    return sorted(names[n] if n in names else n.strip('"') for n in re.findall(r'"\w+"|\w+', listed))


def main():
    printed, old = json.load(sys.stdin), open(FILE).read()
    schema = json.loads(old)
    config = printed["config"]["properties"]
    for section, names in SET.items():
        keys = config[section]["properties"] if section else config
        for n in names: del keys[n]
    schema["properties"]["config"] = printed["config"]
    schema["properties"]["settings"] = printed["settings"]
    schema["properties"]["featureGates"]["items"]["properties"]["name"] = {"type": "string", "enum": gates()}
    new = json.dumps(schema, indent=2) + "\n"
    if new == old: return 0
    if sys.argv[1:] == ["--check"]:
        print("deploy/helm/values.schema.json is not what rayvisord --print-schema prints: run deploy/helm/generate.sh")
        return 1
    open(FILE, "w").write(new)
    return 0


sys.exit(main())
