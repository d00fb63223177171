"""A file is whole or as it was before."""

import errno
import json

import pytest
from small_disk import small_disk

from rllib_zoo.analysis.files.atomic import atomic_write, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".filler")


def test_a_file_is_replaced_when_the_block_ends(tmp_path):
    file = tmp_path / "new" / "facts.json"
    write_json(file, {"a": 1})
    with atomic_write(file) as draft:
        draft.write_text("half")
        assert json.loads(file.read_text()) == {"a": 1}
    assert file.read_text() == "half"
    assert names(file.parent) == ["facts.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_changes_nothing(tmp_path, error):
    file = tmp_path / "facts.json"
    file.write_text("before")

    def fail():
        with atomic_write(file) as draft:
            draft.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert file.read_text() == "before"
    assert names(tmp_path) == ["facts.json"]


def test_a_full_disk_changes_nothing(tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk:
        file = disk.folder / "facts.json"
        write_json(file, ["before"])
        disk.fill(leave=8192)
        with pytest.raises(OSError, match="No space left") as caught:
            write_json(file, ["x" * 100_000])
        assert caught.value.errno == errno.ENOSPC
        assert json.loads(file.read_text()) == ["before"]
        assert names(disk.folder) == ["facts.json"]


def test_a_read_only_disk_changes_nothing(tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk:
        file = disk.folder / "facts.json"
        write_json(file, ["before"])
        disk.read_only()
        with pytest.raises(OSError, match="Read-only file system"):
            write_json(file, ["after"])
        assert json.loads(file.read_text()) == ["before"]
