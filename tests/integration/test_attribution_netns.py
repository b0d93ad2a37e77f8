#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Owners across network namespaces, in one that is made meanwhile, and of the kernel's own sockets."""

import os
import time

from harness import HERE, Failure, Namespace, check, run, skip
from mksock import Agent, Mksock, source_end

MODES = ("tracepoints", "lookup")
LIFE = 0.7  # seconds that sockets live, so that a lookup finds them


def test_across_namespaces():
    """Two containers on one host: both ends are known, each as the other's peer or by itself."""
    for mode in MODES:
        with Namespace.pair() as (left, right):
            paths = [f"/run/netns/{one.name}" for one in (left, right)]
            sockline = HERE.sockline("-e", "packet,connection", "--attribution", mode,
                                     "--netns", paths[1], netns=paths[0])
            server = Mksock(right, "tcp-listen 0.0.0.0 0", "udp-bind 0.0.0.0 0")
            client = Mksock(left, f"tcp-connect {right.address} {server.port()}",
                            f"udp-connect {right.address} {server.port(1)}")
            server.tell("tcp-accept %1")
            client.tell("send %1 hello")
            client.tell("send %2 hello")
            time.sleep(LIFE)
            client.end()
            server.end()
            time.sleep(0.3)
            check(sockline.stop() == 0, f"{mode}: ends well", sockline.stderr)
            for number, transport in enumerate(("tcp", "udp")):
                closed = [record for record in sockline.find("connection_closed")
                          if record["source"]["port"] == client.port(number)]
                sides = {(record["network"]["direction"], source_end(record).pid) for record in closed}
                check(sides == {("egress", client.pid), ("ingress", server.pid)},
                      f"{mode}: {transport} between namespaces, either side names its own", sides)
                spaces = {record["sockline"].get("socket", {}).get("netns") for record in closed}
                check(spaces == {str(left.inode), str(right.inode)}, f"{mode}: and its namespace", spaces)


def test_new_namespace():
    """--netns all: a namespace that is made while sockline runs."""
    sockline = HERE.sockline("-e", "connection", "--attribution", "tracepoints", netns="all")
    with Namespace() as host:
        idle = Mksock(host)
        time.sleep(2.5)
        server = Mksock(host, "tcp-listen 127.0.0.1 0")
        client = Mksock(host, f"tcp-connect 127.0.0.1 {server.port()}")
        record = sockline.wait_for("connection_opened", lambda one: one.get("source", {}).get("port")
                                   == client.port() and one["destination"]["port"] == server.port())
        check(source_end(record).pid == client.pid, "the owner in a new namespace", record)
        for member in (client, server, idle):
            member.end()
    time.sleep(1.5)
    check(sockline.stop() == 0, "and the end of the namespace is survived", sockline.stderr)


def all_readable():
    """Whether every process lets us see whose its descriptors are; if not, no socket is surely the
    kernel's."""
    try:
        return bool(os.readlink("/proc/1/ns/pid"))
    except OSError:
        return False


def test_kernel_socket():
    """The kernel's own UDP socket, of a tunnel."""
    for mode in MODES:
        with Namespace.pair() as (left, right):
            try:
                for one, other in ((left, right), (right, left)):
                    one.ip("link", "add", "vx", "type", "vxlan", "id", "7", "remote", other.address,
                           "dstport", "4789", "dev", "veth0")
                    one.ip("addr", "add", one.address.replace("10.77", "10.78") + "/24", "dev", "vx")
                    one.ip("link", "set", "vx", "up")
            except Failure as error:
                skip(f"{mode}: the kernel's socket", str(error))
                return
            sockline = left.sockline("-e", "packet,connection", "--attribution", mode, "-i", "veth0",
                                     "udp", "port", "4789")
            Agent(right, f"""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"through the tunnel", ("{left.address.replace("10.77", "10.78")}", 9))
wait("sent")
""").end()
            sockline.wait_for("connection_opened", lambda one: one["network"]["direction"] == "ingress")
            time.sleep(3)
            sockline.stop()
            ends = [source_end(record) for record in sockline.find(
                "connection_closed", lambda one: one["network"]["direction"] == "ingress")]
            check(ends and not any(end.pid for end in ends), f"{mode}: a tunnel's socket is no process's",
                  ends)
            if all_readable():
                check(ends[0].method == "kernel", f"{mode}: it is the kernel's", ends)
            else:
                check(ends[0].reason == "no_permission", f"{mode}: or that of who cannot be seen", ends)


run(globals())
