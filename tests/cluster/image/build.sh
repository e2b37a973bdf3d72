#!/bin/sh
# Builds the node image of one Debian release, unless it is there already: build.sh SUITE [CACHE]
# Needs no registry of images: the packages come from the mirror that this machine's apt uses.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
suite=$1
cache=${2:-${KADALU_TEST_CACHE:-$here/../../../.cache}}
key=$(cat "$here/packages.txt" "$here/provision.sh" "$0" | sha256sum | cut -c1-12)
image="kadalu-node:$suite-$key"
if ! docker image inspect "$image" >/dev/null 2>&1; then
    mkdir -p "$cache"
    tar="$cache/$suite-$key.tar"
    if ! [ -s "$tar" ]; then
        mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' \
            /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
        packages=$(grep -v '^#' "$here/packages.txt" | paste -sd,)
        mmdebstrap --quiet --variant=apt --include="$packages" \
            --customize-hook="copy-in $here/provision.sh /root" \
            --customize-hook='chroot "$1" sh /root/provision.sh' \
            --customize-hook='rm -f "$1"/etc/ssh/ssh_host_rsa_key* "$1"/etc/ssh/ssh_host_ecdsa_key*' \
            "$suite" "$tar.part.tar" "${mirror:-http://deb.debian.org/debian}" >&2
        mv "$tar.part.tar" "$tar"
    fi
    docker import "$tar" "$image" >/dev/null
fi
echo "$image"
