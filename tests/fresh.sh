#!/bin/bash
# make demo and make check on a machine with nothing on it: a new Debian root with make, git and certificates, in which
# a clone of this repository is built as root. Needs root and debootstrap; takes minutes and a gigabyte. What is
# committed is tested, not what lies in the work tree.
#
#   tests/fresh.sh [SUITE] [MIRROR]     default: bookworm http://deb.debian.org/debian; Ubuntu: noble and its mirror
#   KEEP=1 keeps the root; JOBS=N as in make -jN
set -euo pipefail
suite=${1:-bookworm}
mirror=${2:-http://deb.debian.org/debian}
source=$(cd "$(dirname "$0")/.." && pwd)
failed=0

[ "$(id -u)" = 0 ] || { echo "tests/fresh.sh needs root: it makes a chroot" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "tests/fresh.sh needs debootstrap" >&2; exit 2; }
git -C "$source" rev-parse HEAD >/dev/null || { echo "tests/fresh.sh needs a git clone" >&2; exit 2; }

root=$(mktemp -d "${TMPDIR:-/tmp}/moat-fresh-XXXXXX")
chmod 755 "$root"
cleanup() { [ "${KEEP:-0}" = 1 ] && echo "# kept: $root" || rm -rf --one-file-system "$root"; }
trap cleanup EXIT

components=main
case $mirror in *ubuntu*) components=main,universe ;; esac
echo "# debootstrap $suite into $root"
debootstrap --variant=minbase --components="$components" --include=make,git,ca-certificates "$suite" "$root" "$mirror" \
  >"$root.log" 2>&1 || { tail -20 "$root.log" >&2; exit 2; }
rm -f "$root.log"

# The way out: what this machine uses to reach its mirrors.
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
apt-config dump | grep -E '^Acquire::.*(Proxy|CaInfo)' >"$root/etc/apt/apt.conf.d/99fresh" || true
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

# What a clone from a server would be: no hard links, no other branches.
git clone -q --no-local --single-branch "$source" "$root/root/moat"

# A namespace of its own for the mounts, so that they end with the command.
inside() {
  unshare --mount --fork bash -c '
    root=$1; shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    exec chroot "$root" /usr/bin/env -i HOME=/root TERM="${TERM:-dumb}" PATH=/usr/sbin:/usr/bin:/sbin:/bin \
      ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
      ${no_proxy:+no_proxy="$no_proxy"} /bin/sh -c "cd /root/moat && exec \"\$@\"" sh "$@"' bash "$root" "$@"
}

# try NAME COMMAND...: one TAP line by the exit status; the end of the output when it failed
n=0
try() {
  local name=$1 start=$SECONDS
  shift
  n=$((n + 1))
  if inside "$@" >"$root/output" 2>&1 </dev/null; then
    echo "ok $n - $name ($((SECONDS - start)) s)"
  else
    failed=1
    echo "not ok $n - $name ($((SECONDS - start)) s)"
    tail -40 "$root/output" | sed 's/^/# /'
  fi
}

echo "1..6"
useradd --root "$root" --create-home guest
cp -r "$root/root/moat" "$root/home/guest/moat"
chown -R --reference="$root/home/guest" "$root/home/guest/moat"
try "no root, no sudo: says what to install" su guest -c \
  'cd ~/moat && make demo 2>&1 | tee /dev/stderr | grep "apt-get install .*libjansson-dev"'
try "make demo on a bare $suite" make -j"${JOBS:-2}" demo
try "make check" make -j"${JOBS:-2}" check
grep -E '^# (TOTAL|PASS|FAIL|ERROR):' "$root/output" || true
try "again, with nothing to do" make demo
try "make install" make install DESTDIR=/tmp/image
try "the installed program" /tmp/image/usr/local/bin/moat --version
exit $failed
