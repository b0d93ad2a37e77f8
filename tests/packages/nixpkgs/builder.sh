#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# What stdenv.mkDerivation and autoreconfHook do with the source of a package, in their order, without optimisation.

set -eu
export PATH=/usr/bin:/bin CFLAGS=-O0 MAKEFLAGS=-j2
# shellcheck disable=SC2086 # a list of names
pkg-config --exists --print-errors ${buildInputs:?}
cp -R "${src:?}" source
chmod -R u+w source
cd source || exit
autoreconf --install --force
./configure --disable-static --disable-dependency-tracking --prefix="${out:?}"
make SHELL=/bin/sh
make SHELL=/bin/sh install
# Its fixup: sbin is bin, manuals are compressed.
mkdir -p "$out/bin"
mv "$out"/sbin/* "$out/bin"
rmdir "$out/sbin"
ln -s bin "$out/sbin"
find "$out/share/man" -type f -exec gzip -n {} +
