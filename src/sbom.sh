#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# sbom.sh VERSION SECONDS LIBRARY=VERSION...: prints what sockline is made of, as SPDX 2.3 in JSON.
#
# LIBRARY is the name that pkg-config has for it, VERSION what it was built with, empty where that
# is not known. SECONDS since 1970 are the time of the sources: the same build says the same.
set -u
version=${1:?} seconds=${2:?}
shift 2

# What each is under, as its own files say.
license()
{
	case $1 in
	json-c) echo MIT ;;
	libnl-3.0 | libseccomp) echo LGPL-2.1-only ;;
	libpcap) echo BSD-3-Clause ;;
	liblz4) echo BSD-2-Clause ;;
	libzstd) echo 'BSD-3-Clause OR GPL-2.0-only' ;;
	nettle) echo 'LGPL-3.0-or-later OR GPL-2.0-or-later' ;;
	zlib) echo Zlib ;;
	*) echo NOASSERTION ;;
	esac
}

# package NAME VERSION LICENSE COPYRIGHT PURPOSE
package()
{
	printf '    {\n      "SPDXID": "SPDXRef-%s",\n      "name": "%s",\n' "$1" "$1"
	[ -z "$2" ] || printf '      "versionInfo": "%s",\n' "$2"
	printf '      "primaryPackagePurpose": "%s",\n' "$5"
	printf '      "downloadLocation": "NOASSERTION",\n      "filesAnalyzed": false,\n'
	printf '      "licenseConcluded": "NOASSERTION",\n      "licenseDeclared": "%s",\n' "$3"
	printf '      "copyrightText": "%s",\n' "$4"
	printf '      "externalRefs": [\n        {\n          "referenceCategory": "PACKAGE-MANAGER",\n'
	printf '          "referenceType": "purl",\n          "referenceLocator": "pkg:generic/%s%s"\n' \
		"$1" "${2:+@$2}"
	printf '        }\n      ]\n    }'
}

# relationship FROM WHAT TO
relationship()
{
	printf '    {\n      "spdxElementId": "SPDXRef-%s",\n' "$1"
	printf '      "relationshipType": "%s",\n      "relatedSpdxElement": "SPDXRef-%s"\n    }' "$2" "$3"
}

# The identity of a document has to be its own: it comes of all that the document says.
identity=$(printf '%s\n' "$version" "$seconds" "$@" | sha256sum | cut -c 1-32) || exit 1
created=$(date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%SZ) || exit 1

printf '{\n  "spdxVersion": "SPDX-2.3",\n  "dataLicense": "CC0-1.0",\n  "SPDXID": "SPDXRef-DOCUMENT",\n'
printf '  "name": "sockline-%s",\n  "documentNamespace": "urn:sockline:sbom:%s:%s",\n' \
	"$version" "$version" "$identity"
printf '  "creationInfo": {\n    "created": "%s",\n    "creators": [\n' "$created"
printf '      "Tool: sockline-sbom.sh",\n      "Organization: The sockline authors"\n    ]\n  },\n'
printf '  "packages": [\n'
package sockline "$version" Apache-2.0 'The sockline authors' APPLICATION
for library; do
	name=${library%%=*}
	printf ',\n'
	package "$name" "${library#*=}" "$(license "$name")" NOASSERTION LIBRARY
done
printf '\n  ],\n  "relationships": [\n'
relationship DOCUMENT DESCRIBES sockline
for library; do
	printf ',\n'
	relationship sockline DYNAMIC_LINK "${library%%=*}"
done
printf '\n  ]\n}\n'
