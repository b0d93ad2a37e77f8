# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""tshark as the oracle of the decoder: both read a capture, then each packet is compared.

As a program: decode_oracle.py FILE... prints every difference and exits 1 when there is one.
"""

import csv
import ipaddress
import os
import subprocess
import sys

DECODE_DUMP = os.path.join(os.environ.get("top_builddir", "."), "tests/helpers/decode_dump")

# One datagram at a time, numbers as they are on the wire, lengths of offloaded packets known.
PREFERENCES = (
    "ip.defragment:FALSE", "ipv6.defragment:FALSE", "ip.tso_support:TRUE", "ipv6.tso_support:TRUE",
    "tcp.desegment_tcp_streams:FALSE", "tcp.analyze_sequence_numbers:FALSE",
    "tcp.relative_sequence_numbers:FALSE", "udp.calculate_timestamps:FALSE",
)

FIELDS = (
    "frame.number", "frame.len", "frame.protocols", "eth.src", "eth.dst", "sll.src.eth",
    "sll.pkttype", "sll.ifindex", "ieee8021ad.id", "vlan.id", "arp.opcode", "arp.src.proto_ipv4",
    "arp.dst.proto_ipv4", "ip.src", "ip.dst", "ip.proto", "ip.ttl", "ip.len", "ip.id",
    "ip.flags.mf", "ip.frag_offset", "ipv6.src", "ipv6.dst", "ipv6.nxt", "ipv6.hlim", "ipv6.plen",
    "ipv6.hopopts.nxt", "ipv6.routing.nxt", "ipv6.dstopts.nxt", "ipv6.fraghdr.nxt", "mip6.proto",
    "hip.proto", "shim6.nxt", "ah.next_header", "ipv6.fraghdr.offset", "ipv6.fraghdr.more",
    "ipv6.fraghdr.ident", "tcp.srcport", "tcp.dstport", "tcp.len", "tcp.flags", "tcp.seq_raw",
    "tcp.ack_raw", "tcp.window_size_value", "udp.srcport", "udp.dstport", "udp.length",
    "sctp.srcport", "sctp.dstport", "dccp.srcport", "dccp.dstport", "icmp.type", "icmp.code",
    "icmp.ident", "icmpv6.type", "icmpv6.code", "icmpv6.echo.identifier",
)

FRAGMENT, AH = 44, 51
NEXT_HEADER_FIELDS = {
    0: "ipv6.hopopts.nxt", 43: "ipv6.routing.nxt", 44: "ipv6.fraghdr.nxt", 51: "ah.next_header",
    60: "ipv6.dstopts.nxt", 135: "mip6.proto", 139: "hip.proto", 140: "shim6.nxt",
}
PORT_FIELDS = {6: "tcp", 17: "udp", 136: "udp", 132: "sctp", 33: "dccp"}
DIRECTIONS = {"0": "in", "1": "in", "2": "in", "3": "other", "4": "out"}
ERRORS = {1: (3, 4, 5, 11, 12), 58: (1, 2, 3, 4)}


def tshark_packets(path):
    """A dict a packet: field -> list of texts, outermost header first."""
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=/t",
               "-E", "occurrence=a", "-E", "aggregator=|"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for field in FIELDS:
        command += ["-e", field]
    output = subprocess.run(command, capture_output=True, text=True, errors="replace",
                            check=False).stdout
    lines = [line.split("\t") for line in output.splitlines()]
    return [{field: value.split("|") if value else [] for field, value in zip(FIELDS, values)}
            for values in lines]


def decoded_packets(path):
    output = subprocess.run([DECODE_DUMP, path], capture_output=True, text=True, check=False)
    if output.returncode:
        raise ValueError(output.stderr.strip() or f"decode_dump exits {output.returncode}")
    return list(csv.DictReader(output.stdout.splitlines(), delimiter="\t"))


def number(text):
    """What tshark writes for integers and booleans: 5, 0x0005, True."""
    if text in ("True", "False"):
        return int(text == "True")
    return int(text, 0)


def first(seen, field, default=""):
    return seen[field][0] if seen[field] else default


def last_protocol(seen, version, protocol):
    """Follows the extension headers, using up those it passes. A later fragment ends the chain."""
    followed = NEXT_HEADER_FIELDS if version == "ipv6" else (AH,)
    while protocol in followed and seen[NEXT_HEADER_FIELDS[protocol]]:
        is_fragment = protocol == FRAGMENT
        protocol = number(seen[NEXT_HEADER_FIELDS[protocol]].pop(0))
        if is_fragment and number(first(seen, "ipv6.fraghdr.offset", "0")) > 0:
            break
    return protocol


def network_of(seen):
    for name in first(seen, "frame.protocols").split(":"):
        if name in ("ip", "ipv6", "arp"):
            return {"ip": "ipv4"}.get(name, name)
    return ""


def link_fields(seen):
    tags = seen["ieee8021ad.id"] + seen["vlan.id"]
    fields = {"vlans": ",".join(str(number(tag)) for tag in tags[:2])}
    if seen["sll.pkttype"]:
        fields["direction"] = DIRECTIONS.get(str(number(seen["sll.pkttype"][0])), "")
        fields["source_mac"] = first(seen, "sll.src.eth")
        fields["ifindex"] = first(seen, "sll.ifindex")
    elif first(seen, "frame.protocols").startswith("eth"):
        fields["source_mac"] = first(seen, "eth.src")
        fields["destination_mac"] = first(seen, "eth.dst")
    return fields


def canonical(address):
    """By Python's ipaddress, mapped addresses as IPv4: what inet_format must write."""
    if not address:
        return ""
    parsed = ipaddress.ip_address(address)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def ip_header(seen, version):
    """Takes one IP header off the lists: addresses, protocol."""
    names = ("ip.src", "ip.dst", "ip.proto") if version == "ipv4" else \
        ("ipv6.src", "ipv6.dst", "ipv6.nxt")
    if not all(seen[name] for name in names):
        return None
    source, destination, protocol = (seen[name].pop(0) for name in names)
    return canonical(source), canonical(destination), last_protocol(seen, version, number(protocol))


def network_fields(seen, network):
    if network == "arp":
        return {"arp": first(seen, "arp.opcode"),
                "source": first(seen, "arp.src.proto_ipv4"),
                "destination": first(seen, "arp.dst.proto_ipv4")}
    fields = {}
    if network == "ipv4":
        fields["ttl"], fields["ip_length"] = first(seen, "ip.ttl"), first(seen, "ip.len")
        offset, more = number(first(seen, "ip.frag_offset", "0")), first(seen, "ip.flags.mf", "0")
        if offset or number(more):
            fields["fragment_id"] = str(number(first(seen, "ip.id")))
            fields["fragment_offset"] = str(8 * offset)
    elif network == "ipv6":
        fields["ttl"] = first(seen, "ipv6.hlim")
        if number(first(seen, "ipv6.plen", "0")):
            fields["ip_length"] = str(number(first(seen, "ipv6.plen")) + 40)
        if seen["ipv6.fraghdr.ident"] and number(first(seen, "ipv6.nxt", "6")) != 41:
            fields["fragment_id"] = str(number(first(seen, "ipv6.fraghdr.ident")))
            fields["fragment_offset"] = str(8 * number(first(seen, "ipv6.fraghdr.offset")))
    header = ip_header(seen, network)
    if header:
        fields["source"], fields["destination"], protocol = header
        fields["protocol"] = str(protocol)
    return fields


def port_fields(seen, protocol, prefix=""):
    name = PORT_FIELDS.get(protocol)
    if not name:
        return {}
    return {prefix + "source_port": first(seen, name + ".srcport"),
            prefix + "destination_port": first(seen, name + ".dstport")}


def is_error(seen, protocol):
    kind = first(seen, "icmp.type" if protocol == 1 else "icmpv6.type")
    return kind != "" and number(kind) in ERRORS[protocol]


def transport_fields(seen, protocol):
    fields = port_fields(seen, protocol)
    if protocol == 6 and seen["tcp.flags"]:
        fields["flags"] = str(number(seen["tcp.flags"][0]) & 0xff)
        fields["seq"], fields["ack"] = first(seen, "tcp.seq_raw"), first(seen, "tcp.ack_raw")
        fields["window"] = first(seen, "tcp.window_size_value")
        if seen["tcp.len"]:  # not always there in a fragment
            fields["payload"] = seen["tcp.len"][0]
    elif protocol == 17 and seen["udp.length"]:
        fields["payload"] = str(number(seen["udp.length"][0]) - 8)
    elif protocol in ERRORS:
        icmp = "icmp" if protocol == 1 else "icmpv6"
        fields["icmp_type"] = first(seen, icmp + ".type")
        fields["icmp_code"] = first(seen, icmp + ".code")
        ident = first(seen, "icmp.ident" if protocol == 1 else "icmpv6.echo.identifier")
        if ident and not is_error(seen, protocol):  # else that of a quoted echo
            fields["icmp_id"] = str(number(ident))
    return fields


def inner_fields(seen, protocol):
    """The tuple of the packet that an ICMP error quotes, when all that it needs is there."""
    if protocol not in ERRORS or not is_error(seen, protocol):
        return {}
    if len(seen["ip.frag_offset"]) > 1 and number(seen["ip.frag_offset"][1]) > 0:
        return {}
    header = ip_header(seen, "ipv4" if protocol == 1 else "ipv6")
    if not header:
        return {}
    fields = {"inner_source": header[0], "inner_destination": header[1],
              "inner_protocol": str(header[2])}
    fields.update(port_fields(seen, header[2], "inner_"))
    return fields if all(fields.values()) else {}


def expected(seen):
    """The columns of decode_dump that tshark has an opinion about."""
    network = network_of(seen)
    fields = {"network": network, "length": first(seen, "frame.len"), **link_fields(seen)}
    fields.update(network_fields(seen, network))
    protocol = int(fields.get("protocol", -1))
    if int(fields.get("fragment_offset", 0)) == 0:
        fields.update(transport_fields(seen, protocol))
        fields.update(inner_fields(seen, protocol))
    return fields


def agrees(packet, name, theirs):
    ours = packet[name]
    if ours == theirs:
        return True
    # Where headers are cut, broken or not for us, each side shows other parts.
    if packet["status"] != "ok" and (ours in ("", "0") or theirs == "" or name == "vlans"):
        return True
    if packet["status"] != "ok" and name == "protocol" and int(ours) in NEXT_HEADER_FIELDS:
        return True
    # We never say more than was on the wire, nor than the fragment has.
    if name in ("ip_length", "payload") and theirs and int(theirs) > int(ours or 0):
        return int(packet["length"]) < int(theirs) or packet["is_fragment"] == "1"
    return False


def differences(path):
    """(packet of decode_dump, column, tshark's value) for each disagreement, and the packets."""
    packets, theirs = decoded_packets(path), tshark_packets(path)
    if len(packets) != len(theirs):
        raise ValueError(f"{len(packets)} packets, tshark reads {len(theirs)}")
    found = []
    for packet, seen in zip(packets, theirs):
        found += [(packet, name, value) for name, value in expected(seen).items()
                  if not agrees(packet, name, value)]
    return found, packets


def main():
    status = 0
    for path in sys.argv[1:]:
        try:
            found, _ = differences(path)
        except ValueError as error:
            print(f"{path}: {error}")
            continue
        for packet, name, theirs in found:
            status = 1
            print(f"{path}: packet {packet['number']} ({packet['status']}, link type "
                  f"{packet['link_type']}, EtherType {packet['ether_type']}, protocol "
                  f"{packet['protocol']}): {name} '{packet[name]}', tshark '{theirs}'")
    return status


if __name__ == "__main__":
    sys.exit(main())
