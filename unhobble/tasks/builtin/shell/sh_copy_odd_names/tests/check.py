import os
import subprocess
import tempfile

SCRIPT = os.path.abspath("stash.sh")


def stash(folder, *names):
    """Run the script on files of these names, each of which holds its own name; return what lies in the folder."""
    with tempfile.TemporaryDirectory() as place:
        for name in (*names, "bystander", "x"):
            with open(os.path.join(place, name), "w", encoding="utf-8") as out:
                out.write(f"I am {name}")
        run = subprocess.run(["bash", SCRIPT, folder, *names], cwd=place, capture_output=True, text=True, timeout=20)
        said = f"stash.sh {folder!r} {names!r}"
        assert run.returncode == 0, f"{said} ended with {run.returncode}: {run.stderr[-200:]}"
        assert run.stderr == "", f"{said} wrote to standard error: {run.stderr[-200:]}"
        assert run.stdout == f"{len(names)} stashed\n", f"{said} printed {run.stdout!r}"
        found = {}
        for name in os.listdir(os.path.join(place, folder)):
            with open(os.path.join(place, folder, name), encoding="utf-8") as file:
                found[name] = file.read()
        assert found == {name: f"I am {name}" for name in names}, f"{said}: the folder holds {found}"
        left = set(os.listdir(place)) - {*names, "bystander", "x", folder.split("/")[0]}
        assert not left, f"{said} made {left} beside the folder"


def test_tame_names():
    stash("kept", "a", "b.txt", "c-d")
    stash("kept/below/it", "a")
    stash("empty")


def test_blanks_and_newlines():
    stash("kept", "two words", "three  blanks", " in front", "behind ", "new\nline", "tab\there")


def test_patterns_and_quotes():
    stash("kept", "*", "?", "[xb]*", "a\\b", "it's", 'say "hi"', "$HOME", "`date`", "~")


def test_dashes_in_front():
    stash("kept", "-f", "--help", "-", "-r two")


def test_odd_folders():
    stash("my folder", "a", "b")
    stash("-p", "a")
    stash("*", "a", "-n")
    stash("new\nline/and * more", "b")
