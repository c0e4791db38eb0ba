import os
from pathlib import Path

REPAIRED = {
    "etc/app/main.conf": 0o644,
    "etc/app/.hidden.conf": 0o640,
    "etc/app/sites/shop.conf": 0o644,
    "etc/app/sites/-odd.conf": 0o644,
    "etc/old stuff/2019/proxy settings.conf": 0o600,
    "etc/app/tls.conf": 0o440,
}
UNTOUCHED = {
    "etc/app/motd.txt": 0o666,
    "spool/drop.conf": 0o666,
    "etc/app/extra.conf/10-part": 0o666,
    "etc/app/main.conf.bak": 0o664,
    "etc/cron.d/backup": 0o664,
    "etc/app/reload.sh": 0o775,
    "etc/app/sites": 0o775,
    "etc/app/extra.conf": 0o777,
    "spool": 0o777,
}


def wrong(modes):
    found = {path: os.lstat(path).st_mode & 0o777 if os.path.lexists(path) else None for path in modes}
    return [f"{path}: expected {modes[path]:o}, found {found[path] and oct(found[path])[2:]}" for path in modes if found[path] != modes[path]]


def test_configuration_files_are_written_by_their_owner_only():
    assert not wrong(REPAIRED), wrong(REPAIRED)


def test_nothing_else_has_changed():
    assert not wrong(UNTOUCHED), wrong(UNTOUCHED)
    assert os.path.islink("etc/app/drop.conf"), "etc/app/drop.conf is no symbolic link any more"
    assert Path("etc/app/main.conf").read_text() == "# etc/app/main.conf\n", "a file's contents have changed"
