set -e
token='tk.9/Zr&4+Qx*e7'
export GIT_COMMITTER_DATE="1690075000 +0100"
git init -q -b main deploy
cd deploy
git config user.name "Runa Dahl" && git config user.email runa@example.org && git config gc.auto 0
TOKEN=$token python3 - <<'PY' | git fast-import --quiet --date-format=raw
import os
import random
import sys

out = sys.stdout.buffer
token = os.environ["TOKEN"].encode()
noise = bytes(random.Random(9).randrange(256) for _ in range(700))
mark = 0


def commit(ref, message, who, zone, when, parents, files, committer=b"Runa Dahl <runa@example.org>"):
    global mark
    mark += 1
    out.write(b"commit %s\nmark :%d\nauthor %s %d %s\ncommitter %s %d +0100\n" % (ref, mark, who, when, zone, committer, when + 433))
    out.write(b"data %d\n%s\n" % (len(message), message))
    for word, parent in zip([b"from", b"merge", b"merge"], parents):
        out.write(b"%s :%d\n" % (word, parent))
    for mode, path, data in files:
        if data is None:
            out.write(b"D %s\n" % path)
        else:
            out.write(b"M %s inline %s\ndata %d\n%s\n" % (mode, path, len(data), data))
    return mark


def tag(name, at, when, message):
    out.write(b"tag %s\nfrom :%d\ntagger Nils Aas <nils@example.org> %d -0230\ndata %d\n%s\n" % (name, at, when, len(message), message))


RUNA, NILS, JOSE = b"Runa Dahl <runa@example.org>", b"Nils Aas <nils@example.org>", "José Peña <jose@example.org>".encode()
MAIN, REL = b"refs/heads/main", b"refs/heads/release/1.x"
RUN = b"#!/bin/sh\nexec ./server --config \"${1:-current.ini}\"\n"
a = commit(MAIN, b"Start of the deployment scripts\n", RUNA, b"+0100", 1690000000, [],
           [(b"100644", b"app.ini", b"[mail]\nhost=mx.example.org\n"), (b"100755", b"run.sh", RUN), (b"100644", b"logo.bin", noise)])
b = commit(MAIN, b"Send mail\n\nNeeds the token of the mail service.\n", NILS, b"-0230", 1690010000, [a],
           [(b"100644", b"app.ini", b"[mail]\nhost=mx.example.org\ntoken=" + token + b"\n")])
c = commit(MAIN, "Notes, as José left them\n".encode(), JOSE, b"+0545", 1690020000, [b],
           [(b"100644", b"docs/notes.txt", "Prüfen: läuft nur mit ".encode("latin-1") + token + " (für Köln)\r\nfin".encode("latin-1"))])
d = commit(MAIN, b"Link the current configuration; snapshot of the state", RUNA, b"+0100", 1690030000, [c],
           [(b"120000", b"current.ini", b"app.ini"), (b"100644", b"docs/state.bin", noise[:99] + b"\0\0" + token + b"\0" + token + b"\r\n\n\xff\xfe" + noise[99:180])])
r = commit(REL, b"Hotfix: go back to the old mail host\n\nTested with token " + token + b", works.\n\n* one\n* two\n", JOSE, b"-0730", 1690041000, [b],
           [(b"100644", b"app.ini", b"[mail]\nhost=mx1.example.org\ntoken=" + token + b"\n")], b"Nils Aas <nils@example.org>")
r2 = commit(REL, b"Release notes for 1.0.1\n", NILS, b"-0230", 1690042000, [r], [(b"100644", b"NEWS", b"1.0.1\n- old mail host\n")])
e = commit(MAIN, b"Take the token out of the configuration\n", RUNA, b"+0100", 1690050000, [d],
           [(b"100644", b"app.ini", b"[mail]\nhost=mx.example.org\ntoken=<REDACTED>\n")])
f = commit(MAIN, b"Merge release/1.x\n", RUNA, b"+0200", 1690060000, [e, r2],
           [(b"100644", b"app.ini", b"[mail]\nhost=mx1.example.org\ntoken=<REDACTED>\n"), (b"100644", b"NEWS", b"1.0.1\n- old mail host\n")])
g = commit(MAIN, b"Check of the mail service\n", NILS, b"-0230", 1690070000, [f],
           [(b"100755", b"check mail.sh", b"#!/bin/sh\r\ncurl -H 'X-Token: " + token + b"' \"https://mx1.example.org/?t=" + token + b"\"\r\n"),
            (b"100644", b"docs/notes.txt", "Prüfen: läuft überall\n".encode("latin-1"))])
x = commit(b"refs/heads/try/direct", b"Try without the mail host\n", JOSE, b"+0545", 1690055000, [d],
           [(b"100644", b"app.ini", None), (b"100644", b"direct.ini", b"; was " + token + token + b"\n")])
tag(b"v1.0", c, 1690021000, b"Version 1.0\n\nThe token for this version is " + token + b".\n")
tag(b"v1.0.1", r2, 1690043000, b"Version 1.0.1\n")
out.write(b"reset refs/tags/handover\nfrom :%d\n\nreset refs/remotes/origin/main\nfrom :%d\n\n" % (e, d))
out.write(b"done\n")
PY
export GIT_AUTHOR_DATE="1690080000 +0100" GIT_COMMITTER_DATE="1690080100 +0100"
git reset -q --hard main
printf 'check:\n\t"./check mail.sh"\n' > Makefile
git add Makefile
git commit -q -m "Makefile; the token is still $token"
export GIT_COMMITTER_DATE="1690080200 +0100"
git commit -q --amend -m "Makefile"
printf '[mail]\nhost=mx2.example.org\ntoken=%s\n' "$token" > app.ini
git stash -q
rm -f .git/index
git read-tree HEAD
