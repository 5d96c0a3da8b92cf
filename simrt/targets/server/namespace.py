"""A network of the run's own, in which the kernel really loses a client's packets (NET-7).

The clients that fall silent have their sockets in a network namespace, each on an address of its
own, joined to the server by one pair of virtual interfaces. Two routing rules make one of them
silent: what comes for its address meets a black hole, what it sends is routed to where nobody is.
Neither side is told; each kernel repeats what is not acknowledged, as it does over a dead link.

That needs Linux, root, and the command `ip`. The addresses are of 198.18.0.0/15, which is set aside
for tests of networks; nothing leaves the machine. A namespace bears the process it belongs to in
its name: what a killed run left is removed when the next one begins.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simrt.errors import TargetError

# More clients than these fall silent behind a proxy.
MOST_MEMBERS = 200
_FIRST_MEMBER = 2
_IP = shutil.which("ip") or "ip"
_SUBNETS = [f"198.{18 + half}.{number}" for half in (0, 1) for number in range(256)]
_CLONE_NEWNET = 0x40000000
_NAME = re.compile(r"^simrt-(\d+)-(\d+)\b", re.MULTILINE)
_LOCK = Path(tempfile.gettempdir()) / "simrt-networks.lock"
# The table of what a silent client sends: back to itself, where nobody has the server's address.
_NOWHERE = 100


class Namespace:
    """The namespace of one run; made by `own_network`.

    Arguments:
        name: its name.
        subnet: the first three numbers of its addresses.

    Attributes:
        name: its name.
        host: the server's address in it.
    """

    def __init__(self, name: str, subnet: str) -> None:
        self.name = name
        self.host = f"{subnet}.1"
        self._subnet = subnet
        self._inside = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        self._outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._switch = subprocess.Popen(
            (_IP, "-n", name, "-force", "-batch", "-"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the harness
        )
        assert self._switch.stdout is not None
        os.set_blocking(self._switch.stdout.fileno(), False)
        self._asked = 0
        self._answered = 0

    def socket_of(self, number: int) -> socket.socket:
        """A new socket on a member's address.

        Arguments:
            number: of the member, from 0.
        """
        _enter(self._inside)
        try:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        finally:
            _enter(self._outside)
        sock.bind((self._address(number), 0))
        return sock

    def silence(self, number: int, silent: bool) -> None:
        """Lose every packet from and to a member from now on, or no more: see `in_force`."""
        word, address = "add" if silent else "del", self._address(number)
        assert self._switch.stdin is not None
        self._switch.stdin.write(
            f"rule {word} pref 10 iif {_INNER} to {address} blackhole\n"
            f"rule {word} pref 10 iif lo from {address} lookup {_NOWHERE}\n"
            f"rule show pref {_NOWHERE}\n".encode()
        )
        self._asked += 1
        self._read()

    async def in_force(self) -> None:
        """Wait until the kernel does all that was asked for: another process tells it."""
        asked = self._asked
        while self._answered < asked and self._read():  # noqa: ASYNC110 - a pipe wakes nobody
            await asyncio.sleep(_LOOKS_EACH_S)

    def _read(self) -> bool:
        """Count the answers, each a line; False once no more can come."""
        assert self._switch.stdout is not None
        answers = self._switch.stdout.read()
        self._answered += (answers or b"").count(b"\n")
        return answers != b""

    def close(self) -> None:
        """Leave it.

        Raises:
            TargetError: some silence could not be made or ended.
        """
        os.close(self._inside)
        os.close(self._outside)
        _, said = self._switch.communicate()
        if self._switch.returncode:
            why = said.decode("utf-8", "replace").strip()
            raise TargetError(f"the network of the silent clients did not obey: {why}")

    def _address(self, number: int) -> str:
        return _address(self._subnet, number)


@contextmanager
def own_network(members: int) -> Iterator[Namespace | None]:
    """A namespace for so many clients that fall silent; it is gone afterwards.

    Yields:
        The namespace; None where there is nobody to fall silent, or it cannot be made: then
        `why_none` says why.
    """
    if members == 0 or why_none(members):
        yield None
        return
    name = ""
    try:
        with _one_at_a_time():
            remove_left_overs()
            name, subnet = _free_name(), _free_subnet()
            _make(name, subnet, members)
    except _RefusedError:
        _remove(name)
        yield None
        return
    namespace = None
    try:
        namespace = Namespace(name, subnet)
        yield namespace
    finally:
        try:
            if namespace is not None:
                namespace.close()
        finally:
            _remove(name)


def why_none(members: int) -> str:
    """Why packets cannot really be lost here; empty where they can, as far as one can tell."""
    if not sys.platform.startswith("linux"):
        return "this system has no network namespaces"
    if os.geteuid() != 0:
        return "only root may make a network namespace"
    if shutil.which("ip") is None:
        return "the command ip is missing (apt-get install iproute2)"
    if members > MOST_MEMBERS:
        return f"more than {MOST_MEMBERS} clients fall silent"
    return ""


def remove_left_overs() -> None:
    """Remove the namespaces of processes that are no more."""
    listed = subprocess.run((_IP, "netns", "list"), capture_output=True, text=True, check=False)
    for line in listed.stdout.splitlines():
        found = _NAME.match(line)
        if found and _started(int(found[1])) != found[2]:
            _remove(line.split()[0])


# --- what it is made of ---------------------------------------------------------------------------

_INNER = "inside"
_LOOKS_EACH_S = 0.001
# Permanent neighbours: otherwise a silence would be noticed by ARP, which says so.
_OUTER_MAC, _INNER_MAC = "02:00:5e:10:00:01", "02:00:5e:10:00:02"


class _RefusedError(Exception):
    """The kernel, or who guards it, does not allow it."""


def _make(name: str, subnet: str, members: int) -> None:
    addresses = [_address(subnet, number) for number in range(members)]
    outer = f"simrt{_SUBNETS.index(subnet)}"
    _ip(
        f"netns add {name}",
        f"link add {outer} mtu 65535 address {_OUTER_MAC}"
        f" type veth peer name {_INNER} mtu 65535 address {_INNER_MAC} netns {name}",
        f"addr add {subnet}.1/24 dev {outer}",
        f"link set {outer} up",
        *(f"neigh add {one} lladdr {_INNER_MAC} dev {outer} nud permanent" for one in addresses),
    )
    _ip(
        *(f"addr add {one}/24 dev {_INNER}" for one in addresses),
        f"link set {_INNER} up",
        "link set lo up",
        f"neigh add {subnet}.1 lladdr {_OUTER_MAC} dev {_INNER} nud permanent",
        # Rules for a silent client come before the one that finds addresses of our own.
        f"rule add pref {_NOWHERE} lookup local",
        "rule del pref 0 lookup local",
        f"route add default dev lo table {_NOWHERE}",
        within=name,
    )


def _ip(*commands: str, within: str = "") -> None:
    done = subprocess.run(
        (_IP, *(("-n", within) if within else ()), "-batch", "-"),
        input="".join(f"{command}\n" for command in commands),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise _RefusedError(done.stderr)


def _remove(name: str) -> None:
    """The pair of interfaces goes with it."""
    if name:
        subprocess.run((_IP, "netns", "delete", name), capture_output=True, check=False)


def _free_name() -> str:
    mine = f"simrt-{os.getpid()}-{_started(os.getpid())}"
    number = 0
    while Path(f"/run/netns/{mine}-{number}").exists():
        number += 1
    return f"{mine}-{number}"


def _free_subnet() -> str:
    taken = subprocess.run(
        (_IP, "-o", "-4", "addr"), capture_output=True, text=True, check=False
    ).stdout
    for subnet in _SUBNETS:
        if f" {subnet}." not in taken:
            return subnet
    raise _RefusedError("no addresses are left")


def _address(subnet: str, number: int) -> str:
    return f"{subnet}.{_FIRST_MEMBER + number}"


def _started(pid: int) -> str:
    """When a process was started, in ticks since the boot; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with _LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _enter(namespace: int) -> None:
    """Let this thread make its next sockets in a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise TargetError(f"cannot enter the network of the silent clients: {os.strerror(number)}")
