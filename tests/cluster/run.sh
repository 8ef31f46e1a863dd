#!/bin/bash
# make check-cluster: builds an API server, brings it up, loads the demo's objects with their status, and runs every
# test_* of this folder against it; then one with controllers and running pods, for every live_*. README.md says what a
# test finds and how to write one. Arguments are names of tests, for those alone.
#
# MOAT is the program. MOAT_SKIP_CLUSTER=1 passes, saying so, where the API server cannot be built.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
key=$(cat "$here/go.sum" "$here/kwok/go.sum" | sha256sum | cut -c1-16)
bin=${XDG_CACHE_HOME:-$HOME/.cache}/moat-cluster/$key
: "${MOAT:?names the program to test; use make check-cluster}"
export MOAT

if ! "$here/build.sh" "$bin" etcd kube-apiserver kubectl kube-controller-manager kube-scheduler kwok; then
  if [ "${MOAT_SKIP_CLUSTER:-0}" = 1 ]; then
    echo "moat: SKIPPED: no test has run against an API server (MOAT_SKIP_CLUSTER=1)"
    exit 0
  fi
  echo "moat: check-cluster has failed without a test; MOAT_SKIP_CLUSTER=1 skips it" >&2
  exit 1
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/moat-cluster-XXXXXX")
finish() {
  for server in "$work"/quiet "$work"/live; do "$here/down.sh" "$server"; done
  [ "${KEEP:-0}" = 1 ] && echo "# kept: $work" || rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

export PATH=$bin:$PATH
export BIN=$bin DEMO=$here/../../demo srcdir=$here/../..
export WORK=$work/files
export HOME=$work/home
export TZ=UTC LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_CACHE_HOME NO_COLOR MOAT_NOW COLUMNS LINES
unset HTTPS_PROXY HTTP_PROXY NO_PROXY ALL_PROXY https_proxy http_proxy no_proxy all_proxy
mkdir "$WORK" "$HOME"

# up NAME: a server, and in the environment what tests find of it
up() {
  local assignments
  assignments=$(AUDIT=1 "$here/up.sh" "$bin" "$work/$1") || exit 1
  eval "$assignments"
}

passed=0
failed=0
skipped=0
# run TEST...: each of them, its cases counted
run() {
  local test name status good bad planned left start
  for test; do
    name=$(basename "$test")
    start=$SECONDS
    case $test in
    *.py) "${PYTHON3:-python3}" "$test" ;; # the python that has what configure looked for
    *) "$test" ;;
    esac >"$work/output"
    status=$?
    sed "s/^\(not \)\{0,1\}ok [0-9]* -/\1ok $name/" "$work/output"
    good=$(grep -c '^ok ' "$work/output")
    bad=$(grep -c '^not ok ' "$work/output")
    left=$(grep -c '^ok .* # SKIP ' "$work/output")
    planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$work/output")
    if [ "$bad" = 0 ] && { [ $status != 0 ] || [ "$planned" != "$good" ]; }; then
      echo "not ok $name: status $status, $good of ${planned:-an unknown number of} cases ran"
      bad=1
    fi
    passed=$((passed + good - left))
    skipped=$((skipped + left))
    failed=$((failed + bad))
    echo "# $name: $((SECONDS - start)) s"
  done
}

# wanted PREFIX NAME...: the tests of that prefix, of those that are named, if any are
wanted() {
  local prefix=$1 test
  shift
  for test in "$here/$prefix"_*; do
    [ -x "$test" ] && { [ $# = 0 ] || [[ " $* " = *" $(basename "$test") "* ]]; } && echo "$test"
  done
}

mapfile -t quiet < <(wanted test "$@")
mapfile -t live < <(wanted live "$@")
if [ ${#quiet[@]} -gt 0 ]; then
  up quiet
  kubectl create --dry-run=client --validate=false --show-managed-fields -o json -R -f "$DEMO" >"$WORK/demo.json" || exit 1
  python3 "$here/load.py" "$WORK/demo.json" || exit 1
  run "${quiet[@]}"
  "$here/down.sh" "$work/quiet"
fi
if [ ${#live[@]} -gt 0 ]; then
  up live
  "$here/live.sh" "$bin" "$work/live" || exit 1
  run "${live[@]}"
fi
echo "# PASS:  $passed"
echo "# SKIP:  $skipped"
echo "# FAIL:  $failed"
[ $passed -gt 0 ] && [ $failed = 0 ]
