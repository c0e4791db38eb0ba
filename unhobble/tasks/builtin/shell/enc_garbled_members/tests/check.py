"""The names of garbled members, repaired as far as their checksums prove it."""

from pathlib import Path

REPAIRED = [
    (1016, 'H\xe5kon \xc5s'),
    (1045, 'Zo\xeb \xc5str\xf6m'),
    (1059, 'Jos\xe9 \U0001f600 N\xfa\xf1ez'),
    (1070, 'Ilse Wei\xdf'),
    (1091, 'caf&eacute; only'),
    (1106, '\u010cen\u011bk \u010euri\u0161'),
    (1107, 'H\xe5kon \xc5s'),
    (1118, 'Jane Doe'),
    (1145, '\xc1ngel \xcd\xf1iguez'),
    (1166, 'Jos\xe9 \xc1lvarez'),
    (1185, 'Zo\xeb \xc5str\xf6m'),
    (1207, "Fran\xe7ois d'\xc9t\xe9"),
    (1236, '\u0141ukasz \u017b\xf3\u0142\u0107'),
    (1261, '\xc3\xa9lite Club (sic)'),
    (1266, 'AT&amp;T Z\xfcrich'),
    (1293, 'G\xfcl \xc7a\u011flar'),
    (1317, 'V\u0169 Ng\u1ecdc Ph\u01b0\u1ee3ng'),
    (1352, 'Ma\xeft\xe9 \xddr'),
    (1378, 'Zo\xeb \xc5str\xf6m'),
    (1403, '\xc1ngel \xcd\xf1iguez'),
    (1422, 'P\xe4r \xd6\xf6st \u2013 junior'),
    (1428, '\xcdris \xcdsleifsd\xf3ttir'),
    (1448, 'No\xebl \xe0 l\u2019\xcele'),
    (1475, 'G\xfcl \xe7a va'),
    (1476, 'Andr\xe9 Br\xf4nt\xeb'),
    (1489, 'R&D %C3%A9'),
    (1516, 'T\u014dru \u014ckubo'),
    (1536, '\u0160\xe1rka Dvo\u0159\xe1kov\xe1'),
    (1564, 'S\xf8ren \xc6r\xf8'),
    (1578, '\u0110\u1eb7ng Th\u1ecb H\u01b0\u01a1ng'),
    (1583, '\u039d\u03af\u03ba\u03bf\u03c2 \u03a0\u03b1\u03c0\u03c0\u03ac\u03c2'),
    (1601, '100%25 Caf\xe9'),
    (1624, '\u5c71\u7530 \u592a\u90ce'),
    (1647, '\u0130brahim \u015eahin'),
    (1653, '\xd6mer \xdcz\xfcm'),
    (1677, 'Jos\xe9 \xc1lvarez'),
    (1699, 'M\xfcller & S\xf6hne'),
    (1708, '\xc1ngel \xcd\xf1iguez'),
    (1724, '\u0141ukasz \u017b\xf3\u0142\u0107'),
    (1733, 'Ren\xe9e \u0152uvrard'),
    (1763, 'S\xf8ren \xc6r\xf8 \xc6'),
    (1780, 'Bj\xf6rk Gu\xf0mundsd\xf3ttir'),
    (1793, 'Am\xe9lie Poulain\u2026'),
    (1794, '\u0110\u1eb7ng Th\u1ecb H\u01b0\u01a1ng'),
    (1804, 'Ida \u201cL\xf6we\u201d Holm'),
    (1813, '\u041e\u043b\u044c\u0433\u0430 \u0401\u043b\u043a\u0438\u043d\u0430'),
]
LOST = [1012, 1346, 1443, 1786, 1795]


def _lines(name: str) -> list[str]:
    path = Path(name)
    assert path.is_file(), f"{name} does not exist"
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("\n"), f"the last line of {name} does not end in a line feed"
    return text.split("\n")[:-1]


def _rows() -> list[list[str]]:
    rows = [line.split("\t") for line in _lines("repaired.tsv")]
    assert all(len(row) == 2 for row in rows), "a line of repaired.tsv does not have two fields"
    return rows


def test_which_members():
    found = [row[0] for row in _rows()]
    wanted = [str(number) for number, _ in REPAIRED]
    assert sorted(found) == sorted(wanted), f"too many: {sorted(set(found) - set(wanted))}, missing: {sorted(set(wanted) - set(found))}"
    assert found == wanted, "the members are not in the order of members.tsv"


def test_names():
    wanted = {str(number): name for number, name in REPAIRED}
    wrong = {row[0]: row[1] for row in _rows() if row[1] != wanted.get(row[0])}
    assert not wrong, f"wrong names: {wrong}"


def test_lost():
    assert _lines("lost.txt") == [str(number) for number in LOST], f"lost.txt has {_lines('lost.txt')}"
