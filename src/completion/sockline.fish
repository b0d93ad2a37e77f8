# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Completion of sockline(8) for fish, made by `make completions' from src/app/option_table.c.

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
complete -c sockline -s i -l interface -x -a '(__sockline_interfaces)' -d 'capture there'
complete -c sockline -s r -l read -r -F -d 'read a pcap or pcapng file instead'
complete -c sockline -s F -l filter-file -r -F -d 'read the filter expression from FILE'
complete -c sockline -s Q -l direction -x -a 'inout in out' -d 'capture only this direction'
complete -c sockline -s p -l no-promiscuous-mode -d 'do not put interfaces into promiscuous mode'
complete -c sockline -s s -l snaplen -l snapshot-length -x -d 'bytes to capture of each packet'
complete -c sockline -s B -l buffer-size -x -d 'size of the kernel\'s capture buffers, all together'
complete -c sockline -l immediate-mode -d 'deliver each packet at once'
complete -c sockline -s D -l list-interfaces -d 'print the interfaces that can be captured on'
complete -c sockline -s L -l list-data-link-types -d 'print the link types of an interface'
complete -c sockline -l netns -x -a '(__sockline_namespaces)' -d 'network namespaces'
complete -c sockline -l attribution -x -a 'auto tracepoints sentinel lookup' -d 'how owners of new connections are caught'
complete -c sockline -l guess -d 'name the likeliest owner where it is ambiguous'
complete -c sockline -l sockets -x -a 'auto netlink proc' -d 'where sockets are enumerated'
complete -c sockline -s e -l events -x -a '(__fish_append , packet connection opened updated attributed closed state socket process traffic lifecycle stats dns all)' -d 'records to write'
complete -c sockline -s S -l snapshot -d 'one record for each socket, then exit'
complete -c sockline -l interval -x -d 'list them again each time'
complete -c sockline -l listening -d 'only sockets that wait for peers'
complete -c sockline -l tcp -d 'only these kinds of sockets'
complete -c sockline -l udp -d 'only these kinds of sockets'
complete -c sockline -l udplite -d 'only these kinds of sockets'
complete -c sockline -l raw -d 'only these kinds of sockets'
complete -c sockline -l icmp -d 'only these kinds of sockets'
complete -c sockline -l unix -d 'only these kinds of sockets'
complete -c sockline -l packet -d 'only these kinds of sockets'
complete -c sockline -l netlink -d 'only these kinds of sockets'
complete -c sockline -l mptcp -d 'only these kinds of sockets'
complete -c sockline -l sctp -d 'only these kinds of sockets'
complete -c sockline -l dccp -d 'only these kinds of sockets'
complete -c sockline -l vsock -d 'only these kinds of sockets'
complete -c sockline -l xdp -d 'only these kinds of sockets'
complete -c sockline -l tipc -d 'only these kinds of sockets'
complete -c sockline -l smc -d 'only these kinds of sockets'
complete -c sockline -l no-dedupe -d 'records also for packets that another interface showed before'
complete -c sockline -l dedupe -d 'no records for these with -r, either'
complete -c sockline -l no-inspect -d 'do not look into packets for names'
complete -c sockline -l pid -x -d 'only records of this process'
complete -c sockline -l process -r -F -d 'only of processes with this name or executable'
complete -c sockline -l user -x -d 'only of processes of this user'
complete -c sockline -l container -x -d 'only of processes in this container'
complete -c sockline -l cgroup -x -d 'only of processes in or below this control group'
complete -c sockline -l port -x -d 'only of connections and sockets with this port'
complete -c sockline -l args -d 'arguments of processes, without what looks like a secret'
complete -c sockline -l all-processes -d 'records of all processes that start, execute or end, not only of those that own sockets'
complete -c sockline -l hash -d 'SHA-256 of the executables of processes'
complete -c sockline -l payload -x -d 'up to N bytes of the payload of packets, in base64'
complete -c sockline -s c -l count -x -d 'stop after N packets'
complete -c sockline -s d -l duration -x -d 'stop after this time'
complete -c sockline -l update-interval -x -d 'time between connection_updated records'
complete -c sockline -l stats-interval -x -d 'time between capture_stats records'
complete -c sockline -l community-id-seed -x -d 'seed of the Community ID'
complete -c sockline -l max-connections -x -d 'connections that are tracked'
complete -c sockline -s o -l output -r -F -d 'append to FILE'
complete -c sockline -l spool-size -x -d 'of records that wait for a connection of -o'
complete -c sockline -s w -l write -r -F -d 'the packets too, as pcapng with their owners as comments (- = stdout'
complete -c sockline -l compress-level -x -d 'of FILE.zst, as of zstd(1)'
complete -c sockline -l rotate-size -x -d 'move FILE to FILE.1 before it is larger than this, and FILE.1 to FILE.2, and so on'
complete -c sockline -l rotate-interval -x -d 'the same whenever so much time is over, in whole intervals of UTC'
complete -c sockline -l rotate-keep -x -d 'files that were moved'
complete -c sockline -l format -x -a 'auto ecs text' -d 'of the output'
complete -c sockline -l label -x -d 'one of the labels of each record'
complete -c sockline -s l -l line-buffered -d 'flush each record'
complete -c sockline -s U -l packet-buffered -d 'flush each record'
complete -c sockline -l flush-interval -x -d 'flush at least this often'
complete -c sockline -l on-slow-reader -x -a 'block drop' -d 'what to do when the reader is slow'
complete -c sockline -s n -d 'accepted, does nothing'
complete -c sockline -s q -l quiet -d 'no messages on stderr but errors'
complete -c sockline -s v -l verbose -d 'more messages on stderr'
complete -c sockline -l log-format -x -a 'text json' -d 'form of the messages on stderr'
complete -c sockline -l self-test -d 'open all that the other options ask for, print what is there and what is missing, and exit'
complete -c sockline -s V -l version -d 'print the version and the libraries'
complete -c sockline -s h -l help -d 'print this text'
