#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Each kind of socket has its owner in the records: that process, or nobody with a reason, and never
another. Every scenario runs under --attribution tracepoints, sentinel and lookup.

A busy machine gets three attempts to name who has to be named; a wrong owner is wrong in any of them."""

import os
import time

from harness import HERE, Namespace, Place, check, comment, run, skip
from mksock import Agent, Mksock, ends_at, source_end, wait_until, wait_until_named

MODES = ("tracepoints", "sentinel", "lookup")
LIFE = 0.7  # seconds that sockets live, so that a lookup finds them
ATTEMPTS = 3


class Expectations:
    """What the records of one run must say in the end."""

    def __init__(self, mode):
        self.mode, self.list = mode, []

    def add(self, title, port, pids, other_port, protocol="tcp", sure=True, methods=None,
            reasons=None, shared=None):
        """The end at this port is of one of pids (empty: of nobody). sure: it must be known. other_port: of
        the remote end, because connect(2) may give one local port to several connections."""
        self.list.append((title, port, pids, other_port, protocol, sure, methods, reasons, shared))

    def are_known(self, records):
        """Whether each that must be known is named in some record."""
        return all(any(end.pid in pids for _, end in ends_at(records, port, other_port, protocol))
                   for _, port, pids, other_port, protocol, sure, *_ in self.list if sure and pids)

    def verify(self, records):
        """Yields (title, whether it is as expected, whether another owner was named, the ends)."""
        for title, port, pids, other_port, protocol, sure, methods, reasons, shared in self.list:
            ends = list(ends_at(records, port, other_port, protocol))
            last = [end for action, end in ends if action == "connection_closed"] or \
                [end for _, end in ends]
            others = [end for _, end in ends if shared and end.pid and {*end.shared} - {*shared}]
            wrong = others + [(action, end) for action, end in ends
                              if end.pid and end.pid not in pids]
            good = ends and not wrong
            if sure and pids:
                good = good and last[-1].pid in pids
            if methods:
                good = good and last[-1].method in methods
            if reasons:
                good = good and last[-1].reason in reasons
            if shared:
                good = good and last[-1].shared == sorted(shared)
            yield f"{self.mode}: {title}", bool(good), bool(wrong), f"expected {pids}\n{ends}"


class Scene:
    """One namespace with sockline in it, and what was started there."""

    def __init__(self, place, mode, *options):
        self.place, self.mode, self.options = place, mode, options
        self.expected = Expectations(mode)
        self.members = []
        self.results = []  # (title, good, wrong, detail)

    def check(self, holds, title, detail="", wrong=False):
        """A test point of this attempt; only of the last one, unless an owner is wrong."""
        self.results.append((f"{self.mode}: {title}", bool(holds), wrong, detail))

    def start(self):
        self.sockline = self.place.sockline("-e", "packet,connection", "--attribution", self.mode,
                                            *self.options)

    def mksock(self, *commands):
        self.members.append(Mksock(self.place, *commands))
        return self.members[-1]

    def agent(self, program):
        self.members.append(Agent(self.place, program))
        return self.members[-1]

    def finish(self):
        """Lets sockets live, closes them, stops sockline and looks at its records."""
        time.sleep(LIFE)
        wait_until(lambda: self.expected.are_known(self.sockline.records), "owners")
        for member in self.members:
            member.end()
        time.sleep(0.3)
        self.check(self.sockline.stop() == 0, "sockline ends well", self.sockline.stderr)
        self.results += self.expected.verify(self.sockline.records)
        return self.sockline.records


def play(script):
    """Runs script(scene) in each mode, up to ATTEMPTS times, and makes its test points."""
    for mode in MODES:
        for attempt in range(ATTEMPTS):
            with Namespace() as host:
                scene = Scene(host, mode)
                script(scene)
            good = all(holds for _, holds, _, _ in scene.results)
            for title, holds, wrong, detail in scene.results:
                if good or wrong or attempt == ATTEMPTS - 1:
                    check(holds, title, detail)
            if good or any(wrong for _, _, wrong, _ in scene.results):
                break
            comment(f"{mode}: attempt {attempt + 1}: not all is named: "
                    f"{[title for title, holds, _, _ in scene.results if not holds]}")


def tcp_pair(scene, title, listen, connect, options="", device=""):
    server = scene.mksock(f"tcp-listen {listen} 0 {options}")
    client = scene.mksock(f"tcp-connect {connect} {server.port()} - 0 {device}")
    server.tell("tcp-accept %1")
    client.tell("send %1 question")
    server.tell("recv %2")
    server.tell("send %2 answer")
    scene.expected.add(f"{title}, client", client.port(), {client.pid}, server.port())
    scene.expected.add(f"{title}, server", server.port(), {server.pid}, client.port())
    return client, server


def udp_pair(scene, title, bind, connect, options=""):
    server = scene.mksock(f"udp-bind {bind} 0 {options}")
    client = scene.mksock(f"udp-connect {connect} {server.port()} - 0 {options}")
    client.tell("send %1 question")
    server.tell("recv %1")
    scene.expected.add(f"{title}, client", client.port(), {client.pid}, server.port(), "udp")
    scene.expected.add(f"{title}, server", server.port(), {server.pid}, client.port(), "udp")
    return client, server


SERVER = """
import select
s = socket.socket({family}, socket.SOCK_DGRAM)
s.bind(({address!r}, 0))
print(s.getsockname()[1], flush=True)
while sys.stdin not in (ready := select.select([s, sys.stdin], [], [])[0]):
    data, peer = s.recvfrom(100)
    s.sendto(b"answer", peer)
"""
CLIENT = """
s = socket.socket({family}, socket.SOCK_DGRAM)
s.sendto(b"question", ({address!r}, {port}))
s.recv(100)
wait(s.getsockname()[1])
wait("again")
"""


def udp_unconnected(scene, title, bind, address):
    family = "socket.AF_INET6" if ":" in address else "socket.AF_INET"
    server = scene.agent(SERVER.format(family=family, address=bind))
    port = int(server.first)
    client = scene.agent(CLIENT.format(family=family, address=address, port=port))
    scene.expected.add(f"{title}, client", int(client.first), {client.pid}, port, "udp")
    scene.expected.add(f"{title}, server", port, {server.pid}, int(client.first), "udp")


def not_accepted(scene):
    server = scene.mksock("tcp-listen 127.0.0.1 0")
    client = scene.mksock(f"tcp-connect 127.0.0.1 {server.port()}")
    client.tell("send %1 anybody?")
    scene.expected.add("not yet accepted, the listener's", server.port(), {server.pid}, client.port(),
                       methods={"listener"})
    scene.expected.add("not yet accepted, client", client.port(), {client.pid}, server.port())


def refused(scene):
    # Kept open without listening, so that nobody else gets it meanwhile.
    agent = scene.agent("""
holder = socket.socket()
holder.bind(("127.0.0.1", 0))
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.connect_ex(holder.getsockname())
wait(holder.getsockname()[1], s.getsockname()[1])
""")
    nobody, port = map(int, agent.first.split())
    scene.expected.add("refused, nobody listens", nobody, set(), port, reasons={"no_socket"})
    # Its socket is not in the kernel's table any more when a lookup comes.
    scene.expected.add("refused, client", port, {agent.pid}, nobody, sure=scene.mode == "tracepoints")


def by_packet_socket(scene):
    """A datagram that no UDP socket sent, to where none is."""
    agent = scene.agent("""
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(("lo", 0x0800))
udp = struct.pack("!HHHH", 9, 11, 12, 0) + b"text"
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, b"\\x7f\\0\\0\\x01", b"\\x7f\\0\\0\\x02")
total = sum(struct.unpack("!10H", ip))
total = (total & 0xffff) + (total >> 16)
ip = ip[:10] + struct.pack("!H", ~total & 0xffff) + ip[12:]
s.send(b"\\0" * 12 + b"\\x08\\0" + ip + udp)
wait("sent")
""")
    scene.expected.add("a packet socket's, who it was is not known", 9, set(), 11, "udp",
                       reasons={"no_socket", "raw_socket"})
    scene.expected.add("a packet socket's, to nobody", 11, set(), 9, "udp", reasons={"no_socket"})
    return agent


def reuseaddr(scene):
    """Two processes on one UDP port: what one of them sends may be either's, for a lookup."""
    program = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", {port}))
wait(s.getsockname()[1])
s.sendto(b"whose?", ("127.0.0.1", {to}))
wait("sent")
"""
    to = scene.mksock("udp-bind 127.0.0.1 0")
    first = scene.agent(program.format(port=0, to=to.port()))
    port = int(first.first)
    second = scene.agent(program.format(port=port, to=to.port()))
    first.tell()
    scene.expected.add("one of two UDP sockets on a port, never the other", port, {first.pid}, to.port(),
                       "udp", sure=False, reasons={"ambiguous"} if scene.mode == "lookup" else None)
    scene.expected.add("and to whom it was sent", to.port(), {to.pid}, port, "udp")
    return second


def reuseport(scene):
    """Two listeners on one TCP port: until it is accepted, both could get the connection."""
    first = scene.mksock("tcp-listen 127.0.0.1 0 reuseport")
    second = scene.mksock(f"tcp-listen 127.0.0.1 {first.port()} reuseport")
    client = scene.mksock(f"tcp-connect 127.0.0.1 {first.port()}")
    client.tell("send %1 whose?")
    scene.expected.add("two listeners on a port, neither accepts", first.port(), set(), client.port(),
                       reasons={"ambiguous"})
    return second


def reuseport_accepted(scene):
    """The same, and a while later one of them accepts: the other is never named."""
    program = """
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(("127.0.0.1", {port}))
s.listen()
s.settimeout(0.1)
wait(s.getsockname()[1])
try:
    one = s.accept()[0]
    one.recv(10)
    one.send(b"mine")
    wait("accepted")
except TimeoutError:
    wait("nothing")
wait()
"""
    servers = [scene.agent(program.format(port=0))]
    port = int(servers[0].first)
    servers.append(scene.agent(program.format(port=port)))
    client = scene.mksock(f"tcp-connect 127.0.0.1 {port}")
    client.tell("send %1 whose?")
    time.sleep(0.3)
    accepted = [server.pid for server in servers if server.tell() == "accepted"]
    scene.expected.add("two listeners on a port, who accepts late", port, set(accepted), client.port())


def reuseport_udp(scene):
    """Two sockets on one UDP port: the receiver is either's, until it answers."""
    program = """
import time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(("127.0.0.1", {port}))
s.settimeout(0.3)
wait(s.getsockname()[1])
while True:
    try:
        data, peer = s.recvfrom(10)
        time.sleep(0.01)  # and is read together with the question
        s.sendto(b"mine", peer)
        wait("received")
    except TimeoutError:
        wait("nothing")
"""
    servers = [scene.agent(program.format(port=0))]
    port = int(servers[0].first)
    servers.append(scene.agent(program.format(port=port)))
    for when, delay in (("late", 0.3), ("at once", 0)):
        client = scene.mksock(f"udp-connect 127.0.0.1 {port}")
        if delay:
            client.tell("send %1 whose?")
            time.sleep(delay)
        for server in servers:
            server.process.send("\n")
        if not delay:
            client.tell("send %1 whose?")
        received = [server.pid for server in servers if server.process.line() == "received"]
        scene.expected.add(f"two sockets on a port, who answers {when}", port, set(received),
                           client.port(), "udp", sure=scene.mode == "tracepoints")
    silent = scene.mksock(f"udp-connect 127.0.0.1 {port}")
    silent.tell("send %1 whose?")
    scene.expected.add("two sockets on a port, neither answers", port, set(), silent.port(), "udp",
                       reasons={"ambiguous"})


def icmp(scene):
    raw = scene.agent("""
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
echo = struct.pack("!BBHHH", 8, 0, 0, 4711, 1)
total = sum(struct.unpack("!4H", echo))
echo = echo[:2] + struct.pack("!H", ~((total & 0xffff) + (total >> 16)) & 0xffff) + echo[4:]
s.sendto(echo, ("127.0.0.1", 0))
wait("sent")
wait("again")
""")
    return raw


def short_lived(scene):
    """Processes that end at once. Their owner may be unknown to a lookup, never another."""
    server = scene.mksock("udp-bind 127.0.0.1 0")
    tcp = scene.mksock("tcp-listen 127.0.0.1 0")
    sure = scene.mode == "tracepoints"
    for _ in range(5):
        one = Mksock(scene.place, f"udp-send 127.0.0.1 {server.port()} short", "exit")
        one.end()
        scene.expected.add("a process that sent and ended", one.port(), {one.pid}, server.port(),
                           "udp", sure=sure)
        one = Mksock(scene.place, f"tcp-connect 127.0.0.1 {tcp.port()}", "exit")
        one.end()
        scene.expected.add("a process that connected and ended", one.port(), {one.pid}, tcp.port(), sure=sure)


def sockets_of_all_kinds(scene):
    scene.start()
    tcp_pair(scene, "IPv4", "127.0.0.1", "127.0.0.1")
    tcp_pair(scene, "IPv6", "::1", "::1")
    tcp_pair(scene, "dual-stack listener, IPv4 client", "::", "127.0.0.1", "dualstack")
    tcp_pair(scene, "wildcard listener", "0.0.0.0", "127.0.0.9")
    tcp_pair(scene, "bound to a device", "127.0.0.1", "127.0.0.1", "device=lo", "device=lo")
    udp_pair(scene, "UDP IPv4", "127.0.0.1", "127.0.0.1")
    udp_pair(scene, "UDP IPv6", "::1", "::1")
    udp_pair(scene, "UDP bound to a device", "127.0.0.1", "127.0.0.1", "device=lo")
    udp_unconnected(scene, "unconnected UDP", "127.0.0.1", "127.0.0.1")
    udp_unconnected(scene, "unconnected UDP, wildcard", "0.0.0.0", "127.0.0.7")
    udp_unconnected(scene, "unconnected UDP, dual-stack", "::", "::1")
    not_accepted(scene)
    refused(scene)
    by_packet_socket(scene)
    reuseaddr(scene)
    reuseport(scene)
    reuseport_accepted(scene)
    reuseport_udp(scene)
    raw = icmp(scene)
    short_lived(scene)
    wait_until_named(scene.sockline, raw.pid)
    records = scene.finish()
    dual = [record for record in records
            if record.get("destination", {}).get("ip") == "::ffff:127.0.0.1"]
    scene.check(not dual, "IPv4-mapped addresses are written as IPv4", dual)
    echoes = [(record["event"]["action"], source_end(record)) for record in records
              if record.get("network", {}).get("transport") == "icmp"
              and record["event"]["action"].startswith("connection")]
    wrong = any(end.pid and end.pid != raw.pid for _, end in echoes)
    scene.check(echoes and echoes[-1][1].pid == raw.pid, "a raw socket's echo request", echoes, wrong)


def sockets_from_before(scene):
    """Sockets that were there, and handed on, before sockline was."""
    server = scene.mksock("tcp-listen 127.0.0.1 0")
    shared = scene.mksock(f"tcp-connect 127.0.0.1 {server.port()}")
    server.tell("tcp-accept %1")
    children = [int(shared.tell("fork")["pid"]) for _ in range(2)]
    passing = scene.mksock(f"tcp-connect 127.0.0.1 {server.port()}")
    server.tell("tcp-accept %1")
    passed_port = passing.port()
    receiver = int(passing.tell("pass %1")["pid"])
    unconnected = scene.agent(SERVER.format(family="socket.AF_INET", address="0.0.0.0"))
    port = int(unconnected.first)
    scene.start()
    time.sleep(0.3)
    shared.tell("send %1 hello")
    server.tell("send %3 hello")
    client = scene.mksock(f"udp-connect 127.0.0.1 {port}")
    client.tell("send %1 question")
    holders = {shared.pid, *children}
    scene.expected.add("shared after fork: the lowest pid, all are named", shared.port(),
                       {min(holders)}, server.port(), shared=holders)
    scene.expected.add("passed by SCM_RIGHTS: who has it now", passed_port, {receiver}, server.port())
    scene.expected.add("the other end", server.port(), {server.pid}, passed_port)
    scene.expected.add("an old UDP server", port, {unconnected.pid}, client.port(), "udp")
    records = scene.finish()
    directions = {record["network"]["direction"] for record in records
                  if record["event"]["action"] == "connection_closed"
                  and record.get("destination", {}).get("port") == server.port()}
    scene.check(directions == {"egress"}, "by the listener it is known who began", directions)


def time_wait(scene):
    """A packet of a connection that was closed before sockline began."""
    scene.place.sysctl("net.ipv4.tcp_rfc1337", 1)  # the peer's RST does not end it
    waits = Mksock(scene.place, "time-wait 127.0.0.1")
    fact = waits.sockets[0]
    scene.start()
    scene.agent(f"""
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
header = struct.pack("!HHIIBBHHH", {fact["remote_port"]}, {fact["local_port"]}, 1, 1, 0x50, 0x10, 100, 0, 0)
pseudo = b"\\x7f\\0\\0\\x01" * 2 + struct.pack("!HH", 6, len(header))
total = sum(struct.unpack("!16H", pseudo + header))
total = (total & 0xffff) + (total >> 16)
s.sendto(header[:16] + struct.pack("!H", ~total & 0xffff) + header[18:], ("127.0.0.1", 0))
wait("sent")
""")
    scene.expected.add("in TIME_WAIT since before", int(fact["local_port"]), set(),
                       int(fact["remote_port"]), reasons={"time_wait"})
    scene.finish()
    waits.end()


def test_sockets_of_all_kinds():
    play(sockets_of_all_kinds)


def test_sockets_from_before():
    play(sockets_from_before)


def test_time_wait():
    play(time_wait)


def test_container():
    """A process in a container, and a child of it that ends at once."""
    with open("/proc/self/mounts", encoding="ascii") as file:
        mounts = [line.split()[1] for line in file if line.split()[2] == "cgroup2"]
    name = "docker-" + "0123abcd" * 8
    folder = f"{mounts[0] if mounts else '/nowhere'}/{name}.scope"
    try:
        os.mkdir(folder)
    except OSError as error:
        skip("a container", str(error))
        return
    try:
        for mode in MODES:
            with Namespace() as host:
                container(host, mode, folder, name)
    finally:
        os.rmdir(folder)


def container(host, mode, folder, name):
    place = Place()
    place.prefix = ("sh", "-c", 'echo $$ >"$0"; exec "$@"', folder + "/cgroup.procs", *host.prefix)
    # From outside: `ip netns exec' hides the control groups.
    sockline = HERE.sockline("-e", "packet,connection", "--attribution", mode,
                             netns=f"/run/netns/{host.name}")
    port = Mksock(host, "tcp-listen 127.0.0.1 0").port()
    agent = Agent(place, f"""
s = socket.create_connection(("127.0.0.1", {port}))
s.send(b"parent")
pid = os.fork()
if pid == 0:
    socket.create_connection(("127.0.0.1", {port})).send(b"child")
    os._exit(0)
os.waitpid(pid, 0)
wait(pid)
""")
    time.sleep(LIFE)
    wait_until_named(sockline, agent.pid)
    agent.end()
    check(sockline.stop() == 0, f"{mode}: ends well", sockline.stderr)
    for title, pid in (("its process", agent.pid), ("a child that is gone", int(agent.first))):
        records = sockline.find(None, lambda one, pid=pid: one.get("process", {}).get("pid") == pid)
        ids = {record.get("container", {}).get("id") for record in records}
        groups = {record["sockline"].get("cgroup") for record in records
                  if record["event"]["dataset"] == "sockline.connection"}
        known = (ids, groups) == ({name.removeprefix("docker-")}, {f"/{name}.scope"})
        if mode != "tracepoints" and pid != agent.pid:
            continue  # they may not have seen it
        check(known,
              f"{mode}: the container of {title}", f"{ids} {groups}")


run(globals())
