import subprocess


def convert(lines, final_newline=True):
    text = "\n".join(lines) + ("\n" if final_newline else "")
    done = subprocess.run(["python3", "cellref.py"], input=text.encode("utf-8"), capture_output=True, timeout=10)
    assert done.returncode == 0, f"cellref.py ended with status {done.returncode}: {done.stderr[-200:]!r}"
    return done.stdout.decode("utf-8").splitlines()


def compare(pairs, **options):
    found = convert([question for question, _ in pairs], **options)
    assert len(found) == len(pairs), f"{len(pairs)} lines in, {len(found)} lines out"
    for (question, expected), answer in zip(pairs, found):
        assert answer == expected, f"{question!r}: expected {expected!r}, found {answer!r}"


def test_column_borders():
    compare(
        [
            ("A1", "R1C1"), ("Z9", "R9C26"), ("AA10", "R10C27"), ("AZ1", "R1C52"), ("BA1", "R1C53"), ("ZZ99", "R99C702"),
            ("AAA1", "R1C703"), ("XFD1048576", "R1048576C16384"), ("R1C26", "Z1"), ("R7C27", "AA7"), ("R7C52", "AZ7"),
            ("R7C53", "BA7"), ("R7C676", "YZ7"), ("R7C702", "ZZ7"), ("R100C703", "AAA100"), ("R1048576C16384", "XFD1048576"),
            ("R1C18278", "ZZZ1"), ("R1C18279", "AAAA1"),
        ]
    )


def test_ambiguous_looking_and_case():
    compare(
        [
            ("R1", "R1C18"), ("C5", "R5C3"), ("RC12", "R12C471"), ("rc1", "R1C471"), ("r3c4", "D3"), ("R10c100", "CV10"),
            ("xfd1", "R1C16384"), ("aB2", "R2C28"), ("RCR9", "R9C12264"), ("CR7", "R7C96"),
        ]
    )


def test_big_numbers():
    compare(
        [
            ("R123456789012345678901234567890C1", "A123456789012345678901234567890"),
            ("R1C123456789012345678901234567890", "FEAVZAANAHWHNBLUNNVXZ1"),
            ("FEAVZAANAHWHNBLUNNVXZ2", "R2C123456789012345678901234567890"),
            ("R1C1000000000000000000", "JLKTWHMJDBNIN1"),
        ]
    )


def test_invalid_lines_keep_their_place():
    invalid = [
        "", "A0", "A01", "R0C1", "R1C0", "R01C1", "R1C01", "12", "ABC", "R5C", "RC", "R1C1C1", "A1B2", " A1", "A1 ", "A 1",
        "$A$1", "-A1", "R-1C2", "A1.5", "\u00c41", "A\u0661", "A\u00b2", "\uff211", "R1C1\u00b2", "A1:B2", "A1\r", "\u212a5", "\u017f3",
    ]
    compare([pair for line in invalid for pair in ((line, "?"), ("B2", "R2C2"))])


def test_last_line_without_newline():
    compare([("D4", "R4C4"), ("", "?"), ("R4C5", "E4")], final_newline=False)
