"""What the virtual-time kernel is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.worlds import kernel_build

WANTED = kernel_build.CONFIGURATION.read_text()


@pytest.mark.parametrize(
    "feature",
    [
        "UML_TIME_TRAVEL_SUPPORT HIGH_RES_TIMERS HOSTFS TMPFS PROC_FS SYSFS",
        "NET_NS PID_NS USER_NS UTS_NS IPC_NS EPOLL EVENTFD TIMERFD SIGNALFD FUTEX POSIX_TIMERS",
        "INET IPV6 PACKET UNIX INET_DIAG VETH DUMMY TUN BRIDGE IFB",
        "NF_CONNTRACK_EVENTS NF_CONNTRACK_TIMEOUT NF_CONNTRACK_TIMESTAMP NF_CONNTRACK_PROCFS",
        "NF_CONNTRACK_SIP NF_NAT_SIP",
        "NF_CT_NETLINK NF_CT_NETLINK_TIMEOUT NETFILTER_NETLINK_QUEUE NF_TABLES_INET NF_TABLES_IPV4 NF_TABLES_IPV6",
        "NFT_CT NFT_NAT NFT_MASQ NFT_REDIR NFT_REJECT NFT_LIMIT NFT_QUOTA NFT_LOG NFT_FIB_INET NFT_NUMGEN NFT_HASH",
        "NFT_OBJREF NFT_QUEUE NET_SCH_NETEM NET_SCH_TBF NET_SCH_HTB NET_SCH_PRIO NET_SCH_INGRESS NET_SCH_FQ_CODEL",
        "NET_CLS_U32 NET_CLS_FLOWER NET_CLS_MATCHALL NET_CLS_ACT NET_ACT_MIRRED",
    ],
)
def test_the_kernel_has_what_the_lab_promises(feature: str) -> None:
    """Trimming must not take a feature that networks, middleboxes or impairments need."""
    missing = [name for name in feature.split() if f"CONFIG_{name}=y" not in WANTED.splitlines()]
    assert missing == []


def test_the_kernel_has_no_way_out() -> None:
    """The guest's drivers to the host's network and consoles are left out."""
    for name in ("UML_NET", "MODULES", "MCONSOLE", "BLOCK"):
        assert f"# CONFIG_{name} is not set" in WANTED.splitlines()


def test_no_line_is_said_twice() -> None:
    """Each symbol has one line, so none silently overrules another."""
    names = [line.removeprefix("# ").split("=")[0].split()[0] for line in WANTED.splitlines() if "CONFIG_" in line]
    assert sorted(names) == sorted(set(names))


def test_unmet_wishes_are_found() -> None:
    """A feature the source does not offer is named; what is switched off need not exist."""
    wanted = "# words\nCONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\n"
    assert kernel_build.unmet(wanted, "CONFIG_A=y\nCONFIG_C=y\n") == ["CONFIG_B=y"]
    assert kernel_build.unmet(wanted, "CONFIG_A=y\nCONFIG_B=y\n") == []
    assert kernel_build.unmet("CONFIG_NFT_OBJREF=y\n", "CONFIG_A=y\n") == []  # Linux 6.12 always has it


def test_unpacking(tmp_path: Path) -> None:
    """A tarball is unpacked without its top folder, a tree copied without what was built in it."""
    tarball = kernel_build.unpack_command(Path("/s/linux.tar.xz"), tmp_path)
    assert tarball[:4] == ["tar", "-C", str(tmp_path), "--strip-components=1"]
    assert tarball[-2:] == ["-xf", "/s/linux.tar.xz"]
    assert not any("compress" in word for word in kernel_build.unpack_command(Path("/s/linux.tar.gz"), tmp_path))
    tree = kernel_build.unpack_command(tmp_path, tmp_path / "into")
    assert tree[4:6] == [str(tmp_path), str(tmp_path / "into")]
    assert "--exclude=*.o" in tree


def test_every_part_of_the_recipe_counts() -> None:
    """The digest covers configuration, compiler wrapper, headers, patches and what is left out."""
    names = {path.name for path in kernel_build.RECIPE.iterdir()}
    patches = {f"{name}.patch" for name in ("copy-on-write", "fault-around", "floating-point")}
    assert names >= {"cc.sh", "core.h", "net.h", "unused", *patches}
    assert len(kernel_build.recipe_digest()) == 16
