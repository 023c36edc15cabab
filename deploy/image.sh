#!/usr/bin/env bash
# The operator's image, from the build tree: rayvisord, rayvisor-host, the plugins, rayvisorctl, the libraries that they need and
# certificates to trust; no shell, no distribution. An OCI archive; no container daemon is needed.
#
#   deploy/image.sh NAME OUT.tar    e.g. registry.example.com/rayvisor:0.1.0 rayvisor.tar
#   deploy/image.sh --root FOLDER   only its root file system
#
# Push it with any tool that takes OCI archives (skopeo copy oci-archive:OUT.tar docker://NAME), or `ctr images import` it.
# RAYVISOR_BUILD names the build tree. By default it is build/, which is made or brought up to date first.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
build=${RAYVISOR_BUILD:-$here/../build}
if [ -z "${RAYVISOR_BUILD:-}" ]; then
    command -v cmake >/dev/null && command -v ninja >/dev/null ||
        { echo "image.sh: cmake and ninja are missing; deploy/quickstart.sh installs what a build needs" >&2; exit 1; }
    echo "building (build/); the first time this takes some minutes"
    (cd "$here/.." && cmake --preset release >/dev/null && cmake --build --preset release >/dev/null)
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

programs() { # what of an installation runs in the cluster
    DESTDIR=$work/installed cmake --install "$build" --strip >/dev/null
    local prefix
    prefix=$(dirname "$(dirname "$(find "$work/installed" -path '*/sbin/rayvisord')")")
    for path in sbin/rayvisord bin/rayvisorctl libexec/rayvisor lib/rayvisor/plugins share/rayvisor; do
        mkdir -p "$root${prefix#"$work/installed"}/$(dirname "$path")"
        cp -r "$prefix/$path" "$root${prefix#"$work/installed"}/$path"
    done
    program=${prefix#"$work/installed"}/sbin/rayvisord
}

libraries() { # with the loader; where the loader looks for them
    find "$root" -type f \( -perm -100 -o -name '*.so' \) -exec ldd {} + | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p; s/^\s*\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p' | sort -u |
        while read -r file; do install -D "$file" "$root$file"; done
    # looked up while running: the end of a thread, the user's certificates
    local extra
    extra=$(ldconfig -p | sed -n 's/.*libgcc_s.so.1 .*x86-64.* => //p' | head -n 1)
    [ -z "$extra" ] || install -D "$extra" "$root$extra"
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt" 2>/dev/null || true
}

zones() { # for the schedules of RayCronJobs; without them the plugin uses the ones that it was built with
    [ ! -d /usr/share/zoneinfo ] || tar -C / -c --exclude=posix --exclude=right usr/share/zoneinfo | tar -C "$root" -x
}

root=$work/root
[ "$1" != --root ] || root=$2
mkdir -p "$root"/{etc,run,tmp,proc,dev}
programs
libraries
zones
echo 'rayvisor:x:65532:65532::/:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'rayvisor:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
[ "$1" = --root ] || python3 "$here/image.py" "$2" "$1" --user 65532:65532 --entrypoint "$program" "$root"
