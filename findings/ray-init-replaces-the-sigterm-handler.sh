#!/usr/bin/env bash
# Ray 2.60.0: `ray.init()` replaces the program's handler of SIGTERM, and `ray.shutdown()` does not restore it.
#
# Programs that save their state on SIGTERM, which clusters send before they end a job, install a handler.
# Guess: a library leaves it alone, or restores it.
# Seen: after `ray.init()` the handler is Ray's own, which exits, and it stays after `ray.shutdown()`. A handler
# for SIGINT stays the program's. A handler that is installed after `ray.init()` works.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'ray==2.60.0'
venv/bin/python - <<'PYTHON' 2> log
import signal

import ray


def own(number, frame):
    pass


numbers = (signal.SIGTERM, signal.SIGINT)
for number in numbers:
    signal.signal(number, own)
ray.init(address="local", num_cpus=1, include_dashboard=False)
during = [signal.getsignal(number) is own for number in numbers]
ray.shutdown()
after = [signal.getsignal(number) is own for number in numbers]
print("ray", ray.__version__)
print("the program's own handlers of SIGTERM and SIGINT after init:", during, "after shutdown:", after)
same = during == [False, True] and after == [False, True]
print("as described" if same else "CHANGED")
raise SystemExit(0 if same else 1)
PYTHON
