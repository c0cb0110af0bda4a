"""Files are written whole; links, modes and what is no file stay what they were."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lm_eval_faith.files import write_whole

from .hostile import write_run


def test_a_file_is_replaced_in_one_step_and_nothing_is_left_beside_it(tmp_path):
    target = tmp_path / "report.json"
    target.write_text("old")
    with target.open() as reader:
        write_whole(target, "new")
        assert reader.read() == "old"  # who had it open reads what was there
    assert target.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_a_file_that_is_there_keeps_its_mode_and_a_new_one_follows_the_umask(tmp_path):
    private, new = tmp_path / "private", tmp_path / "new"
    private.write_text("")
    private.chmod(0o600)
    before = os.umask(0o027)
    try:
        write_whole(private, "a")
        write_whole(new, "b")
    finally:
        os.umask(before)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(new.stat().st_mode) == 0o640


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "page.html", tmp_path / "page.html"
    link.symlink_to(target)
    write_whole(link, "page")
    assert link.is_symlink() and target.read_text() == "page"


def test_a_pipe_is_written_into_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "through")
    reader.join()
    assert read == ["through"] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_stays_a_device():
    write_whole(Path("/dev/null"), "gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_where_the_folder_cannot_be_written_the_target_is_as_it_was(tmp_path):
    missing = tmp_path / "no folder" / "x"
    with pytest.raises(OSError, match="No such file"):
        write_whole(missing, "x")
    assert not missing.parent.exists()


def test_a_link_that_only_the_system_can_follow_is_written_into(tmp_path):
    """As /dev/stdout, where the output goes through a pipe."""
    program = (
        "from pathlib import Path\n"
        "from lm_eval_faith.files import write_whole\n"
        "write_whole(Path('/dev/stdout'), 'through')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("through", "")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run", ["a", "b", "c"])


WRITERS = {
    "out.json": ("report", "--format", "json", "--out"),
    "page.html": ("report", "--html"),
    "steps.csv": ("report", "--steps"),
    "curve.svg": ("power", "--half-width", "0.5", "--plot"),
    "figure.svg": ("plot", "--out"),
}
"""Every option that writes a file, by a name that it takes."""


@pytest.mark.parametrize("name", WRITERS)
def test_every_option_that_writes_leaves_links_modes_pipes_and_devices_as_they_were(
    command, run, tmp_path, name
):
    verb, *option = WRITERS[name]
    few = () if verb in ("plot", "power") else ("--n-resamples", 20)

    def write(path):
        code, _, error = command(verb, run, *few, *option, path)
        assert code == 0, error

    real, link = tmp_path / "real", tmp_path / f"link-{name}"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write(link)
    assert link.is_symlink() and real.stat().st_size > 3
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    device = tmp_path / f"device-{name}"
    device.symlink_to("/dev/null")
    write(device)
    assert device.is_symlink() and stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    pipe, read = tmp_path / f"pipe-{name}", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write(pipe)
    reader.join()
    assert len(read[0]) > 3 and stat.S_ISFIFO(pipe.stat().st_mode)
