set -e
export GIT_AUTHOR_NAME="Runa Dahl" GIT_AUTHOR_EMAIL=runa@example.org GIT_COMMITTER_NAME="Runa Dahl" GIT_COMMITTER_EMAIL=runa@example.org
at() { export GIT_AUTHOR_DATE="$1" GIT_COMMITTER_DATE="$1"; }
at "1705300000 +0100"
git init -q -b main ledger
cd ledger
git config user.name "Runa Dahl" && git config user.email runa@example.org && git config gc.auto 0 && git config pack.threads 1
python3 - <<'PY' | git -c fastimport.unpackLimit=1 fast-import --quiet --date-format=raw
import sys

out = sys.stdout
rows = [f"{code};{rate}" for code, rate in (("mileage", "0.42"), ("meal", "28.00"), ("night", "95.00"), ("phone", "12.50"), ("bicycle", "0.15"))]


def commit(ref, mark, parent, when, subject, files):
    body = subject + "\n"
    out.write(f"commit {ref}\nmark :{mark}\nauthor Odd Lie <odd@example.org> {when} +0200\ncommitter Odd Lie <odd@example.org> {when} +0200\n"
              f"data {len(body)}\n{body}")
    if parent:
        out.write(f"from :{parent}\n")
    for path, text in files.items():
        out.write(f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n")


def book(n):
    return "".join(f"2023-{month:02d};{entry};{month * 37 + entry * 11}.00\n" for month in range(1, n + 1) for entry in range(1, 12))


commit("refs/heads/main", 1, None, 1690000000, "Start of the ledger", {"data/book.csv": book(1), "data/rates.csv": "\n".join(["code;rate", *rows[:3]]) + "\n"})
commit("refs/heads/main", 2, 1, 1692000000, "Book of February", {"data/book.csv": book(2), "docs/agenda.txt": "1. accounts\n"})
commit("refs/heads/main", 3, 2, 1694000000, "More rates", {"data/rates.csv": "\n".join(["code;rate", *rows]) + "\n"})
commit("refs/heads/main", 4, 3, 1696000000, "Book of March and April", {"data/book.csv": book(4)})
commit("refs/heads/archive", 5, 2, 1697000000, "Close the archive", {"ARCHIVE": "closed\n"})
commit("refs/heads/main", 6, 4, 1698000000, "Book of May", {"data/book.csv": book(5), "docs/agenda.txt": "1. accounts\n2. travel\n"})
out.write("tag v1.0\nfrom :4\ntagger Odd Lie <odd@example.org> 1696500000 +0200\ndata 12\nVersion 1.0\n\n")
PY
git pack-refs --all
# from here on loose objects
git read-tree -m -u main
at "1705310000 +0100"; git checkout -q -b audit
printf 'checked: January\n' > audit.txt; git add audit.txt
at "1705310500 +0100"; git commit -q -m "Audit of January"
printf 'checked: January\nchecked: Febuary\n' > audit.txt
at "1705311000 +0100"; git commit -q -a -m "Audit of Febuary"
printf 'checked: January\nchecked: February\n' > audit.txt
at "1705311500 +0100"; git commit -q -a --amend -m "Audit of February"
at "1705312000 +0100"; git checkout -q main
sed 's/^mileage;.*/mileage;0.45/; s/^phone;.*/phone;15.00/' data/rates.csv > ../rates && cat ../rates > data/rates.csv && rm ../rates
GIT_AUTHOR_NAME="Jörg Ødegård" GIT_AUTHOR_EMAIL=jorg@example.org GIT_AUTHOR_DATE="1705320777 +0545" \
GIT_COMMITTER_NAME="Release Desk" GIT_COMMITTER_EMAIL=desk@example.org GIT_COMMITTER_DATE="1705330123 -0330" \
git commit -q -a -m "[rates] Raise the mileage rate" -m "As agreed in the autumn: the new law counts from 1 January on.
The phone rate rises as well."
lost=$(git rev-parse HEAD)
printf '1. accounts\n2. travel\n3. rates\n' > docs/agenda.txt
at "1705340000 +0100"; git commit -q -a -m "Agenda of the meeting"
at "1705341000 +0100"; git tag -a -m "Version 2.0" v2.0
at "1705342000 +0100"; git tag -a -f -m "Version 2.0, with the new rates" v2.0 > ../null; rm ../null
printf 'Minutes of 16 January\n\n- The rates were approved.\n- Next meeting: 13 February.\n' > minutes.txt
git add minutes.txt
at "1705343000 +0100"; git commit -q -m "Minutes of the meeting"
at "1705344000 +0100"; git checkout -q audit
at "1705345000 +0100"; git checkout -q main
sed -i 's/\tcommit: \[rates\]/\tam: [rates]/' .git/logs/HEAD .git/logs/refs/heads/main
lose() { for id in "$@"; do rm -f ".git/objects/$(printf %s "$id" | cut -c1-2)/$(printf %s "$id" | cut -c3-)"; done; }
set -- $(git rev-parse main:minutes.txt "$lost^{tree}" "$lost:data" "$lost:data/rates.csv")
# the power cut
lose "$lost" "$2" "$3" "$4"
file=.git/objects/$(printf %s "$1" | cut -c1-2)/$(printf %s "$1" | cut -c3-)
chmod u+w "$file" && : > "$file" && chmod a-w "$file"
rm -f .git/objects/pack/*.idx .git/objects/pack/*.rev .git/objects/info/* .git/info/refs .git/COMMIT_EDITMSG .git/ORIG_HEAD
printf '1. accounts\n2. travel\n3. rates\n4. any other business\n' > docs/agenda.txt
printf 'Minutes of 16 January\r\n\r\n- The rates were approved.\r\n- Next meeting: 13 February.\r\n' > minutes.txt
printf 'buy a UPS\n' > draft.txt
zeros() { head -c "$1" /dev/zero; }
: > .git/HEAD
: > .git/index
: > .git/index.lock
zeros 41 > .git/refs/heads/main
zeros 41 > .git/refs/tags/v2.0
rm .git/refs/heads/audit
zeros 64 >> .git/packed-refs
printf '[remote "orig' >> .git/config
size=$(wc -c < .git/logs/refs/heads/main)
head -c $((size - 150)) .git/logs/refs/heads/main > ../log && { cat ../log; zeros 150; } > .git/logs/refs/heads/main && rm ../log
find .git -name '*.sample' -delete
