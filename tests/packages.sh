#!/bin/sh
# packages.sh without a package manager: what is missing, and what other systems are told.
. "$(dirname "$0")/tap.sh"
root=${srcdir:-$(dirname "$0")/..}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT

# A machine with nothing on it but a shell and its tools.
mkdir "$here/bin"
for tool in sh awk sort tr uname id dirname; do
  ln -s "$(command -v $tool)" "$here/bin/$tool"
done

# The system's Python is looked for beside the PATH: not here.
sed 's|/usr/bin:||' "$root/packages.sh" >"$here/packages.sh"
rows=$(grep -cE '^(cmd|pc|hdr|py):' "$root/packages.sh")
is "$(PATH=$here/bin "$here/bin/sh" "$here/packages.sh" --list | wc -w | tr -d ' ')" "$rows" "an empty machine misses all"

# On a system: its /etc/os-release, by a copy of the script that reads another one.
on() {
  printf '%s\n' "$1" >"$here/os-release"
  sed "s|/etc/os-release|$here/os-release|g" "$root/packages.sh" >"$here/packages.sh"
  PATH=$here/bin "$here/bin/sh" "$here/packages.sh" 2>&1
  echo "status $?"
}

for system in 'ID=fedora/dnf install/ncurses-devel' 'ID="rocky"
ID_LIKE="rhel centos fedora"/dnf install/jansson-devel' 'ID=arch/pacman -S/cmocka' 'ID=alpine/apk add/musl-dev' \
  'ID="opensuse-tumbleweed"/zypper install/libopenssl-devel' 'ID=plan9/what Debian calls/libcmocka-dev'; do
  name=${system%%/*}
  rest=${system#*/}
  said=$(on "$name")
  has "$said" "${rest%%/*}" "$(echo "$name" | tr '\n' ' '): the command"
  has "$said" "${rest#*/}" "$(echo "$name" | tr '\n' ' '): the packages"
  has "$said" "status 1" "$(echo "$name" | tr '\n' ' '): and stops"
done

done_testing
