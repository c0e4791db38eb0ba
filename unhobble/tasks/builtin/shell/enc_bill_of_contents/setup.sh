set -e
python3 - <<'PY'
import bz2
import gzip
import io
import lzma
import tarfile
import zipfile


def tar(*members, fmt=tarfile.PAX_FORMAT):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=fmt) as out:
        for name, kind, data in members:
            info = tarfile.TarInfo(name)
            info.mtime = 1700000000
            if kind == "f":
                info.size = len(data)
                out.addfile(info, io.BytesIO(data))
                continue
            info.type = {"d": tarfile.DIRTYPE, "s": tarfile.SYMTYPE, "h": tarfile.LNKTYPE}[kind]
            info.linkname = data or ""
            out.addfile(info)
    return target.getvalue()


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as out:
        for name, data in members:
            info = zipfile.ZipInfo(name, (2023, 11, 14, 22, 13, 20))
            info.compress_type = method
            out.writestr(info, data)
    return target.getvalue()


def gz(data, name=""):
    target = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=target, mtime=1700000000) as out:
        out.write(data)
    return target.getvalue()


readme = b"Delivery of November\n"
odt = zipped(("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", "<p>Grüße</p>".encode()), ("Pictures/", b""))
inner = tar(("a.txt", "f", b"inner a\n"), ("../escaped.txt", "f", b"escaped\n"), ("deep/x.bin", "f", bytes(range(256))))
parts = tar(
    ("readme.txt", "f", b"draft\n"),
    ("./docs", "d", None),
    ("./docs/letter.odt", "f", odt),
    ("readme.txt", "f", readme),
    ("latest", "s", "readme.txt"),
    ("copy of readme.txt", "h", "readme.txt"),
    ("/etc/motd", "f", b"absolute\n"),
    ("data/..hidden/v1..2.txt", "f", b"dots in names are harmless\n"),
    ("data/../../up.zip", "f", zipped(("never.txt", b"never"))),
    ("data/inner.jpg", "f", bz2.compress(inner)),
    ("data/empty", "f", b""),
    ("data/" + "long-" * 30 + "name.txt", "f", b"long\n"),
)
log = gz(b"first day\n", "day1.log") + gz(b"second day\n", "day2.log")
old = tar(("only.txt", "f", b"only\n"), ("r\u00e9sum\u00e9.txt", "f", b"cv\n"), fmt=tarfile.GNU_FORMAT)
delivery = zipped(
    ("parts.zip", lzma.compress(parts)),
    ("logs/server.log", log),
    ("old.tgz", old),
    ("notes.tar", b"This is no archive at all.\n"),
    ("logs/again.gz", gz(gz(b"twice\n"))),
    ("image/photo.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40),
    ("readme.txt", readme),
    ("r\u00e9f\u00e9rence.txt", b"utf-8 name\n"),
)
open("delivery.tar.gz", "wb").write(delivery)
PY
