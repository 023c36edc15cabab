#!/usr/bin/env python3
"""Makes the four CustomResourceDefinitions from compact sources.

generate.py            write ray.io_*.yaml
generate.py --check    exit 1 if a file on disk is not what would be written, or is too large for client-side apply
generate.py --extract SWAGGER.json   make src/kubernetes.json from a Kubernetes OpenAPI (v2) document

Sources: src/<plural>.yaml say what each kind has, src/kubernetes.json has the Kubernetes types they embed, descriptions taken out. A
field's type is one of
    string int32 int64 number bool time quantity        with "=VALUE" for a default, ">=N" for a minimum, "(A|B)" for an enum
    []TYPE  map:TYPE                                      lists and maps of text keys
    io.k8s...                                             a Kubernetes type
    @Name                                                 a type of the source's own (or of rayclusters.yaml)
    {type: TYPE, ...}                                     any of these with further schema keys (rules, listType, ...)
    {fields: {...}, required: [...]}                      an object
"""
import copy, json, os, re, sys
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 262144  # kubectl's last-applied annotation
QUANTITY = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True,
            "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"}
INT_OR_STRING = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
META = {"type": "object", "properties": {"annotations": {"type": "object", "additionalProperties": {"type": "string"}},
        "finalizers": {"type": "array", "items": {"type": "string"}}, "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "name": {"type": "string"}, "namespace": {"type": "string"}}}
SCALARS = {"string": {"type": "string"}, "int32": {"type": "integer", "format": "int32"}, "int64": {"type": "integer", "format": "int64"},
           "number": {"type": "number"}, "bool": {"type": "boolean"}, "time": {"type": "string", "format": "date-time"}}
SPECIAL = {"io.k8s.apimachinery.pkg.api.resource.Quantity": QUANTITY, "io.k8s.apimachinery.pkg.util.intstr.IntOrString": INT_OR_STRING,
           "io.k8s.apimachinery.pkg.apis.meta.v1.Time": SCALARS["time"], "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": SCALARS["time"],
           "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": META, "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": {"type": "object"}}


def extract(swagger):
    """The definitions that the sources reach, without prose."""
    defs, keep = json.load(open(swagger))["definitions"], {}
    roots = set()
    for f in sorted(os.listdir(HERE + "/src")):
        if f.endswith(".yaml"): roots |= set(re.findall(r"io\.k8s[A-Za-z0-9.]+", open(f"{HERE}/src/{f}").read()))
    todo = sorted(roots)
    while todo:
        name = todo.pop()
        if name in keep or name in SPECIAL: continue
        def strip(x):
            if isinstance(x, dict): return {k: strip(v) for k, v in x.items() if not (k == "description" and isinstance(v, str)) and not k.startswith("x-kubernetes-patch") and k not in ("x-kubernetes-group-version-kind", "x-kubernetes-unions")}
            return [strip(v) for v in x] if isinstance(x, list) else x
        keep[name] = strip(defs[name])
        todo += re.findall(r'"#/definitions/([^"]+)"', json.dumps(keep[name]))
    json.dump(keep, open(HERE + "/src/kubernetes.json", "w"), indent=0, sort_keys=True)
    open(HERE + "/src/kubernetes.json", "a").write("\n")


class Builder:
    def __init__(self):
        self.k8s = json.load(open(HERE + "/src/kubernetes.json"))
        self.shared = yaml.safe_load(open(HERE + "/src/rayclusters.yaml"))["types"]
        jobs = yaml.safe_load(open(HERE + "/src/rayjobs.yaml"))["types"]
        self.shared.update({"JobSpec": jobs["Spec"], "Policy": jobs["Policy"], "Rule": jobs["Rule"]})

    def kubernetes(self, name, depth=0):
        if name in SPECIAL: return copy.deepcopy(SPECIAL[name])
        assert depth < 30, name
        return self.inline(self.k8s[name], depth + 1)

    def inline(self, x, depth):
        if isinstance(x, dict):
            if "$ref" in x:
                out = self.kubernetes(x["$ref"].split("/")[-1], depth)
                out.update({k: v for k, v in x.items() if k in ("x-kubernetes-map-type", "default") and k != "$ref"})
                return out
            out = {k: (self.inline(v, depth) if k in ("properties", "items", "additionalProperties") or depth < 0 else v) for k, v in x.items()}
            if "properties" in out: out["properties"] = {k: self.inline(v, depth) for k, v in x["properties"].items()}
            self.list_keys(out)
            return out
        return x

    @staticmethod
    def list_keys(schema):
        """A structural schema wants every key of a list map required or defaulted; Kubernetes' own types leave that to Go."""
        for key in schema.get("x-kubernetes-list-map-keys", []):
            item = schema["items"]
            if key in item.get("required", []) or "default" in item["properties"][key]: continue
            item["properties"][key]["default"] = "TCP" if key == "protocol" else ""

    def type(self, t, own):
        if isinstance(t, dict):
            if "fields" in t: return self.object(t, own)
            extra = dict(t)
            out = self.type(extra.pop("type"), own)
            out.update(self.rules(extra))
            return out
        m = re.match(r"^(\[\]|map:)(.*)$", t)
        if m and m[1] == "[]": return {"type": "array", "items": self.type(m[2], own)}
        if m: return {"type": "object", "additionalProperties": self.type(m[2], own)}
        if t.startswith("@"):
            name = t[1:]
            return self.type(own.get(name, self.shared.get(name)), own)
        if t.startswith("io.k8s"):
            return self.kubernetes(t)
        m = re.match(r"^(\w+)(?:\(([^)]*)\))?(?:>=(-?\d+))?(?:=(.*))?$", t)
        out = copy.deepcopy(QUANTITY if m[1] == "quantity" else SCALARS[m[1]])
        if m[2]: out["enum"] = m[2].split("|")
        if m[3]: out["minimum"] = int(m[3])
        if m[4] is not None: out["default"] = yaml.safe_load(m[4]) if out.get("type") != "string" else m[4]
        return out

    @staticmethod
    def rules(extra):
        out = {}
        for k, v in extra.items():
            if k == "rules": out["x-kubernetes-validations"] = [{"rule": r, "message": msg} for r, msg in v]
            elif k == "listKey": out.update({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [v]})
            elif k == "atomic": out["x-kubernetes-list-type"] = "atomic"
            else: out[k] = v
        return out

    def object(self, t, own):
        extra = {k: v for k, v in t.items() if k not in ("fields", "required")}
        out = {"type": "object", "properties": {k: self.type(v, own) for k, v in t["fields"].items()}}
        if t.get("required"): out["required"] = t["required"]
        out.update(self.rules(extra))
        return out

    def crd(self, src):
        own = src["types"]
        version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
                   "additionalPrinterColumns": [dict(zip(("name", "type", "jsonPath", "priority"), c)) for c in src["columns"]],
                   "schema": {"openAPIV3Schema": {"type": "object", "description": src["description"], "required": src.get("required", []), "properties": {
                       "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
                       "spec": self.type("@Spec", own), "status": self.type("@Status", own)}}}}
        if not src.get("required"): del version["schema"]["openAPIV3Schema"]["required"]
        kind = src["kind"]
        return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{src['plural']}.ray.io"},
                "spec": {"group": "ray.io", "scope": "Namespaced", "names": {"categories": ["all"], "kind": kind, "listKind": kind + "List", "plural": src["plural"], "singular": kind.lower()},
                         "versions": [version]}}


class Plain(yaml.SafeDumper):
    def ignore_aliases(self, data): return True


def main():
    if sys.argv[1:2] == ["--extract"]: return extract(sys.argv[2])
    check, bad, b = sys.argv[1:] == ["--check"], 0, Builder()
    for f in sorted(os.listdir(HERE + "/src")):
        if not f.endswith(".yaml"): continue
        src = yaml.safe_load(open(f"{HERE}/src/{f}"))
        crd = b.crd(src)
        size, path = len(json.dumps(crd, separators=(",", ":"))), f"{HERE}/ray.io_{src['plural']}.yaml"  # a link to the file in the chart
        text = "# Generated by generate.py from src/: change those.\n" + yaml.dump(crd, Dumper=Plain, sort_keys=False, width=160)
        if size >= LIMIT:
            print(f"{src['plural']}: {size} bytes as JSON, client-side apply allows {LIMIT}")
            bad = 1
        if check and (not os.path.exists(path) or open(path).read() != text):
            print(f"{path} is not up to date: run deploy/crds/generate.py")
            bad = 1
        if not check: open(path, "w").write(text)
        print(f"{src['plural']}: {size} bytes as JSON")
    return bad


sys.exit(main())
