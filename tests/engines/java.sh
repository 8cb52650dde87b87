#!/bin/bash
# Installs Debian's Java 17 for Spark where there is no Java of at least that version; that takes root.
set -euo pipefail

version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' || true)
[ "${version:-0}" -ge 17 ] && exit

if [ "$(id -u)" != 0 ]; then
	echo "no Java of version 17 or newer: install one, or run this as root" >&2
	exit 1
fi
echo "installing Debian's Java 17" >&2
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless > /dev/null
