#!/bin/sh
# The floor of tests/bench/bench_cluster: curl downloads the pages that moat reads, and nothing is done with them but looking
# for the next page. CLUSTER_SERVER, CLUSTER_CA and CLUSTER_TOKEN come from tests/cluster/up.sh.
set -eu
page=$(mktemp)
trap 'rm -f "$page"' EXIT
json=application/json
metadata="$json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,$json"

# download PATH ACCEPT
download() {
  token=
  while :; do
    # Another name than curl's own: for that one the server indents.
    curl -sS -A floor --compressed --cacert "$CLUSTER_CA" -H "Authorization: Bearer $CLUSTER_TOKEN" -H "Accept: $2" \
      -o "$page" "$CLUSTER_SERVER$1?limit=500${token:+&continue=$token}"
    wc -c <"$page"
    token=$(head -c 1000 "$page" | sed -n 's/.*"continue":"\([^"]*\)".*/\1/p')
    [ -n "$token" ] || break
  done
}

for path in api/v1/namespaces apis/apps/v1/deployments apis/apps/v1/statefulsets apis/apps/v1/daemonsets \
  apis/batch/v1/cronjobs apis/batch/v1/jobs api/v1/pods api/v1/services api/v1/configmaps \
  apis/networking.k8s.io/v1/networkpolicies; do
  download "/$path" "$json"
done
download /apis/apps/v1/replicasets "$metadata"
