#!/usr/bin/env bash
# What the chart has from elsewhere: the controllers' manifests, of which it makes the operator's role (copies, because Helm warns of
# links), its own default values as a file that it can read, and the keys of the configuration and its settings in values.schema.json, as the built rayvisord prints them.
#
#   deploy/helm/generate.sh            writes plugins/, defaults.yaml and values.schema.json
#   deploy/helm/generate.sh --check    says whether they are up to date
#
# RAYVISOR_BUILD names the build tree (default: build).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
status=0
for copy in "$here"/plugins/*.yaml; do
    name=$(basename "$copy" .yaml) of=$here/../../plugins/$(basename "$copy" .yaml)/$(basename "$copy")
    case "${1:-}" in
    --check) cmp -s "$of" "$copy" || { echo "deploy/helm/plugins/$name.yaml is not plugins/$name/$name.yaml: run deploy/helm/generate.sh" && status=1; } ;;
    '') cp "$of" "$copy" ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 64 ;;
    esac
done
# The chart reads its own values where Helm gives it another chart's.
case "${1:-}" in
--check) cmp -s "$here/values.yaml" "$here/defaults.yaml" || { echo "deploy/helm/defaults.yaml is not values.yaml: run deploy/helm/generate.sh" && status=1; } ;;
*) cp "$here/values.yaml" "$here/defaults.yaml" ;;
esac
"${RAYVISOR_BUILD:-$here/../../build}/bin/rayvisord" --print-schema | python3 "$here/schema.py" "$@" || status=1
exit $status
