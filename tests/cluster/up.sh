#!/bin/bash
# An API server and its etcd on free ports of 127.0.0.1: up.sh BIN STATE
# BIN has the programs (build.sh), STATE is a folder that is made. Prints shell assignments: KUBECONFIG, CLUSTER_SERVER,
# CLUSTER_CA, CLUSTER_TOKEN, CLUSTER_STATE. No kubelet and no controllers: what is loaded stays as it is; live.sh adds
# both. down.sh STATE ends it. APISERVER_ARGS adds flags; AUDIT=1 logs requests to STATE/audit.log.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)
mkdir -p "$2"
state=$(cd "$2" && pwd)
cd "$state"
umask 077

. "$here/lib.sh"

# A CA of its own, a certificate for the server and one for its admin.
make_pki() {
  mkdir pki
  cd pki
  new_key ca
  openssl req -x509 -new -key ca.key -subj /CN=moat-test-ca -days 3650 -out ca.crt \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,digitalSignature
  sign apiserver /CN=kube-apiserver "extendedKeyUsage=serverAuth
subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc"
  sign admin /O=system:masters/CN=admin "extendedKeyUsage=clientAuth"
  openssl genrsa -out sa.key 2048 2>/dev/null
  openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
  cd ..
}
ready() {
  { printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n'; sleep 0.3; } |
    timeout 5 openssl s_client -quiet -connect "127.0.0.1:$port" -CAfile pki/ca.crt -cert pki/admin.crt \
      -key pki/admin.key 2>/dev/null | grep -q '200 OK'
}

port=$(free_port)
client_port=$(free_port)
peer_port=$(free_port)
make_pki
# Bearer tokens: admin may do all; viewer and nobody may do nothing until a test binds a role.
tokens=()
for user in admin viewer nobody; do tokens+=("$user-$(openssl rand -hex 12)"); done
{
  echo "${tokens[0]},admin-token,u1,system:masters"
  echo "${tokens[1]},viewer,u2,moat:viewers"
  echo "${tokens[2]},nobody,u3"
} >tokens.csv
kubeconfig admin.kubeconfig "$port" "$(certificate_user admin)"
kubeconfig viewer.kubeconfig "$port" "{token: ${tokens[1]}}"
kubeconfig nobody.kubeconfig "$port" "{token: ${tokens[2]}}"

start etcd --name test --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn \
  --listen-client-urls "http://127.0.0.1:$client_port" --advertise-client-urls "http://127.0.0.1:$client_port" \
  --listen-peer-urls "http://127.0.0.1:$peer_port" --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" \
  --initial-cluster "test=http://127.0.0.1:$peer_port"
audit=()
if [ "${AUDIT:-0}" = 1 ]; then
  printf 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n' >audit.yaml
  audit=(--audit-policy-file=audit.yaml --audit-log-path="$state/audit.log")
fi
# Without an address to advertise the server looks for a default route, which a test machine may not have; the
# endpoint reconciler would refuse a loopback address.
start kube-apiserver --etcd-servers="http://127.0.0.1:$client_port" \
  --bind-address=127.0.0.1 --secure-port="$port" --advertise-address=127.0.0.1 --endpoint-reconciler-type=none \
  --service-cluster-ip-range=10.96.0.0/16 --allow-privileged=true --authorization-mode=Node,RBAC --profiling=false \
  --client-ca-file=pki/ca.crt --tls-cert-file=pki/apiserver.crt --tls-private-key-file=pki/apiserver.key \
  --token-auth-file=tokens.csv --service-account-issuer=https://kubernetes.default.svc.cluster.local \
  --service-account-signing-key-file=pki/sa.key --service-account-key-file=pki/sa.pub \
  "${audit[@]}" ${APISERVER_ARGS:-}

for ((i = 0; ; i++)); do
  ready && break
  if ((i == 240)) || ! kill -0 "$(cat kube-apiserver.pid)" 2>/dev/null; then
    echo "moat: the API server does not come up; the end of its log:" >&2
    tail -5 kube-apiserver.log >&2
    exit 1
  fi
  sleep 0.2
done
echo "export KUBECONFIG='$state/admin.kubeconfig'"
echo "export CLUSTER_SERVER='https://127.0.0.1:$port'"
echo "export CLUSTER_CA='$state/pki/ca.crt'"
echo "export CLUSTER_TOKEN='${tokens[0]}'"
echo "export CLUSTER_STATE='$state'"
