# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# nix-build -E 'with import <nixpkgs> { }; callPackage ./contrib/nix { }'
{ lib, stdenv, autoreconfHook, pkg-config
, json_c, libnl, libpcap, libseccomp, lz4, nettle, zlib, zstd }:

stdenv.mkDerivation {
  pname = "sockline";
  version = "0.1.0";
  src = lib.cleanSource ../..;

  strictDeps = true;
  enableParallelBuilding = true;
  nativeBuildInputs = [ autoreconfHook pkg-config ];
  buildInputs = [ json_c libnl libpcap libseccomp lz4 nettle zlib zstd ];

  meta = {
    description = "Network activity of a host as JSON lines, with the owning processes";
    license = lib.licenses.asl20;
    platforms = lib.platforms.linux;
    mainProgram = "sockline";
  };
}
