"""What can be restored from a backup set with a missing and a damaged volume."""

import hashlib
from pathlib import Path

RESTORED = {
    "accounts/2021.csv": "a3a95c61843974eafd6475bbe04906b86661710ca493a06f8e6e105a6b82cc36",
    "accounts/2022.csv": "689a365a7cd15d1aaa7072682d5cdbce89cdbce8e3ed8dc7ca43ca65756f95d0",
    "accounts/2023.csv": "8a3f4ce9701690af8bd90e187755ac2e51389ce2d37e8e16a470c7451a36e7ef",
    "letters/a.txt": "03a399a129ac19c1c1251f04dfdbe885273b2afa1316abdfd54d2e34071450cc",
    "letters/a-very-long-name-of-a-letter-a-very-long-name-of-a-letter-a-very-long-name-of-a-letter-a-very-long-name-of-a-letter-.txt": "b85dd1a7c8acea9acb740a972bcc16182d063f16a0c90868cb805fcab175ac8a",
    "letters/blank.txt": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "letters/b.txt": "7fefc548bab19130699f551d899555b32278c694bf98b7e5da13ab69472dd998",
    "letters/old.tar": "0d12af985f5f361d9713aed5d9b71f5bc716965674f73dbfca3f5cc5ba47252c",
    "music/list.txt": "feab2c06665200df32e8e9a5c69ae43851afee4a81ba6f08ead45e0e6b4ab87f",
    "music/scores.txt": "9f202aa5ac682d18651e9d5c4e42dac59921b0892b7231b23bd11801b22c8f95",
    "photos/index.txt": "8d43f7d0c62dad7816fd46e51bcbd4a60b5c95fab5f6411b7964a32b7e5265e0",
    "photos/empty.txt": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "backups/older.tar": "1158fa37d9749a86e9d136cffc0b015b82e24a427ab41b7d14d45daca248ed09",
    "notes/todo.txt": "cffdfece7427de5119d0abc3c24cd6197977e582aabba62a3e851353fc0ace45",
    "projects/another-long-name-another-long-name-another-long-name-another-long-name-another-long-name-another-long-name-another-long-name-plan.txt": "4818affce7bad6b8598f2b54f23fcbdd89a69ef978b4aaf93b61d9ed85ccbd9d",
    "projects/empty.txt": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "recipes/bread.txt": "79f9a1384f8c803e392c34e4d66e315b75c5b1883863195b2b37f91429a60484",
    "recipes/soup.txt": "a9d0e9ec6e165625b85c70edcc91650d4556f5199afa5905f7d0fdb838bcbb98",
    "recipes/cake.txt": "19b71e6b3922b7d6c7eccece25ee418b17383e4791ae9f7d3ecb02f59654664b",
    "recipes/empty": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "recipes/tea.txt": "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b",
}
LOST = [
    "music/parts.txt",
    "photos/list.txt",
    "photos/notes.txt",
    "photos/zoom.txt",
    "notes/ideas.txt",
    "projects/a.txt",
    "projects/b.txt",
    "projects/c.txt",
    "projects/d.txt",
]


def _files() -> dict[str, Path]:
    root = Path("restored")
    return {str(path.relative_to(root)): path for path in root.rglob("*") if not path.is_dir()}


def test_nothing_is_missing():
    missing = [name for name in RESTORED if name not in _files()]
    assert not missing, f"{len(missing)} files were not restored: {missing[:3]}"


def test_nothing_is_made_up():
    extra = [name for name in _files() if name not in RESTORED]
    assert not extra, f"{len(extra)} files in restored should not be there: {extra[:3]}"


def test_contents():
    files = _files()
    wrong = [name for name, digest in RESTORED.items()
             if name in files and hashlib.sha256(files[name].read_bytes()).hexdigest() != digest]
    assert not wrong, f"files with wrong contents: {wrong[:3]}"


def test_lost():
    path = Path("lost.txt")
    assert path.is_file(), "lost.txt does not exist"
    text = path.read_bytes().decode("utf-8")
    assert text == "".join(f"{name}\n" for name in LOST), f"lost.txt has {text.splitlines()}"
