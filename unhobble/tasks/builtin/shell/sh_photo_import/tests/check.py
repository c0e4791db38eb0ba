import os
import re
import resource
import subprocess
import tempfile
from datetime import date
from pathlib import Path

SCRIPT = os.path.abspath("import.sh")


def tree(folder):
    """All regular files below a folder: path below it -> content."""
    return {str(path.relative_to(folder)): path.read_text() for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink()}


def write(folder, files):
    for path, content in files.items():
        target = Path(folder, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        os.utime(target, (978_307_200, 978_307_200))


def run(place, *arguments, **options):
    return subprocess.run(["bash", SCRIPT, *arguments], cwd=place, capture_output=True, text=True, timeout=30, **options)


def target_of(path):
    """The folder and the stem and ending in the archive, or None if it is no photo."""
    match = re.fullmatch(r"(.+)\.(jpg|jpeg|png)", path.split("/")[-1], re.I | re.S)
    if not match:
        return None
    folder = "undated"
    for group in re.findall(r"(?<!\d)\d{8}(?!\d)", path.split("/")[-1]):
        try:
            day = date(int(group[:4]), int(group[4:6]), int(group[6:]))
        except ValueError:
            continue
        if 1990 <= day.year <= 2099:
            folder = f"{day:%Y/%m}"
            break
    return folder, match[1], match[2].lower().replace("jpeg", "jpg")


def expected(files, archive):
    """What the archive will hold, and how many photos are imported, and are duplicates."""
    archive, imported, duplicates = dict(archive), 0, 0
    for path in sorted(files, key=os.fsencode):
        if not (found := target_of(path)):
            continue
        folder, stem, ending = found
        names = [f"{folder}/{stem}.{ending}", *(f"{folder}/{stem}-{n}.{ending}" for n in range(1, 99))]
        for name in names:
            if name not in archive:
                archive[name] = files[path]
                imported += 1
                break
            if archive[name] == files[path]:
                duplicates += 1
                break
    return archive, imported, duplicates


def compare(files, archive=None, options=(), source="card", target="archive"):
    with tempfile.TemporaryDirectory() as place:
        write(os.path.join(place, source), files)
        write(os.path.join(place, target), archive or {})
        result = run(place, *options, source, target)
        wanted, imported, duplicates = expected(files, archive or {})
        assert result.returncode == 0, f"ended with {result.returncode}: {result.stderr[-300:]}"
        found = tree(os.path.join(place, target))
        missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
        assert not missing and not extra, f"missing in the archive: {missing[:4]}; too many: {extra[:4]}"
        wrong = [name for name in wanted if wanted[name] != found[name]]
        assert not wrong, f"another photo than expected is at {wrong[:4]}"
        said = f"imported {imported}, duplicates {duplicates}, failed 0\n"
        assert result.stdout == said, f"expected {said!r}, printed {result.stdout[-300:]!r}"
        assert not result.stderr, f"nothing went wrong, yet standard error has {result.stderr[-200:]!r}"
        left = tree(os.path.join(place, source))
        kept = {path: text for path, text in files.items() if "-m" not in options or not target_of(path)}
        assert left == kept, f"left in SOURCE: {sorted(left)[:6]}, expected {sorted(kept)[:6]}"


def numbered(*names):
    return {name: f"photo {number}" for number, name in enumerate(names)}


def test_dates():
    days = ["20240809", "20240908", "20231231", "20240229", "20230229", "20000229", "20240431", "20241301", "20240100", "20240001"]
    days += ["19900101", "19891231", "20991231", "21000101", "2024080", "202408091", "99999999_20240510", "20240510-20230101"]
    days += ["1234_20220202", "x20210810y", "120210810", "20210199 20210230 20210207", "00000000", "0120240809", "20240809 0120240809"]
    compare(numbered(*(f"{day}.jpg" for day in days)))
    compare(numbered("20240809/a.jpg", "2023/01/IMG_1.jpg", "20240101/20230808.png", "120230808-20230808.jpg", "920230101 20230101.jpg"))


def test_endings():
    compare(numbered("a.jpg", "b.JPG", "c.jPeG", "d.Png", "e.gif", "f.jpg.bak", "g", "h.jpgx", "xjpg", ".jpg", ".x.jpg", "..jpg", "i.b.JPEG", "k.jpeg.png", "l.x.y.jpg"))


def test_odd_names():
    odd = ["two  words.jpg", " x.jpg", "x .jpg", "*.jpg", "?.png", "[ab].jpg", "a.jpg", "b.jpg", "back\\slash.jpg", "new\nline.jpg", "end\n.jpg"]
    odd += ["-f.jpg", "--help.jpg", "'q' \"q\".jpg", "$HOME.jpg", "%s%d.png", "täg.jpg", "-m/-n.jpg", "x y/z\n/a b.jpg", "*/*.jpg", "~/~.jpg", " / .jpg"]
    compare(numbered(*odd))
    compare(numbered("a b.jpg", "20240809 c d.png"), source="my card", target="my  archive/*/x")
    compare(numbered("a b.jpg"), source="-m", target="-x", options=["--"])
    compare(numbered("a.jpg"), source="card\n", target="new\nline", options=["-m"])


def test_names_that_are_taken():
    same = {"a/p.jpg": "one", "b/p.jpg": "two", "c/p.JPG": "three", "d/p.jpeg": "one", "e/p.jpg": "two", "f/p-1.jpg": "four", "g/p.png": "one"}
    compare(same)
    compare(same, archive={"undated/p.jpg": "zero", "undated/p-2.jpg": "three", "2024/08/p.jpg": "one"})
    compare({"a/p.jpg": "one", "b/p-1.jpg": "two", "c/p.jpg": "three", "B/p.jpg": "four", "a b/p.jpg": "five", "a.b/p.jpg": "six", "é/p.jpg": "7"})
    compare({"a-1.jpg": "x", "a.jpg": "y", "b/a.jpg": "x", "v1.2.jpg": "x", "b/v1.2.jpg": "y"}, archive={"undated/a.jpg": "x"})
    compare({f"{n}/p.jpg": f"{n}" for n in range(12)})
    with tempfile.TemporaryDirectory() as place:
        write(place, {"card/p.jpg": "one", "archive/undated/p-1.jpg/x": "", "elsewhere": "one"})
        os.symlink("nowhere", os.path.join(place, "archive/undated/p.jpg"))
        os.symlink("../../elsewhere", os.path.join(place, "archive/undated/p-2.jpg"))
        result = run(place, "card", "archive")
        assert tree(f"{place}/archive").get("undated/p-3.jpg") == "one", "links and folders take up a name as well"
        assert result.stdout == "imported 1, duplicates 0, failed 0\n", f"printed {result.stdout!r}"
        assert not os.path.exists(f"{place}/archive/undated/nowhere"), "a photo was written through a link"


def test_moving():
    files = {"a/p.jpg": "one", "b/p.jpg": "two", "c/p.jpg": "one", "d/20240809.PNG": "three", "d/notes.txt": "four", "e f/-x.jpg": "five"}
    compare(files, archive={"undated/p-1.jpg": "two"}, options=["-m"])
    compare(files, archive={"undated/p-1.jpg": "two"}, options=["-m", "--"])
    with tempfile.TemporaryDirectory() as place:
        write(place, {"card/deep/p.jpg": "one"})
        run(place, "-m", "card", "archive")
        assert os.path.isdir(f"{place}/card/deep"), "a folder was removed"


def test_times_are_kept():
    for options in ([], ["-m"]):
        with tempfile.TemporaryDirectory() as place:
            write(place, {"card/p.jpg": "one"})
            run(place, *options, "card", "archive")
            copy = Path(place, "archive/undated/p.jpg")
            assert copy.is_file(), "the photo was not imported"
            assert int(copy.stat().st_mtime) == 978_307_200, "the time of modification was not kept"


def test_links():
    with tempfile.TemporaryDirectory() as place:
        write(place, {"real card/p.jpg": "one", "other/q.jpg": "two", "real archive/x": ""})
        os.symlink("../other/q.jpg", f"{place}/real card/l.jpg")
        os.symlink("../other", f"{place}/real card/folder")
        os.mkdir(f"{place}/real card/folder.jpg")
        os.symlink("real card", f"{place}/card")
        os.symlink("real archive", f"{place}/archive")
        result = run(place, "card", "archive")
        assert result.stdout == "imported 1, duplicates 0, failed 0\n", f"printed {result.stdout!r} {result.stderr[-200:]}"
        assert tree(f"{place}/real archive") == {"x": "", "undated/p.jpg": "one"}, f"found {tree(f'{place}/real archive')}"


def test_an_archive_below_the_source():
    files = {"p.jpg": "one", "in/p.jpg": "two", "archive/undated/p.jpg": "zero", "archive/old.jpg": "old", "archive 2/p.jpg": "three"}
    after = {"archive/undated/p.jpg": "zero", "archive/undated/p-1.jpg": "three", "archive/undated/p-2.jpg": "two", "archive/undated/p-3.jpg": "one", "archive/old.jpg": "old"}
    for arguments in (("-m", ".", "archive"), ("-m", ".", "./in/../archive/"), ("-m", "../card", "../to-archive"), ("-m", "../card/.", "archive")):
        with tempfile.TemporaryDirectory() as place:
            write(f"{place}/card", files)
            os.symlink("card/archive", f"{place}/to-archive")
            result = run(f"{place}/card", *arguments)
            assert tree(f"{place}/card") == after, f"{' '.join(arguments)}: found {tree(f'{place}/card')}"
            assert result.stdout == "imported 3, duplicates 0, failed 0\n", f"printed {result.stdout!r}"
    with tempfile.TemporaryDirectory() as place:
        write(f"{place}/card", {"a.jpg": "one", "b/20240809.jpg": "two"})
        result = run(f"{place}/card", ".", "new/archive")
        assert result.stdout == "imported 2, duplicates 0, failed 0\n", f"printed {result.stdout!r}"
        assert set(tree(f"{place}/card/new/archive")) == {"undated/a.jpg", "2024/08/20240809.jpg"}


def test_failures():
    for options in ([], ["-m"]):
        with tempfile.TemporaryDirectory() as place:
            write(place, {"card/20240101.jpg": "one", "card/20240808.jpg": "two", "card/20230101.jpg": "three", "card/z.jpg": "four", "archive/2024": "a file"})
            result = run(place, *options, "card", "archive")
            assert result.stdout == "imported 2, duplicates 0, failed 2\n", f"printed {result.stdout!r} {result.stderr[-200:]}"
            assert result.returncode == 1, f"expected exit status 1 after failures, found {result.returncode}"
            assert result.stderr.strip(), "no complaint on standard error"
            kept = {"20240101.jpg", "20240808.jpg"} | (set() if options else {"20230101.jpg", "z.jpg"})
            assert set(tree(f"{place}/card")) == kept, f"left in SOURCE: {sorted(tree(f'{place}/card'))}"
            assert set(tree(f"{place}/archive")) == {"2024", "2023/01/20230101.jpg", "undated/z.jpg"}


def small_files_only():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


def test_a_full_disk():
    for options in ([], ["-m"]):
        with tempfile.TemporaryDirectory() as place:
            write(place, {"card/a.jpg": "a" * 900, "card/b.jpg": "b" * 3000, "card/c.jpg": "c", "archive/x": ""})
            result = run(place, *options, "card", "archive", preexec_fn=small_files_only)
            assert result.stdout == "imported 2, duplicates 0, failed 1\n", f"printed {result.stdout!r}"
            assert result.returncode == 1, f"expected exit status 1, found {result.returncode}"
            assert tree(f"{place}/card").get("b.jpg") == "b" * 3000, "a photo that did not fit into the archive is lost"
            found = tree(f"{place}/archive")
            assert set(found) == {"x", "undated/a.jpg", "undated/c.jpg"}, f"the archive holds {sorted(found)}"


def test_usage():
    for arguments in ((), ("card",), ("card", "archive", "more"), ("-x", "card", "archive"), ("-mx", "card", "archive"), ("none", "archive"), ("file", "archive"), ("-m", "card")):
        with tempfile.TemporaryDirectory() as place:
            write(place, {"card/p.jpg": "one", "file": ""})
            result = run(place, *arguments)
            assert result.returncode == 2, f"{arguments}: expected exit status 2, found {result.returncode}"
            assert result.stderr.strip() and not result.stdout, f"{arguments}: a line belongs on standard error, nothing on standard output"
            assert tree(place) == {"card/p.jpg": "one", "file": ""} and sorted(os.listdir(place)) == ["card", "file"], f"{arguments}: something changed"


def test_nothing_to_do():
    compare({"notes.txt": "x"})
