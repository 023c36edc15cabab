#!/usr/bin/env python3
"""Makes kinds.inc, the types of the built-in kinds, from a Kubernetes API server's own description and the protobuf files.

kinds.py OPENAPI_DIR GO_MODULES    OPENAPI_DIR has what GET /openapi/v3/api/v1, .../apis/apps/v1 ... answered, one .json each;
                                   GO_MODULES is the folder with k8s.io/api@VERSION and k8s.io/apimachinery@VERSION

One line a type: its name ("!" when it is applied as a whole), "@GROUP/VERSION/KIND" when it is a kind, then its fields:
    [*][?]NAME[#TAG]:TYPE[=DEFAULT]   * required; ? zero differs from absent; TAG is the protobuf number, "2.1" where protobuf nests and JSON does not
    TYPE: s string, b bool, i int32, l int64, d number, y bytes, q quantity, o int or string, t time, u microseconds time,
          x anything, else the name of a type; [TYPE] a list: followed by {key,key} a map, by = a set, else as a whole;
          then +key or + how a strategic patch merges it; {TYPE} a map of names, with ! as a whole
"""
import glob, json, os, re, sys

ROOTS = """Namespace Node Pod Service Endpoints ConfigMap Secret ServiceAccount Event PersistentVolumeClaim PersistentVolume ResourceQuota
LimitRange Deployment ReplicaSet Job CronJob EndpointSlice Ingress IngressClass NetworkPolicy Role RoleBinding ClusterRole
ClusterRoleBinding Lease PodDisruptionBudget CustomResourceDefinition DeleteOptions SelfSubjectAccessReview SelfSubjectRulesReview""".split()
SPECIAL = {"Quantity": "q", "IntOrString": "o", "Time": "t", "MicroTime": "u", "FieldsV1": "x", "RawExtension": "x", "JSON": "x",
           "JSONSchemaPropsOrArray": "x", "JSONSchemaPropsOrBool": "x", "JSONSchemaPropsOrStringArray": "x"}
SCALAR = {("string", None): "s", ("boolean", None): "b", ("integer", "int32"): "i", ("integer", "int64"): "l", ("integer", None): "l",
          ("number", "double"): "d", ("number", None): "d", ("string", "byte"): "y", ("string", "date-time"): "t", ("object", None): "x"}


def load_schemas(folder):
    out = {}
    for f in sorted(glob.glob(folder + "/openapi-*.json")): out.update(json.load(open(f))["components"]["schemas"])
    return out


def load_protos(modules):
    """type -> {field: (number, type)}; packages as OpenAPI writes them."""
    out = {}
    for f in [os.path.join(d, "generated.proto") for d, _, files in os.walk(modules, followlinks=True) if "generated.proto" in files]:
        text = open(f).read()
        package = re.search(r"^package ([\w.]+);", text, re.M)[1].replace("k8s.io.", "io.k8s.", 1)
        for m in re.finditer(r"^message (\w+) \{\n(.*?)^\}", text, re.M | re.S):
            fields = {n: (int(t), k) for k, n, t in re.findall(r"^  (?:optional |repeated )?((?:map<string, )?[\w.]+>?) (\w+) = (\d+);", m[2], re.M)}
            out[package + "." + m[1]] = fields
    return out


def load_kept(modules):
    """(type, JSON field) of numbers and truth values that are written although they are zero: pointers, and fields without omitempty."""
    out = set()
    for d, _, files in os.walk(modules, followlinks=True):
        if "types.go" not in files or "/internal" in d: continue
        text = open(os.path.join(d, "types.go")).read()
        for m in re.finditer(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
            for kind, tag in re.findall(r"^\t\w+ +(\S+) +`json:\"([^\"]+)\"", m[2], re.M):
                name, *opts = tag.split(",")
                if kind.startswith("*") or "omitempty" not in opts: out.add((m[1], name))
    return out


class Maker:
    def __init__(self, schemas, protos, kept):
        self.schemas, self.protos, self.kept, self.names, self.lines = schemas, protos, kept, {}, {}

    def short(self, full):
        if full in self.names: return self.names[full]
        last = full.split(".")[-1]
        name = last
        while name in self.names.values(): name = full.split(".")[-3].capitalize() + name
        self.names[full] = name
        return name

    def type(self, p):
        if "allOf" in p: return self.type(p["allOf"][0])
        if "$ref" in p:
            full = p["$ref"].split("/")[-1]
            last = full.split(".")[-1]
            if last in SPECIAL: return SPECIAL[last]
            if "properties" not in self.schemas[full]: return self.type(self.schemas[full])
            self.todo.append(full)
            return self.short(full)
        if p.get("type") == "array":
            out = "[" + self.type(p["items"]) + "]"
            how = p.get("x-kubernetes-list-type")
            if how == "map": out += "{" + ",".join(p["x-kubernetes-list-map-keys"]) + "}"
            if how == "set": out += "="
            if "merge" in p.get("x-kubernetes-patch-strategy", ""): out += "+" + p.get("x-kubernetes-patch-merge-key", "")
            return out
        if "additionalProperties" in p: return "{" + self.type(p["additionalProperties"]) + "}" + ("!" if p.get("x-kubernetes-map-type") == "atomic" else "")
        if p.get("format") == "int-or-string": return "o"
        return SCALAR.get((p.get("type"), p.get("format")), "x" if "type" not in p else SCALAR.get((p["type"], None), "x"))

    def tags(self, full, names, prefix=""):
        """JSON field -> number, following what protobuf nests where JSON does not."""
        out = {}
        package = full.rsplit(".", 1)[0]
        for n, (number, kind) in self.protos.get(full, {}).items():
            json_name = n if n in names else "$" + n if "$" + n in names else None
            if json_name: out[json_name] = prefix + str(number)
            else:
                inner = kind if "." in kind else package + "." + kind
                inner = inner.replace("k8s.io.", "io.k8s.", 1) if inner.startswith("k8s.io") else inner
                if inner in self.protos: out.update(self.tags(inner, names, prefix + f"{number}."))
        return out

    def make(self, full):
        s = self.schemas[full]
        props = s["properties"]
        tags = self.tags(full, props)
        line = self.short(full)
        if s.get("x-kubernetes-map-type") == "atomic": line += "!"
        for g in s.get("x-kubernetes-group-version-kind", []):
            if g["kind"] == full.split(".")[-1] and (g["kind"] != "DeleteOptions" or (g["group"] == "" and g["version"] == "v1")):
                line += f" @{g['group']}/{g['version']}/{g['kind']}"
        for n in sorted(props):
            p = props[n]
            default = p.get("default")
            kind = self.type(p)
            flags = ("*" if n in s.get("required", []) else "") + ("?" if kind in "bild" and (full.split(".")[-1], n) in self.kept else "")
            line += f" {flags}{n}{'#' + tags[n] if n in tags else ''}:{kind}"
            if isinstance(default, str) and default and " " not in default: line += "=" + default
        self.lines[self.short(full)] = line

    def run(self):
        self.todo = []
        for name in sorted(self.schemas, key=lambda n: (not n.startswith("io.k8s.api.core"), n)):
            s = self.schemas[name]
            if name.split(".")[-1] in ROOTS and "x-kubernetes-group-version-kind" in s: self.todo.append(name)
        done = set()
        while self.todo:
            full = self.todo.pop(0)
            if full in done: continue
            done.add(full)
            self.make(full)
        return [self.lines[n] for n in sorted(self.lines)]


def main():
    lines = Maker(load_schemas(sys.argv[1]), load_protos(sys.argv[2]), load_kept(sys.argv[2])).run()
    longest = max(map(len, lines))
    assert longest < 4095, "a C string is at most 4095 bytes"
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "kinds.inc"), "w") as f:
        f.write("/* Made by kinds.py from Kubernetes v1.36's OpenAPI and protobuf descriptions; not edited by hand. */\n")
        for l in lines:
            # The C compiler joins the pieces.
            pieces = [l[i:i + 110] for i in range(0, len(l), 110)]
            f.write("\n".join('"' + p.replace('"', '\\"') + '"' for p in pieces) + ",\n")


if __name__ == "__main__": main()
