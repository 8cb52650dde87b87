#!/bin/bash
# Installs Debian's chromium where no chromium is on the path; that takes root.
set -euo pipefail

command -v chromium > /dev/null && exit

if [ "$(id -u)" != 0 ]; then
	echo "no chromium is on the path: install it, or run this as root" >&2
	exit 1
fi
echo "installing Debian's chromium" >&2
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core > /dev/null
