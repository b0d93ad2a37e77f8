# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# What contrib/nix takes of nixpkgs, as far as it takes it; what a package is to have is on the system.
{ }:

let
  packages = {
    lib = {
      # Without what version control and editors leave, as there.
      cleanSource = src: builtins.filterSource
        (path: type: !(builtins.elem (baseNameOf path) [ ".git" "build" ]) && type != "unknown") src;
      licenses.asl20 = { spdxId = "Apache-2.0"; };
      platforms.linux = [ builtins.currentSystem ];
    };
    stdenv.mkDerivation = package: derivation (removeAttrs package [ "meta" ] // {
      name = "${package.pname}-${package.version}";
      system = builtins.currentSystem;
      builder = "/bin/sh";
      args = [ ./builder.sh ];
    });
    autoreconfHook = "autoreconfHook";
    pkg-config = "pkg-config";
    json_c = "json-c";
    libnl = "libnl-3.0";
    libpcap = "libpcap";
    libseccomp = "libseccomp";
    lz4 = "liblz4";
    nettle = "nettle";
    zlib = "zlib";
    zstd = "libzstd";
  };
in packages // {
  callPackage = file: others:
    let make = import file;
    in make (builtins.intersectAttrs (builtins.functionArgs make) packages // others);
}
