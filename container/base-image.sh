#!/bin/bash
# Makes the base image that the Dockerfile asks for, under the same name, where no image registry is reached.
#
# Does nothing where the image is there already or can be pulled. Otherwise it is Debian's smallest system, put together
# by debootstrap, from Debian's own mirror or DEBIAN_MIRROR. A certificate bundle that pip needs here (PIP_CERT) goes
# with it; the image that serves never sees it.
set -euo pipefail
cd "$(dirname "$0")/.."

image=$(sed -n 's/^FROM \(.*\) AS build$/\1/p' container/Dockerfile)
suite=${image#*:} suite=${suite%-slim}

docker image inspect "$image" > /dev/null 2>&1 && exit
docker pull --quiet "$image" 2> /dev/null && exit

echo "$image: no registry reached, so debootstrap makes it" >&2
command -v debootstrap > /dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap; } >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
debootstrap --variant=minbase "$suite" "$work/root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} > "$work/log" 2>&1 || { tail -n 20 "$work/log"; exit 1; } >&2
rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
settings=()
if [ -n "${PIP_CERT:-}" ]; then
	install -m 644 "$PIP_CERT" "$work/root/etc/pip-certificates.pem"
	settings=(--change "ENV PIP_CERT=/etc/pip-certificates.pem")
fi
tar -C "$work/root" -c . | docker import "${settings[@]}" - "$image"
