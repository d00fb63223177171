"""A part of a checkpoint is never taken for the whole."""

import json
import os
import shutil

import pytest

from rllib_zoo.algorithms.base.checkpoints import (
    CHECKSUMS,
    METADATA,
    defect,
    iteration_of,
    write_checksums,
)

pytestmark = pytest.mark.ray


@pytest.fixture
def checkpoint(make_algo, make_config, tmp_path):
    algo = make_algo(make_config("A2C", num_envs_per_env_runner=2, train_batch_size=32))
    algo.train()
    path = tmp_path / "checkpoint_000003"
    algo.save_to_path(str(path))
    return path


def files_of(folder):
    return sorted(file for file in folder.rglob("*") if file.is_file())


def test_every_file_cut_at_every_tenth_is_told(checkpoint, tmp_path):
    assert defect(checkpoint) is None
    assert iteration_of(checkpoint) == 1
    files = files_of(checkpoint)
    assert len(files) > 8
    for file in files:
        whole = file.read_bytes()
        name = file.relative_to(checkpoint).as_posix()
        for tenth in range(10):
            os.truncate(file, len(whole) * tenth // 10)
            assert defect(checkpoint)[0] == name, (name, tenth)
        file.unlink()
        assert defect(checkpoint)[0] == name
        file.write_bytes(whole)
    assert defect(checkpoint) is None


def test_a_file_of_the_same_length_is_told_too(checkpoint):
    file = checkpoint / "algorithm_state.pkl"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert defect(checkpoint) == ("algorithm_state.pkl", "was modified after it was written")


def test_whatever_has_arrived_is_not_the_whole(checkpoint, tmp_path):
    """Tune copies file by file, in no fixed order."""
    for first in files_of(checkpoint):
        part = tmp_path / "part"
        target = part / first.relative_to(checkpoint)
        target.parent.mkdir(parents=True)
        shutil.copy(first, target)
        assert defect(part) is not None, first
        shutil.rmtree(part)


def test_a_checkpoint_of_an_earlier_release_has_no_checksums_and_is_accepted(checkpoint):
    (checkpoint / CHECKSUMS).unlink()
    assert defect(checkpoint) == (CHECKSUMS, "is missing")
    metadata = json.loads((checkpoint / METADATA).read_text())
    del metadata["contents_file"]
    (checkpoint / METADATA).write_text(json.dumps(metadata))
    assert defect(checkpoint) is None
    assert iteration_of(checkpoint) is None


def test_new_checksums_make_it_valid_again(checkpoint):
    (checkpoint / "algorithm_state.pkl").write_bytes(b"other")
    assert defect(checkpoint) is not None
    write_checksums(checkpoint, 7)
    assert defect(checkpoint) is None
    assert iteration_of(checkpoint) == 7
