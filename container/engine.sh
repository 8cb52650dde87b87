#!/bin/bash
# Starts a Docker engine if none answers, and installs Debian's where there is none; that takes root.
#
# It has no network of its own: containers use the host's, or none. It keeps running when this ends.
set -euo pipefail

docker info > /dev/null 2>&1 && exit

if [ "$(id -u)" != 0 ]; then
	echo "no Docker engine answers: start one, or run this as root" >&2
	exit 1
fi
if pgrep -x dockerd > /dev/null; then
	echo "a Docker engine runs but does not answer at its socket; two must not share their data: restart it" >&2
	exit 1
fi
command -v dockerd > /dev/null || {
	echo "installing Debian's Docker engine" >&2
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io cgroupfs-mount > /dev/null
}
mountpoint -q /sys/fs/cgroup || cgroupfs-mount
log=/var/log/dockerd.log
setsid dockerd --iptables=false --bridge=none > "$log" 2>&1 < /dev/null &
for _ in {1..300}; do
	docker info > /dev/null 2>&1 && exit
	sleep 0.1
done
echo "the Docker engine did not start; the end of $log:" >&2
tail -n 20 "$log" >&2
exit 1
