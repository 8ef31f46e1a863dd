#!/bin/bash
# Builds etcd and Kubernetes programs from Go modules, each once: build.sh DIR PROGRAM...
# A program is etcd, kwok, or a name below k8s.io/kubernetes/cmd that tools.go lists.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
shift

fail() {
  echo "moat: cannot build the API server: $*" >&2
  exit 1
}

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
exec 9>"$dir/lock"
flock 9

missing=()
for program; do
  [ -x "$dir/$program" ] || missing+=("$program")
done
[ ${#missing[@]} -gt 0 ] || exit 0

cd "$here"
wanted=$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' go.mod)
command -v go >/dev/null || fail "there is no Go on PATH; Go $wanted or newer is needed"
export CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-buildvcs=false
have=$(go env GOVERSION | sed 's/^go//')
[ "$(printf '%s\n' "$wanted" "$have" | sort -V | head -1)" = "$wanted" ] || fail "Go is $have; $wanted or newer is needed"
for module in . kwok; do
  go -C $module mod download || fail "the Go modules of tests/cluster/$module/go.mod could not be fetched"
done

version=$(sed -n 's,^[[:space:]]*k8s.io/kubernetes \(v[0-9.]*\).*,\1,p' go.mod | head -1)
minor=${version#v1.}
stamp=
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  stamp+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
  stamp+=" -X $package.gitTreeState=clean -X $package.buildDate=1970-01-01T00:00:00Z"
done
for program in "${missing[@]}"; do
  start=$SECONDS
  module=.
  case $program in
  etcd) package=go.etcd.io/etcd/server/v3 ;;
  kwok)
    module=kwok
    package=sigs.k8s.io/kwok/cmd/kwok
    ;;
  *) package=k8s.io/kubernetes/cmd/$program ;;
  esac
  go -C $module build -trimpath -ldflags "-s -w $stamp" -o "$dir/$program.new" "$package" || fail "$program did not compile"
  mv "$dir/$program.new" "$dir/$program"
  echo "# built $program in $((SECONDS - start)) s"
done
