"""Which system a sandbox shows, on trees made of plain files."""

import os
import sys
from pathlib import Path

import pytest

from sandboxes._bubblewrap.system import ETC_FILES, find_system, own_directories
from unhobble.errors import SandboxError


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for directory in ("usr/bin", "usr/lib/python3/site/package", "etc/ssl"):
        (root / directory).mkdir(parents=True)
    (root / "usr/bin/sh").write_text("")
    (root / "bin").symlink_to("/usr/bin")
    (root / "lib").symlink_to("usr/lib")
    (root / "lib64").mkdir()
    return root


def test_directories_are_shown_and_links_stay_links(rootfs: Path) -> None:
    system = find_system(str(rootfs), [])
    assert system.shown == ((rootfs / "usr", "/usr"), (rootfs / "lib64", "/lib64"))
    assert system.links == (("/usr/bin", "/bin"), ("usr/lib", "/lib"))


@pytest.mark.parametrize("missing", ["usr/bin/sh", "etc", "usr"])
def test_what_a_root_filesystem_lacks_is_named(rootfs: Path, missing: str) -> None:
    (rootfs / missing).rename(rootfs / "elsewhere")
    with pytest.raises(SandboxError, match=r"no root filesystem: it has no .*/bin/sh" if "usr" in missing else "no /etc;"):
        find_system(str(rootfs), [])


def test_private_directories_are_hidden_where_they_are_shown(rootfs: Path, tmp_path: Path) -> None:
    site = rootfs / "usr/lib/python3/site"
    outside = tmp_path / "outside"
    private = [site / "package", site, rootfs / "lib/python3/site", rootfs / "etc", outside]
    assert find_system(str(rootfs), private).hidden == ("/usr/lib/python3/site",)
    assert find_system(str(rootfs), [outside]).hidden == ()


def test_a_private_directory_behind_a_link_is_hidden_where_it_really_is(rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "venv").symlink_to(rootfs / "usr/lib/python3")
    assert find_system(str(rootfs), [tmp_path / "venv/site"]).hidden == ("/usr/lib/python3/site",)


def test_own_directories_hold_this_package_and_every_suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_directories() == [Path(__file__).parents[3]]
    site = tmp_path / "site"
    (site / "their_suites").mkdir(parents=True)
    (site / "their_suites/__init__.py").write_text("raise AssertionError('imported')")
    (site / "theirs.dist-info").mkdir()
    (site / "theirs.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (site / "theirs.dist-info/entry_points.txt").write_text("[unhobble.suites]\ntheirs = their_suites.tasks\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    assert own_directories() == sorted([Path(__file__).parents[3], site])


def test_etc_is_the_sandboxs_own_over_the_root_filesystems(rootfs: Path, tmp_path: Path) -> None:
    (rootfs / "etc/passwd").write_text("root:x:0:0:secret")
    (rootfs / "etc/ssl/certificate").write_text("1")
    (rootfs / "etc/link").symlink_to("ssl/certificate")
    (rootfs / "etc/hosts").symlink_to("/outside")
    os.mkfifo(rootfs / "etc/pipe")
    (rootfs / "etc/shadow").write_text("secret")
    (rootfs / "etc/shadow").chmod(0o600)
    etc = tmp_path / "etc"
    find_system(str(rootfs), []).fill_etc(etc)
    assert {path.name for path in etc.iterdir()} == {*ETC_FILES, "ssl", "link", "shadow"}
    assert (etc / "link").read_text() == "1"
    assert {name: (etc / name).read_text() for name in ETC_FILES} == ETC_FILES
    assert [oct((etc / name).stat().st_mode & 0o777) for name in ("shadow", "passwd", ".")] == ["0o600", "0o644", "0o755"]


def test_this_machines_etc_gives_only_what_its_programs_need(tmp_path: Path) -> None:
    find_system(None, []).fill_etc(tmp_path / "etc")
    assert {path.name for path in (tmp_path / "etc").iterdir()} <= {*ETC_FILES, "alternatives", "ld.so.cache"}
