#!/bin/sh
# What moat needs to be built and tested. On Debian and its kin (Ubuntu, ...) the missing packages are installed, as
# root or by sudo; on other systems their names are printed and the status is 1. Nothing is done when nothing is missing.
#
#   ./packages.sh          install, or print
#   ./packages.sh --list   print what is missing, change nothing
set -u

# How it is found, and its package: probe  debian  fedora  arch  alpine  opensuse  brew
table='
cmd:cc          gcc                  gcc                gcc       gcc         gcc                -
hdr:stdio.h     libc6-dev            glibc-devel        glibc     musl-dev    glibc-devel        -
cmd:autoreconf  autoconf             autoconf           autoconf  autoconf    autoconf           autoconf
cmd:automake    automake             automake           automake  automake    automake           automake
cmd:pkg-config  pkg-config           pkgconf-pkg-config pkgconf   pkgconf     pkgconf-pkg-config pkgconf
pc:ncursesw     libncurses-dev       ncurses-devel      ncurses   ncurses-dev ncurses-devel      ncurses
pc:libcurl      libcurl4-openssl-dev libcurl-devel      curl      curl-dev    libcurl-devel      curl
pc:jansson      libjansson-dev       jansson-devel      jansson   jansson-dev libjansson-devel   jansson
pc:yaml-0.1     libyaml-dev          libyaml-devel      libyaml   yaml-dev    libyaml-devel      libyaml
pc:sqlite3      libsqlite3-dev       sqlite-devel       sqlite    sqlite-dev  sqlite3-devel      sqlite
hdr:wslay/wslay.h libwslay-dev       wslay-devel        wslay     wslay-dev   wslay-devel        wslay
pc:zlib         zlib1g-dev           zlib-devel         zlib      zlib-dev    zlib-devel         zlib
pc:libcrypto    libssl-dev           openssl-devel      openssl   openssl-dev libopenssl-devel   openssl@3
hdr:uthash.h    uthash-dev           uthash-devel       uthash    uthash-dev  uthash-devel       uthash
pc:cmocka       libcmocka-dev        libcmocka-devel    cmocka    cmocka-dev  libcmocka-devel    cmocka
cmd:python3     python3              python3            python    python3     python3            python
py:pyte         python3-pyte         python3-pyte       python-pyte py3-pyte  python3-pyte       -
'

# family: the column of this system, 0 for one that is not in the table
family() {
  if [ "$(uname -s)" = Darwin ]; then
    echo 7
    return
  fi
  ID= ID_LIKE=
  [ ! -r /etc/os-release ] || . /etc/os-release
  for id in $ID $ID_LIKE; do
    case $id in
    debian | ubuntu) echo 2 && return ;;
    fedora | rhel | centos) echo 3 && return ;;
    arch) echo 4 && return ;;
    alpine) echo 5 && return ;;
    suse | opensuse*) echo 6 && return ;;
    esac
  done
  echo 0
}

# What configure will look for, looked for in the same way.
there() {
  case $1 in
  cmd:*) command -v "${1#cmd:}" ;;
  pc:*) pkg-config --exists "${1#pc:}" ;;
  hdr:*) echo "#include <${1#hdr:}>" | ${CC:-cc} -E - ;;
  py:*) "$(PATH=/usr/bin:$PATH command -v python3)" -c "import ${1#py:}" ;;
  esac >/dev/null 2>&1
}

# missing COLUMN: the packages of what is not there, on one line
missing() {
  echo "$table" | while read -r probe rest; do
    [ -n "$probe" ] || continue
    there "$probe" || echo "$probe $rest" | awk -v c="$1" '$c != "-" { print $c }'
  done | sort -u | tr '\n' ' '
}

install_debian() {
  sudo=
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
      echo "moat: these packages are missing, and there is neither root nor sudo to install them. As root:" >&2
      echo "    apt-get install $*" >&2
      return 1
    fi
    sudo=sudo
  fi
  echo "moat: installing: $*"
  # --no-remove: another flavour of a library that is in use here is not pushed aside.
  apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300"
  $apt update && $apt install --no-install-recommends --no-remove "$@" && return
  echo "moat: the packages could not be installed; see above. To do it by hand: apt-get install $*" >&2
  return 1
}

column=$(family)
if [ "$column" = 0 ]; then
  packages=$(missing 2)
else
  packages=$(missing "$column")
fi
[ -n "$packages" ] || exit 0
if [ "${1-}" = --list ]; then
  echo "$packages"
  exit
fi
case $column in
2) install_debian $packages && exit 0 ;;
3) echo "moat: install these packages, then try again: sudo dnf install $packages" >&2 ;;
4) echo "moat: install these packages, then try again: sudo pacman -S --needed $packages" >&2 ;;
5) echo "moat: install these packages, then try again: apk add $packages" >&2 ;;
6) echo "moat: install these packages, then try again: sudo zypper install $packages" >&2 ;;
7) echo "moat: install these packages, then try again: brew install $packages" >&2 ;;
*) echo "moat: this system is not known; install what Debian calls: $packages" >&2 ;;
esac
exit 1
