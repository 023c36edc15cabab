#!/usr/bin/env bash
# The operator's role, from the plugins that rayvisor.yaml enables and what it grants them.
#
#   deploy/kustomize/generate.sh            writes role.yaml
#   deploy/kustomize/generate.sh --check    says whether it is up to date
#
# RAYVISOR_BUILD names the build tree (default build/).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rayvisord=${RAYVISOR_BUILD:-$here/../../build}/bin/rayvisord
role=$("$rayvisord" --config "$here/rayvisor.yaml" --print-rbac)
case "${1:-}" in
--check) diff -u "$here/role.yaml" - <<<"$role" || { echo "role.yaml is not what rayvisor.yaml needs: run deploy/kustomize/generate.sh" && exit 1; } ;;
'') cat >"$here/role.yaml" <<<"$role" ;;
*) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 64 ;;
esac
