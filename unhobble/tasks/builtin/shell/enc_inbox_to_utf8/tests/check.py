"""All files of the inbox in UTF-8."""

import hashlib
from pathlib import Path

EXPECTED = {
    'angebot.txt': 'Sehr geehrte Frau Wei\xdf,\n\nunser \u201eAngebot\u201c \u2013 g\xfcltig bis 31. M\xe4rz \u2013 betr\xe4gt 1.200 \u20ac\u2026\nGr\xfc\xdfe\n',
    'doklad.txt': '\u0414\u043e\u043a\u043b\u0430\u0434 N \n- "\u0401\u043b\u043a\u0430"\n',
    'empty.txt': '',
    'facture.csv': "n\xb0;montant;\u0153uvre\n17;12,50 \u20ac;C\u0153ur d'\xc9t\xe9\n18;9,00 \u20ac;\u017d\x85fin\n",
    'hinweis.md': 'Zeile eins\u2028noch Zeile eins\nZeile zwei \ufeffmit BOM in der Mitte\n',
    'hyo.csv': '\u54c1\u540d,\u6570\u91cf,\u5099\u8003\n\u8868\u7d19,10,"\u80fd\u7387,\u30bd\u30d5\u30c8"\n\u5341\u5186\u7389,3,\u4e88\u5099\n',
    'menu.txt': 'Cr\xe8me br\xfbl\xe9e .... 4\xbd \xa3\n\xd1and\xfa \xe0 la carte .... 9\xbc \xa3\nPi\xf1ata \u2248 \u03c0\n',
    'rapport.txt': '\xc5rsrapport\nPris: 40 \u20ac \U0001f600\n',
}
INBOX = "bbc7bd181ed85eee26dd715bb6650d28537c9149e88c2781fb1361fbdc3babf7"


def test_which_files():
    found = {path.name for path in Path("out").iterdir()} if Path("out").is_dir() else set()
    assert found == set(EXPECTED), f"files that are missing in out or should not be there: {sorted(found ^ set(EXPECTED))}"


def test_contents():
    for name, text in EXPECTED.items():
        path = Path("out") / name
        assert path.is_file(), f"out/{name} does not exist"
        data = path.read_bytes()
        assert data == text.encode("utf-8"), f"out/{name} is {data[:200]!r}, expected {text.encode('utf-8')[:200]!r}"


def test_inbox_is_untouched():
    paths = [Path("inbox") / name for name in sorted(EXPECTED)]
    assert all(path.is_file() for path in paths), "a file of the inbox is gone"
    found = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
    assert found == INBOX, "the files of the inbox have changed"
