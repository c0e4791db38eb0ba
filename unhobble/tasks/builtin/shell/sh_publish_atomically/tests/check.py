import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

SCRIPT = os.path.abspath("publish.sh")
ENVIRONMENT = {**os.environ, "TMPDIR": "/nowhere/at/all"}


class Place:
    """A folder with the file to be replaced, `page`, which holds `old`."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.page = self.path / "page"
        self.page.write_text("old\n")
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def publish(self, *arguments, input="", umask=0o022):
        return subprocess.run(
            ["bash", SCRIPT, *arguments], cwd=self.path, input=input, capture_output=True, text=True, timeout=20, env=ENVIRONMENT, umask=umask
        )

    def publishes(self, *arguments, **options):
        run = self.publish(*arguments, **options)
        assert run.returncode == 0, f"{arguments}: ended with {run.returncode}: {run.stderr[-200:]}"

    def holds(self, *names):
        found = sorted(os.listdir(self.path))
        assert found == sorted(names), f"expected the files {sorted(names)}, found {found}"


def test_the_output_replaces_the_target():
    with Place() as place:
        held = open(place.page)
        before = place.page.stat().st_ino
        run = place.publish("page", "printf", "%s|", "two words", "*", "")
        assert (run.returncode, run.stdout, run.stderr) == (0, "", ""), f"ended with {run.returncode}, printed {run.stdout + run.stderr!r}"
        assert place.page.read_text() == "two words|*||", f"the arguments came out as {place.page.read_text()!r}"
        assert place.page.stat().st_ino != before, "the file was written over, not replaced"
        assert held.read() == "old\n", "who had the old file open no longer sees the old content"
        held.close()
        place.holds("page")


def test_the_command_reads_the_target_and_standard_input():
    with Place() as place:
        run = place.publish("page", "cat", "page", "-", "page", input="from input\n")
        assert run.returncode == 0, f"ended with {run.returncode}: {run.stderr[-200:]}"
        assert place.page.read_text() == "old\nfrom input\nold\n", f"found {place.page.read_text()!r}"
        run = place.publish("page", "sh", "-c", "echo complaint >&2; echo fine")
        assert run.stderr == "complaint\n", f"standard error of the command came out as {run.stderr!r}"


def test_permissions():
    with Place() as place:
        for mode in (0o640, 0o755, 0o606):
            place.page.chmod(mode)
            place.publishes("page", "echo", "new")
            found = place.page.stat().st_mode & 0o7777
            assert found == mode, f"permissions {mode:o} became {found:o}"
        for umask in (0o022, 0o027, 0o077, 0o002):
            place.publishes(f"fresh {umask}", "echo", "new", umask=umask)
            found = (place.path / f"fresh {umask}").stat().st_mode & 0o7777
            assert found == 0o666 & ~umask, f"umask {umask:o}: a new file has {found:o}"


def test_links():
    with Place() as place:
        below = place.path / "far away"
        below.mkdir()
        (place.path / "link").symlink_to("second")
        (place.path / "second").symlink_to("far away/real")
        (below / "real").write_text("old")
        place.publishes("link", "echo", "new")
        assert (place.path / "link").is_symlink() and (place.path / "second").is_symlink(), "a link was replaced"
        assert (below / "real").read_text() == "new\n", "the file that the link points to was not replaced"
        assert os.listdir(below) == ["real"], f"left in the folder: {os.listdir(below)}"
        place.holds("page", "link", "second", "far away")


def test_odd_names():
    with Place() as place:
        for name in ("two  words", "-f", "--help", "*"):
            run = place.publish(name, "echo", "-n", f"new {name}")
            assert run.returncode == 0, f"{name!r}: ended with {run.returncode}: {run.stderr[-200:]}"
            assert (place.path / name).read_text() == f"new {name}"
        (place.path / "my page").mkdir()
        place.publishes("my page/-x", "echo", "new")
        assert os.listdir(place.path / "my page") == ["-x"]
        place.holds("page", "two  words", "-f", "--help", "*", "my page")


def test_a_command_that_fails_or_prints_nothing():
    with Place() as place:
        before = place.page.stat().st_ino
        for command, status in (("echo half; exit 7", 7), ("exit 1", 1), ("true", 3), ("exit 3", 3), ("echo half; kill -KILL $$", 137)):
            run = place.publish("page", "sh", "-c", command)
            assert run.returncode == status, f"{command!r}: expected exit status {status}, found {run.returncode}"
            assert place.page.stat().st_ino == before and place.page.read_text() == "old\n", f"{command!r}: the target was touched"
            place.holds("page")
        status = place.publish("none", "no-such-command-here").returncode
        assert status == 127, f"expected exit status 127, found {status}"
        status = place.publish("none", "true").returncode
        assert status == 3, f"expected exit status 3, found {status}"
        place.holds("page")


def test_usage():
    with Place() as place:
        for arguments in ((), ("page",)):
            run = place.publish(*arguments)
            assert run.returncode == 2, f"{arguments}: expected exit status 2, found {run.returncode}"
            assert run.stderr.strip() and not run.stdout, "the usage belongs on standard error"
        assert place.page.read_text() == "old\n"


def wait_for(condition, what):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def plain_signals():
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def test_signals():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        with Place() as place:
            note = place.path / "pid"
            command = "echo half; echo $$ > new && mv new pid; exec sleep 30"
            process = subprocess.Popen(
                ["bash", SCRIPT, "page", "sh", "-c", command], cwd=place.path, env=ENVIRONMENT, preexec_fn=plain_signals,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            try:
                wait_for(lambda: note.exists() or process.poll() is not None, "the command was not started")
                assert note.exists(), "publish.sh ended and has not started the command"
                process.send_signal(number)
                try:
                    status = process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    raise AssertionError(f"{number.name}: publish.sh went on waiting for the command") from None
                assert status == 128 + number, f"{number.name}: expected exit status {128 + number}, found {status}"
                wait_for(lambda: not alive(int(note.read_text())), f"{number.name}: the command goes on")
            finally:
                process.kill()
                process.wait()
                if note.exists() and alive(int(note.read_text())):
                    os.kill(int(note.read_text()), signal.SIGKILL)
            assert place.page.read_text() == "old\n", f"{number.name}: the target was touched"
            place.holds("page", "pid")
