"""Tune's files are complete or absent: full disks, kills while files are copied."""

from __future__ import annotations

import gzip
import os
import pickle
import signal
import subprocess
import sys
import time

import pytest
from pyarrow import fs as arrow
from small_disk import small_disk

from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.tune.atomic_filesystem import atomic_filesystem


def copied(source, target):
    arrow.copy_files(str(source), str(target), destination_filesystem=atomic_filesystem())


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    (folder / "inner").mkdir(parents=True)
    (folder / "state.json").write_bytes(b"1" * 300_000)
    (folder / "inner" / "empty").write_bytes(b"")
    return folder


def test_folders_are_copied_also_after_pickling(source, tmp_path):
    copied(source, tmp_path / "target")
    again = pickle.loads(pickle.dumps(atomic_filesystem()))
    assert again == atomic_filesystem()
    arrow.copy_files(
        str(tmp_path / "target"), str(tmp_path / "third"),
        source_filesystem=again, destination_filesystem=atomic_filesystem(),
    )  # fmt: skip
    for folder in ("target", "third"):
        contents = {p.name: p.read_bytes() for p in (tmp_path / folder).rglob("*") if p.is_file()}
        assert contents == {"state.json": b"1" * 300_000, "empty": b""}


def test_compressed_files_are_copied_as_they_are(source, tmp_path):
    content = gzip.compress(b"1" * 1000)
    (source / "frames.gz").write_bytes(content)
    copied(source, tmp_path / "target")
    filesystem = atomic_filesystem()
    file = str(tmp_path / "target" / "frames.gz")
    filesystem.copy_file(file, file + ".copy")
    with filesystem.open_input_stream(file, compression=None) as stream:
        assert stream.read() == content
    assert (tmp_path / "target" / "frames.gz.copy").read_bytes() == content


def test_a_full_disk_keeps_the_earlier_file(source, tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk:
        target = disk.folder / "target"
        target.mkdir()
        (target / "state.json").write_text("before")
        disk.fill(leave=100_000)
        with pytest.raises(OSError, match="No space left"):
            copied(source, target)
        assert (target / "state.json").read_text() == "before"
        disk.empty()
        copied(source, target)
        assert (target / "state.json").stat().st_size == 300_000


COPYING = """
import sys
from pyarrow import fs as arrow
from rllib_zoo.experiments.tune.atomic_filesystem import atomic_filesystem
filesystem = atomic_filesystem()
print("ready", flush=True)
while True:
    arrow.copy_files(sys.argv[1], sys.argv[2], destination_filesystem=filesystem)
"""


def test_a_kill_leaves_complete_files(source, tmp_path):
    """Kills of a process that does nothing but copy."""
    (source / "state.json").write_bytes(b"1" * 20_000_000)
    target = tmp_path / "target" / "state.json"
    copied(source, target.parent)
    caught_writing = 0
    for kill in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", COPYING, str(source), str(target.parent)],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.005 * (kill + 1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert target.read_bytes() == b"1" * 20_000_000
        drafts = list(target.parent.glob(".state.json.*"))
        caught_writing += any(draft.stat().st_size < 20_000_000 for draft in drafts)
        for draft in drafts:
            draft.unlink()
    assert caught_writing  # else this shows nothing
