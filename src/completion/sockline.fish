# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Completion of sockline(8) for fish. tests/lint/check_manual.py compares it with src/app/options.c.

function __sockline_interfaces
    echo any
    command ls /sys/class/net 2>/dev/null
end

function __sockline_namespaces
    printf '%s\n' all self
    for namespace in /run/netns/*
        echo $namespace
    end
end

complete -c sockline -f
complete -c sockline -s i -l interface -x -a '(__sockline_interfaces)' -d 'Capture there'
complete -c sockline -s r -l read -r -F -d 'Read a capture file'
complete -c sockline -s F -l filter-file -r -F -d 'Read the filter expression from a file'
complete -c sockline -s Q -l direction -x -a 'in out inout' -d 'Capture only this direction'
complete -c sockline -s p -l no-promiscuous-mode -d 'No promiscuous mode'
complete -c sockline -s s -l snaplen -l snapshot-length -x -d 'Bytes to capture of each packet'
complete -c sockline -s B -l buffer-size -x -d 'Size of the capture buffer in KiB'
complete -c sockline -l immediate-mode -d 'Deliver each packet at once'
complete -c sockline -s D -l list-interfaces -d 'Print the interfaces'
complete -c sockline -s L -l list-data-link-types -d 'Print the link types of an interface'
complete -c sockline -l netns -x -a '(__sockline_namespaces)' -d 'Network namespaces'
complete -c sockline -l attribution -x -a 'auto tracepoints sentinel lookup' -d 'How owners of new connections are caught'
complete -c sockline -l sockets -x -a 'auto netlink proc' -d 'Where sockets are enumerated'
complete -c sockline -s e -l events -x -a '(__fish_append , packet connection state socket process stats all)' -d 'Records to write'
complete -c sockline -s S -l snapshot -d 'One record for each socket, then exit'
complete -c sockline -l listening -d 'Only sockets that wait for peers'
complete -c sockline -l tcp -d 'TCP sockets'
complete -c sockline -l udp -d 'UDP sockets'
complete -c sockline -l udplite -d 'UDP-Lite sockets'
complete -c sockline -l raw -d 'Raw sockets'
complete -c sockline -l icmp -d 'Ping sockets'
complete -c sockline -l unix -d 'Unix sockets'
complete -c sockline -l packet -d 'Packet sockets'
complete -c sockline -l netlink -d 'Netlink sockets'
complete -c sockline -l guess -d 'Name the likeliest owner where it is ambiguous'
complete -c sockline -l dedupe -d 'No record for a packet seen before on another interface'
complete -c sockline -s c -l count -x -d 'Stop after this many packets'
complete -c sockline -s d -l duration -x -d 'Stop after this time'
complete -c sockline -l update-interval -x -d 'Time between connection_updated records'
complete -c sockline -l stats-interval -x -d 'Time between capture_stats records'
complete -c sockline -l community-id-seed -x -d 'Seed of the Community ID'
complete -c sockline -l max-connections -x -d 'Connections that are tracked'
complete -c sockline -s o -l output -r -F -d 'Append to a file'
complete -c sockline -s l -l line-buffered -d 'Flush each record'
complete -c sockline -s U -l packet-buffered -d 'Flush each record'
complete -c sockline -l flush-interval -x -d 'Flush at least this often, in milliseconds'
complete -c sockline -l on-slow-reader -x -a 'block drop' -d 'What to do when the reader is slow'
complete -c sockline -s n -d 'Does nothing'
complete -c sockline -s q -l quiet -d 'Errors only'
complete -c sockline -s v -l verbose -d 'More messages'
complete -c sockline -l log-format -x -a 'text json' -d 'Form of the messages'
complete -c sockline -s V -l version -d 'Print the version'
complete -c sockline -s h -l help -d 'Print the options'
