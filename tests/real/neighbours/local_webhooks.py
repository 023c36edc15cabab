"""Manifests of a program that is to run outside of the cluster: local_webhooks.py URL CA-FILE GROUP... <MANIFESTS >OBJECTS

Webhooks of admission and of conversion get URL instead of a Service. What would run in pods, or needs a Service, is left out, and so
are admission webhooks for other API groups than these: the program serves no path for what its configuration does not name."""
import base64, sys, yaml

LEFT_OUT = ("Deployment", "Service", "APIService", "ServiceMonitor", "Certificate", "Issuer", "FlowSchema", "PriorityLevelConfiguration")


def local(config, url, ca):
    """A clientConfig, in place."""
    path = config.pop("service", {}).get("path", "/")
    config.update(url=url + path, caBundle=ca)


def main(url, ca_file, *groups):
    ca = base64.b64encode(open(ca_file, "rb").read()).decode()
    out = []
    for o in yaml.load_all(sys.stdin, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if not o or o["kind"] in LEFT_OUT: continue
        if "webhooks" in o: o["webhooks"] = [h for h in o["webhooks"] if all(g in groups for r in h["rules"] for g in r["apiGroups"])]
        for hook in o.get("webhooks", []): local(hook["clientConfig"], url, ca)
        conversion = o.get("spec", {}).get("conversion", {}) if o["kind"] == "CustomResourceDefinition" else {}
        if conversion.get("strategy") == "Webhook": local(conversion["webhook"]["clientConfig"], url, ca)
        out.append(o)
    yaml.dump_all(out, sys.stdout, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)


main(*sys.argv[1:])
