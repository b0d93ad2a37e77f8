# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Completion of sockline(8) for bash, made by `make completions' from src/app/option_table.c.

_sockline()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local before='' words=''

	COMPREPLY=()
	case $previous in
	-i | --interface)
		words="any $(command ls /sys/class/net 2>/dev/null)"
		;;
	-r | --read)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		compopt -o filenames 2>/dev/null
		return
		;;
	-F | --filter-file)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		compopt -o filenames 2>/dev/null
		return
		;;
	-Q | --direction)
		words='inout in out'
		;;
	-s | --snaplen | --snapshot-length)
		return
		;;
	-B | --buffer-size)
		return
		;;
	--netns)
		words="all self $(command ls -d /run/netns/* 2>/dev/null)"
		;;
	--attribution)
		words='auto tracepoints sentinel lookup'
		;;
	--sockets)
		words='auto netlink proc'
		;;
	-e | --events)
		words='packet connection opened updated attributed closed state socket process traffic lifecycle stats dns all'
		# After a comma, the next of the list.
		[[ $current != *,* ]] || before=${current%,*},
		mapfile -t COMPREPLY < <(compgen -P "$before" -W "$words" -- "${current##*,}")
		compopt -o nospace 2>/dev/null
		return
		;;
	--interval)
		return
		;;
	--pid)
		return
		;;
	--process)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		compopt -o filenames 2>/dev/null
		return
		;;
	--user)
		return
		;;
	--container)
		return
		;;
	--cgroup)
		return
		;;
	--port)
		return
		;;
	--payload)
		return
		;;
	-c | --count)
		return
		;;
	-d | --duration)
		return
		;;
	--update-interval)
		return
		;;
	--stats-interval)
		return
		;;
	--community-id-seed)
		return
		;;
	--max-connections)
		return
		;;
	--max-memory)
		return
		;;
	-o | --output)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		compopt -o filenames 2>/dev/null
		return
		;;
	--spool-size)
		return
		;;
	-w | --write)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		compopt -o filenames 2>/dev/null
		return
		;;
	--compress-level)
		return
		;;
	--rotate-size)
		return
		;;
	--rotate-interval)
		return
		;;
	--rotate-keep)
		return
		;;
	--format)
		words='auto ecs text zeek ocsf'
		;;
	--fields)
		return
		;;
	--without)
		return
		;;
	--label)
		return
		;;
	--flush-interval)
		return
		;;
	--on-slow-reader)
		words='block drop'
		;;
	--log-format)
		words='text json'
		;;
	*)
		[[ $current == -* ]] || return
		words='
			-i
			--interface
			-r
			--read
			-F
			--filter-file
			-Q
			--direction
			-p
			--no-promiscuous-mode
			-s
			--snaplen
			--snapshot-length
			-B
			--buffer-size
			--immediate-mode
			-D
			--list-interfaces
			-L
			--list-data-link-types
			--netns
			--attribution
			--guess
			--sockets
			-e
			--events
			-S
			--snapshot
			--interval
			--listening
			--tcp
			--udp
			--udplite
			--raw
			--icmp
			--unix
			--packet
			--netlink
			--mptcp
			--sctp
			--dccp
			--vsock
			--xdp
			--tipc
			--smc
			--no-dedupe
			--dedupe
			--no-inspect
			--no-tunnels
			--pid
			--process
			--user
			--container
			--cgroup
			--port
			--args
			--all-processes
			--hash
			--payload
			-c
			--count
			-d
			--duration
			--update-interval
			--stats-interval
			--community-id-seed
			--max-connections
			--max-memory
			-o
			--output
			--spool-size
			-w
			--write
			--compress-level
			--rotate-size
			--rotate-interval
			--rotate-keep
			--format
			--fields
			--without
			--list-fields
			--label
			-l
			--line-buffered
			-U
			--packet-buffered
			--flush-interval
			--on-slow-reader
			-n
			-q
			--quiet
			-v
			--verbose
			--log-format
			--top
			--summary
			--no-summary
			--progress
			--no-progress
			--no-separation
			--self-test
			-V
			--version
			-h
			--help
		'
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _sockline sockline
