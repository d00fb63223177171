"""A temporary folder that belongs to a process is removed after it, and nobody else's is."""

from __future__ import annotations

import os
import subprocess
import sys

from rllib_zoo.analysis.files.owned_folder import PREFIX, remove_abandoned
from rllib_zoo.experiments.paths import ROOT

KILLED = """
import os
from pathlib import Path
import sys
from rllib_zoo.analysis.files.owned_folder import owned_folder
print(owned_folder(Path(sys.argv[1])), flush=True)
input()
os._exit(9)
"""


def test_the_folder_of_a_killed_command_is_removed_and_no_other(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    folder = process.stdout.readline().strip()
    strangers = tmp_path / f"{PREFIX}mine"
    strangers.mkdir()
    link = tmp_path / f"{PREFIX}link"
    link.symlink_to(folder)
    remove_abandoned(tmp_path)
    assert os.path.isdir(folder)  # in use
    process.communicate("\n")
    assert os.path.isdir(folder)
    remove_abandoned(tmp_path)
    assert strangers.is_dir()  # without a lock it is not ours
    assert not os.path.exists(folder)
