"""Entry points that run inside a guest, for test_boot.py; only the standard library, so that guests start fast."""

from __future__ import annotations

import ctypes
import hashlib
import json
import math
import mmap
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path


def say(message: object) -> None:
    """One JSON line on the console."""
    print(json.dumps(message), flush=True)


def facts(*args: object) -> None:
    """What a program in the guest sees of its place."""
    say(
        {
            "args": args,
            "time": time.time(),
            "pid": os.getpid(),
            "cwd": str(Path.cwd()),
            "environment": dict(os.environ),
            "lo": socket.create_server(("127.0.0.1", 0)).getsockname()[0],
            "filesystems": [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()],
        }
    )


def echo() -> None:
    """Say that it listens, then everything that is heard, until the input ends."""
    say("listening")
    while line := _hear():
        sys.stdout.write(line)
        sys.stdout.flush()


def waits(seconds: float) -> None:
    """Sleep on the guest's clock, and say how long that was; write a file."""
    before = time.time()
    time.sleep(seconds)
    Path("slept").write_text("yes")
    say(time.time() - before)


def polls() -> None:
    """Wait for the host without idling; say how much time has passed."""
    before = time.time()
    say("polling")
    _hear()
    say(time.time() - before)


def freezes() -> None:
    """Compute for ever."""
    print("about to freeze", flush=True)
    while True:
        pass


def raises() -> None:
    """End as programs with a bug do."""
    raise RuntimeError("a bug")


def panics() -> None:
    """Take the kernel down."""
    os._exit(7)  # a kernel without its init panics


def devours() -> None:
    """Take more memory than there is."""
    taken = []
    while True:
        taken.append(bytearray(b"x" * (8 << 20)))


def breaks_out(target: str, host_port: int) -> None:
    """Try, as guest root, to write on the host outside the run folder and to reach its network; say what happened."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    said: dict[str, object] = {}
    remounted = libc.mount(b"none", b"/", None, 32, None)  # MS_REMOUNT, without MS_RDONLY
    said["remount"] = remounted == 0
    for name, path in {"target": Path(target) / "escaped", "etc": Path("/etc/lab-escaped")}.items():
        said[f"write {name}"] = _outcome(partial(path.write_text, "escaped"))
    again = Path("/run/again")
    again.mkdir()
    said["second mount"] = libc.mount(b"none", bytes(again), b"hostfs", 0, target.encode()) == 0
    said["write second mount"] = _outcome(partial((again / "escaped").write_text, "escaped"))
    said["remove"] = _outcome((Path(target) / "precious").unlink)
    said["chmod"] = _outcome(partial(Path(target).chmod, 0o777))
    said["interfaces"] = sorted(name for _, name in socket.if_nameindex())
    said["connect"] = _outcome(partial(socket.create_connection, ("127.0.0.1", host_port)))
    said["run folder"] = _outcome(partial(Path("inside").write_text, "allowed"))
    say(said)


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "done"


def _hear() -> str:
    """A line of input; polls, because a guest that idles lets its clock run away.

    Yielding matters: with time standing still the scheduler never takes the processor from a busy program, and the
    kernel's own thread that brings the input would wait for ever.
    """
    while not select.select([0], [], [], 0)[0]:
        os.sched_yield()
    return sys.stdin.readline()


def serves() -> None:
    """Run the worker."""
    from lab.runner import cell_worker  # the other entries start faster without

    cell_worker.main_in_guest()


def tell_time(folder: Path, open_backend: object) -> int:
    """Say what time it is: a job of the worker."""
    from lab.runner import progress

    progress.say("time", t=time.time(), folder=str(folder))
    return 0


def computes() -> None:
    """Say results that would be wrong if registers were lost at a fault, a system call or a switch between programs."""
    say(results())


def results() -> list[object]:
    """Vector copies through fresh memory, and floating-point sums of two processes that take turns at every step."""
    pattern = bytes(range(251)) * 4099
    copied = [bytearray(pattern) for _ in range(16)]  # each byte of each copy crosses fresh pages
    digest = hashlib.sha256(b"".join(copied)).hexdigest()
    to_child, to_parent = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        total = 0.1
        for step in range(500):
            total += math.sin(total) * float.fromhex("0x1.8p-3")
            os.write(to_parent[1], struct.pack("d", total))
            copied[step % 16][step] ^= 1  # a page of its own
            os.read(to_child[0], 1)
        os._exit(0)
    sums, total = [], 0.7
    for _ in range(500):
        theirs = struct.unpack("d", os.read(to_parent[0], 8))[0]
        total = math.cos(total + theirs)
        os.write(to_child[1], b"x")
        sums.append(total)
    os.waitpid(child, 0)
    return [digest, sums, all(copy == pattern for copy in copied)]


def remembers() -> None:
    """Say what the memory of programs is like that were forked."""
    say(memories())


def memories() -> dict[str, object]:
    """What forked programs find in memory they write in turns, and what becomes of one that may not write or read."""
    size, pages = 1 << 20, 256
    own, ours = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE), mmap.mmap(-1, size)
    for page in range(0, pages, 2):  # every other page is fresh when the children come
        own[page * 4096] = ours[page * 4096] = 1
    hear, tell = os.pipe()
    for number in (2, 3):
        if os.fork() == 0:
            found = [own[page * 4096] for page in range(pages)]
            for page in range(number, pages, 3):
                own[page * 4096] += number
                ours[page * 4096 + number] = number
            os.preadv(hear_zeros(), [memoryview(own)[:4]], 0)  # the kernel writes where programs share
            os.write(tell, struct.pack("=III", number, sum(found), sum(own[page * 4096] for page in range(pages))))
            os._exit(0)
        os.wait()
    for page in range(pages):
        own[page * 4096 + 1] = 9
    told = [struct.unpack("=III", os.read(hear, 12)) for _ in range(2)]
    shared = [sum(ours[page * 4096 + number] for page in range(pages)) for number in (0, 2, 3)]
    mine = [sum(own[page * 4096 + place] for page in range(pages)) for place in (0, 1)]
    return {"told": told, "shared": shared, "mine": mine, "ends": [_end(way) for way in (_writes, _reads, _misses)]}


def hear_zeros() -> int:
    """Return a descriptor of a file that begins with four zeros."""
    file = os.memfd_create("zeros")
    os.write(file, bytes(4))
    return file


def _end(way: Callable[[], object]) -> int:
    """Return the signal by which a child ends that does this."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # not the test runner's
        way()
        os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def _place(protection: int) -> int:
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    return int(libc.mmap(None, 4096, protection, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0))


def _writes() -> None:
    """Write where one may read."""
    place = _place(mmap.PROT_READ)
    ctypes.string_at(place, 1)
    ctypes.memset(place, 1, 1)


def _reads() -> None:
    """Read where nothing is allowed."""
    ctypes.string_at(_place(0), 1)


def _misses() -> None:
    """Read what was there once."""
    place = _place(mmap.PROT_READ)
    ctypes.string_at(place, 1)
    ctypes.CDLL(None).munmap(ctypes.c_void_p(place), 4096)
    ctypes.string_at(place, 1)


RULES = """
table inet everything {
    ct timeout short { protocol udp; l3proto ip; policy = { unreplied: 3, replied: 5 }; }
    ct helper sip { type "sip" protocol udp; }
    quota much { 1 mbytes }
    limit few { rate 5/second }
    counter hits { }
    set seen { type ipv4_addr; flags dynamic, timeout; timeout 30s; }
    chain untracked { type filter hook prerouting priority raw; tcp dport 9 notrack; }
    chain input {
        type filter hook input priority 0;
        ip protocol udp ct timeout set "short"
        ip protocol udp ct helper set "sip"
        ct state established,related counter accept
        quota name "much" limit name "few" counter name "hits"
        ct count over 10 drop
        add @seen { ip saddr }
        fib saddr . iif oif missing drop
        ct mark set numgen inc mod 4
        meta mark set jhash ip saddr mod 7
        tcp flags syn limit rate 10/second log prefix "syn " queue num 3 bypass
        icmp type echo-request reject with icmpx type admin-prohibited
        tcp dport 22 reject with tcp reset
    }
}
table ip nat4 {
    chain post {
        type nat hook postrouting priority srcnat;
        oifname "v0" masquerade random
        ip protocol tcp snat to 198.51.100.1:1024-2047 persistent
    }
    chain pre {
        type nat hook prerouting priority dstnat;
        tcp dport 80 redirect to :8080
        udp dport 53 dnat to 10.0.0.1:54
    }
}
table ip6 nat6 { chain post { type nat hook postrouting priority srcnat; masquerade; }; }
table netdev edge { chain in { type filter hook ingress device "v0" priority 0; drop; }; }
"""

COMMANDS = """
ip link add v0 type veth peer name v1
ip link add d0 type dummy
ip link add b0 type bridge
ip link set v1 master b0
ip link add i0 type ifb
ip link set v0 up
ip link set i0 up
ip tuntap add dev t0 mode tun
ip addr add 10.0.0.1/24 dev v0
ip -6 addr add 2001:db8::1/64 dev v0 nodad
ip route add 203.0.113.0/24 via 10.0.0.2
ip rule add fwmark 7 table 100
ip route add default via 10.0.0.2 table 100
tc qdisc add dev v0 root handle 1: prio
tc qdisc add dev v0 parent 1:1 handle 10: netem delay 40ms 5ms loss 1% duplicate 1% reorder 1% rate 1mbit
tc qdisc add dev v0 parent 1:2 handle 20: tbf rate 1mbit burst 10kb latency 50ms
tc qdisc add dev v0 parent 1:3 handle 30: fq_codel
tc filter add dev v0 parent 1: protocol ip u32 match ip dport 5060 0xffff flowid 1:1
tc filter add dev v0 parent 1: protocol ip flower ip_proto udp dst_port 5061 classid 1:2
tc qdisc add dev i0 root handle 1: htb default 10
tc class add dev i0 parent 1: classid 1:10 htb rate 1mbit
tc qdisc add dev v0 clsact
tc filter add dev v0 ingress matchall action mirred egress redirect dev i0
tc qdisc add dev d0 ingress
ss -tuian
nft list ruleset
unshare --user --map-root-user --net --pid --fork --uts --ipc --mount ip link
"""


def features() -> None:
    """Say which of the things a network is made of the kernel does not have."""
    import subprocess

    failed = []
    for words in [line.split() for line in COMMANDS.strip().splitlines()]:
        if words == ["nft", "list", "ruleset"]:
            done = subprocess.run(["nft", "-f", "-"], input=RULES, capture_output=True, text=True, check=False)
            failed += done.stderr.splitlines()
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0 or "not supported" in done.stderr:
            failed.append(f"{' '.join(words)}: {done.stderr}")
    for path in (
        "net/nf_conntrack",
        "sys/net/netfilter/nf_conntrack_timestamp",
        "sys/net/netfilter/nf_conntrack_events",
    ):
        if not (Path("/proc") / path).exists():
            failed.append(path)
    say(failed)
