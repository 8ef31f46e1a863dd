#!/bin/bash
# make check-cluster: builds an API server, brings it up, loads the demo's objects with their status, and runs every
# test_* of this folder against it. README.md says what a test finds and how to write one.
#
# MOAT is the program. MOAT_SKIP_CLUSTER=1 passes, saying so, where the API server cannot be built.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
key=$(sha256sum "$here/go.sum" | cut -c1-16)
bin=${XDG_CACHE_HOME:-$HOME/.cache}/moat-cluster/$key
: "${MOAT:?names the program to test; use make check-cluster}"
export MOAT

if ! "$here/build.sh" "$bin" etcd kube-apiserver kubectl; then
  if [ "${MOAT_SKIP_CLUSTER:-0}" = 1 ]; then
    echo "moat: SKIPPED: no test has run against an API server (MOAT_SKIP_CLUSTER=1)"
    exit 0
  fi
  echo "moat: check-cluster has failed without a test; MOAT_SKIP_CLUSTER=1 skips it" >&2
  exit 1
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/moat-cluster-XXXXXX")
finish() {
  "$here/down.sh" "$work/server"
  [ "${KEEP:-0}" = 1 ] && echo "# kept: $work" || rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

assignments=$("$here/up.sh" "$bin" "$work/server") || exit 1
eval "$assignments"
export PATH=$bin:$PATH
export DEMO=$here/../../demo
export WORK=$work/files
export HOME=$work/home
export TZ=UTC LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_CACHE_HOME
mkdir "$WORK" "$HOME"

kubectl create --dry-run=client --validate=false --show-managed-fields -o json -R -f "$DEMO" >"$WORK/demo.json" || exit 1
python3 "$here/load.py" "$WORK/demo.json" || exit 1

passed=0
failed=0
for test in "$here"/test_*; do
  name=$(basename "$test")
  "$test" >"$work/output"
  status=$?
  sed "s/^\(not \)\{0,1\}ok [0-9]* -/\1ok $name/" "$work/output"
  good=$(grep -c '^ok ' "$work/output")
  bad=$(grep -c '^not ok ' "$work/output")
  planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$work/output")
  if [ "$bad" = 0 ] && { [ $status != 0 ] || [ "$planned" != "$good" ]; }; then
    echo "not ok $name: status $status, $good of ${planned:-an unknown number of} cases ran"
    bad=1
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
done
echo "# PASS:  $passed"
echo "# FAIL:  $failed"
[ $passed -gt 0 ] && [ $failed = 0 ]
