# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Completion of sockline(8) for bash. tests/lint/check_manual.py compares it with src/app/options.c.

_sockline()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local before='' words=''
	local events='packet connection state socket process stats all'

	COMPREPLY=()
	case $previous in
	-i | --interface)
		words="any $(command ls /sys/class/net 2>/dev/null)"
		;;
	-r | --read | -F | --filter-file | -o | --output)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		compopt -o filenames 2>/dev/null
		return
		;;
	-e | --events)
		# After a comma, the next of the list.
		[[ $current != *,* ]] || before=${current%,*},
		mapfile -t COMPREPLY < <(compgen -P "$before" -W "$events" -- "${current##*,}")
		compopt -o nospace 2>/dev/null
		return
		;;
	-Q | --direction) words='in out inout' ;;
	--netns) words="all self $(command ls -d /run/netns/* 2>/dev/null)" ;;
	--attribution) words='auto tracepoints sentinel lookup' ;;
	--sockets) words='auto netlink proc' ;;
	--on-slow-reader) words='block drop' ;;
	--log-format) words='text json' ;;
	-c | --count | -d | --duration | -s | --snaplen | --snapshot-length | -B | --buffer-size | \
		--flush-interval | --update-interval | --stats-interval | --community-id-seed | \
		--max-connections)
		return
		;;
	*)
		[[ $current == -* ]] || return
		words='-i --interface -r --read -o --output -e --events -S --snapshot --listening
			--tcp --udp --udplite --raw --icmp --unix --packet --netlink --dedupe --guess -c --count
			-d --duration -s --snaplen --snapshot-length -B --buffer-size
			-p --no-promiscuous-mode -Q --direction -F --filter-file
			-D --list-interfaces -L --list-data-link-types --immediate-mode
			-l --line-buffered -U --packet-buffered --flush-interval --update-interval
			--stats-interval --netns --attribution --sockets --community-id-seed --max-connections
			--on-slow-reader -n -q --quiet -v --verbose --log-format -V --version
			-h --help'
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _sockline sockline
