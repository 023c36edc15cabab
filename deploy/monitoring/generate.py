#!/usr/bin/env python3
"""Makes dashboards/*.json of dashboards.yaml, and prometheusrule.yaml (for the Prometheus Operator) of rules.yaml.

generate.py          writes the files
generate.py --check  fails where a file is not what would be written"""
import json, os, sys, yaml

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, SMALL = 24, 4


def load(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f: return yaml.safe_load(f)


def panel(number, spec, at):
    title, unit, *queries = spec
    single = title.endswith(" =")
    return {"id": number, "title": title.removesuffix(" ="), "type": "stat" if single else "timeseries", "datasource": SOURCE, "gridPos": at,
            "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
            "targets": [{"refId": chr(65 + i), "expr": expr, "legendFormat": legend or "__auto", "datasource": SOURCE} for i, (expr, legend) in enumerate(queries)]}


def place(panels):
    """Single numbers stand in one row, time series in two columns below."""
    small = [p for p in panels if p[0].endswith(" =")]
    large = [p for p in panels if not p[0].endswith(" =")]
    width = WIDTH // max(len(small), 1)
    for i, p in enumerate(small): yield p, {"x": i * width, "y": 0, "w": width, "h": SMALL}
    for i, p in enumerate(large): yield p, {"x": i % 2 * WIDTH // 2, "y": SMALL + i // 2 * 8, "w": WIDTH // 2, "h": 8}


def dashboard(name, spec):
    variables = [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}]
    if "namespaces" in spec:
        query = f"label_values({spec['namespaces']}, namespace)"
        variables.append({"name": "namespace", "type": "query", "label": "Namespace", "datasource": SOURCE, "definition": query, "query": {"query": query, "refId": "namespaces"},
                          "refresh": 2, "multi": True, "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}})
    return {"uid": f"rayvisor-{name}", "title": spec["title"], "tags": ["ray", "rayvisor"], "schemaVersion": 38, "editable": True, "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"}, "templating": {"list": variables},
            "panels": [panel(i + 1, p, at) for i, (p, at) in enumerate(place(spec["panels"]))]}


def files():
    for name, spec in load("dashboards.yaml").items():
        yield f"dashboards/{name}.json", json.dumps(dashboard(name, spec), indent=1) + "\n"
    rule = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "rayvisor", "labels": {"app.kubernetes.io/name": "rayvisor"}},
            "spec": {"groups": load("rules.yaml")["groups"]}}
    yield "prometheusrule.yaml", "# Made by generate.py of rules.yaml.\n" + yaml.safe_dump(rule, sort_keys=False, width=1000)


def main():
    stale = []
    for name, text in files():
        path = os.path.join(HERE, name)
        if "--check" not in sys.argv:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f: f.write(text)
        elif not os.path.exists(path) or open(path, encoding="utf-8").read() != text:
            stale.append(name)
    if stale: sys.exit(f"deploy/monitoring: {', '.join(stale)}: not what generate.py makes; run deploy/monitoring/generate.py")


if __name__ == "__main__": main()
