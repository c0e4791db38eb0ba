from pathlib import Path

EXPECTED = """\
backup-log.service	/usr/bin/backup-log
backup-notify.service	/usr/bin/notify backup
backup@home.service	/usr/local/bin/backup-home
basic.target	-
certs.timer	-
db-volume.mount	-
entropy.service	/usr/sbin/entropyd
getty-banner@tty1.service	/usr/bin/banner --tty=tty1
getty-banner@tty2.service	/usr/bin/banner --tty=tty2
getty.target	-
getty@tty1.service	-/sbin/agetty 115200 tty1 linux
getty@tty2.service	-/sbin/agetty --autologin demo tty2 linux
journal-upload.service	/usr/lib/journal-upload --all
local-fs.target	-
mesh-a.service	/usr/bin/mesh a
mesh-b.service	/usr/bin/mesh b
metrics.service	/usr/bin/metrics --once
multi-user.target	-
network-online.target	-
rsyslog.service	/usr/sbin/rsyslogd -n
shop-cache.service	/usr/bin/cached -m 512
shop-db.service	/usr/bin/dbd --data /var/lib/shop
shop.service	/srv/shop/bin/serve --port 8443  --tls /etc/ssl/shop.pem
sockets.target	-
sshd.service	/usr/sbin/sshd -D
sshd.socket	-
sysinit.target	-
timers.target	-
trace-collector.service	/usr/bin/collect
wait-online.service	/usr/lib/wait-online --any
"""


def boot():
    path = Path("boot.txt")
    assert path.is_file(), "boot.txt does not exist"
    return [line.partition("\t") for line in path.read_text().splitlines()]


WANTED = {name: start for name, _, start in (line.partition("\t") for line in EXPECTED.splitlines())}


def test_all_that_is_started_is_listed():
    missing = set(WANTED) - {name for name, _, _ in boot()}
    assert not missing, f"not listed: {sorted(missing)}"


def test_nothing_else_is_listed():
    wrong = {name for name, _, _ in boot()} - set(WANTED)
    assert not wrong, f"listed, but not started: {sorted(wrong)}"


def test_the_lines_in_effect_are_given():
    wrong = [f"{name}: {start!r}" for name, _, start in boot() if name in WANTED and WANTED[name] != start]
    assert boot() and not wrong, wrong


def test_the_lines_are_sorted_and_come_once():
    names = [name for name, _, _ in boot()]
    assert names == sorted(WANTED, key=str.encode), "the lines of boot.txt are not sorted as bytes, or some come twice"
