"""A part of a checkpoint is never taken for the whole."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
from algorithm_fixtures import small_config
from pyarrow import PythonFile
from pyarrow.fs import LocalFileSystem, PyFileSystem
from ray.tune import Checkpoint

from rllib_zoo.algorithms.base.checkpoints import (
    CHECKSUMS,
    METADATA,
    defect,
    iteration_of,
    require_saved,
    write_checksums,
)
from rllib_zoo.experiments.tune.atomic_filesystem import AtomicFileSystem
from rllib_zoo.experiments.tune.ray_internals import StorageContext

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


class UnclosableFile(AtomicFileSystem):
    """A file system whose disk is full when one of the files is closed."""

    def open_output_stream(self, path, metadata):
        if not path.endswith("algorithm_state.pkl"):
            return super().open_output_stream(path, metadata)
        return PythonFile(Unclosable(), mode="w")


class Unclosable:
    closed = False

    def write(self, data):
        return len(data)

    def tell(self):
        return 0

    def close(self):
        self.closed = True
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("fails", [False, True])
def test_a_checkpoint_that_did_not_arrive_is_an_error(tmp_path, fails):
    handler = UnclosableFile() if fails else AtomicFileSystem()
    storage = StorageContext(
        str(tmp_path),
        "run",
        storage_filesystem=PyFileSystem(handler),
        trial_dir_name="trial",
    )
    algorithm = small_config("PPO").build_algo()
    algorithm._storage = storage
    try:
        if fails:
            with pytest.raises(OSError, match=r"was not saved completely.*algorithm_state\.pkl"):
                algorithm.save()
        else:
            assert defect(Path(algorithm.save().checkpoint.path)) is None
    finally:
        algorithm.stop()


@pytest.mark.parametrize("name", [CHECKSUMS, METADATA, "algorithm_state.pkl"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"")])
def test_missing_and_empty_files_did_not_arrive(checkpoint, name, damage):
    require_saved(Checkpoint(str(checkpoint), LocalFileSystem()))
    damage(checkpoint / name)
    with pytest.raises(OSError, match=f"was not saved completely.*{name}"):
        require_saved(Checkpoint(str(checkpoint), LocalFileSystem()))
