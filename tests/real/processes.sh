# Background processes with their log and pid in $dir; sourced by cluster.sh and node.sh.

start() { # name, command...
    local name=$1
    shift
    setsid "$@" >"$dir/$name.log" 2>&1 </dev/null &
    echo $! >"$dir/$name.pid"
}

wait_until() { # what, command...
    local what=$1
    shift
    for _ in $(seq 300); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.2
    done
    echo "${0##*/}: waited 60 s for $what; logs are in $dir" >&2
    return 1
}

stop() { # name: ten seconds to end by itself
    [ -f "$dir/$1.pid" ] || return 0
    local pid
    pid=$(cat "$dir/$1.pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$dir/$1.pid"
}
