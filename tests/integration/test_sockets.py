#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Sockets of every kind: what the lister finds by sock_diag, what it finds in
/proc/net, what ss(8) says and what mksock made must be the same.

Needs root; works in a network namespace of its own. Prints TAP.
"""

import ctypes
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time

HELPERS = os.path.join(os.environ.get("top_builddir", "."), "tests", "helpers")
CLONE_NEWNET = 0x40000000
INET = ("tcp", "udp", "udplite", "raw", "icmp")
KINDS = INET + ("unix", "packet", "netlink")
# enum socket_state, as ss names them.
SS_STATES = {
    "ESTAB": "1", "SYN-SENT": "2", "SYN-RECV": "3", "FIN-WAIT-1": "4", "FIN-WAIT-2": "5",
    "TIME-WAIT": "6", "UNCONN": "7", "CLOSE-WAIT": "8", "LAST-ACK": "9", "LISTEN": "10",
    "CLOSING": "11",
}
NETLINK_SOCK_DIAG = "4"

count = failures = 0


def check(holds, name, *details):
    global count, failures
    count += 1
    print(f"{'' if holds else 'not '}ok {count} - {name}", flush=True)
    if not holds:
        failures += 1
        for detail in details:
            print("\n".join(f"# {line}" for line in str(detail).splitlines()), flush=True)
    return holds


class Mksock:
    """A running mksock: facts about what it made."""

    def __init__(self, *commands):
        self.process = subprocess.Popen([os.path.join(HELPERS, "mksock"), *commands],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.sockets, self.errors = [], []
        while self.take()["about"] != "ready":
            pass

    def take(self):
        line = self.process.stdout.readline()
        words = line.split()
        if not words:
            sys.exit("Bail out! mksock ended")
        fact = dict(word.split("=", 1) for word in words[1:])
        fact["about"] = words[0]
        if words[0] == "socket":
            self.sockets.append(fact)
        elif words[0] == "error":
            self.errors.append(line.strip())
        return fact

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.take()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def list_sockets(mode, *kinds, wrapper=()):
    """(sockets as dictionaries, what the last line says)"""
    result = run(*wrapper, os.path.join(HELPERS, "list_sockets"), mode, *kinds)
    lines = result.stdout.splitlines()
    if result.returncode != 0 or not lines:
        sys.exit(f"Bail out! list_sockets: {result.stderr}")
    sockets = [dict(word.split("=", 1) for word in line.split("\t")) for line in lines[:-1]]
    # The netlink sockets of list_sockets itself.
    sockets = [one for one in sockets if one["kind"] != "netlink" or
               one["protocol"] != NETLINK_SOCK_DIAG or one["port_id"] == "0"]
    return sockets, dict(word.split("=", 1) for word in lines[-1].split()[1:])


def of_kind(sockets, kind):
    return [one for one in sockets if one["kind"] == kind]


def in_both(one):
    """What sock_diag and /proc/net both say of a socket."""
    names = ["state", "family", "protocol", "inode"]
    if one["kind"] in INET:
        names += ["type", "local", "local_port", "remote", "remote_port"]
    elif one["kind"] == "unix":
        names += ["type"]
    elif one["kind"] == "packet":
        names += ["type", "ifindex", "uid"]
    else:
        names += ["port_id", "groups"]
    values = {name: one.get(name) for name in names}
    if one["kind"] == "unix":
        # /proc/net/unix shows a NUL as '@'.
        path = bytes.fromhex(one["path"])
        values["path"] = path[:1] + path[1:].replace(b"\0", b"@")
    return tuple(sorted(values.items()))


def undisturbed(take):
    """What take() returns when nobody else makes or closes a socket here meanwhile, such as another
    sockline that captures in every namespace."""
    for _ in range(20):
        before, taken, after = list_sockets("auto")[0], take(), list_sockets("auto")[0]
        if sorted(map(in_both, before)) == sorted(map(in_both, after)):
            break
        time.sleep(0.2)
    return taken


def difference(left, right):
    return "\n".join([f"< {item}" for item in sorted(map(str, set(left) - set(right)))] +
                     [f"> {item}" for item in sorted(map(str, set(right) - set(left)))])


def canonical(address):
    """As the tuple of a socket has it: IPv4 where it is IPv4."""
    address = address.strip("[]").split("%")[0]
    if address == "*":
        return "::"
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    if len(packed) == 16 and packed[:12] == bytes(10) + b"\xff\xff":
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6 if len(packed) == 16 else socket.AF_INET, packed)


def ss_inet(option):
    """(state, local, port, remote, port, inode, cookie, uid) of each."""
    found = []
    for line in run("ss", "-Hane", option).stdout.splitlines():
        words = line.split()
        ends = []
        for end in words[3:5]:
            address, port = end.rsplit(":", 1)
            ends += [canonical(address), "0" if port == "*" else port]
        if words[0] == "LISTEN" or words[0] == "UNCONN" and ends[3] == "0":
            ends[2] = "-"  # ss prints 0.0.0.0 and :: alike here
        extra = dict(word.split(":", 1) for word in words[5:] if re.match(r"(ino|sk|uid):", word))
        found.append((SS_STATES[words[0]], *ends, extra.get("ino", "0"), extra.get("sk", "0"),
                      extra.get("uid", "0")))
    return found


def as_ss(one):
    remote = one["remote"]
    if one["state"] == "10" or one["state"] == "7" and one["remote_port"] == "0":
        remote = "-"
    return (one["state"], one["local"], one["local_port"], remote, one["remote_port"],
            one["inode"], one["cookie"], one.get("uid", "0"))


def ss_unix():
    found = []
    for line in run("ss", "-Hanx").stdout.splitlines():
        match = re.match(r"\S+\s+(\S+)\s+\d+\s+\d+\s+(.*?)\s(\d+)\s+\*\s(\d+)\s*$", line)
        if match:
            found.append((SS_STATES[match[1]], match[3], match[4]))
    return found


def ss_netlink():
    """(protocol, port id), which ss prints as a signed number; without the sockets of ss itself."""
    found = set()
    for line in run("ss", "-Hanr", "-A", "netlink").stdout.splitlines():
        protocol, port = line.split()[3].split(":")
        if protocol != NETLINK_SOCK_DIAG or port == "0":
            found.add((protocol, str(int(port) & 0xffffffff)))
    return found


def send_syn(veth, peer, address, port):
    """A SYN from a host that does not answer, put on the wire at the other end of a veth."""
    def mac(name):
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as probe:
            probe.bind((name, 0))
            return probe.getsockname()[4]

    def checksum(data):
        total = sum(struct.unpack(f"!{len(data) // 2}H", data))
        total = (total & 0xffff) + (total >> 16)
        return ~(total + (total >> 16)) & 0xffff

    source, destination = socket.inet_aton("10.77.0.99"), socket.inet_aton(address)
    tcp = struct.pack("!HHIIBBHHH", 4321, port, 1, 0, 5 << 4, 2, 1024, 0, 0)
    pseudo = source + destination + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, source, destination)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((peer, 0))
        wire.send(mac(veth) + mac(peer) + b"\x08\x00" + ip + tcp)


def make_namespace():
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(CLONE_NEWNET) != 0:
        print("1..0 # SKIP needs root")
        sys.exit(0)
    with open("/proc/sys/net/ipv4/ping_group_range", "w", encoding="ascii") as file:
        file.write("0 1000\n")
    for command in ("link set lo up", "link add v0 type veth peer name v1",
                    "address add 10.77.0.1/24 dev v0", "link set v0 up", "link set v1 up",
                    "neighbour add 10.77.0.99 lladdr 02:00:00:00:00:99 dev v0"):
        result = run("ip", *command.split())
        if result.returncode != 0:
            sys.exit(f"Bail out! ip {command}: {result.stderr}")


def make_sockets(folder):
    return Mksock(
        "tcp-listen 127.0.0.1 0", "tcp-listen ::1 0 v6only", "tcp-listen :: 0 dualstack",
        "tcp-listen 0.0.0.0 0",
        "tcp-connect 127.0.0.1 $1", "tcp-accept %1",
        "tcp-connect ::1 $2", "tcp-accept %2",
        "tcp-connect 127.0.0.1 $3", "tcp-accept %3",
        "tcp-connect 127.0.0.1 $4 127.0.0.7",                # not accepted
        "tcp-connect 127.0.0.1 $4 - - device=lo",
        "uid 1000", "tcp-connect 127.0.0.1 $4", "udp-bind 127.0.0.1 0", "uid 0",
        "time-wait 127.0.0.1", "time-wait ::1",
        "tcp-connect 127.0.0.1 $1", "tcp-accept %1", "close %18",   # FIN_WAIT2 and CLOSE_WAIT
        "udp-bind 0.0.0.0 0", "udp-bind :: 0", "udp-bind ::1 0 v6only",
        "udp-connect 127.0.0.1 9", "udp-connect ::1 9", "udp-connect ::ffff:127.0.0.1 9",
        "udp-send 127.0.0.1 9 x", "udp-bind 127.0.0.1 0 device=lo",
        "udplite-bind 127.0.0.1 0", "udplite-bind ::1 0", "udplite-connect 127.0.0.1 9",
        "raw 4 1", "raw 4 255", "raw 6 58", "ping 4 77", "ping 6 78", "ping 4 0",
        "packet 0x0800 lo", "packet 3", "packet 0",
        "netlink 0 1", "netlink 0 0x80000001", "netlink 15 0",
        "unix-listen stream @abstract name", f"unix-listen seqpacket {folder}/a b",
        "unix-connect stream @abstract name", "unix-connect stream @abstract name",
        "unix-bind dgram @", f"unix-connect seqpacket {folder}/a b",
        "unix-pair stream", "unix-pair dgram", "unix-none stream", "unix-none dgram")


def test_modes(mksock):
    (by_netlink, netlink_end), (by_proc, proc_end), (mixed, mixed_end) = undisturbed(
        lambda: [list_sockets(mode) for mode in ("netlink", "proc", "auto")])

    check(mixed_end["complete"] == "1" and mixed_end["failed"] == "0", "auto is complete", mixed_end)
    check(proc_end["complete"] == "1" and proc_end["malformed"] == "0", "proc is complete", proc_end)
    no_handler = {kind for kind in KINDS
                  if list_sockets("netlink", kind)[1]["complete"] == "0"}
    check(no_handler <= {"raw", "icmp"} and "icmp" in no_handler,
          f"without a sock_diag handler: {sorted(no_handler)}", netlink_end)
    check(all(one["source"] == ("proc" if one["kind"] in no_handler else "netlink")
              for one in mixed), "auto takes these from /proc/net")
    for kind in KINDS:
        left = [in_both(one) for one in of_kind(mixed, kind)]
        right = [in_both(one) for one in of_kind(by_proc, kind)]
        check(sorted(left) == sorted(right) and left, f"{kind}: {len(left)} by auto, and by proc",
              difference(left, right))
        if kind not in no_handler:
            right = [in_both(one) for one in of_kind(by_netlink, kind)]
            check(sorted(left) == sorted(right), f"{kind}: by netlink", difference(left, right))
    with_uid = {one["inode"]: one["uid"] for one in by_proc if "uid" in one}
    wrong = [one for one in mixed if with_uid.get(one["inode"], one.get("uid")) != one.get("uid")
             and one["inode"] != "0" and "uid" in one]
    check(not wrong, "uids are the same where both know them", wrong)

    check(not mksock.errors, "mksock made all", "\n".join(mksock.errors))
    for mode, sockets in (("auto", mixed), ("proc", by_proc)):
        missing = [fact for fact in mksock.sockets
                   if fact.get("closed") is None and not has(sockets, fact, mode)]
        check(not missing, f"{mode}: each of the {len(mksock.sockets)} sockets, once",
              "\n".join(map(str, missing)))
    return mixed


def has(sockets, fact, mode):
    """Whether exactly one entry is what mksock says it made."""
    kind = fact["kind"]
    found = [one for one in of_kind(sockets, kind) if one["inode"] == fact["inode"]]
    if fact["inode"] == "0":
        found = [one for one in found if one["state"] == "6" and
                 one["local_port"] == fact["local_port"]]
    if len(found) != 1:
        return False
    one = found[0]
    if one["source"] == "netlink" and "cookie" in fact and one["cookie"] != fact["cookie"]:
        return False
    if "uid" in fact and one.get("uid", fact["uid"]) != fact["uid"]:
        return False
    if kind in ("tcp", "udp", "udplite"):
        return (one["local"] == canonical(fact["local"]) and
                one["local_port"] == fact["local_port"] and
                one["remote_port"] == fact.get("remote_port", "0") and
                ("remote" not in fact or one["remote"] == canonical(fact["remote"])))
    if kind == "icmp":
        return one["local_port"] == fact["local_port"]
    if kind == "raw":
        return one["protocol"] == fact["protocol"] and one["local_port"] == "0"
    if kind == "netlink":
        return one["port_id"] == fact["local_port_id"]
    if kind == "unix":
        path = bytes.fromhex(fact["local"])
        path = path if path[:1] == b"\0" else path.rstrip(b"\0")
        shown = bytes.fromhex(one["path"])
        return shown == path or mode == "proc" and shown[1:] == path[1:].replace(b"\0", b"@")
    return True


def test_details(mksock, sockets):
    """What only one of them knows, by the order in make_sockets."""
    tcp = {one["inode"]: one for one in of_kind(sockets, "tcp")}
    facts = [fact for fact in mksock.sockets if fact["kind"] == "tcp"]
    check(tcp[facts[1]["inode"]]["v6only"] == "1" and tcp[facts[2]["inode"]]["v6only"] == "0",
          "v6only")
    check(tcp[facts[11]["inode"]]["ifindex"] == "1" and tcp[facts[4]["inode"]]["ifindex"] == "0",
          "the device it is bound to")
    check(tcp[facts[12]["inode"]]["uid"] == "1000", "another user's")
    waiting = [one for one in of_kind(sockets, "tcp") if one["inode"] == "0" and one["state"] == "1"]
    check(len(waiting) == 3, f"not accepted, so without an inode: {len(waiting)}", waiting)
    check(tcp[facts[3]["inode"]]["recv"] == "3" and tcp[facts[3]["inode"]]["send"] == "128",
          "a listener's queue and its limit", tcp[facts[3]["inode"]])
    check(all("rtt_us" in one for one in of_kind(sockets, "tcp")
              if one["state"] == "1"), "connections have tcp_info")
    states = {one["state"] for one in of_kind(sockets, "tcp")}
    check({"1", "3", "5", "6", "8", "10"} <= states,
          f"TCP states, half-open too: {sorted(states, key=int)}")
    pair = [fact for fact in mksock.sockets if fact["kind"] == "unix"][6:8]
    unix = {one["inode"]: one for one in of_kind(sockets, "unix")}
    check(unix[pair[0]["inode"]]["peer"] == pair[1]["inode"], "unix: the peer")


def test_against_ss():
    if not shutil.which("ss"):
        check(True, "ss # SKIP not installed")
        return
    sockets, inet, raw, unix, packet, netlink = undisturbed(lambda: (
        list_sockets("auto")[0], [ss_inet("-t"), ss_inet("-u")], run("ss", "-Hanw").stdout, ss_unix(),
        run("ss", "-Hane0").stdout, ss_netlink()))
    for option, kind, theirs in zip(("-t", "-u"), ("tcp", "udp"), inet):
        ours = [as_ss(one) for one in of_kind(sockets, kind)]
        check(sorted(ours) == sorted(theirs) and ours, f"ss {option}: the same {len(ours)}",
              difference(ours, theirs))
    # Without a handler ss reads /proc/net too, and then has no inodes.
    ours = sorted(one["protocol"] for one in of_kind(sockets, "raw"))
    theirs = sorted(line.split()[3].rsplit(":", 1)[1] for line in raw.splitlines())
    check(ours == theirs, f"ss -w: the same {len(ours)}", ours, theirs)
    ours = [(one["state"], one["inode"], one["peer"]) for one in of_kind(sockets, "unix")]
    check(sorted(ours) == sorted(unix), f"ss -x: the same {len(ours)}", difference(ours, unix))
    ours = {one["inode"] for one in of_kind(sockets, "packet")}
    theirs = set(re.findall(r"ino:(\d+)", packet))
    check(ours == theirs, f"ss -0: the same {len(ours)}", difference(ours, theirs))
    ours = {(one["protocol"], one["port_id"]) for one in of_kind(sockets, "netlink")}
    check(ours == netlink, f"ss -A netlink: the same {len(ours)}", difference(ours, netlink))


def test_repeated_dump():
    """A dump that fails half-way is repeated, and nothing is reported twice."""
    if not shutil.which("strace"):
        check(True, "repeated dump # SKIP no strace")
        return
    expected = sorted(in_both(one) for one in list_sockets("netlink", "unix")[0])
    for when in (1, 2):
        wrapper = ("strace", "-qqo", "/dev/null", "-e", "trace=recvmsg",
                   "-e", f"inject=recvmsg:error=ENOBUFS:when={when}")
        found, end = list_sockets("netlink", "unix", wrapper=wrapper)
        found = sorted(in_both(one) for one in found)
        check(found == expected and end["complete"] == "1",
              f"ENOBUFS at receive {when}: the same {len(found)}", difference(expected, found))
    wrapper = ("strace", "-qqo", "/dev/null", "-e", "trace=recvmsg",
               "-e", "inject=recvmsg:error=ENOBUFS")
    found, end = list_sockets("netlink", "unix", wrapper=wrapper)
    check(not found and end["complete"] == "0" and end["failed"] == "1",
          "ENOBUFS at each: not complete, and it says so", end)
    found, end = list_sockets("auto", "unix", wrapper=wrapper)
    check(sorted(in_both(one) for one in found) == expected and end["complete"] == "1",
          "auto then takes /proc/net", end)


def test_odd_paths(folder):
    """Names that /proc/net/unix prints over two lines, and the longest one."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{folder}/a\nb \x1b[31m")
    server.listen()
    longest = Mksock(f"unix-listen stream {folder}/".ljust(len("unix-listen stream ") + 108, "x"))
    check(not longest.errors, "a path of 108 bytes", longest.errors)
    both = [sorted(in_both(one) for one in list_sockets(mode, "unix")[0])
            for mode in ("netlink", "proc")]
    check(both[0] == both[1], "LF and ESC in paths, 108 bytes: the same", difference(*both))
    check(list_sockets("proc", "unix")[1]["malformed"] == "0", "no line is called malformed")
    server.close()
    longest.end()


def main():
    make_namespace()
    folder = f"/tmp/sockline-test-sockets-{os.getpid()}"
    os.mkdir(folder)
    mksock = make_sockets(folder)
    closing = mksock.sockets[17]
    closing["closed"] = "yes"
    send_syn("v0", "v1", "10.77.0.1", int(mksock.sockets[3]["local_port"]))
    time.sleep(0.2)
    try:
        sockets = test_modes(mksock)
        test_details(mksock, sockets)
        test_against_ss()
        test_repeated_dump()
        test_odd_paths(folder)
    finally:
        mksock.end()
        shutil.rmtree(folder)
    print(f"1..{count}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
