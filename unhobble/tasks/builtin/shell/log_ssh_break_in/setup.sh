python3 - <<'PY'
import random
from datetime import datetime, timedelta

rng = random.Random(2023)
events = []  # (time, number, text)
names = ["admin", "test", "oracle", "ubuntu", "git", "postgres", "pi", "ftp"]


def log(when, text):
    events.append((when, len(events), text))


def at(day, clock):
    return datetime(2024 if day < 15 else 2023, 1 if day < 15 else 12, day, *map(int, clock.split(":")))


def failed(when, address, user, pid, repeated=0, valid=False):
    who = user if valid else f"invalid user {user}"
    message = f"Failed password for {who} from {address} port {rng.randint(1025, 65000)} ssh2"
    log(when, f"sshd[{pid}]: {message}")
    if repeated:
        log(when + timedelta(seconds=rng.randint(3, 9)), f"sshd[{pid}]: message repeated {repeated} times: [ {message}]")


def session(start, end, address, user, pid, commands=(), method="publickey"):
    key = ": RSA SHA256:9Wv0cXoJb7Qm" if method == "publickey" else ""
    log(start, f"sshd[{pid}]: Accepted {method} for {user} from {address} port {rng.randint(1025, 65000)} ssh2{key}")
    log(start, f"sshd[{pid}]: pam_unix(sshd:session): session opened for user {user}(uid=1004) by (uid=0)")
    log(start, f"systemd-logind[611]: New session {pid % 97} of user {user}.")
    for when, text in commands:
        log(when, f"sudo: {user:>8} : {text}")
        if text.startswith("TTY"):
            log(when, f"sudo: pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid=1004)")
    if end:
        log(end, f"sshd[{pid}]: pam_unix(sshd:session): session closed for user {user}")
        log(end, f"systemd-logind[611]: Session {pid % 97} logged out. Waiting for processes to exit.")


def ran(command, user="root", tty="pts/1", pwd="/home/deploy"):
    return f"TTY={tty} ; PWD={pwd} ; USER={user} ; COMMAND={command}"


# Noise: scanners that never get in, cron.
for address, count in (("203.0.113.9", 60), ("198.51.100.200", 45), ("192.0.2.77", 30)):
    when = at(30, "03:00:00") + timedelta(seconds=rng.randint(0, 50000))
    for i in range(count):
        when += timedelta(seconds=rng.randint(20, 1900))
        if when > at(2, "20:00:00"):
            break
        failed(when, address, rng.choice(names), 3000 + rng.randint(0, 5000), rng.choice([0, 0, 0, 2, 4]))
when = at(30, "00:17:01")
while when < at(2, "23:00:00"):
    log(when, f"CRON[{rng.randint(9000, 30000)}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)")
    when += timedelta(hours=1)

# Honest users.
session(at(30, "08:02:11"), at(30, "16:41:50"), "10.1.4.20", "deploy", 2211,
        [(at(30, "08:10:03"), ran("/usr/bin/systemctl restart shop")), (at(30, "14:55:12"), ran("/usr/bin/tail -n 50 /var/log/shop.log"))])
failed(at(30, "09:15:02"), "10.1.4.31", "maria", 2290, 1, valid=True)
session(at(30, "09:15:40"), at(30, "17:20:09"), "10.1.4.31", "maria", 2290, [(at(30, "10:00:00"), "TTY=pts/2 ; PWD=/home/maria ; USER=root ; COMMAND=/usr/bin/apt-get update")], "password")
session(at(31, "07:58:40"), at(31, "13:05:31"), "10.1.4.20", "deploy", 2301, [(at(31, "08:30:00"), ran("/usr/bin/systemctl status shop"))])
# The office's gateway: many failures by a forgotten script, and a login with a key (not a password).
when = at(31, "05:00:00")
for i in range(33):
    failed(when, "203.0.113.50", "backup", 4100 + i, 0, valid=True)
    when += timedelta(minutes=10)
session(at(31, "12:00:00"), at(31, "12:30:00"), "203.0.113.50", "backup", 4301)

# The attacker, over New Year's Eve. Some user names are crafted to look like other addresses.
evil = "203.0.113.45"
when = at(31, "21:40:07")
for i in range(58):
    when += timedelta(seconds=rng.randint(30, 170))
    pid = 5000 + i * 3
    kind = i % 9
    if kind == 2:
        failed(when, evil, f"root from 198.51.100.{7 + i}", pid)
    elif kind == 5:
        failed(when, evil, "x from 10.1.4.20 port 22 ssh2", pid)
    elif kind == 7:
        failed(when, evil, "deploy", pid, rng.choice([2, 3, 5]), valid=True)
    else:
        failed(when, evil, rng.choice(names + ["root"]), pid, rng.choice([0, 0, 1, 2]))
    if kind == 4:
        log(when + timedelta(seconds=2), f"sshd[{pid}]: Connection closed by authenticating user root {evil} port 40022 [preauth]")
        log(when + timedelta(seconds=1), f"sshd[{pid}]: Failed none for invalid user guest from {evil} port 40022 ssh2")
# 203.0.113.4 is somebody else.
failed(at(31, "22:10:00"), "203.0.113.4", "nobody", 5999, 6)
# Somebody else's name mentions the attacker's address.
failed(at(31, "22:31:10"), "192.0.2.77", f"root from {evil} port 22 ssh2", 6001, 3)
assert when < at(1, "00:25:00"), when
session(at(1, "00:31:09"), at(1, "01:12:44"), evil, "deploy", 6120,
        [
            (at(1, "00:32:20"), ran("list")),
            (at(1, "00:33:01"), ran("/usr/bin/cat /etc/shadow")),
            (at(1, "00:34:47"), f"command not allowed ; {ran('/usr/sbin/visudo')}"),
            (at(1, "00:36:30"), ran("/usr/bin/env COMMAND=id TTY=x /bin/sh -c id ; true", pwd="/tmp")),
            (at(1, "00:50:02"), ran("/usr/bin/tar czf /tmp/.x.tgz /srv/backup", user="backup", pwd="/srv")),
            (at(1, "00:52:19"), f"3 incorrect password attempts ; {ran('/usr/bin/id')}"),
            (at(1, "01:12:40"), ran("/usr/bin/rm -rf /tmp/.x.tgz", pwd="/")),
        ], "password")
log(at(1, "00:45:00"), "sudo:    maria : TTY=pts/4 ; PWD=/home/maria ; USER=root ; COMMAND=/usr/bin/dmesg")
# Afterwards: more failures and a second visit of the attacker, then the honest user again (the process number comes round).
for i in range(6):
    failed(at(1, "03:00:00") + timedelta(minutes=i), evil, "root", 6400 + i, 1)
session(at(1, "04:00:00"), at(1, "04:05:30"), evil, "deploy", 6500, [(at(1, "04:01:00"), ran("/usr/bin/ls /root"))], "password")
session(at(2, "08:00:20"), None, "10.1.4.20", "deploy", 6120, [(at(2, "08:03:00"), ran("/usr/bin/systemctl restart shop"))])
log(at(2, "16:00:00"), "sshd[6120]: pam_unix(sshd:session): session closed for user deploy")

events.sort()
rotation = at(31, "23:59:50")
for name, chosen in (("auth.log.1", [e for e in events if e[0] < rotation]), ("auth.log", [e for e in events if e[0] >= rotation])):
    with open(name, "w") as stream:
        for when, _, text in chosen:
            stream.write(f"{when:%b} {when.day:2d} {when:%H:%M:%S} web3 {text}\n")
PY
