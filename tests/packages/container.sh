#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Part of `make check-package': the commands of contrib/container as its README has them, with Debian's podman, whose base image
# is made from Debian's packages: no registry is asked. Where no container can be started, the second one is left out.
# Takes minutes and Debian's archive. Needs root. TAP.

set -u
# shellcheck source=tests/packages/common.sh
. "${top_srcdir:?}/tests/packages/common.sh"
# A storage of its own. The commands of the build need no container of their own.
CONTAINERS_STORAGE_CONF=$scratch/storage.conf
CONTAINERS_CONF=$scratch/containers.conf
BUILDAH_ISOLATION=chroot
export CONTAINERS_STORAGE_CONF CONTAINERS_CONF BUILDAH_ISOLATION

# shellcheck disable=SC2317 # point calls it, and the others
base_image()
{
	base=$(sed -n 's/^FROM \([^ ]*\).*/\1/p' "$top/contrib/container/Containerfile" | sort -u)
	release=${base##*:}
	printf '[storage]\ndriver = "vfs"\ngraphroot = "%s/graph"\nrunroot = "%s/run"\n' "$scratch" "$scratch" \
		>"$CONTAINERS_STORAGE_CONF"
	# podman's own are more than root may have where it lacks CAP_SYS_RESOURCE.
	printf '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n' >"$CONTAINERS_CONF"
	new_system "${release%-slim}" "" "$scratch/base.tar" && podman import "$scratch/base.tar" "$base"
}

# command_of VERB: that of the README.
# shellcheck disable=SC2317
command_of()
{
	commands_of container | grep "^podman $1 "
}

# shellcheck disable=SC2317
builds()
{
	command_of build >"$scratch/build" && copy_tree && (cd "$tree" && sh -e "$scratch/build")
}

# What is in it captures this machine's own namespaces, until it is interrupted.
# shellcheck disable=SC2317
runs()
{
	command_of run | sed 's/^/exec /' >"$scratch/start"
	python3 - "$scratch/start" "$scratch/records" <<-'RUN' &&
		import signal, socket, subprocess, sys, time
		_, script, records = sys.argv
		with open(records, "wb") as output:
		    container = subprocess.Popen(["sh", script], stdout=output)
		listener = socket.create_server(("127.0.0.1", 0))
		for _ in range(600):
		    with socket.create_connection(listener.getsockname()), listener.accept()[0]:
		        time.sleep(0.1)
		    with open(records, "rb") as made:
		        if b"connection_closed" in made.read() or container.poll() is not None:
		            break
		container.send_signal(signal.SIGINT)
		sys.exit(container.wait(30))
	RUN
		jq -se '.[0].event.action == "run_started" and any(.event.action == "connection_closed") and
			.[-1].event.action == "run_stopped"' "$scratch/records"
}

install_packages mmdebstrap podman buildah runc jq || exit 1
point 'an image to begin with' base_image
point 'podman build' builds
if ! podman image exists sockline; then
	skip 'podman run' 'it was not built'
elif podman run --rm --network host --entrypoint /bin/true sockline >"$scratch/tried" 2>&1; then
	point 'podman run' runs
else
	skip 'podman run' "no container starts here: $(tail -n 1 "$scratch/tried")"
fi
plan
