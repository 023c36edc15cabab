# What deploy/quickstart.sh and tests/run.sh share: installing Debian packages, and saying how long commands get on. Sourced, with
# errexit and pipefail set.

say() { printf '\n== %s\n' "$*"; }
die() {
    printf '%s: %s\n' "$0" "$1" >&2
    shift
    [ $# = 0 ] || printf '  %s\n' "$@" >&2
    exit 1
}

# What a command prints, as one line every few seconds: installing and building take minutes, and silence looks like a hang.
progress() {
    local line lines=0 next=$((SECONDS + 5))
    while IFS= read -r line; do
        lines=$((lines + 1))
        if [ "$SECONDS" -ge "$next" ]; then
            printf '   %s\n' "${line:0:100}"
            next=$((SECONDS + 5))
        fi
    done
    printf '   done (%d steps)\n' "$lines"
}

# Runs the command so. Where it fails, the end of what it printed is shown, for there is the reason.
with_progress() {
    local log status=0
    log=$(mktemp)
    "$@" 2>&1 | tee "$log" | progress || status=$?
    [ "$status" = 0 ] || tail -n 40 "$log" >&2
    rm -f "$log"
    return "$status"
}

# Installs those that are missing. Everything that could stop it is looked at before anything is changed.
install_debian_packages() { # package...
    local missing="" p sudo=""
    command -v dpkg >/dev/null && command -v apt-get >/dev/null ||
        die "this machine has no apt-get: the packages are those of Debian 12." \
            "Install what corresponds to them, then run: RAYVISOR_NO_INSTALL=1 $0" "They are: $*"
    for p in "$@"; do dpkg -s "$p" >/dev/null 2>&1 || missing+=" $p"; done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        sudo=sudo
        command -v sudo >/dev/null || die "packages are missing, and there is neither root nor sudo to install them." \
            "An administrator can do it with:" "apt-get update && apt-get install -y --no-install-recommends$missing"
    fi
    say "installing packages:$missing"
    $sudo apt-get update -qq || die "apt-get update failed (its own words stand above)"
    # shellcheck disable=SC2086
    with_progress $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
}

# Without installing anything: the programs without which it cannot go on.
need_programs() { # program...
    local missing="" tool
    for tool in "$@"; do command -v "$tool" >/dev/null || missing+=" $tool"; done
    [ -z "$missing" ] || die "RAYVISOR_NO_INSTALL is set, and these programs are missing:$missing"
}
