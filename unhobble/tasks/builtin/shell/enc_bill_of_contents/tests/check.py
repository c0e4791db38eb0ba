"""The list of all files in archives within archives."""

from pathlib import Path

MANIFEST = [
    ("93497ee4808a75d08c0cef2583b1a78511253a7bf06a909fb489a0a32d9e3456", 48, "delivery.tar.gz!/image/photo.png"),
    ("3c6d500b5c536c8d84c79523fe8109e105fc3d9a999d9baeb0cca328da457911", 6, "delivery.tar.gz!/logs/again.gz!!"),
    ("61c359683071af01f093fae2e0aa7e9de8c21582a81f4ff199d79414a1252e3b", 21, "delivery.tar.gz!/logs/server.log!"),
    ("550031eb1500e1ccc9a45e78806637a3aef2e790a801b074f1d64832a40e4b10", 27, "delivery.tar.gz!/notes.tar"),
    ("321b4285d2fec34a6dc5b6fdb1ab9ee46b1a3129c83e52a00a713a38bac0fe00", 5, "delivery.tar.gz!/old.tgz!/only.txt"),
    ("07259e5b665022a574deff3afceba8412457ff55a43cfe0298c55e7cbcf0f1be", 3, "delivery.tar.gz!/old.tgz!/résumé.txt"),
    ("eeef3f15c335af33f58365d091d0e2288ca1ed4035cf1675287c45a3e29d991e", 21, "delivery.tar.gz!/parts.zip!!/copy of readme.txt"),
    ("80bf665aad02dff649f05877219844b4866fa5d324b8821e365fc5ec4635dddb", 27, "delivery.tar.gz!/parts.zip!!/data/..hidden/v1..2.txt"),
    ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0, "delivery.tar.gz!/parts.zip!!/data/empty"),
    ("1f895f60304915b99cedb8081c8f37c43b0847b2a1eb4d0fcbd51ddd22fdee22", 8, "delivery.tar.gz!/parts.zip!!/data/inner.jpg!!/a.txt"),
    ("40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880", 256, "delivery.tar.gz!/parts.zip!!/data/inner.jpg!!/deep/x.bin"),
    ("bbdbb75b415ee9a40f0b3796a8b41a0b7723afe5726b870474ad220a4886d06d", 5, "delivery.tar.gz!/parts.zip!!/data/long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-name.txt"),
    ("407edbc52ea8ecc6fa1beff127d8b0e008037077beb8b30f9bd9ac37fe9ae7a7", 14, "delivery.tar.gz!/parts.zip!!/docs/letter.odt!/content.xml"),
    ("714dbe370b0a7063669217d91b287566fe8babbc8599b629b24476ff81b83593", 39, "delivery.tar.gz!/parts.zip!!/docs/letter.odt!/mimetype"),
    ("eeef3f15c335af33f58365d091d0e2288ca1ed4035cf1675287c45a3e29d991e", 21, "delivery.tar.gz!/parts.zip!!/readme.txt"),
    ("eeef3f15c335af33f58365d091d0e2288ca1ed4035cf1675287c45a3e29d991e", 21, "delivery.tar.gz!/readme.txt"),
    ("3341333f4c186aed0477513890c75921ed0ec07afb3e81080bb2be19341a9140", 11, "delivery.tar.gz!/référence.txt"),
]
REFUSED = [
    "delivery.tar.gz!/parts.zip!!//etc/motd",
    "delivery.tar.gz!/parts.zip!!/data/../../up.zip",
    "delivery.tar.gz!/parts.zip!!/data/inner.jpg!!/../escaped.txt",
]


def _lines(name: str) -> list[str]:
    path = Path(name)
    assert path.is_file(), f"{name} does not exist"
    text = path.read_bytes().decode("utf-8")
    assert not text or text.endswith("\n"), f"the last line of {name} does not end in a line feed"
    return text.split("\n")[:-1]


def _rows() -> list[list[str]]:
    rows = [line.split(" ", 2) for line in _lines("manifest.txt")]
    assert all(len(row) == 3 for row in rows), "a line of manifest.txt does not have three fields"
    return rows


def test_which_files():
    found, wanted = {row[2] for row in _rows()}, {path for _, _, path in MANIFEST}
    assert found == wanted, f"too many: {sorted(found - wanted)[:3]}, missing: {sorted(wanted - found)[:3]}"


def test_contents():
    wanted = {path: (digest, str(size)) for digest, size, path in MANIFEST}
    wrong = [row[2] for row in _rows() if (row[0], row[1]) != wanted.get(row[2])]
    assert not wrong, f"wrong digest or size: {wrong[:3]}"


def test_order():
    found = [row[2] for row in _rows()]
    assert found == [path for _, _, path in MANIFEST], "the lines of manifest.txt are not in the right order, or one is there twice"


def test_refused():
    assert _lines("refused.txt") == REFUSED, f"refused.txt has {_lines('refused.txt')}"
