#!/usr/bin/env bash
# Ray 2.60.0: after one local `ray.init()` on a machine, workers cannot join its `ray start --head`.
#
# A local `ray.init()` (or `ray get-auth-token --generate`) writes ~/.ray/auth_token.
# Guess: `ray start --head` and `ray start --address` treat that file alike; with the same file they connect.
# Seen: the head turns token authentication on because the file exists; a worker with the same file leaves it
# off and is refused (AuthenticationError), and so is `ray status`. With RAY_AUTH_MODE=token the worker joins.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d /tmp/token.XXXXXX)
pids() { pgrep -f "$folder" || true; }
trap 'kill -9 $(pids) 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'ray[default]==2.60.0'
export HOME="$folder/home"
unset RAY_AUTH_MODE RAY_AUTH_TOKEN RAY_AUTH_TOKEN_PATH
mkdir "$HOME"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
address="127.0.0.1:$port"
worker=(venv/bin/ray start --address "$address" --num-cpus 1 --disable-usage-stats)
venv/bin/ray --version
venv/bin/ray get-auth-token --generate > token 2>&1
venv/bin/ray start --head --port "$port" --num-cpus 1 --include-dashboard false --disable-usage-stats \
    --temp-dir "$folder/ray" > head.log 2>&1
unset_code=0
"${worker[@]}" > unset.log 2>&1 || unset_code=$?
echo "worker, RAY_AUTH_MODE unset: exit code $unset_code, $(grep -c AuthenticationError unset.log || true) AuthenticationError"
token_code=0
RAY_AUTH_MODE=token "${worker[@]}" > token.log 2>&1 || token_code=$?
echo "worker, RAY_AUTH_MODE=token: exit code $token_code"
if [ "$unset_code" = 1 ] && grep -q AuthenticationError unset.log && [ "$token_code" = 0 ]; then
    echo "as described"
else
    echo "CHANGED"
    exit 1
fi
