#!/usr/bin/env bash
# MLflow 3.17.2, store in a folder: metrics logged with a data set come back with step 0, or not at all.
#
# `mlflow.log_metric(…, step=…, dataset=…)` links a metric to the data it was computed on. A folder such as ./mlruns
# was the default store; MLFLOW_ALLOW_FILE_STORE=true allows it in this release.
# Guess: `get_metric_history` gives the steps that were logged, as it does without a data set.
# Seen: the step is written to the file, but taken from lines of three fields alone; with a data set they have five,
# and every step is 0. A space in the data set's name makes six fields: then the metric's whole history raises
# MlflowException.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > run.py <<'PYTHON'
import mlflow
import numpy as np
from mlflow.exceptions import MlflowException

mlflow.set_tracking_uri("file:./mlruns")


def history(dataset):
    with mlflow.start_run() as run:
        for step in (5, 10):
            mlflow.log_metric("return", float(step), step=step, dataset=dataset)
    try:
        points = mlflow.MlflowClient().get_metric_history(run.info.run_id, "return")
    except MlflowException as error:
        return str(error).split(".")[0]
    return [(point.step, point.value) for point in points]


def data(name):
    return mlflow.data.from_numpy(np.zeros(3), name=name)


seen = history(None), history(data("episodes")), history(data("my episodes"))
print(f"mlflow {mlflow.__version__}, (step, value) logged: [(5, 5.0), (10, 10.0)]")
for name, points in zip(("without a data set", "with one", "with a space in its name"), seen):
    print(f"  {name}: {points}")
malformed = "Metric 'return' is malformed; persisted metric data contained 6 fields"
same = seen == ([(5, 5.0), (10, 10.0)], [(0, 5.0), (0, 10.0)], malformed)
raise SystemExit(0 if same else 1)
PYTHON
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'mlflow-skinny==3.17.2' 'numpy==2.3.5' \
    'pandas==2.3.3'
same=0
MLFLOW_ALLOW_FILE_STORE=true venv/bin/python run.py 2> log || same=1
if [ "$same" = 0 ]; then echo "as described"; else echo "CHANGED"; cat log; fi
exit "$same"
