"""Where files go: what cannot be written is said before it is made."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from course_lib import files


def test_a_folder_is_tried_and_left_as_it_was(tmp_path):
    for folder in (tmp_path, tmp_path / "new", tmp_path / "much" / "newer"):
        files.check_writable(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inside", ["", "new", "much/newer"])
def test_a_file_is_no_folder(inside, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError, match=r"^Nothing can be written to .*COURSE_DATA\.$"):
        files.check_writable(tmp_path / "file" / inside)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux")
def test_what_the_system_keeps_to_itself_is_told():
    with pytest.raises(OSError, match="Nothing can be written to '/proc/self/new'"):
        files.check_writable(Path("/proc/self/new"))


def test_relative_folders_count_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.check_writable(Path("build/runs"))
    Path("build").write_text("")
    with pytest.raises(NotADirectoryError):
        files.check_writable(Path("build/runs"))


def test_tensors_are_not_made_where_they_cannot_be_kept(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(OSError, match="Nothing can be written to"):
        files.load_or_make(tmp_path / "data" / "x.safetensors", "v1", lambda: pytest.fail("made"))


def test_kept_tensors_are_read_where_nothing_can_be_written(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    files.load_or_make(path, "v1", lambda: {"x": torch.arange(3)})
    monkeypatch.setattr(files, "check_writable", lambda folder: pytest.fail("writes"))
    found = files.load_or_make(path, "v1", lambda: pytest.fail("made"))
    assert found["x"].tolist() == [0, 1, 2]


KILLED = """
import os, sys
from pathlib import Path
import torch
from course_lib import files

def make():
    return {"x": torch.arange(3)}

if sys.argv[2] == "tensors":  # safetensors' own file is there when the disk is to have it
    files._reach_the_disk = lambda *_: os._exit(9)
    files.load_or_make(Path(sys.argv[1]), "v1", make)
with files.written_beside(Path(sys.argv[1])) as beside:
    beside.write_bytes(b"half")
    os._exit(9)
"""


@pytest.mark.parametrize("what", ["tensors", "bytes"])
def test_what_a_killed_process_leaves_is_cleared_by_the_next_that_writes(what, tmp_path):
    path = tmp_path / "x.safetensors"
    for _ in range(2):
        killed = subprocess.run([sys.executable, "-c", KILLED, path, what])
        assert killed.returncode == 9
        [left] = [one for one in tmp_path.iterdir() if one.suffix == ".part"]
        assert not path.exists() and any(left.iterdir())
    files.load_or_make(path, "v1", lambda: {"x": torch.arange(3)})
    assert list(tmp_path.iterdir()) == [path]


def test_parts_of_the_living_of_others_and_whatever_looks_alike_stay(tmp_path):
    stay = [
        f".{files.HOST}-{os.getppid()}-0123abcd.part",  # a process that lives
        ".elsewhere-99999999-0123abcd.part",  # on another computer, younger than a day
        ".my-99999999-notes.part",
        f"{files.HOST}-99999999-0123abcd.part",
    ]
    go = [f".{files.HOST}-{process}-0123abcd.part" for process in (99999999, os.getpid())]
    for name in [*stay, *go, ".elsewhere-99-00000000.part"]:
        (tmp_path / name).mkdir()
    os.utime(tmp_path / ".elsewhere-99-00000000.part", (0, 0))
    with files.written_beside(tmp_path / "x") as beside:
        files.clear_parts(tmp_path)
        assert beside.is_file(), "of this process, and under way"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*stay, "x"])


@pytest.mark.parametrize("error", [OSError(28, "No space left"), SafetensorError("No space left")])
def test_on_a_full_disk_what_was_made_is_used_and_it_is_said_once(error, tmp_path, monkeypatch):
    def full(*_):
        raise error

    monkeypatch.setattr("safetensors.torch.save_file", full)
    made = []

    def make():
        made.append(1)
        return {"x": torch.arange(3)}

    with pytest.warns(UserWarning, match=r"could not be written .*No space left.*\.$") as told:
        found = files.load_or_make(tmp_path / "x.safetensors", "v1", make)
    assert found["x"].tolist() == [0, 1, 2] and len(made) == len(told) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["folder", "x" * 300])
def test_a_place_that_can_be_no_file_is_told_before(name, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"choose another name\.$"):
        files.check_place(tmp_path / name)
    files.check_place(tmp_path / "new" / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_file_and_its_name_have_reached_the_disk_when_it_is_there(tmp_path, monkeypatch):
    done, fsync, replace = [], os.fsync, os.replace

    def synced(descriptor):
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def renamed(*paths):
        done.append("renamed")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    with files.written_beside(tmp_path / "x") as beside:
        beside.write_text("whole")
    assert done == ["file", "renamed", "folder"][: 2 if os.name == "nt" else 3]
