"""Where files go: what cannot be written is said before it is made."""

from pathlib import Path

import pytest
import torch

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
