import os
import random
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

STAGES = {"plan": 2, "order": 3, "parallel": 2, "attempts": 3, "signals": 2, "resume": 3}

SCRIPT = os.path.abspath("jobs.sh")


def plain_signals():
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Place:
    """A folder with a plan; what the jobs note in `trace` can be read."""

    def __init__(self, plan, name="a.plan"):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.name = name
        self.plan(plan)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for note in self.path.glob("*.pid"):
            for word in note.read_text().split():
                try:
                    os.kill(int(word), signal.SIGKILL)
                except (OSError, ValueError):
                    pass
        self.folder.cleanup()

    def plan(self, text):
        (self.path / self.name).write_text(text)

    def start(self, *options):
        return subprocess.Popen(
            ["bash", SCRIPT, *options, self.name], cwd=self.path, preexec_fn=plain_signals, text=True,
            stdin=subprocess.PIPE, stdout=open(self.path / "stdout", "w"), stderr=open(self.path / "stderr", "w"),
        )

    def run(self, *options):
        process = self.start(*options)
        try:
            status = process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"jobs.sh {' '.join(options)} did not end; it has printed {self.lines()}") from None
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
        return status

    def lines(self):
        return (self.path / "stdout").read_text().splitlines()

    def read(self, name):
        path = self.path / name
        return path.read_text() if path.exists() else None

    def expect(self, status, lines, *options):
        found = self.run(*options)
        assert self.lines() == lines, f"expected {lines}, printed {self.lines()}; standard error: {self.read('stderr')[-200:]!r}"
        assert found == status, f"expected exit status {status}, found {found}"


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


def gone(place, *notes):
    for note in notes:
        pid = int(place.read(note))
        wait_for(lambda: not alive(pid), f"a process of a job ({note}) is left")


def rest(seconds):
    """A command that waits, as a process that a signal ends."""
    return f"exec sleep {seconds}"


# plan


def planned(text, names):
    with Place(text) as place:
        place.expect(0, names, "-n")
        assert sorted(os.listdir(place.path)) == ["a.plan", "stderr", "stdout"], f"-n has left {os.listdir(place.path)}"


def test_plan_forms():
    planned("", [])
    planned("# nothing\n\n   \n\t# more", [])
    planned("job a\nrun true", ["a"])
    planned(" \tjob\t a-1._x \n\n\t run \t echo 'a  b' # c \\\n  #x\njob 9\nretry 9\ntimeout 0.50\nafter\ta-1._x  _b  a-1._x\nrun x\njob _b\nrun after job\ntimeout 007\nretry 0\n", ["a-1._x", "_b", "9"])


def test_plan_order():
    rng = random.Random(77)
    for size in (5, 12):
        names = [f"j{i}" for i in range(size)]
        rank = rng.sample(names, size)
        needs = {name: rng.sample(rank[: rank.index(name)], min(rank.index(name), rng.randrange(3))) for name in names}
        text = "".join(f"job {name}\n  run true\n" + "".join(f"  after {need}\n" for need in needs[name]) for name in names)
        order = []
        while len(order) < size:
            order.append(next(name for name in names if name not in order and all(need in order for need in needs[name])))
        planned(text, order)


def test_plan_faults():
    ok = "job a\n  run true\n"
    faults = [
        (ok + "walk b\n", {3}), ("run true\n" + ok, {1}), ("\n#\nretry 1\n", {3}), (ok + "job\nrun x\n", {3}), (ok + "job b c\nrun x\n", {3}), (ok + "job -b\nrun x\n", {3}),
        (ok + "job b/c\nrun x\n", {3}), (ok + "job .b\nrun x\n", {3}), (ok + "job b*\nrun x\n", {3}), (ok + "run false\n", {3}), (ok + "job b\nrun\n", {4}), (ok + "retry 10\n", {3}), (ok + "retry x\n", {3}),
        (ok + "retry\n", {3}), (ok + "retry -1\n", {3}), (ok + "retry 1 2\n", {3}), (ok + "retry 1\nretry 1\n", {4}), (ok + "timeout 0\n", {3}), (ok + "timeout 0.0\n", {3}), (ok + "timeout .5\n", {3}), (ok + "timeout 5.\n", {3}),
        (ok + "timeout 1s\n", {3}), (ok + "timeout\n", {3}), (ok + "timeout 1\n\ntimeout 1\n", {5}), (ok + "job b\nrun x\njob a\nrun y\n", {5}), ("job b\n" + ok, {1}), (ok + "\njob c", {4}), (ok + "after\n", {3}),
        (ok + "after b\n", {3}), (ok + "after a\n", {1}), (ok + "job b\nafter c\nrun x\njob c\nafter d\nrun x\njob d\nafter c a\nrun x\njob e\nafter c\nrun x\n", {6, 9}),
        ("job x\nrun x\nafter y\njob y\nrun y\nafter z\njob z\nrun z\nafter z\n", {7}), (ok + "after *\n", {3}), (ok + "Job b\nrun x\n", {3}), (ok + "runx\n", {3}),
    ]
    for text, lines in faults:
        with Place(text, name="my plan.txt") as place:
            status = place.run()
            assert status == 2, f"{text!r}: expected exit status 2, found {status}"
            said = re.search(r"^my plan\.txt:(\d+): ", place.read("stderr"), re.M)
            assert said, f"{text!r}: standard error has no line that begins with PLAN:L: , but {place.read('stderr')[-200:]!r}"
            assert int(said[1]) in lines, f"{text!r}: expected line {sorted(lines)}, found {said[1]}"
            assert not place.lines() and sorted(os.listdir(place.path)) == ["my plan.txt", "stderr", "stdout"], f"{text!r}: something was done"


def test_plan_arguments():
    for options in (["-j", "0"], ["-j", "100"], ["-j", "x"], ["-x"], ["more"], ["-j"], ["-n", "none"]):
        with Place("job a\nrun true\n") as place:
            status = place.run(*options)
            assert status == 2 and place.read("stderr").strip(), f"{options}: expected a line on standard error and exit status 2, found {status}"
            assert not place.lines() and len(os.listdir(place.path)) == 3, f"{options}: something was done"


# order


def test_order_of_lines():
    text = "job a\nafter c\nrun echo a >> trace\njob b\nrun echo b >> trace\njob c\nafter b\nrun echo c >> trace\njob d\nrun echo d >> trace\n"
    with Place(text) as place:
        place.expect(0, ["start b", "ok b", "start c", "ok c", "start a", "ok a", "start d", "ok d", "done: 4 ok, 0 kept, 0 failed, 0 skipped"])
        assert place.read("trace").split() == ["b", "c", "a", "d"], f"the jobs worked in the order {place.read('trace').split()}"
        assert (place.path / "a.plan.state").is_dir(), "the folder a.plan.state was not made"
    with Place("#\n") as place:
        place.expect(0, ["done: 0 ok, 0 kept, 0 failed, 0 skipped"])


def test_order_of_failures():
    text = "job e\nafter c d\nrun true\njob a\nrun exit 3\njob b\nrun true\njob c\nafter a\nrun true\njob d\nafter f\nrun true\njob f\nafter b\nrun kill -KILL $$\njob g\nafter e b\nrun true\njob h\nrun no-such-command\n"
    with Place(text) as place:
        lines = ["start a", "failed a 3", "skipped e", "skipped c", "skipped g", "start b", "ok b", "start f", "failed f 137", "skipped d", "start h", "failed h 127"]
        place.expect(1, [*lines, "done: 1 ok, 0 kept, 3 failed, 4 skipped"])
    with Place("job a\nrun exit 0\njob b\nrun cd / && false\n") as place:
        place.expect(1, ["start a", "ok a", "start b", "failed b 1", "done: 1 ok, 0 kept, 1 failed, 0 skipped"], "-j", "1")


def test_order_surroundings():
    text = (
        "job one\n  run   printf '%s|' \"$JOB\" \"$ATTEMPT\" 'a  b' \\\\n \"$(cat)\" \"$PWD\"; echo complaint >&2; echo end # c\n"
        "job two.x\nrun [[ -t 0 ]] || echo $((1 + 1)) * > two; (set -u; echo ${unset-fine}); printf %s \"$-\" | tr -dc m\n"
    )
    with Place(text) as place:
        place.expect(0, ["start one", "ok one", "start two.x", "ok two.x", "done: 2 ok, 0 kept, 0 failed, 0 skipped"], "-s", "my state/below")
        log = place.read("my state/below/one.log")
        assert log == f"one|1|a  b|\\n||{place.path.resolve()}|complaint\nend\n", f"one.log holds {log!r}"
        assert place.read("my state/below/two.x.log") == "fine\n", f"two.x.log holds {place.read('my state/below/two.x.log')!r}"
        assert place.read("two").split()[0] == "2"
        assert not (place.path / "a.plan.state").exists(), "a.plan.state was made though -s was given"
    with Place("job a\nrun echo x; exit 1\n") as place:
        for _ in range(2):
            place.expect(1, ["start a", "failed a 1", "done: 0 ok, 0 kept, 1 failed, 0 skipped"])
        assert place.read("a.plan.state/a.log") == "x\n", "the log holds more than the output of the last call"


# parallel

MEET = "touch $JOB.here; for i in {1..300}; do if %s; then exit 0; fi; sleep 0.03; done; exit 9"


def test_parallel_jobs_meet():
    meet = MEET % "[ -e a.here ] && [ -e b.here ] && [ -e c.here ]"
    with Place("".join(f"job {name}\nrun {meet}\n" for name in "abc")) as place:
        status = place.run("-j", "3")
        assert status == 0, f"three jobs were not at work at once: {place.lines()}"
        assert place.lines()[:3] == ["start a", "start b", "start c"] and sorted(place.lines()[3:6]) == ["ok a", "ok b", "ok c"], f"printed {place.lines()}"


def test_parallel_is_limited():
    command = "mkdir -p now; touch now/$JOB; ls now | wc -l >> trace; sleep 0.05; rm now/$JOB"
    with Place("".join(f"job j{i}\nrun {command}\n" for i in range(7))) as place:
        assert place.run("-j", "3") == 0
        most = max(map(int, place.read("trace").split()))
        assert most <= 3, f"{most} jobs were at work at once with -j 3"
        assert [line for line in place.lines() if line.startswith("start")] == [f"start j{i}" for i in range(7)], f"started as {place.lines()}"
        assert place.lines()[-1] == "done: 7 ok, 0 kept, 0 failed, 0 skipped"


def test_parallel_fills_places_at_once():
    text = f"job slow\nrun {MEET % '[ -e last.here ]'}\njob last\nafter third\nrun touch last.here\njob second\nrun true\njob third\nafter second\nrun true\n"
    with Place(text) as place:
        lines = ["start slow", "start second", "ok second", "start third", "ok third", "start last"]
        status = place.run("-j", "2")
        assert place.lines()[:6] == lines and status == 0, f"a place stayed empty: {place.lines()}"
    text = f"job slow\nrun {MEET % '[ -e other.here ]'}\njob bad\nrun exit 4\njob child\nafter bad slow\nrun true\njob other\nrun touch other.here\n"
    with Place(text) as place:
        status = place.run("-j", "2")
        assert place.lines()[:5] == ["start slow", "start bad", "failed bad 4", "skipped child", "start other"], f"printed {place.lines()}"
        assert status == 1 and place.lines()[-1] == "done: 2 ok, 0 kept, 1 failed, 1 skipped", f"printed {place.lines()}"


# attempts


def test_attempts_are_repeated():
    text = "job a\nretry 3\nrun echo try $ATTEMPT; exit $((3 - ATTEMPT))\njob b\nretry 1\nrun echo $ATTEMPT; exit 7\njob c\nafter a\nrun true\njob d\nafter b\nrun true\n"
    with Place(text) as place:
        lines = ["start a", "retry a 2", "retry a 1", "ok a", "start b", "retry b 7", "failed b 7", "skipped d", "start c", "ok c"]
        place.expect(1, [*lines, "done: 2 ok, 0 kept, 1 failed, 1 skipped"])
        assert place.read("a.plan.state/a.log") == "try 1\ntry 2\ntry 3\n", f"a.log holds {place.read('a.plan.state/a.log')!r}"


def test_attempts_end_in_time():
    text = (
        "job tame\ntimeout 1\nrun echo $$ > tame.pid; exec sleep 30\n"
        "job polite\ntimeout 1\nrun trap 'echo bye; exit 0' TERM; sleep 30 & echo $! > polite.pid; wait\n"
        "job again\ntimeout 1.5\nretry 1\nrun echo $ATTEMPT; [ $ATTEMPT = 2 ] || exec sleep 30\n"
        "job quick\ntimeout 9\nrun echo $$ > quick.pid; exit 5\n"
    )
    with Place(text) as place:
        begin = time.monotonic()
        status = place.run("-j", "4")
        took = time.monotonic() - begin
        said = set(place.lines())
        wanted = {"failed tame 124", "failed polite 124", "retry again 124", "ok again", "failed quick 5", "done: 1 ok, 0 kept, 3 failed, 0 skipped"}
        assert wanted <= said and status == 1, f"missing lines: {sorted(wanted - said)}; printed {place.lines()}"
        assert took < 8, "a timeout of another job was waited for"
        assert place.read("a.plan.state/polite.log") == "bye\n", "a job was not stopped with a SIGTERM"
        gone(place, "tame.pid", "polite.pid")


def test_attempts_leave_nothing():
    text = (
        "job deaf\ntimeout 1\nrun trap '' TERM; echo $$ > deaf.pid; sleep 30 & wait; sleep 30; sleep 30\n"
        "job parent\nrun (trap '' TERM HUP; echo $BASHPID > child.pid; exec sleep 30) & until [ -s child.pid ]; do sleep 0.02; done\n"
        "job orphan\ntimeout 1\nrun (trap '' TERM HUP; echo $BASHPID > orphan.pid; exec sleep 30) & sleep 30\n"
    )
    with Place(text) as place:
        status = place.run("-j", "3")
        assert status == 1 and {"failed deaf 124", "ok parent", "failed orphan 124"} <= set(place.lines()), f"printed {place.lines()}"
        gone(place, "deaf.pid", "child.pid", "orphan.pid")


# signals


def test_signals_stop_everything():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        text = (
            "job first\nrun true\n"
            "job b\nretry 3\nrun (trap '' TERM; echo $BASHPID > child.pid; exec sleep 30) & trap 'echo bye; exit 0' TERM; until [ -s child.pid ]; do sleep 0.02; done; echo $$ > x; mv x b.pid; sleep 30 & wait\n"
            "job a\ntimeout 30\nrun echo $$ > y; mv y a.pid; exec sleep 30\n"
            "job later\nrun touch later.here\njob child\nafter b\nrun touch later.here\n"
        )
        with Place(text) as place:
            process = place.start("-j", "2")
            try:
                wait_for(lambda: process.poll() is not None or ((place.path / "a.pid").exists() and (place.path / "b.pid").exists()), "the jobs were not started")
                assert process.poll() is None, f"jobs.sh ended before the signal and printed {place.lines()}"
                process.send_signal(number)
                try:
                    status = process.wait(timeout=6)
                except subprocess.TimeoutExpired:
                    raise AssertionError(f"{number.name}: jobs.sh goes on") from None
            finally:
                process.kill()
                process.wait()
                process.stdin.close()
            assert status == 128 + number, f"{number.name}: expected exit status {128 + number}, found {status}"
            wanted = ["start first", "start b", "ok first", "start a", "stopped b", "stopped a"]
            swapped = ["start first", "start b", "ok first", "start a"]
            assert place.lines()[-2:] == wanted[-2:] and sorted(place.lines()[:-2]) == sorted(swapped), f"{number.name}: expected {wanted}, printed {place.lines()}"
            assert place.read("a.plan.state/b.log") == "bye\n", f"{number.name}: the job was not stopped with a SIGTERM"
            gone(place, "a.pid", "b.pid", "child.pid")
            assert not (place.path / "later.here").exists(), f"{number.name}: a job was started afterwards"


def test_signals_and_a_job_that_is_deaf():
    text = "job deaf\nrun trap '' TERM; echo $$ > x; mv x deaf.pid; while :; do sleep 0.1; done\n"
    with Place(text) as place:
        process = place.start()
        try:
            wait_for(lambda: process.poll() is not None or (place.path / "deaf.pid").exists(), "the job was not started")
            assert process.poll() is None, f"jobs.sh ended before the signal and printed {place.lines()}"
            process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(timeout=6)
            except subprocess.TimeoutExpired:
                raise AssertionError("a job that is deaf to SIGTERM was not killed") from None
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
        assert status == 143 and place.lines() == ["start deaf", "stopped deaf"], f"ended with {status}, printed {place.lines()}"
        gone(place, "deaf.pid")


# resume

CHAIN = "job a\nrun %s\njob b\nafter a\nrun %s\njob c\nafter b\nrun %s\njob d\nrun %s\n"


def done(ok=0, kept=0, failed=0, skipped=0):
    return f"done: {ok} ok, {kept} kept, {failed} failed, {skipped} skipped"


def test_resume_keeps_what_is_done():
    with Place(CHAIN % ("echo a", "[ -e repaired ]", "echo c", "echo d")) as place:
        place.expect(1, ["start a", "ok a", "start b", "failed b 1", "skipped c", "start d", "ok d", done(2, 0, 1, 1)])
        (place.path / "repaired").touch()
        place.expect(0, ["kept a", "kept d", "start b", "ok b", "start c", "ok c", done(2, 2)])
        place.expect(0, ["kept a", "kept b", "kept c", "kept d", done(0, 4)])
        assert place.read("a.plan.state/a.log") == "a\n", "the log of a job that was kept has changed"
        place.expect(0, ["a", "b", "c", "d"], "-n")
        place.expect(0, ["start a", "ok a", "start b", "ok b", "start c", "ok c", "start d", "ok d", done(4)], "-s", "other")


def test_resume_sees_changes():
    with Place(CHAIN % ("true", "true", "true", "true")) as place:
        place.run()
        place.plan(CHAIN % ("true", "true ", "true", "true; true"))
        place.expect(0, ["kept a", "kept b", "kept c", "start d", "ok d", done(1, 3)])
        place.plan(CHAIN % ("true", "true  x", "true", "true; true"))
        place.expect(0, ["kept a", "kept d", "start b", "ok b", "start c", "ok c", done(2, 2)])
        place.plan(CHAIN % ("true", "true x", "true", "true; true"))
        place.expect(0, ["kept a", "kept d", "start b", "ok b", "start c", "ok c", done(2, 2)])
        place.plan((CHAIN % ("true", "true x", "true", "true; true")).replace("job d\n", "job d\nafter c e\n") + "job e\nretry 2\nrun true\n")
        place.expect(0, ["kept a", "kept b", "kept c", "start e", "ok e", "start d", "ok d", done(2, 3)])


HANG = "echo $$ > x; mv x hang.pid; exec sleep 30"


def kill_it(place):
    """Start jobs.sh and kill it while the job that hangs is at work."""
    process = place.start()
    try:
        wait_for(lambda: process.poll() is not None or (place.path / "hang.pid").exists(), "the job was not started")
        assert process.poll() is None, f"jobs.sh ended early and printed {place.lines()}"
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


def test_resume_after_what_went_wrong():
    with Place(CHAIN % ("true", "true", "true", "true")) as place:
        place.run()
        place.plan(CHAIN % ("true; true", HANG, "true", "true"))
        kill_it(place)
        place.plan(CHAIN % ("true; true", "true", "true", "true"))
        place.expect(0, ["kept a", "kept d", "start b", "ok b", "start c", "ok c", done(2, 2)])
        place.plan(CHAIN % ("exit 6", "true", "true", "true"))
        place.expect(1, ["kept d", "start a", "failed a 6", "skipped b", "skipped c", done(0, 1, 1, 2)])
        place.plan(CHAIN % ("true; true", "true", "true", "true"))
        place.expect(0, ["kept d", "start a", "ok a", "start b", "ok b", "start c", "ok c", done(3, 1)])


def test_resume_forgets_what_stands_on_what_was_started():
    text = "job a\nrun %s\njob k\nafter a\nrun %s\njob b\nafter a\nrun true\njob c\nafter b\nrun true\n"
    with Place(text % ("true", "true")) as place:
        place.run()
        place.plan(text % ("true; true", HANG))
        kill_it(place)
        place.plan(text % ("true; true", "true"))
        place.expect(0, ["kept a", "start k", "ok k", "start b", "ok b", "start c", "ok c", done(3, 1)])


def test_resume_alone():
    text = "job quick\nrun true\njob a\ntimeout 40\nrun echo $$ > x; mv x a.pid; [ -e short ] || exec sleep 30\n"
    with Place(text) as place:
        process = place.start()
        try:
            wait_for(lambda: process.poll() is not None or (place.path / "a.pid").exists(), "the job was not started")
            assert process.poll() is None, f"jobs.sh ended early and printed {place.lines()}"
            second = subprocess.run(["bash", SCRIPT, "a.plan"], cwd=place.path, capture_output=True, text=True, timeout=8)
            assert second.returncode == 3, f"a second call at the same time: expected exit status 3, found {second.returncode}"
            assert second.stderr.strip() and not second.stdout, "a second call at the same time: a line belongs on standard error"
            other = subprocess.run(["bash", SCRIPT, "-s", "free", "a.plan"], cwd=place.path, capture_output=True, text=True, timeout=8, preexec_fn=lambda: (place.path / "short").touch())
            assert other.returncode == 0, f"a call with another STATE: expected exit status 0, found {other.returncode}"
            assert process.poll() is None, "the first call did not go on"
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
        place.expect(0, ["kept quick", "start a", "ok a", done(1, 1)])
