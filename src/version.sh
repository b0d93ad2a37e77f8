#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# version.sh SOURCE RELEASE: prints the version of the sources in SOURCE.
#
# A tarball has it in the file .version. In a checkout, git describes the commit: by the last tag
# (v0.1.0 is 0.1.0, ten commits later 0.1.0-10-g0123abc), without one by RELEASE, the number in
# configure.ac. "-dirty" marks changes that are in no commit. Without git it is RELEASE.
set -u
source=${1:?} release=${2:?}
# sudo's git must not write an index that its user cannot write.
export GIT_OPTIONAL_LOCKS=0

described=
if [ -f "$source/.version" ]; then
	described=$(cat "$source/.version")
elif [ -e "$source/.git" ]; then # of this folder, not of one around an unpacked tarball
	described=$(git -C "$source" describe --tags --match 'v[0-9]*' --dirty 2>/dev/null) ||
		described=$(git -C "$source" describe --always --exclude '*' --dirty 2>/dev/null) &&
		described=${described#v}
	case $described in
	'' | *.*) ;;
	*) described=$release-g$described ;;
	esac
fi
printf '%s\n' "${described:-$release}"
