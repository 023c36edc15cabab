#!/usr/bin/env python3
"""A tenant who may write EndpointSlices leads the operator's requests to the operator itself: a head Service with a cluster IP, behind which a
real kube-proxy chooses an endpoint of his making. Runs no Ray: the head is a container that does nothing. Needs a node made by node.sh."""
from real import *
import urllib.request

OPERATOR = DNS  # the node's address, at which the operator listens here


def cluster_of_nothing():
    spec = real_cluster()
    spec["headGroupSpec"]["template"] = {"metadata": {"annotations": {"ray.io/overwrite-container-cmd": "true"}}, "spec": {"containers": [
        {"name": "ray-head", "image": "rayvisor.test/pause:1", "imagePullPolicy": "Never", "command": ["/pause"],
         "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}}}]}}
    return spec


def test_endpoints_that_are_the_operator(env):
    plugins = [{"name": "raycluster", "settings": {"headClusterIPService": True, "probesInjection": False}}, {"name": "rayjob"}]
    kube, ns = on_node(env, plugins, allow=(), bind=OPERATOR)
    port = env.op.control("status")["httpPort"]
    page = lambda where: urllib.request.urlopen(f"http://{where}:{port}/metrics", timeout=10).read().decode()
    own = lambda: int(re.search(r"^rayvisor_http_own_requests_total (\d+)", page(OPERATOR), re.M)[1])
    kube.create("rayclusters", ns, {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "c"}, "spec": cluster_of_nothing()})
    service = wait_for("the head Service", lambda: next((s for s in kube.list("services", ns) if s["metadata"]["name"] == "c-head-svc"), None), 60)
    assert service["spec"]["clusterIP"] not in ("", "None"), service
    # What the tenant writes: an endpoint beside that of the head, of the same Service.
    kube.create("endpointslices", ns, {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                                       "metadata": {"name": "c-mine", "labels": {"kubernetes.io/service-name": "c-head-svc", "endpointslice.kubernetes.io/managed-by": "tenant"}},
                                       "endpoints": [{"addresses": [OPERATOR], "conditions": {"ready": True}}],
                                       "ports": [{"name": p["name"], "protocol": "TCP", "port": port} for p in service["spec"]["ports"]]})
    wait_ready(kube, ns, "c", 0, SLOW)
    # It does lead there: whoever is not the operator gets the operator's page by the cluster IP.
    dashboard = next(p["port"] for p in service["spec"]["ports"] if p["name"] == "dashboard")

    def led():
        try: return b"rayvisor_" in urllib.request.urlopen(f"http://{service['spec']['clusterIP']}:{dashboard}/metrics", timeout=5).read()
        except OSError: return False  # the head, where nothing listens
    wait_for("kube-proxy to lead there", led, 60)
    kube.create("rayjobs", ns, {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": {"name": "j"}, "spec": {
        "entrypoint": "true", "submissionMode": "HTTPMode", "clusterSelector": {"ray.io/cluster": "c"}}})
    want = f"refused: {service['spec']['clusterIP']} is where the operator itself answers"
    told = lambda: [e["note"] for e in kube.list("events", ns) if want in e.get("note", "")] + [t for t in [json.dumps(kube.get("rayjobs", ns, "j").get("status", {}))] if want in t]
    text = wait_for("the refusal to be told on the RayJob", told, SLOW)[0]
    assert "requests for Ray never go there" in text, text
    print("    told:", text[:300])
    assert "SUCCEEDED" not in json.dumps(kube.get("rayjobs", ns, "j")), "nothing was answered"
    # It found that out by one request, and nothing more is sent to that Service.
    assert (n := own()) >= 1
    time.sleep(15)
    assert own() == n == 1, (n, own())


if __name__ == "__main__": main()
