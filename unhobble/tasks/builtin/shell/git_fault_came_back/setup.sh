set -e
export GIT_COMMITTER_DATE="1650000000 +0200"
git init -q -b main tally
cd tally
git config user.name "Build" && git config user.email build@example.org && git config gc.auto 0
python3 - <<'PY' | git fast-import --quiet --date-format=raw
import sys

out = sys.stdout
people = {"lb": "l.berg <LBerg@Old-Mail.example>", "lb2": "Linnea <linnea@example.org>", "or": "Omar Rahman <omar@example.org>",
          "kt": "Kaja T. <kaja@example.org>", "or2": "omar <omar@laptop.local>"}
MAILMAP = """Linnea Berg <linnea@example.org> <lberg@old-mail.example>
Linnea Berg <linnea@example.org>
Omar Rahman <omar@example.org> <omar@laptop.local>
Kaja Tveit <kaja@example.org>
"""
marks, now = 0, 1650000000


def total(test, extra=""):
    return f"""#!/bin/sh
# usage: sh total.sh ORDERS   (a line: quantity;unit price;class)
. ./rules.sh || exit 2
awk -F';' -v limit="$LIMIT" -v rebate="$REBATE" '
  {{ amount = $1 * $2 }}
  {test} {{ amount *= (100 - rebate) / 100 }}
  {{ sum += amount }}
  END {{ printf "%.2f\\n", sum }}{extra}
' "$1"
"""


def rules(limit, broken=False, note=""):
    quote = "'" if broken else ""
    return f"# rules of the shop{note}\nLIMIT={quote}{limit}\nREBATE=10\n"


def commit(branch, who, subject, parents, files):
    global marks, now
    marks += 1
    now += 5000 + marks * 37
    message = subject + "\n"
    name = people[who]
    out.write(f"commit refs/heads/{branch}\nmark :{marks}\nauthor {name} {now} +0200\ncommitter {name} {now + 60} +0200\n")
    out.write(f"data {len(message.encode())}\n{message}")
    if parents:
        out.write(f"from :{parents[0]}\n")
    for other in parents[1:]:
        out.write(f"merge :{other}\n")
    for path, text in files.items():
        out.write(f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n")
    return marks


def tag(name, mark):
    out.write(f"reset refs/tags/{name}\nfrom :{mark}\n\n")


def docs(n):
    return {"NOTES": "".join(f"- note {i}\n" for i in range(1, n + 1))}


GT, GE = "$1 > limit", "$1 >= limit"
n = 0


def note(branch, who, parent, subject, files=None):
    global n
    n += 1
    return commit(branch, who, subject, [parent], {**docs(n), **(files or {})})


c = commit("main", "or", "Totals of orders", [], {"total.sh": total(GT), "rules.sh": rules(11), ".mailmap": MAILMAP})
tag("v1.0", c)
c = note("main", "kt", c, "Note on classes")
c = note("main", "kt", c, "Note on opening hours")
c = note("main", "or2", c, "Rebate from a dozen on", {"rules.sh": rules(12)})
c = note("main", "lb", c, "Note on suppliers")
tag("v1.1", c)
old = c
c = note("main", "kt", c, "Tidy notes")
c = note("main", "or", c, "Rebate: fix the limit, it is exclusive", {"rules.sh": rules(11)})
c = note("main", "kt", c, "Note on the limit")
tag("v1.2", c)
# a branch that was started from v1.1 and has the old fault, merged much later
s = old
for i in range(1, 27):
    s = commit("printing", "kt", f"Printing, part {i}", [s], {"print.txt": "".join(f"page {k}\n" for k in range(1, i + 1))})
for i, who in enumerate(["lb2", "or", "kt", "or2", "lb2", "kt", "or", "lb"]):
    c = note("main", who, c, f"Notes of week {i + 1}")
    if i in (2, 5):
        tag(f"v1.{3 + i // 4}", c)
c = note("main", "or", c, "Quote the limit", {"rules.sh": rules(11, True)})
c = note("main", "kt", c, "Notes of week 9")
c = note("main", "or", c, "Quote the limit: unquote it again", {"rules.sh": rules(11)})
tag("v1.5", c)
fork = c
b = commit("dozen", "or2", "Make the limit inclusive, part 1", [fork], {"rules.sh": rules(12, True)})
b = commit("dozen", "or2", "Make the limit inclusive, part 2", [b], {"total.sh": total(GE)})
b = commit("dozen", "or2", "Make the limit inclusive, part 3", [b], {"rules.sh": rules(12)})
b = commit("dozen", "or", "Explain the limit", [b], {"LIMIT.md": "From LIMIT pieces on there is a rebate.\n"})
c = note("main", "lb", c, "Notes of week 10")
c = note("main", "kt", c, "Gifts (class G) get no rebate", {"total.sh": total(GT + ' && $3 != "G"')})
tag("v1.6", c)
c = note("main", "kt", c, "Notes of week 11")
n += 1
c = commit("main", "lb2", "Merge branch 'printing'", [c, s], {**docs(n), "print.txt": "".join(f"page {k}\n" for k in range(1, 27))})
tag("v1.7", c)
for i in range(12, 16):
    c = note("main", "or", c, f"Notes of week {i}")
tag("v1.8", c)
n += 1
c = commit("main", "lb", "Merge branch 'dozen'", [c, b],
           {**docs(n), "rules.sh": rules(12), "LIMIT.md": "From LIMIT pieces on there is a rebate.\n"})
c = note("main", "kt", c, "Notes of week 16", {"rules.sh": rules(12, True)})
c = note("main", "kt", c, "Repair the rules", {"rules.sh": rules(12)})
tag("v1.9", c)
for i in range(17, 25):
    c = note("main", ["or", "kt", "lb2"][i % 3], c, f"Notes of week {i}",
             {"total.sh": total(GT + ' && $3 != "G"', "  # amounts are in euros")} if i == 20 else None)
    if i in (19, 22):
        tag("v1.10" if i == 19 else "v1.11", c)
out.write("done\n")
PY
git read-tree main
git checkout-index -a
rm -f .git/index
git read-tree main
