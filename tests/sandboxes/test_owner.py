"""Who lives and who does not, as other workers of the same realm see it."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sandboxes._owner import Realm

WORKER = """
import sys, time
from pathlib import Path
from sandboxes._owner import Realm
print(Realm(Path(sys.argv[1])).claim().id, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def realm(tmp_path: Path) -> Realm:
    return Realm(tmp_path)


def test_an_owner_lives_until_it_is_released(realm: Realm) -> None:
    owner = realm.claim()
    assert realm.is_alive(owner.id)
    realm.forget_the_dead()
    assert realm.is_alive(owner.id)
    owner.release()
    assert not realm.is_alive(owner.id)
    assert not list(realm.directory.glob("*.lock"))


def test_an_owner_dies_with_its_process_whatever_kills_it(realm: Realm, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        owner = worker.stdout.readline().strip()
        assert realm.is_alive(owner)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert not realm.is_alive(owner)
    assert list(realm.directory.glob("*.lock"))
    realm.forget_the_dead()
    assert not list(realm.directory.glob("*.lock"))


def test_an_owner_that_nobody_has_heard_of_does_not_live(realm: Realm) -> None:
    assert not realm.is_alive("0" * 12)


def test_who_claims_while_others_forget_the_dead_lives_all_the_same(realm: Realm) -> None:
    stop = threading.Event()

    def forget() -> None:
        while not stop.is_set():
            realm.forget_the_dead()

    threads = [threading.Thread(target=forget) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        owners = [realm.claim() for _ in range(200)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert all(realm.is_alive(owner.id) for owner in owners)
    for owner in owners:
        owner.release()


def test_a_realm_has_one_name_for_all_and_others_have_another(realm: Realm, tmp_path: Path) -> None:
    assert realm.id == Realm(tmp_path).id
    assert realm.id != Realm(tmp_path / "other").id


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a directory to another user")
def test_a_directory_that_someone_else_made_first_is_not_used(realm: Realm, tmp_path: Path) -> None:
    (tmp_path / f"unhobble-{os.geteuid()}").mkdir()
    os.chown(tmp_path / f"unhobble-{os.geteuid()}", 65534, 65534)
    with pytest.raises(PermissionError, match="belongs to someone else"):
        realm.claim()
