#!/usr/bin/env bash
# Ray RLlib 2.60.0: the path of a class that its module lacks is resolved to the module itself.
#
# RLlib resolves `model.custom_model`, `exploration_config.type`, `replay_buffer_config.type` and
# `sample_collector` of a configuration dict with `deserialize_type(path)`.
# Guess: for "nets.Missing", with a module `nets` that has no `Missing`, it gives the text back, as its
# docstring says and as it does where there is no module `nets`; or it raises.
# Seen: it gives back the module object `nets`, which then stands in the configuration; the mistake
# appears when the network is built, as a KeyError about that module.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check \
  'ray[rllib]==2.60.0' 'torch==2.13.0' 'gymnasium==1.2.2' 'numpy==2.4.6'
mkdir nets
echo 'class Present: pass' > nets/__init__.py
PYTHONPATH=. venv/bin/python - <<'PYTHON'
import types

import ray
from ray.rllib.utils.serialization import deserialize_type

missing, absent = deserialize_type("nets.Missing"), deserialize_type("elsewhere.Missing")
print("ray", ray.__version__)
print("nets.Present ->", deserialize_type("nets.Present"))
print("nets.Missing ->", type(missing).__name__, getattr(missing, "__name__", missing))
print("elsewhere.Missing ->", type(absent).__name__, absent)
same = isinstance(missing, types.ModuleType) and absent == "elsewhere.Missing"
print("as described" if same else "CHANGED")
raise SystemExit(0 if same else 1)
PYTHON
