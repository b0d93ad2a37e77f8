#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Reports of processes (the proc connector) are refused in a network namespace, however privileged it is.
#
# Guess:  forks and exits have to do with pid namespaces. Where root may open the socket and join the group of
#         the connector, it hears of processes, in a container with a network of its own as well.
# Seen:   Linux 6.18: in another network namespace than the first socket(2), bind(2) and the membership of
#         CN_IDX_PROC succeed, and the request to listen ends with ECONNREFUSED: the kernel's end of
#         NETLINK_CONNECTOR is in the first one alone (drivers/connector/connector.c). A socket that was opened
#         in the first is served wherever its process goes.
# Effect: a monitor with its own network namespace is without reports until it opens that one socket in the
#         first namespace: the pid namespace, which must be the first too, is checked by the kernel and is not
#         what failed.
# Needs root in the first network and pid namespace, and Python 3.
set -u
exec python3 - <<'P'
import ctypes, os, socket, struct, sys

CONNECTOR, MEMBERSHIP, PROC = 11, 1, 1  # NETLINK_CONNECTOR, NETLINK_ADD_MEMBERSHIP, CN_IDX_PROC and CN_VAL_PROC

def opened():
    end = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, CONNECTOR)
    end.bind((0, 0))
    end.setsockopt(270, MEMBERSHIP, PROC)  # SOL_NETLINK
    return end

def listen(end):
    """None, or the error of the request."""
    wanted = struct.pack("=IIIIHHI", PROC, PROC, 0, 0, 4, 0, 1)  # struct cn_msg, PROC_CN_MCAST_LISTEN
    try:
        end.send(struct.pack("=IHHII", 16 + len(wanted), 3, 0, 0, 0) + wanted)  # NLMSG_DONE
    except OSError as error:
        return error.strerror
    return None

def hears(end):
    """Whether the fork of a child is reported."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    end.settimeout(2)
    try:
        while True:
            event = end.recv(4096)
            # After struct nlmsghdr, struct cn_msg and the head of struct proc_event: parent's and child's ids.
            if struct.unpack_from("=I", event, 36)[0] == 1 and struct.unpack_from("=4i", event, 52)[3] == child:
                return True
    except OSError:
        return False

first = opened()
assert listen(first) is None, "not the first namespaces"
assert ctypes.CDLL(None).unshare(0x40000000) == 0  # CLONE_NEWNET
refused = listen(opened())
heard = hears(first)
print(f"Linux {os.uname().release}: in another network namespace: {refused}; a socket of the first: "
      f"{'forks are reported' if heard else 'nothing'}")
sys.exit(not (refused == os.strerror(111) and heard))
P
