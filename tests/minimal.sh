#!/usr/bin/env bash
# Runs commands of a clone of this repository on a minimal Debian 12: what debootstrap makes and the commands install
# themselves, nothing else. So a package that a script forgets to install is missed, whatever the machine has.
#
#   minimal.sh can              says why it cannot be done here (exit status 77)
#   minimal.sh run COMMAND...   each COMMAND is a line for a shell in the clone; ends with the first that fails
#
# Needs root (debootstrap, chroot, mounts). ../shared of the checkout, where there is one, is seen beside the clone.
# RAYVISOR_MINIMAL names the folder to work in (default: a temporary one, removed at the end).
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

cannot() {
    echo "minimal.sh: no minimal Debian here: $1"
    exit 77
}

can() {
    [ "$(id -u)" = 0 ] || cannot "it needs root"
    command -v apt-get >/dev/null || cannot "there is no apt-get to take packages from"
    command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null 2>&1 ||
        cannot "debootstrap is neither there nor can it be installed"
    [ -n "$(mirror)" ] || cannot "apt knows no mirror of Debian 12 (apt-get update has not run?)"
    unshare --mount true 2>/dev/null || cannot "the kernel lets nobody mount anything"
}

mirror() { # that apt takes Debian 12 from
    apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' | awk '$2 == "bookworm" {print $1; exit}'
}

make_root() { # where
    debootstrap --variant=minbase bookworm "$1" "$(mirror)" >"$1.log" 2>&1 || { tail -n 20 "$1.log" && return 1; }
    # The sources of Debian itself, as apt has them here, and how they are reached; none of other vendors.
    local f
    for f in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do [ ! -s "$f" ] || cp "$f" "$1$f"; done
    for f in /etc/apt/apt.conf.d/99*; do [ ! -f "$f" ] || cp "$f" "$1$f"; done
    cp /etc/resolv.conf "$1/etc/resolv.conf"
    rm -f "$1/etc/hosts"
    git clone -q "$here" "$1/root/rayvisor"
}

run() {
    local dir=${RAYVISOR_MINIMAL:-$(mktemp -d)} root begin=$SECONDS
    root=$dir/root
    [ -d "$root/root/rayvisor" ] || make_root "$root"
    echo "== a minimal Debian 12 after $((SECONDS - begin)) s"
    # A mount namespace of its own: whatever happens, nothing stays mounted.
    unshare --mount --propagation private bash -euo pipefail -c '
        root=$1 shared=$2
        shift 2
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        if [ -d "$shared" ]; then mkdir -p "$root/root/shared" && mount --bind -o ro "$shared" "$root/root/shared"; fi
        for command in "$@"; do
            begin=$SECONDS status=0
            echo "== $command"
            chroot "$root" /usr/bin/env -i HOME=/root USER=root CI=true LANG=C.UTF-8 \
                PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash -c "cd /root/rayvisor && $command" || status=$?
            echo "== $command: exit status $status after $((SECONDS - begin)) s"
            [ "$status" = 0 ] || exit "$status"
        done' minimal "$root" "$here/../shared" "$@" || {
        local status=$?
        [ -n "${RAYVISOR_MINIMAL:-}" ] || rm -rf --one-file-system "$dir"
        return "$status"
    }
    [ -n "${RAYVISOR_MINIMAL:-}" ] || rm -rf --one-file-system "$dir"
}

case "${1:-}" in
can) can ;;
run) shift && can && run "$@" ;;
*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 64 ;;
esac
