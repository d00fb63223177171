"""Folders that are renamed or removed while somebody writes into them."""

from __future__ import annotations

import shutil
import time

import pytest

from rllib_zoo.experiments.launch.folder_watch import FolderWatch
from rllib_zoo.experiments.tune.signals import Interruption


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def wait_for_cause(ending):
    deadline = time.monotonic() + 20
    while ending.cause is None and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_folder_that_stays_is_no_news(folder):
    with Interruption() as ending:
        watch = FolderWatch(folder)
        assert not watch.close()  # before its start
        watch.start()
        (folder / "file").write_text("more")
        time.sleep(0.7)
        assert not watch.close()
        assert ending.cause is None


@pytest.mark.parametrize("created_again", [False, True])
def test_a_renamed_folder_ends_the_run_and_is_found(folder, created_again):
    with Interruption() as ending:
        watch = FolderWatch(folder)
        watch.start()
        moved = folder.rename(folder.with_name("moved"))
        if created_again:
            folder.mkdir()
            (folder / "checkpoint").write_text("later")
        wait_for_cause(ending)
        assert (ending.cause, ending.failed) == ("its folder was renamed or removed", True)
        assert ending.overdue()
        assert watch.close()
        assert watch.new_place() == moved
        aside = watch.set_aside()
        assert not folder.exists()
        assert (aside is not None) == created_again
        assert aside is None or (aside / "checkpoint").read_text() == "later"
        ending.forget_failure()
        assert ending.cause is None


def test_a_removed_folder_is_nowhere(folder):
    with Interruption() as ending:
        watch = FolderWatch(folder)
        watch.start()
        shutil.rmtree(folder)
        wait_for_cause(ending)
        assert ending.failed
        assert watch.close()
        assert watch.new_place() is None
        assert watch.set_aside() is None
