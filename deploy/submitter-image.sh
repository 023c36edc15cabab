#!/usr/bin/env bash
# An image that holds rayvisor-submit and nothing else but certificates to trust, as an OCI archive; no container daemon is needed.
#
#   deploy/submitter-image.sh NAME OUT.tar    e.g. registry.example.com/rayvisor-submit:0.1.0 submit.tar
#
# Push it with any tool that takes OCI archives (skopeo copy oci-archive:OUT.tar docker://NAME), or `ctr images import` it.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
program=${RAYVISOR_BUILD:-$here/../build}/bin/rayvisor-submit
[ -x "$program" ] || { echo "$program is not built (it needs libmbedtls-dev and libhttp-parser-dev)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/etc/ssl/certs"
strip -o "$work/root/rayvisor-submit" "$program"
cp /etc/ssl/certs/ca-certificates.crt "$work/root/etc/ssl/certs/" 2>/dev/null || true
python3 "$here/image.py" "$2" "$1" --entrypoint /rayvisor-submit "$work/root"
