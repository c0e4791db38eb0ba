import subprocess


def run(text):
    done = subprocess.run(["python3", "build_order.py"], input=text.encode("utf-8"), capture_output=True, timeout=10)
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8", "replace")[-200:]


def expect(text, status, lines, what):
    found_status, out, err = run(text)
    assert out.splitlines() == lines, f"{what}: expected {lines[:8]}, found {out.splitlines()[:8]} {err}"
    assert found_status == status, f"{what}: expected exit status {status}, found {found_status} {err}"


def test_smallest_order():
    # Neither a depth-first order nor an order by layers is the smallest one here.
    expect(
        "d:\nb: d\na: b\nc:\ne: c\nZ: e\nlib10: d\nlib2: d\n", 0, ["c", "d", "b", "a", "e", "Z", "lib10", "lib2"], "smallest order"
    )
    expect("b: z\nz:\na: y\ny: x\nx:\nm:\n", 0, ["m", "x", "y", "a", "z", "b"], "smallest order 2")


def test_reading():
    text = (
        "# nothing here: a b c\n\n   \t \r\nx :y  z y # y: x\n\ty:z\nz:\nx:z w\nw: # none\n"
        "g++-12:libc6.1 libc6.1\r\nlibc6.1:\n_a: g++-12\nz:"
    )
    expect(text, 0, ["libc6.1", "g++-12", "_a", "w", "z", "y", "x"], "reading")
    expect("# only a comment\n", 0, [], "no packages")
    expect("", 0, [], "empty input")


def test_stuck():
    expect("a: b\nb: c\nc: b\nd: a\nok:\nfine: ok\nE: d ok\n", 1, ["stuck: E a b c d"], "stuck")
    expect("self: self\nother:\n", 1, ["stuck: self"], "package that needs itself")
    expect("a:\nb: a\na: b\n", 1, ["stuck: a b"], "cycle over several lines")


def test_missing_goes_first():
    expect("a: b ghost\nb: a\nc: Ghost x10 x9 ghost\n", 2, ["missing: Ghost ghost x10 x9"], "missing")


def test_large_inputs():
    size = 20000
    names = [f"p{(i * 7919) % size:05d}" for i in range(size)]
    chain = "".join(f"{a}: {b}\n" for a, b in zip(names, names[1:])) + f"{names[-1]}:\n"
    expect(chain, 0, names[::-1], "chain of 20000")
    expect("".join(f"{name}:\n" for name in names), 0, sorted(names), "20000 independent packages")
