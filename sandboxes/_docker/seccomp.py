"""The system-call filter of a Docker sandbox: a list of what is allowed, as the engine takes it. All else is refused with EPERM.

The list holds the calls that programs need on x86_64 and aarch64, and keeps back what Docker's own default gives and no task
needs: tracing and the memory of other processes, messages to devices and virtual machines, clock adjustment, file handles, other
personalities and the processor's other ABIs, whose calls kill their caller. ``clone`` makes no namespace. ``clone3`` answers that
it does not exist, because a filter cannot see its flags; C libraries then use ``clone``. It holds for the keeper too.

Source of the facts: moby/profiles seccomp/default.json, commit cd3bed8, for the names that programs need; Linux 6.18
arch/*/entry/syscalls for which of them the two processors have; the OCI runtime specification, "Seccomp", for the format.
"""

import errno
import json
import socket
from functools import cache
from typing import Any

_ALLOWED = {
    "files by name": """
        access chdir chmod chown creat faccessat faccessat2 fchmodat fchmodat2 fchownat fstatfs futimesat getcwd lchown link linkat
        lstat mkdir mkdirat mknod mknodat newfstatat open openat openat2 readlink readlinkat rename renameat renameat2 rmdir stat
        statfs statx symlink symlinkat truncate umask unlink unlinkat utime utimensat utimes
        """,
    "files that are open": """
        close close_range copy_file_range dup dup2 dup3 fadvise64 fallocate fchdir fchmod fchown fcntl fdatasync flock fstat fsync
        ftruncate getdents getdents64 ioctl lseek pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readv sendfile
        splice sync sync_file_range syncfs tee vmsplice write writev
        """,
    "extended attributes": """
        fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr lremovexattr
        lsetxattr removexattr removexattrat setxattr setxattrat
        """,
    "waiting for files": """
        epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 inotify_add_watch inotify_init
        inotify_init1 inotify_rm_watch poll ppoll pselect6 select signalfd signalfd4
        """,
    "pipes, and input and output in the background": """
        io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit pipe pipe2
        """,
    "sockets that exist": """
        accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto
        setsockopt shutdown
        """,
    "memory": """
        brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mprotect
        mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages
        """,
    "processes and threads": """
        arch_prctl capget capset execve execveat exit exit_group fork get_robust_list getcpu getpgid getpgrp getpid getppid
        getpriority getrlimit getrusage getsid gettid ioprio_get ioprio_set kill pidfd_open pidfd_send_signal prctl prlimit64
        process_mrelease restart_syscall rseq sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr
        sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler
        sched_yield seccomp set_robust_list set_tid_address setpgid setpriority setrlimit setsid tgkill times tkill vfork wait4
        waitid
        """,
    "users and groups": """
        getegid geteuid getgid getgroups getresgid getresuid getuid setfsgid setfsuid setgid setgroups setregid setresgid setresuid
        setreuid setuid
        """,
    "signals": """
        pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo
        sigaltstack
        """,
    "time": """
        alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
        timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime
        """,
    "locks, queues and shared memory": """
        futex futex_requeue futex_wait futex_waitv futex_wake mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink
        msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget
        """,
    "facts about the machine": "getrandom sysinfo uname",
    "giving up rights": "landlock_add_rule landlock_create_ruleset landlock_restrict_self",
}

_CLONE_NEW = 0x7E020000
"""Every flag of ``clone`` that makes a namespace. Not NEWTIME: ``clone`` reads that bit as part of the exit signal."""

_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
_PERSONALITY_NOW = 0xFFFFFFFF
"""The argument with which ``personality`` only tells."""


def allowed() -> frozenset[str]:
    """The names of the calls that are allowed, whatever their arguments."""
    return frozenset(name for names in _ALLOWED.values() for name in names.split())


@cache
def profile() -> str:
    """The filter as the JSON text that an engine takes as ``seccomp=`` among a container's security options."""
    rules = [
        _rule(sorted(allowed())),
        _rule(["clone"], _test("MASKED_EQ", _CLONE_NEW, 0)),
        _rule(["clone3"], error=errno.ENOSYS),
        *(_rule(["personality"], _test("EQ", value)) for value in (0, _PERSONALITY_NOW)),
        *(_rule(["socket", "socketpair"], _test("EQ", family)) for family in _FAMILIES),
        # Each family by itself: libseccomp compares an argument once in a rule. What is above the last is refused as one range.
        *(
            _rule(["socket", "socketpair"], _test("EQ", family), error=errno.EAFNOSUPPORT)
            for family in range(max(_FAMILIES))
            if family not in _FAMILIES
        ),
        _rule(["socket", "socketpair"], _test("GT", max(_FAMILIES)), error=errno.EAFNOSUPPORT),
    ]
    # No sub-architectures: i386 and x32 are not this processor's own.
    machines = [{"architecture": f"SCMP_ARCH_{machine}", "subArchitectures": []} for machine in ("X86_64", "AARCH64")]
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "archMap": machines, "syscalls": rules})


def _rule(names: list[str], *tests: dict[str, Any], error: int | None = None) -> dict[str, Any]:
    if error is None:
        return {"names": names, "action": "SCMP_ACT_ALLOW", "args": list(tests)}
    return {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": error, "args": list(tests)}


def _test(operation: str, value: int, other: int = 0) -> dict[str, Any]:
    return {"index": 0, "op": f"SCMP_CMP_{operation}", "value": value, "valueTwo": other}
