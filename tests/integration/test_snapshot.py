#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""sockline -S in a namespace whose sockets are known: those of ss(8), each with its owner, and the
same ones by sock_diag and by /proc/net."""

import collections
import shutil
import socket
import time
from functools import partial

from families import FAMILIES, OTHERS, difference, kind, own, ss_lines
from harness import HERE, SOCKLINE, Namespace, check, run
from mksock import Agent, Mksock

SCENE = ("tcp-listen :: 0", "tcp-connect ::1 $1", "tcp-accept %1", "tcp-listen 127.0.0.1 0",
         "tcp-connect 127.0.0.1 $4", "udp-bind 0.0.0.0 0", "udp-connect 127.0.0.1 $6",
         "udp-bind :: 0 v6only", "udplite-bind 127.0.0.1 0", "raw 4 89", "raw 6 89",
         "packet 0x0003 lo", "netlink 0 1", "unix-listen stream @sockline-test",
         "unix-connect stream @sockline-test", "unix-accept %14", "unix-pair dgram",
         "unix-none seqpacket", "time-wait 127.0.0.1")
# Where the kernel has it.
MPTCP = ("mptcp-listen 127.0.0.1 0", "mptcp-connect 127.0.0.1 $1", "mptcp-accept %1")


def snapshot(place, *options, netns="self", complete=True):
    """The records of one snapshot."""
    process = place.sockline("-S", *options, wait=False, netns=netns)
    status = process.finish()
    check(status == 0 and process.stderr == "", f"-S {' '.join(options)} ends well", process.stderr)
    sockets = process.find("existing_socket")
    last = process.find("snapshot_completed")[0]["sockline"]["snapshot"]
    check((last["id"], last["count"]) == ("1", len(sockets)) and complete in (last["complete"], None) and
          (not last["complete"]) == ("incomplete" in last) and
          [record["sockline"]["snapshot"]["index"] for record in sockets] ==
          list(range(1, len(sockets) + 1)), f"-S {' '.join(options)}: all of them, counted", last)
    return sockets


def essence(record):
    """What both ways of listing have."""
    about = record["sockline"]["socket"]
    ends = [(record.get(end, {}).get("ip"), record.get(end, {}).get("port"),
             record.get(end, {}).get("address")) for end in ("source", "destination")]
    return (kind(record), about.get("state"), about.get("inode"), *ends,
            record.get("process", {}).get("pid"), record["sockline"]["attribution"].get("method"))


def has_mptcp():
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).close()
    except OSError:
        return False
    return True


def test_agrees_with_ss():
    """Each family: as many as ss lists, with their inodes and processes."""
    with Namespace() as host:
        holders = [Mksock(host, *SCENE), *([Mksock(host, *MPTCP)] if has_mptcp() else [])]
        inodes = {fact["inode"]: holder.pid for holder in holders for fact in holder.sockets if fact["inode"] != "0"}
        others = Agent(host, OTHERS)
        for attempt in range(20):
            records = own(snapshot(host, complete=None))
            listed = {name: ss_lines(host, name) for name in FAMILIES}
            differing = [name for name, lines in listed.items() if difference(name, records, lines)]
            wrong = [record for record in records if record["sockline"]["socket"].get("inode") in inodes and
                     record.get("process", {}).get("pid") != inodes[record["sockline"]["socket"]["inode"]]]
            check(not wrong, f"attempt {attempt + 1}: no owner is wrong", wrong)
            if not differing:
                break
            time.sleep(0.5)  # somebody else, another sockline for one, had a socket here
        for name, lines in listed.items():
            check(name not in differing, f"{name}: {len(lines)} sockets, those of ss with its processes",
                  f"{difference(name, records, lines)}\n" + "\n".join(lines))
        counts = collections.Counter(map(kind, records))
        check(all(counts[name] > 0 for name in ("tcp", "udp", "unix", "raw", "packet")) and
              (counts["mptcp"] == 3) == has_mptcp(), f"there were some, of {others.first} rare ones too", counts)
        output = host.run("sh", "-c", f"{SOCKLINE} -S --netns self --tcp --udp --unix -q | wc -l")
        lines = host.run("sh", "-c", "ss -tuaxH | wc -l")
        # run_started, snapshot_completed, run_stopped
        check(int(output) == int(lines) + 3, "sockline -S | wc -l", f"{output} {lines}")


def test_owners():
    with Namespace() as host:
        holder = Mksock(host, *SCENE)
        records = own(snapshot(host))
        by_inode = {record["sockline"]["socket"].get("inode"): record for record in records}
        for number, fact in enumerate(holder.sockets, 1):
            if fact["inode"] == "0":
                continue
            record = by_inode.get(fact["inode"])
            if not check(record is not None, f"socket {number}, {fact['kind']}: listed", fact):
                continue
            about = record["sockline"]["socket"]
            check(record.get("process", {}).get("pid") == holder.pid and
                  record["process"]["name"] == "mksock" and about["kind"] == fact["kind"] and
                  about["netns"] == str(host.inode) and
                  about.get("cookie", fact["cookie"]) == fact["cookie"],
                  f"socket {number}, {fact['kind']}: whose it is", f"{fact}\n{record}")
            check_ends(number, fact, record)
        waiting = [record for record in records if record["sockline"]["socket"].get("state") == "time_wait"]
        check(len(waiting) == 1 and waiting[0]["sockline"]["attribution"]["reason"] == "time_wait",
              "one in TIME_WAIT, nobody's", waiting)
        check(len(by_inode) - 1 == sum(fact["inode"] != "0" for fact in holder.sockets),
              "and no others", set(by_inode))
        unknown = [record for record in records if "process" not in record and record not in waiting]
        check(not unknown, "no owner is unknown", unknown)


def check_ends(number, fact, record):
    if "local_port" not in fact or fact["kind"] == "raw":
        return
    # A UDP socket without a peer waits for whoever comes, as a listener does.
    listens = record["sockline"]["socket"].get("state") == "listen" or fact["kind"] in (
        "udp", "udplite") and "remote" not in fact
    local = record["destination" if listens else "source"]
    remote = record.get("source" if listens else "destination", {})
    check((local["ip"], str(local["port"])) == (fact["local"], fact["local_port"]) and
          (remote.get("ip"), str(remote.get("port"))) ==
          (fact.get("remote"), str(fact.get("remote_port"))),
          f"socket {number}, {fact['kind']}: its ends", f"{fact}\n{record}")


def test_netlink_and_proc():
    with Namespace() as host:
        Mksock(host, *SCENE)
        # Sockets of ping, and raw ones in many kernels, have no handler of sock_diag.
        ways = {way: own(snapshot(host, "--sockets", way, complete=way != "netlink"))
                for way in ("netlink", "proc", "auto")}
        listed = {way: {essence(record) for record in records if kind(record) != "netlink"}
                  for way, records in ways.items()}
        by_diag = {one for one in listed["proc"] if one[0] != "raw"} | \
            {one for one in listed["netlink"] if one[0] == "raw"}
        check(listed["netlink"] == by_diag, "--sockets netlink and proc: the same sockets",
              listed["netlink"] ^ by_diag)
        check(listed["auto"] == listed["proc"], "--sockets auto and proc: the same sockets",
              listed["auto"] ^ listed["proc"])
        sources = {record["sockline"]["socket"]["source"] for record in ways["proc"]}
        check(sources == {"proc_net"}, "where from", sources)


EXCHANGE = """
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
other = server.accept()[0]
wait(client.getsockname()[1])
client.send(b"x")
other.recv(1)
client.close()
other.close()
wait(0)
"""


def test_evidence():
    """A connection whose socket was found in /proc/net has that as evidence, others have not."""
    for way, expected in (("proc", True), ("netlink", False)):
        with Namespace() as host:
            sockline = host.sockline("-i", "lo", "-e", "connection", "--sockets", way,
                                     "--attribution", "lookup")
            agent = Agent(host, EXCHANGE)
            port = int(agent.first)
            sockline.wait_for(where=lambda record: record.get("source", {}).get("port") == port and
                              "process" in record)
            agent.tell()
            closed = sockline.wait_for("connection_closed",
                                       lambda record: record["source"]["port"] == port)
            check(sockline.stop() == 0, f"--sockets {way}: ends well", sockline.stderr)
            check(closed["process"]["pid"] == agent.pid and
                  ("proc_net" in closed["sockline"]["evidence"]) == expected,
                  f"--sockets {way}: the evidence", closed)



# A mark and drops; a packet socket with rings and fanout; a connection whose end drops all that comes.
PARTICULAR = """
import ctypes, time
SO_MARK, SO_ATTACH_FILTER, TCP_INFO, RETRANSMITS = 36, 26, 11, 2
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 0))
datagrams.setsockopt(socket.SOL_SOCKET, SO_MARK, 77)
datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
for _ in range(100):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(bytes(1000), datagrams.getsockname())
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
packets.bind(("lo", 3))
PACKET, RX_RING, VERSION, TX_RING, FANOUT = 263, 5, 10, 13, 18
packets.setsockopt(PACKET, VERSION, struct.pack("i", 1))
for ring in (RX_RING, TX_RING):
    packets.setsockopt(PACKET, ring, struct.pack("IIII", 4096, 4, 2048, 8))
packets.setsockopt(PACKET, FANOUT, 5)
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server = listener.accept()[0]
nothing = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
server.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                  struct.pack("HxxxxxxP" if struct.calcsize("P") == 8 else "HxxP", 1, ctypes.addressof(nothing)))
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
client.send(bytes(10))
while client.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 104)[RETRANSMITS] == 0:
    time.sleep(0.01)
inode = lambda one: os.fstat(one.fileno()).st_ino
wait(inode(datagrams), inode(packets), inode(client))
"""


def test_particular_details():
    with Namespace() as host:
        agent = Agent(host, PARTICULAR)
        records = {record["sockline"]["socket"].get("inode"): record["sockline"] for record in own(snapshot(host))}
        datagrams, packets, client = (records[inode] for inode in agent.first.split())
        check(datagrams["socket"]["mark"] == 77 and datagrams["socket"]["drops"] > 0, "mark and drops", datagrams)
        ring = {"block_size": 4096, "blocks": 4, "frame_size": 2048, "frames": 8}
        check(packets["socket"]["ring_version"] == 2 and packets["socket"]["receive_ring"] == ring and
              packets["socket"]["send_ring"] == ring and
              packets["socket"]["fanout"] == {"id": 5, "mode": "hash"}, "rings and fanout", packets)
        timer = client["socket"]["timer"]
        check(timer["name"] == "retransmit" and timer["retransmits"] > 0 and
              client["tcp"]["unacknowledged"] == 1 and client["tcp"]["bytes_retransmitted"] > 0 and
              client["tcp"]["slow_start_threshold"] > 0 and client["socket"]["send_queue"] == 10 and
              client["socket"]["congestion_control"] == "reno",
              "what is sent again", client)


def test_interval():
    """Listings follow each other, with what is there then, until the time is over."""
    with Namespace() as host:
        sockline = host.sockline("-S", "--interval", "1", "--tcp", wait=False)
        sockline.wait_for("snapshot_completed")
        late = Mksock(host, "tcp-listen 127.0.0.1 0")
        port = late.port()
        seen = sockline.wait_for("existing_socket", lambda record: record["destination"]["port"] == port)
        check(seen["process"]["pid"] == late.pid and int(seen["sockline"]["snapshot"]["id"]) > 1,
              "a later listing has what came later", seen)
        check(sockline.stop() == 0, "a signal ends it", sockline.stderr)
        ends = [record["sockline"]["snapshot"] for record in sockline.find("snapshot_completed")]
        check([int(end["id"]) for end in ends] == list(range(1, len(ends) + 1)), "they are counted", ends)


def test_details():
    """What ss -e -i shows of a socket besides."""
    with Namespace() as host:
        holder = Mksock(host, *SCENE)
        mptcp = Mksock(host, *MPTCP) if has_mptcp() else None
        records = {record["sockline"]["socket"]["inode"] + kind(record): record["sockline"]
                   for record in own(snapshot(host)) if "inode" in record["sockline"]["socket"]}

        def of(number, maker=holder, name=None):
            fact = maker.sockets[number - 1]
            return records[fact["inode"] + (name or fact["kind"])]

        algorithm = host.run("sysctl", "-n", "net.ipv4.tcp_congestion_control").strip()
        check(of(2)["socket"]["congestion_control"] == algorithm and of(2)["tcp"]["mss"] > 0 and
              of(2)["tcp"]["congestion_window"] > 0 and of(2)["tcp"]["rto_us"] >= 200000,
              "TCP: congestion control and figures", of(2))
        check(of(14)["socket"]["backlog"] == 0 and of(14)["socket"]["backlog_max"] > 0,
              "unix: a listener's queue", of(14))
        check(of(13)["socket"]["memberships"] == [1], "netlink: groups", of(13))
        if mptcp:
            tokens = [[of(number, mptcp, name)["mptcp"]["token"] for name in ("mptcp", "tcp")]
                      for number in (2, 3)]
            check(all(first == second for first, second in tokens) and tokens[0] != tokens[1],
                  "MPTCP: a connection and its subflow have one token", tokens)


def test_narrowed():
    with Namespace() as host:
        Mksock(host, *SCENE)
        everything = snapshot(host)
        for name in ("tcp", "udp", "udplite", "raw", "unix", "packet", "netlink"):
            some = snapshot(host, f"--{name}")
            check({kind(record) for record in some} == {name} and
                  {essence(record) for record in own(some)} ==
                  {essence(record) for record in own(everything) if kind(record) == name},
                  f"--{name}: those alone", some)
        both = snapshot(host, "--tcp", "--udp")
        check({kind(record) for record in both} == {"tcp", "udp"}, "--tcp --udp")
        waiting = snapshot(host, "--listening", "--tcp", "--udp", "--unix")
        lines = host.run("ss", "-tuxlHn").splitlines()
        # To ss every unconnected datagram socket listens; those of unix have peers or no name here.
        check(len(waiting) == len([line for line in lines if "u_dgr" not in line and "u_seq" not in line]),
              "--listening: as ss -l", f"{len(waiting)}\n" + "\n".join(lines))


def test_namespaces():
    """--netns PATH from outside."""
    with Namespace() as host:
        Mksock(host, *SCENE)
        inside, outside = ({essence(record) for record in own(records)} for records in
                           (snapshot(host), snapshot(HERE, netns=f"/run/netns/{host.name}")))
        check(inside == outside, "from outside: the same sockets", inside ^ outside)


def is_listener(record, place, port):
    """Other tests have listeners too, in namespaces of their own, and maybe with the same port."""
    return (record["sockline"]["socket"]["netns"] == str(place.inode)
            and record.get("destination", {}).get("port") == port)


def test_listeners():
    """Those that begin right after the snapshot, or before their namespace is known, too."""
    with Namespace() as host:
        early = Mksock(host, "tcp-listen 127.0.0.1 0")
        sockline = HERE.sockline("-e", "socket", "-i", "lo", netns="all")
        late = Mksock(host, "tcp-listen 127.0.0.1 0")
        with Namespace() as fresh:
            inside = Mksock(fresh, "tcp-listen ::1 0")
            for title, place, holder in (("right after the start", host, late),
                                         ("in a new namespace", fresh, inside)):
                port = int(holder.sockets[0]["local_port"])
                began = sockline.wait_for("listening_started", partial(is_listener, place=place, port=port))
                check(began.get("process", {}).get("pid") == holder.pid, f"a listener {title}", began)
        port = int(early.sockets[0]["local_port"])
        early.process.kill()
        is_early = partial(is_listener, place=host, port=port)
        ended = sockline.wait_for("listening_stopped", is_early)
        check(len(sockline.find("existing_socket", is_early)) == 1 and
              not sockline.find("listening_started", is_early) and
              ended.get("process", {}).get("pid") == early.pid,
              "one from before is in the snapshot, and its end is reported", ended)
        sockline.stop()


if not shutil.which("ss"):
    raise SystemExit("1..0 # SKIP needs ss")
run(globals())
