#!/bin/bash
# Controllers, a scheduler, nodes and running pods beside a server of up.sh: live.sh BIN STATE [NODES]
# kwok plays the kubelet: pods that are bound become Running and Ready without a container runtime, pods/exec runs the
# command as a local process in STATE/pod, pods/log serves STATE/pod.log (lines as a container runtime writes them), and on
# every port pod_http.sh answers to a port-forward. Pods of namespace "own" have their own of the last two.
# An exit status comes back as a plain error, not as an ExitCode cause as from a real kubelet.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)
state=$(cd "$2" && pwd)
nodes=${3:-2}
cd "$state"
umask 077
. "$here/lib.sh"
server=$(sed -n 's,.*server: "https://127.0.0.1:\([0-9]*\)".*,\1,p' admin.kubeconfig)

cd pki
sign kube-controller-manager /CN=system:kube-controller-manager "extendedKeyUsage=clientAuth"
sign kube-scheduler /CN=system:kube-scheduler "extendedKeyUsage=clientAuth"
sign kwok /O=system:nodes/CN=system:node:kwok "extendedKeyUsage=serverAuth
subjectAltName=IP:127.0.0.1"
cd ..
for name in kube-controller-manager kube-scheduler; do
  kubeconfig $name.kubeconfig "$server" "$(certificate_user $name)"
done

# Nodes here have no heartbeat worth the name: the two controllers that would drive pods away are left out.
start kube-controller-manager --kubeconfig=kube-controller-manager.kubeconfig \
  --bind-address=127.0.0.1 --secure-port="$(free_port)" --leader-elect=false --use-service-account-credentials=true \
  --service-account-private-key-file=pki/sa.key --root-ca-file=pki/ca.crt --profiling=false \
  --controllers='*,-node-lifecycle-controller,-taint-eviction-controller' --kube-api-qps=200 --kube-api-burst=400
start kube-scheduler --kubeconfig=kube-scheduler.kubeconfig \
  --authentication-kubeconfig=kube-scheduler.kubeconfig --authorization-kubeconfig=kube-scheduler.kubeconfig \
  --bind-address=127.0.0.1 --secure-port="$(free_port)" --leader-elect=false --profiling=false

mkdir -p pod
echo '2026-01-01T00:00:00.000000000Z stdout F {"event":"startup"}' >pod.log
cat >kwok.yaml <<END
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options: {manageNodesWithLabelSelector: "!moat.dev/test-network"}  # those have a kwok of their own: netlab.py
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterExec
metadata: {name: any}
spec: {execs: [{local: {workDir: "$state/pod"}}]}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterLogs
metadata: {name: any}
spec: {logs: [{logsFile: "$state/pod.log"}]}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterPortForward
metadata: {name: any}
spec: {forwards: [{command: ["$here/pod_http.sh"]}]}
END
# Pods with logs and ports of their own: pod-N-0 of namespace "own" has STATE/own/pod-N.log, and pod-N.health for pod_http.sh.
mkdir -p own
for n in 1 2 3 4 5 6 7 8 9; do
  cat <<END
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Logs
metadata: {name: pod-$n-0, namespace: own}
spec: {logs: [{logsFile: "$state/own/pod-$n.log"}]}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: PortForward
metadata: {name: pod-$n-0, namespace: own}
spec: {forwards: [{command: ["$here/pod_http.sh", "$state/own/pod-$n.health"]}]}
END
done >>kwok.yaml
kubelet=$(free_port)
start kwok --config kwok.yaml --kubeconfig admin.kubeconfig --node-ip 127.0.0.1 --node-port "$kubelet" \
  --server-address "127.0.0.1:$kubelet" --tls-cert-file pki/kwok.crt --tls-private-key-file pki/kwok.key \
  --cidr 10.99.0.0/16

export KUBECONFIG=$state/admin.kubeconfig
size='"cpu":"999","memory":"999Gi","pods":"20000"'
for ((i = 1; i <= nodes; i++)); do
  echo "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"node-$i\",\"labels\":{\"kubernetes.io/hostname\":\"node-$i\"}}," \
    "\"status\":{\"allocatable\":{$size},\"capacity\":{$size}}}"
done | "$bin/kubectl" create -f - >/dev/null
"$bin/kubectl" wait --for=condition=Ready --timeout=60s nodes --all >/dev/null
# Pods need the ServiceAccount of their namespace, which a controller makes, and nodes that are not tainted any more: the
# controller that would see that they are ready is left out.
settled() {
  local taints
  "$bin/kubectl" get serviceaccount -n default default || return
  "$bin/kubectl" taint nodes --all node.kubernetes.io/not-ready-
  taints=$("$bin/kubectl" get nodes -o 'jsonpath={.items[*].spec.taints}') && [ -z "$taints" ]
}
for ((i = 0; ; i++)); do
  settled >/dev/null 2>&1 && break
  if ((i == 100)); then
    echo "moat: the controllers do not come up; the end of their log:" >&2
    tail -5 kube-controller-manager.log >&2
    exit 1
  fi
  sleep 0.2
done
