import subprocess
import sys
import tempfile
from pathlib import Path

# A policy, and the answers to its queries, in their order.
PATTERNS = '''\
user u v Admin
role r
  # indented comment
group g: v
allow u doc:* docs/*/draft
allow u *:read **
allow u key:rotate keys/**/live
allow u a.b x.y
allow u mü*:* fr?hstück/*
allow u mü*:* frühstück/*
allow u db:[rw] t?b
allow u exact:do one/two
allow u c* p/*q/r*
allow u e:* **/end*
allow Admin * **
allow @g do:*:now a(b)/$
deny u *:read secret*
deny u *:read **/private/**
query u doc:write docs/7/draft
query u doc: docs//draft
query u doc:write docs/7/8/draft
query u doc:write docs/draft
query u wiki:read any/thing/at/all
query u wiki:reader any
query u wiki:read secrets
query u wiki:read secrets/one
query u wiki:read my/private/x
query u wiki:read private/x
query u key:rotate keys//live
query u key:rotate keys/live
query u key:rotate keys/a/b/live
query u a.b x.y
query u müsli:eat frühstück/früh
query u a.b xzy
query u axb x.y
query u db:[rw] t?b
query u db:r tab
query u exact:do one/two/
query u Exact:do one/two
query u c p/q/r
query u c:x p/xq/rst
query u c:x p/q/r/s
query u e:x a/end
query u e:x end
query u e:x a/b/ending/x
query u e:x a/b/ending
query Admin anything any/where
query v do:it:now a(b)/$
query v do::now a(b)/$
query v do:now a(b)/$
'''
PATTERNS_ANSWERS = """\
yes 0, yes 0, no, no, yes 0, no, no, yes 0, no, yes 0, yes 0, no, yes 0, yes 0,
yes 0, no, no, yes 0, no, no, no, yes 0, yes 0, no, yes 0, no, no, yes 0,
yes 0, yes 0, yes 0, no,
"""

GROUPS = '''\
# circles of groups, roles as members, names that are shared
allow @everyone home:read home/*
allow @a one:do x
allow @b two:do x
allow @c three:do x
deny @c four:do x
allow @everyone four:do x
allow audit five:do x
allow %audit six:do x
allow @audit seven:do x
allow %audit role:assume role/night
allow @night eight:do x
allow %night nine:do x
allow kim role:assume role/audit
deny @everyone nine:do x
deny @everyone ten:do y
allow %night ten:do **
allow @everyone role:assume role/ghost
user kim lea audit
user max
group a: @b
group b: @c
group c: @a
group c: kim
group audit: lea
group audit: %night
group night: @audit max
role audit night
query kim one:do x
query kim two:do x
query kim three:do x
query kim four:do x
query lea four:do x
query lea three:do x
query audit five:do x
query audit six:do x
query kim six:do x
query kim five:do x
query kim seven:do x
query lea seven:do x
query kim eight:do x
query lea eight:do x
query max eight:do x
query max seven:do x
query kim nine:do x
query kim ten:do y
query lea ten:do y
query kim home:read home/kim
query kim home:read home/kim/mail
query max home:read home/
'''
GROUPS_ANSWERS = """\
yes 0, yes 0, yes 0, no, yes 0, no, yes 0, no, yes 1, no, yes 2, yes 0, yes 2, yes 0,
yes 0, no, yes 2, yes 2, no, yes 0, no, yes 0,
"""

ORDER = '''\
# What is joined may forbid: the order matters
user ida jon kay liv
role vault door
group red: jon
group blue:  jon
group green: liv
allow ida group:join group/*
deny @red group:join group/blue
allow @red role:assume role/vault
allow @blue role:assume role/door
deny @blue role:assume role/vault
allow %vault gold:take bar/*
allow %door  hall:open *
allow @blue  pair:open both
allow @red   trio:open all
deny  @green trio:open all
allow @green group:leave **
allow kay group:join group/red
deny @red pair:* **
allow liv group:join group/red
allow @red user:reset user/kay
deny @green user:reset **
query ida gold:take bar/1
query ida gold:take bar/1/2
query ida hall:open north
query ida pair:open both
query ida trio:open all
query jon gold:take bar/1
query jon hall:open north
query jon pair:open both
query jon trio:open all
query kay gold:take bar/9
query kay hall:open north
query kay trio:open all
query liv gold:take bar/9
query liv trio:open all
query ida group:leave group/red
query liv user:reset user/kay
query ida group:join group/blue
query jon group:join group/blue
'''
ORDER_ANSWERS = """\
yes 2, no, yes 2, yes 1, yes 1, yes 3, yes 1, no, yes 0, yes 2, no, yes 1, yes 2, no,
yes 1, no, yes 0, no,
"""

BOUNDS = '''\
user pat quin rob
role build ship sign root
group eng: pat %build
group rel: %ship
allow @eng role:assume role/build
allow %build role:assume role/ship
allow %build art:* art/**
bound %build art:read **
bound %build role:* role/s*
allow %ship role:assume role/*
allow %ship art:push art/**
deny @rel art:push art/core/*
bound %ship art:* **
allow quin role:assume role/ship
allow quin user:reset user/rob
allow rob role:assume role/*
deny rob role:assume role/root
allow %root * **
bound %root role:assume **
bound %root log:* log/**
allow %sign key:use key/*
allow %sign group:join group/rel
bound %sign group:* group/**
bound %sign key:* key/prod
allow @rel seal:set seal/1
allow @rel role:assume role/root
query pat art:read art/core/x
query pat art:write art/core/x
query pat art:push art/lib/x
query pat art:push art/core/x
query pat art:push art/core/x/y
query pat seal:set seal/1
query pat key:use key/prod
query quin log:wipe log/all
query quin art:push art/lib
query quin key:use key/prod
query quin key:use key/dev
query rob log:wipe log/all
query rob seal:set seal/1
query rob role:assume role/sign
query rob role:assume role/root
query quin role:assume role/root
query rob art:read art/core/x
query rob art:push art/core/x
'''
BOUNDS_ANSWERS = """\
yes 1, no, yes 2, no, yes 2, no, no, no, yes 1, yes 2, no, no, no, yes 0,
no, no, yes 1, no,
"""

CHAIN = '''\
# Two ways, the shorter one through what looks longer
user a b c d
user e
role one two three four five
group crew: e
group old: %five
allow a role:assume role/one
allow %one role:assume role/two
allow %two role:assume role/three
allow %three safe:open safe/1
allow a user:reset user/b
allow b group:join group/crew
allow b safe:open safe/2
allow @crew safe:open safe/1
deny b safe:open safe/2*
allow %two group:join group/old
deny @old role:assume **
allow @old user:reset user/*
deny @old user:reset user/d
allow d safe:open safe/3
allow c user:reset user/d
allow c role:assume role/four
allow %four group:join group/old
allow %four safe:open safe/4
deny @old safe:open safe/4
allow @old safe:open safe/5
query a safe:open safe/1
query a safe:open safe/2
query a safe:open safe/3
query a safe:open safe/5
query b safe:open safe/1
query b safe:open safe/5
query c safe:open safe/3
query c safe:open safe/4
query c safe:open safe/5
query c safe:open safe/1
query e safe:open safe/1
query e safe:open safe/3
query d safe:open safe/3
query a user:reset user/d
'''
CHAIN_ANSWERS = """\
yes 2, no, yes 5, yes 3, yes 1, no, yes 1, yes 1, yes 2, yes 3, yes 0, no, yes 0, yes 4,
"""


def answers(policy):
    """The lines that the program prints for a policy."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "case.policy")
        path.write_text(policy, encoding="utf-8")
        command = [sys.executable, "-B", "reach.py", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=5)
    assert done.returncode == 0, f"reach.py failed: {done.stderr[-300:]}"
    return done.stdout.splitlines()


def compare(policy, expected):
    wanted = [answer.strip() for answer in expected.replace("\n", " ").split(",") if answer.strip()]
    queries = [line.strip() for line in policy.splitlines() if line.startswith("query")]
    assert len(wanted) == len(queries)
    found = answers(policy)
    for query, right, answer in zip(queries, wanted, found):
        assert answer == right, f"{query}: expected {right!r}, found {answer!r}"
    assert len(found) == len(wanted), f"expected {len(wanted)} lines, found {len(found)}"


def test_patterns_match_as_described():
    compare(PATTERNS, PATTERNS_ANSWERS)


def test_members_of_members_and_shared_names():
    compare(GROUPS, GROUPS_ANSWERS)


def test_memberships_that_forbid():
    compare(ORDER, ORDER_ANSWERS)


def test_bounds_of_roles():
    compare(BOUNDS, BOUNDS_ANSWERS)


def test_the_fewest_steps_are_counted():
    compare(CHAIN, CHAIN_ANSWERS)
