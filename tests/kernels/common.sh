# shellcheck shell=sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# What tests/kernels/run and tests/kernels/service share: kernels of Debian, and a virtual machine.
# Sourced after contrib/common.sh, with `top' set to the tree and `folder' to build/kernels.
# shellcheck disable=SC2154 # these two

# shellcheck disable=SC2034 # what a machine needs
machine_packages='qemu-system-x86 seabios busybox-static cpio kmod'

# With lists and settings of its own: the host's apt knows nothing of the backports.
own_apt()
{
	APT_CONFIG=$folder/apt/apt.conf apt-get -qq "$@"
}

prepare_apt()
{
	mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" || return 1
	for suite in bookworm bookworm-backports; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
			"http://deb.debian.org/debian $suite main"
	done >"$folder/apt/sources.list"
	cat >"$folder/apt/apt.conf" <<-END
		Dir::State::lists "$folder/apt/lists";
		Dir::Cache "$folder/apt/cache";
		Dir::Etc::sourcelist "$folder/apt/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		APT::Sandbox::User "root";
	END
	quietly own_apt update
}

# fetch_kernel KERNEL: the newest of its packages, unpacked; sets $kernel and $release.
fetch_kernel()
{
	kernel=$folder/$1
	if [ ! -e "$kernel/boot" ]; then
		[ -e "$folder/apt/apt.conf" ] || prepare_apt || return 1
		case $1 in
		*-rt) pattern="^linux-image-${1%-rt}[.][0-9][^-]*\(-[0-9]*\)\?-rt-amd64$" ;;
		*) pattern="^linux-image-$1[.][0-9][^-]*\(-[0-9]*\)\?-amd64$" ;;
		esac
		package=$(APT_CONFIG=$folder/apt/apt.conf apt-cache pkgnames linux-image- |
			grep -e "$pattern" | sort -V | tail -1)
		[ -n "$package" ] || { say "$1: no package" && return 1; }
		say "$1: fetching $package"
		cd "$folder" && quietly own_apt download "$package" || return 1
		rm -rf "$kernel.new" && mkdir "$kernel.new" || return 1
		dpkg-deb -x "$package"_*.deb "$kernel.new" && mv "$kernel.new" "$kernel" || return 1
		rm -f "$package"_*.deb
	fi
	release=$(ls "$kernel/lib/modules")
	[ -e "$kernel/lib/modules/$release/modules.dep" ] || depmod -b "$kernel" "$release"
}

# The modules that the root needs, in order, busybox, and an init that mounts it.
make_initramfs()
{
	initramfs=$folder/initramfs
	rm -rf "$initramfs"
	mkdir "$initramfs" || return 1
	for mount_point in modules proc sys dev host layer root; do
		mkdir "$initramfs/$mount_point" || return 1
	done
	cp "$(command -v busybox)" "$initramfs/busybox" || return 1
	for module in virtio_pci 9pnet_virtio 9p overlay; do
		modprobe -d "$kernel" -S "$release" --show-depends "$module" || return 1
	done | while read -r word path; do
		name=${path##*/}
		name=${name%% *}
		[ "$word" = insmod ] || continue
		[ ! -e "$initramfs/modules/$name" ] || continue
		cp "${path%% *}" "$initramfs/modules/$name"
		echo "$name" >>"$initramfs/modules/order"
	done
	cp "$top/tests/kernels/init" "$initramfs/init"
	(cd "$initramfs" && find . | cpio --quiet -o -H newc | gzip -1) >"$folder/initramfs.gz"
}

# boot ROOT LOG SECONDS WORD...: a machine whose root is the folder ROOT, read-only below a layer in
# its memory. WORDs are for the command line of its kernel. Without KVM=1 all is emulated.
boot()
{
	boot_root=$1
	boot_log=$2
	boot_seconds=$3
	shift 3
	# Not passed on: what hypervisors refuse to set.
	timeout "$boot_seconds" qemu-system-x86_64 ${KVM:+-accel kvm} -accel tcg \
		-cpu max,-arch-capabilities -smp 2 -m 3072 -nodefaults -no-reboot -display none \
		-serial stdio -kernel "$kernel/boot/vmlinuz-$release" -initrd "$folder/initramfs.gz" \
		-append "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off $*" \
		-virtfs "local,path=$boot_root,security_model=passthrough,readonly=on,mount_tag=host,multidevs=remap" \
		</dev/null >"$boot_log" 2>&1
}
