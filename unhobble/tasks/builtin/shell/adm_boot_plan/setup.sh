python3 - <<'PY'
import os

LIB, RUN, ETC = "usr/lib/systemd/system", "run/systemd/system", "etc/systemd/system"


def write(path, text):
    os.makedirs(os.path.dirname(f"root/{path}"), exist_ok=True)
    with open(f"root/{path}", "w") as out:
        out.write(text)


def link(path, target):
    os.makedirs(os.path.dirname(f"root/{path}"), exist_ok=True)
    os.symlink(target, f"root/{path}")


def unit(path, wants="", requires="", start=None, more="", tail=""):
    text = f"[Unit]\nDescription={path.split('/')[-1]}\n"
    text += f"Wants={wants}\n" if wants else ""
    text += f"Requires={requires}\n" if requires else ""
    text += more
    if start is not None:
        text += f"\n[Service]\nType=exec\nExecStart={start}\n"
    write(path, text + tail)


def wants(directory, target, *names, kind="wants"):
    for name in names:
        template = name.split("@")[0] + "@.service" if "@" in name else name
        link(f"{directory}/{target}.{kind}/{name}", f"/{LIB}/{template}")


# Targets.
unit(f"{LIB}/graphical.target", requires="multi-user.target", wants="display-manager.service")
unit(f"{LIB}/multi-user.target", requires="basic.target")
unit(f"{LIB}/basic.target", requires="sysinit.target", wants="sockets.target timers.target")
unit(f"{LIB}/sysinit.target", wants="local-fs.target swap.target")
unit(f"{LIB}/sockets.target")
unit(f"{LIB}/timers.target")
unit(f"{LIB}/local-fs.target")
unit(f"{LIB}/network-online.target", wants="wait-online.service")
unit(f"{LIB}/rescue.target", requires="sysinit.target", wants="rescue-shell.service")
unit(f"{LIB}/rescue-shell.service", start="/bin/sulogin")
unit(f"{LIB}/display-manager.service", start="/usr/sbin/dm")
link(f"{LIB}/default.target", "graphical.target")
link(f"{ETC}/default.target", f"/{LIB}/multi-user.target")

# Logging, under another name.
unit(f"{LIB}/rsyslog.service", start="/usr/sbin/rsyslogd -n", more="Documentation=man:rsyslogd(8)\n", tail="\n[Install]\nWantedBy=multi-user.target\nWants=rescue.target\n")
link(f"{ETC}/syslog.service", f"/{LIB}/rsyslog.service")
wants(ETC, "multi-user.target", "rsyslog.service")
unit(f"{LIB}/journal-upload.service", start="/usr/lib/journal-upload --all", requires="syslog.service network-online.target")
wants(ETC, "multi-user.target", "journal-upload.service")
unit(f"{LIB}/wait-online.service", start="/usr/lib/wait-online --any", more="ConditionPathExists=!/etc/network/offline\n")
write("etc/network/interfaces", "auto eth0\n")

# A web shop: drop-ins from three places.
unit(f"{LIB}/shop.service", start="/srv/shop/bin/serve --port 80", requires="shop-db.service", wants="shop-cache.service mail-queue.service")
write(f"{LIB}/shop.service.d/20-port.conf", "[Service]\nExecStart=\nExecStart=/srv/shop/bin/serve --port 8080\n")
write(f"{RUN}/shop.service.d/10-debug.conf", "[Service]\nExecStart=\nExecStart=/srv/shop/bin/serve --debug\n[Unit]\nWants=shop-trace.service\n")
write(f"{ETC}/shop.service.d/20-port.conf", "[Service]\n; the proxy speaks to this port\nExecStart=\nExecStart=/srv/shop/bin/serve --port 8443 \\\n    --tls /etc/ssl/shop.pem\n")
write(f"{ETC}/shop.service.d/30-old.conf.disabled", "[Service]\nExecStart=\nExecStart=/srv/shop/bin/serve --legacy\n")
write(f"{LIB}/shop.service.d/40-audit.conf", "[Unit]\nWants=shop-audit.service\n")
link(f"{ETC}/shop.service.d/40-audit.conf", "/dev/null")
wants(ETC, "multi-user.target", "shop.service")
unit(f"{LIB}/shop-db.service", start="/usr/bin/dbd --data /var/lib/shop", more="Requires=db-volume.mount\n")
write(f"{LIB}/db-volume.mount", "[Unit]\nDescription=volume\n\n[Mount]\nWhat=/dev/vdb\nWhere=/var/lib/shop\n")
unit(f"{LIB}/shop-cache.service", start="/usr/bin/cached -m 64")
unit(f"{ETC}/shop-cache.service", start="/usr/bin/cached -m 512", more="# Wants=shop-stats.service\n")
unit(f"{LIB}/shop-trace.service", start="/usr/bin/trace shop", more="ConditionPathExists=/etc/trace.enabled\nWants=trace-collector.service\n")
unit(f"{LIB}/trace-collector.service", start="/usr/bin/collect", tail="ExecStartPre=/bin/true\n")
unit(f"{LIB}/shop-audit.service", start="/usr/bin/audit shop")
unit(f"{LIB}/shop-stats.service", start="/usr/bin/stats shop")

# Mail: what it requires is masked.
unit(f"{LIB}/mail-queue.service", start="/usr/sbin/queued", requires="mail-filter.service", wants="mail-stats.service")
unit(f"{LIB}/mail-filter.service", start="/usr/sbin/filterd", requires="virus-scan.service")
unit(f"{LIB}/virus-scan.service", start="/usr/sbin/scand")
link(f"{ETC}/virus-scan.service", "/dev/null")
unit(f"{LIB}/mail-stats.service", start="/usr/bin/stats mail")
wants(ETC, "multi-user.target", "virus-scan.service", "mail-queue.service")

# Terminals and backups: templates.
unit(f"{LIB}/getty@.service", start="-/sbin/agetty -o '-p -- %i' %i linux", more="Wants=getty-banner@%i.service\n")
unit(f"{LIB}/getty-banner@.service", start="/usr/bin/banner --tty=%i")
wants(ETC, "getty.target", "getty@tty1.service", "getty@tty2.service")
unit(f"{LIB}/getty.target")
wants(LIB, "multi-user.target", "getty.target")
write(f"{ETC}/getty@tty2.service.d/10-auto.conf", "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin demo %i linux\n")
write(f"{ETC}/getty@.service.d/90-baud.conf", "[Service]\nExecStart=\nExecStart=-/sbin/agetty 115200 %i linux\n")
unit(f"{LIB}/backup@.service", start="/usr/bin/backup --set %i", requires="backup-key.service")
unit(f"{ETC}/backup@home.service", start="/usr/local/bin/backup-home", wants="backup-notify.service")
unit(f"{LIB}/backup-notify.service", start="/usr/bin/notify backup", more="Wants = backup-log.service   no-such.service\n")
unit(f"{LIB}/backup-log.service", start="/usr/bin/backup-log")
wants(ETC, "multi-user.target", "backup@home.service", "backup@etc.service")
write(f"{ETC}/backup-key.service", "")
wants(ETC, "timers.target", "certs.timer", "clean.timer")
write(f"{LIB}/certs.timer", "[Unit]\nDescription=certs\n\n[Timer]\nOnCalendar=daily\n")
write(f"{LIB}/clean.timer", "[Unit]\nDescription=clean\nConditionPathExists=/var/tmp\nConditionPathExists=!/etc/network/interfaces\n\n[Timer]\nOnCalendar=daily\n")
unit(f"{LIB}/certs.service", start="/usr/bin/certs renew")

# Two that need one another, and one that is required through a directory.
unit(f"{LIB}/mesh-a.service", start="/usr/bin/mesh a", requires="mesh-b.service")
unit(f"{LIB}/mesh-b.service", start="/usr/bin/mesh b", requires="mesh-a.service", wants="ring-a.service")
unit(f"{LIB}/ring-a.service", start="/usr/bin/ring a", requires="ring-b.service")
unit(f"{LIB}/ring-b.service", start="/usr/bin/ring b", requires="ring-a.service", wants="ring-log.service")
unit(f"{LIB}/ring-log.service", start="/usr/bin/ring log")
link(f"{ETC}/ring-b.service.requires/absent.service", "../absent.service")
wants(RUN, "multi-user.target", "mesh-a.service", "metrics.service", "sshd.service")
unit(f"{LIB}/metrics.service", start="/usr/bin/metrics")
unit(f"{RUN}/metrics.service", start="/usr/bin/metrics --once")
unit(f"{LIB}/sshd.service", start="/usr/sbin/sshd -D", wants="sshd-keygen.service")
wants(ETC, "sshd.service", "sshd.socket", kind="requires")
write(f"{LIB}/sshd.socket", "[Unit]\nDescription=socket\n\n[Socket]\nListenStream=22\nWants=metrics-old.service\n")
unit(f"{LIB}/metrics-old.service", start="/usr/bin/metrics-old")
unit(f"{LIB}/sshd-keygen.service", start="/usr/sbin/keygen", more="ConditionPathExists=!/etc/ssh/host_key\nWants=entropy.service\n")
unit(f"{LIB}/entropy.service", start="/usr/sbin/entropyd")
write("etc/ssh/host_key", "not a real key\n")
os.makedirs("root/var/tmp")
PY
