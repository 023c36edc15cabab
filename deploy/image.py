#!/usr/bin/env python3
"""A container image of folders, without a daemon: image.py OUT.tar NAME [--env K=V]... [--entrypoint PROGRAM] [--user UID:GID] FOLDER...

Each folder becomes one uncompressed layer; a FOLDER=PREFIX puts it below that path. OUT.tar is an OCI layout, which `ctr images
import` reads; the image is called NAME (with registry and tag)."""
import hashlib, io, json, os, sys, tarfile


def layer(folder, prefix):
    path = folder.rstrip("/") + ".layer.tar"
    def own(info):
        info.uid = info.gid = 0
        return info
    with tarfile.open(path, "w") as t: t.add(folder, prefix, filter=own)
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20): digest.update(chunk)
    return path, digest.hexdigest()


def main():
    args, env, entry, user = sys.argv[1:], ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], None, None
    while "--env" in args:
        i = args.index("--env")
        env.append(args[i + 1])
        del args[i:i + 2]
    if "--entrypoint" in args:
        i = args.index("--entrypoint")
        entry = args[i + 1]
        del args[i:i + 2]
    if "--user" in args:
        i = args.index("--user")
        user = args[i + 1]
        del args[i:i + 2]
    out, name, folders = args[0], args[1], args[2:]
    layers = [layer(*(f.split("=") if "=" in f else (f, "."))) for f in folders]
    paths = {k: v for v in env for k in [v.split("=")[0]]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": list(paths.values()), **({"Entrypoint": [entry]} if entry else {}), **({"User": user} if user else {})},
                         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + d for _, d in layers]}}).encode()
    describe = lambda kind, data: {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": describe("config.v1+json", config),
                           "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:" + d, "size": os.path.getsize(p)} for p, d in layers]}).encode()
    index = json.dumps({"schemaVersion": 2, "manifests": [{**describe("manifest.v1+json", manifest), "annotations": {"io.containerd.image.name": name}}]}).encode()
    with tarfile.open(out, "w") as t:
        def put(path, data):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
        put("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        put("index.json", index)
        for data in (config, manifest): put("blobs/sha256/" + hashlib.sha256(data).hexdigest(), data)
        for p, d in layers:
            t.add(p, "blobs/sha256/" + d)
            os.unlink(p)


main()
