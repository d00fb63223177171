"""A file is whole or as it was before."""

import errno
import json
import os
import threading

import pytest
from small_disk import small_disk

from rllib_zoo.analysis.files import atomic
from rllib_zoo.analysis.files.atomic import atomic_folder, atomic_write, write_json


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


def test_a_file_that_exists_is_kept_where_it_must_be_new(tmp_path):
    file = tmp_path / "facts.json"
    with atomic_write(file, overwrite=False) as draft:
        draft.write_text("first")
    with pytest.raises(FileExistsError), atomic_write(file, overwrite=False) as draft:
        draft.write_text("second")
    assert file.read_text() == "first"
    assert names(tmp_path) == ["facts.json"]


# --- folders ---------------------------------------------------------------------------------

NAMES = ("figures", "old.txt", "page.txt")


def write(folder, text, **more):
    with atomic_folder(folder, NAMES, **more) as draft:
        (draft / "figures").mkdir()
        (draft / "figures" / "one.svg").write_text(text)
        (draft / "page.txt").write_text(text)


def texts(folder):
    return sorted({file.read_text() for file in folder.rglob("*.*") if file.is_file()})


def without_exchange(monkeypatch):
    monkeypatch.setattr(atomic.ctypes, "CDLL", lambda name: object())


@pytest.mark.parametrize("linux", [True, False])
def test_a_folder_is_replaced_with_all_that_was_in_it(tmp_path, monkeypatch, linux):
    if not linux:
        without_exchange(monkeypatch)
    folder = tmp_path / "new" / "report"
    write(folder, "one")
    (folder / "old.txt").write_text("one")
    inode = folder.stat().st_ino
    write(folder, "two")
    assert texts(folder) == ["two"]
    assert folder.stat().st_ino != inode
    assert names(folder) == ["figures", "page.txt"]
    assert names(folder.parent) == ["report"]


@pytest.mark.parametrize("other", [True, False])
def test_other_files_and_the_current_folder_stay(tmp_path, monkeypatch, other):
    folder = tmp_path / "mine"
    write(folder, "one")
    (folder / "old.txt").write_text("one")
    if other:
        (folder / "thesis.tex").write_text("mine")
    else:
        monkeypatch.chdir(folder)
    inode = folder.stat().st_ino
    write(folder, "two")
    assert folder.stat().st_ino == inode
    assert texts(folder) == (["mine", "two"] if other else ["two"])
    assert names(folder) == ["figures", "page.txt"] + (["thesis.tex"] if other else [])
    assert names(tmp_path) == ["mine"]


def test_the_old_folder_is_kept_under_another_name(tmp_path):
    write(tmp_path / "agent", "one", aside=tmp_path / "unused")
    assert names(tmp_path) == ["agent"]
    write(tmp_path / "agent", "two", aside=tmp_path / "before")
    assert texts(tmp_path / "agent") == ["two"]
    assert texts(tmp_path / "before") == ["one"]


@pytest.mark.parametrize("other", [(), ("thesis.tex",)])
def test_a_folder_on_a_full_disk_changes_nothing(tmp_path, other):
    with small_disk(tmp_path / "disk", "1m") as disk:
        folder = disk.folder / "report"
        write(folder, "one")
        for name in other:
            (folder / name).write_text("one")
        disk.fill(leave=8192)
        with pytest.raises(OSError, match=r"No space left on device: '.*/report'"):
            write(folder, "x" * 100_000)
        assert texts(folder) == ["one"]
        assert names(folder) == ["figures", "page.txt", *other]
        assert names(disk.folder) == ["report"]


def test_a_reader_finds_the_old_or_the_new_folder_whole(tmp_path):
    """On Linux, where two folders can be exchanged at once."""
    folder, end = tmp_path / "report", threading.Event()
    write(folder, "0")

    def replace():
        for number in range(1, 60):
            write(folder, str(number))
        end.set()

    thread = threading.Thread(target=replace)
    thread.start()
    seen = set()
    while not end.is_set():
        # A descriptor keeps the folder that was there when it was opened, as a reader's page does.
        opened = os.open(folder, os.O_RDONLY)
        try:
            parts = []
            for name in ("page.txt", "figures/one.svg"):
                with open(os.open(name, os.O_RDONLY, dir_fd=opened)) as file:
                    parts.append(file.read())
            assert parts[0] == parts[1]
            seen.add(parts[0])
        except FileNotFoundError:  # the old one is being removed
            assert (folder / "page.txt").exists()
        finally:
            os.close(opened)
    thread.join()
    assert len(seen) > 1
