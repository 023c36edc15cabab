#!/usr/bin/env bash
# The controllers' manifests, of which the chart makes the operator's role. They are copies, because Helm warns of links.
#
#   deploy/helm/generate.sh            writes plugins/
#   deploy/helm/generate.sh --check    says whether it is up to date
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
status=0
for copy in "$here"/plugins/*.yaml; do
    name=$(basename "$copy" .yaml) of=$here/../../plugins/$(basename "$copy" .yaml)/$(basename "$copy")
    case "${1:-}" in
    --check) cmp -s "$of" "$copy" || { echo "deploy/helm/plugins/$name.yaml is not plugins/$name/$name.yaml: run deploy/helm/generate.sh" && status=1; } ;;
    '') cp "$of" "$copy" ;;
    *) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 64 ;;
    esac
done
exit $status
