#!/usr/bin/env bash
# A cluster of three nodes on this machine, a sweep submitted to it, a node killed in the middle, and the verdict.
#
#     examples/cluster_demo.sh [SPEC]      without SPEC: the embedded study, some minutes on two cores
#
# It needs `seqsweep` with the extra `cluster` on the PATH, but no checkout: it works in a temporary folder, ends what it
# started by process id, and leaves nothing behind. The dashboard listens on loopback; Ray's other ports do on all
# interfaces, and ask for a token that is made for this cluster alone.
set -euo pipefail

spec=${1:+$(realpath "$1")}
work=$(mktemp -d /tmp/sq-demo.XXXX)   # short: the path of a socket has at most 107 characters
cd "$work"

export RAY_USAGE_STATS_ENABLED=0 RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO=0
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN
RAY_AUTH_TOKEN=$(python3 -c 'import secrets; print(secrets.token_hex(32))')

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

free_port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.2", 0)); print(s.getsockname()[1])'; }

nodes=()
kill_node() { pkill -KILL --session "$1" 2>/dev/null || true; }   # a node's processes are one session
end_cluster() {
  local node
  for node in "${nodes[@]}"; do kill_node "$node"; done
}
trap 'end_cluster; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start() {   # NAME ADDRESS ARGUMENT...: a node in a session of its own
  local name=$1 address=$2
  shift 2
  # each has an address of its own on loopback, but not 127.0.0.1, which Ray replaces by the machine's outer one
  setsid ray start --block --disable-usage-stats --node-ip-address "$address" --temp-dir "$work/$name" \
    --dashboard-agent-listen-port "$(free_port)" --object-store-memory 100000000 "$@" >"$work/$name.log" 2>&1 &
  nodes+=("$!")
  disown   # or the shell would tell of its death
}

joined() {   # NAME: wait until the node is part of the cluster
  local waited=0
  until grep -qs "Ray runtime started" "$work/$1.log"; do
    if ((++waited > 240)); then cat "$work/$1.log" && exit 1; fi
    sleep 0.5
  done
}

gcs=127.0.0.2:$(free_port)
dashboard=$(free_port)
export SEQSWEEP_ADDRESS=http://127.0.0.2:$dashboard

say "A head and two nodes"
start head 127.0.0.2 --head --port "${gcs#*:}" --ray-client-server-port "$(free_port)" --num-cpus 0 \
  --include-dashboard true --dashboard-host 127.0.0.2 --dashboard-port "$dashboard"
joined head
start one 127.0.0.3 --address "$gcs" --num-cpus 1
joined one
start two 127.0.0.4 --address "$gcs" --num-cpus 1
joined two

say "Submitted; the shell that does it may be closed"
said=$(bash -c "seqsweep submit $spec --store $work/cluster-store")
echo "$said"
sweep=${said%%$'\n'*}

say "A node is killed when the third trial has ended"
stand() {   # the sweep's status and how many trials have finished
  seqsweep status --json "$sweep" | python3 -c '
import json, sys
told = json.load(sys.stdin)
print(told["status"], told.get("trials", {}).get("finished", 0))'
}
while read -r status finished < <(stand); do
  if ((finished >= 3)); then break; fi
  if [[ $status != pending && $status != running ]]; then
    seqsweep status "$sweep"
    exit 1
  fi
  sleep 1
done
kill_node "${nodes[1]}"
echo "killed node one"

say "Followed to its end"
seqsweep watch "$sweep"

say "Brought here, and read without the cluster"
seqsweep pull "$sweep"
end_cluster
seqsweep show "$sweep"
