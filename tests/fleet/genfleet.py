#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a fleet of N AI agents as Kubernetes objects, with known defects in known places.

Below --out:
  manifests/NAMESPACE.yaml  what a person would apply: one multi-document file a namespace, no Pods, no ReplicaSets
  fleet.yaml                the same documents in one file
  snapshot.json             `kind: List` as `kubectl get ns,deploy,rs,pod,svc,netpol,cm,secret -A -o json` prints it, with
                            what the API server and the controllers add
  truth.json                who has which defect: tests/fleet/truth.py holds an audit against it

The same seed and N give the same bytes. Python 3.8 and its standard library are enough.
"""
import argparse, base64, copy, hashlib, json, os, random, sys, time

# defect -> share of the fleet.  Values are fractions of N.
SHARES = [
    ("legacy-sidecar", 0.05),         # pipelock container inside the agent pod, no companion
    ("subpath-config", 0.08),         # companion mounts pipelock.yaml with subPath (no live reload)
    ("init-wget", 0.05),              # agent init container downloads something with wget
    ("secret-mode-0444", 0.04),       # CA key world-readable: pipelock refuses to start
    ("secret-mode-0644", 0.04),       # the same, half explicit, half by the API default (no defaultMode)
    ("secret-mode-0400", 0.03),       # no fsGroup: root-owned 0400, uid 65534 cannot read it
    ("egress-wide-open", 0.05),       # agent policy with `egress: [{}]` or 0.0.0.0/0
    ("policy-missing", 0.05),         # no agent NetworkPolicy at all
    ("identity-conflict", 0.02),      # default_agent_identity of another agent
    ("vpn-sidecar", 0.10),            # VPN container in the companion pod (a trait, not always a fault)
    ("noproxy-wildcard", 0.03),       # NO_PROXY with * or a bare public TLD
    ("proxy-loopback", 0.03),         # HTTPS_PROXY=http://127.0.0.1:8888 though the proxy is another pod
    ("svc-targetport-mismatch", 0.03) # companion Service targetPort is not the listening port
]
MODES = ("secret-mode-0444", "secret-mode-0644", "secret-mode-0400")
POLICY = ("egress-wide-open", "policy-missing")
WORDS = ("hermes atlas orion vega lyra nova rigel altair deneb mira castor pollux sirius procyon "
         "spica antares arcturus capella regulus bellatrix").split()
PROXY_PORT, METRICS_PORT = 8888, 9091
T0 = 1767225600  # 2026-01-01T00:00:00Z; all times derive from it


def assign(n, seed):
    """Agent index -> sorted list of defects.  Exact counts, exclusive groups honoured."""
    d = [[] for _ in range(n)]
    if n < 20:                      # tiny fleets: agent 0 clean, the rest share all defects
        names = [x for x, _ in SHARES]
        if n > 1:
            d[1].append("legacy-sidecar")
            rest = [x for x in names if x != "legacy-sidecar"]
            slots = list(range(2, n)) or [1]
            for k, x in enumerate(rest):
                for s in range(len(slots)):
                    i = slots[(k + s) % len(slots)]
                    if ok(d[i], x):
                        d[i].append(x)
                        break
        return d
    rng = random.Random("assign:%s:%d" % (seed, n))
    for name, p in SHARES:
        want = max(1, round(n * p))
        order = list(range(1, n))   # agent 0 stays clean
        rng.shuffle(order)
        for i in order:
            if want == 0:
                break
            if ok(d[i], name):
                d[i].append(name)
                want -= 1
    return d


def ok(have, x):
    if "legacy-sidecar" in have or (x == "legacy-sidecar" and have):
        return False                # a legacy agent carries no other injected defect
    for grp in (MODES, POLICY):
        if x in grp and any(y in grp for y in have):
            return False
    return x not in have


def stamp(sec):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(T0 + sec))


def h(*a):
    return hashlib.sha256("/".join(str(x) for x in a).encode()).hexdigest()


def uid(*a):
    x = h(*a)
    return "%s-%s-4%s-a%s-%s" % (x[:8], x[8:12], x[13:16], x[17:20], x[20:32])


def rs_hash(*a):
    return "".join("bcdfghjklmnpqrstvwxz2456789"[int(c, 16)] for c in h("rs", *a)[:10])


def pod_suffix(*a):
    return "".join("bcdfghjklmnpqrstvwxz2456789"[int(c, 16)] for c in h("pod", *a)[:5])


CONFIG = """# pipelock companion config
version: 1
mode: balanced
enforce: true
api_allowlist:
  - '*.anthropic.com'
  - '*.openai.com'
  - github.com
  - '*.github.com'
  - packages.example.net
fetch_proxy:
  listen: 0.0.0.0:8888
  timeout_seconds: 30
  max_response_mb: 10
  user_agent: Pipelock Fetch/1.0
forward_proxy:
  enabled: true
  max_tunnel_seconds: 300
  idle_timeout_seconds: 120
tls_interception:
  enabled: true
  ca_cert: /etc/pipelock-ca/ca.pem
  ca_key: /etc/pipelock-ca/ca-key.pem
  cert_ttl: 24h
  cert_cache_size: 10000
  max_response_bytes: 5242880
logging:
  format: json
  output: stdout
metrics_listen: 0.0.0.0:9091
default_agent_identity: %s
bind_default_agent_identity: true
"""


class Agent:
    def __init__(self, i, ns, second, defects, seed, n):
        self.i, self.ns, self.second, self.defects = i, ns, second, defects
        r = self.r = random.Random("agent:%s:%d:%d" % (seed, n, i))
        word = WORDS[i % len(WORDS)]
        self.name = "%s-%05d" % (word, i)
        sfx = "-b" if second else ""
        self.comp, self.cm, self.secret = "pipelock-companion" + sfx, "pipelock-config" + sfx, "pipelock-ca" + sfx
        self.legacy = "legacy-sidecar" in defects
        self.identity = "%s/%s" % (ns, self.name)
        self.variant = {}
        self.image = "registry.example.internal/agents/%s:1.%d.%d" % (word, r.randrange(9), r.randrange(20))
        self.comp_image = "ghcr.io/luckypipewrench/pipelock:2.%d.0" % r.choice((2, 3, 3, 3))
        self.comp_replicas = 2 if r.random() < 0.1 else 1
        self.age = r.randrange(3600, 200 * 86400)
        self.mode, self.fsgroup = 0o440, True
        if "secret-mode-0444" in defects:
            self.mode = 0o444
        elif "secret-mode-0644" in defects:
            self.mode = 0o644 if r.random() < 0.5 else None
            self.variant["secret-mode-0644"] = "explicit" if self.mode else "api-default"
        elif "secret-mode-0400" in defects:
            self.mode, self.fsgroup = 0o400, False
        else:                       # harmless variety
            self.mode = r.choice((0o440, 0o440, 0o440, 0o400, 0o640))
        if "egress-wide-open" in defects:
            self.variant["egress-wide-open"] = r.choice(("empty-rule", "ipblock-any", "all-ports-443"))
        if "noproxy-wildcard" in defects:
            self.variant["noproxy-wildcard"] = r.choice(("star", "tld", "provider"))
        if "svc-targetport-mismatch" in defects:
            self.variant["svc-targetport-mismatch"] = r.choice(("number", "name"))
        if "vpn-sidecar" in defects:
            self.variant["vpn-sidecar"] = r.choice(("gluetun", "wireguard"))

    # ---- labels
    @property
    def alabels(self):
        return {"app.kubernetes.io/name": self.name, "app.kubernetes.io/component": "agent"}

    @property
    def clabels(self):
        return {"app.kubernetes.io/name": "pipelock", "app.kubernetes.io/instance": self.comp,
                "app.kubernetes.io/component": "proxy"}

    def hard(self, uid_):
        return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True, "runAsNonRoot": True, "runAsUser": uid_}

    def pipelock_container(self, legacy=False):
        mount = {"name": "pipelock-config", "mountPath": "/etc/pipelock", "readOnly": True}
        if "subpath-config" in self.defects:
            mount = {"name": "pipelock-config", "mountPath": "/etc/pipelock/pipelock.yaml",
                     "subPath": "pipelock.yaml", "readOnly": True}
        c = {
            "name": "pipelock", "image": self.comp_image, "imagePullPolicy": "IfNotPresent",
            "args": ["run", "--config", "/etc/pipelock/pipelock.yaml"],
            "ports": [{"name": "http", "containerPort": PROXY_PORT, "protocol": "TCP"},
                      {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"},
                          "limits": {"cpu": "500m", "memory": "512Mi"}},
            "readinessProbe": {"httpGet": {"path": "/health", "port": PROXY_PORT},
                               "initialDelaySeconds": 2, "periodSeconds": 10},
            "livenessProbe": {"httpGet": {"path": "/health", "port": PROXY_PORT},
                              "initialDelaySeconds": 5, "periodSeconds": 30},
            "securityContext": self.hard(65534),
            "volumeMounts": [mount, {"name": "pipelock-ca", "mountPath": "/etc/pipelock-ca", "readOnly": True}],
        }
        return c

    def volumes(self):
        sec = {"secretName": self.secret}
        if self.mode is not None:
            sec["defaultMode"] = self.mode
        return [{"name": "pipelock-config", "configMap": {"name": self.cm}},
                {"name": "pipelock-ca", "secret": sec}]

    def pod_security(self, fs):
        s = {"seccompProfile": {"type": "RuntimeDefault"}}
        if fs:
            s["fsGroup"] = 65534
        return s

    def agent_deploy(self):
        proxy = "http://%s.%s.svc:%d" % (self.comp, self.ns, PROXY_PORT)
        if self.legacy or "proxy-loopback" in self.defects:
            proxy = "http://127.0.0.1:%d" % PROXY_PORT
        noproxy = "localhost,.svc,.cluster.local"
        v = self.variant.get("noproxy-wildcard")
        if v:
            noproxy = {"star": "*", "tld": "localhost,.svc,*.com,.io", "provider": "localhost,.svc,*.openai.com"}[v]
        c = {
            "name": "agent", "image": self.image, "imagePullPolicy": "IfNotPresent",
            "command": ["/app/agent"], "args": ["serve", "--config", "/app/config.toml"],
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "env": [
                {"name": "AGENT_NAME", "value": self.name},
                {"name": "HTTPS_PROXY", "value": proxy}, {"name": "HTTP_PROXY", "value": proxy},
                {"name": "NO_PROXY", "value": noproxy},
                {"name": "SSL_CERT_FILE", "value": "/etc/pipelock-ca/ca.pem"},
                {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}},
            ],
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 30},
            "securityContext": self.hard(10001),
            "volumeMounts": [{"name": "ca", "mountPath": "/etc/pipelock-ca", "readOnly": True},
                             {"name": "tmp", "mountPath": "/tmp"}],
        }
        vols = [{"name": "ca", "secret": {"secretName": self.secret, "defaultMode": 0o444,
                                          "items": [{"key": "ca.pem", "path": "ca.pem"}]}},
                {"name": "tmp", "emptyDir": {}}]
        spec = {"automountServiceAccountToken": False,
                "securityContext": self.pod_security(self.legacy), "containers": [c], "volumes": vols}
        if "init-wget" in self.defects:
            spec["initContainers"] = [{
                "name": "fetch-tools", "image": "busybox:1.36.1", "imagePullPolicy": "IfNotPresent",
                "command": ["sh", "-c", "wget -qO /tmp/tools.tgz https://downloads.example.com/tools.tgz && tar -xzf /tmp/tools.tgz -C /tmp"],
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}},
                "securityContext": self.hard(10001),
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}]
        ann = {}
        if self.legacy:
            pc = self.pipelock_container(True)
            spec["containers"].append(pc)
            spec["volumes"] = vols + self.volumes()
        else:
            ann = {"pipelock.dev/topology": "companion-proxy", "pipelock.dev/proxy-name": self.comp,
                   "pipelock.dev/proxy-service": "http://%s:%d" % (self.comp, PROXY_PORT)}
        tmpl = {"metadata": {"labels": dict(self.alabels, **{"app.kubernetes.io/part-of": "ai-agents"})}, "spec": spec}
        meta = {"name": self.name, "namespace": self.ns, "labels": dict(self.alabels, **{"app.kubernetes.io/part-of": "ai-agents"})}
        if ann:
            tmpl["metadata"]["annotations"] = ann
            meta["annotations"] = dict(ann)
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
                "spec": {"replicas": 1, "selector": {"matchLabels": self.alabels}, "template": tmpl}}

    def comp_deploy(self):
        conts = [self.pipelock_container()]
        if "vpn-sidecar" in self.defects:
            kind = self.variant["vpn-sidecar"]
            conts.append({
                "name": kind, "image": "registry.example.internal/vpn/%s:3.39.1" % kind, "imagePullPolicy": "IfNotPresent",
                "env": [{"name": "VPN_TYPE", "value": "wireguard"}],
                "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}},
                "securityContext": {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}, "runAsUser": 0,
                                    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}})
        lab = dict(self.clabels, **{"app.kubernetes.io/managed-by": "pipelock-init-sidecar"})
        tmpl = {"metadata": {"labels": lab},
                "spec": {"automountServiceAccountToken": False, "securityContext": self.pod_security(self.fsgroup),
                         "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                             {"weight": 100, "podAffinityTerm": {"labelSelector": {"matchLabels": self.clabels},
                                                                 "topologyKey": "kubernetes.io/hostname"}}]}},
                         "containers": conts, "volumes": self.volumes()}}
        return {"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": self.comp, "namespace": self.ns, "labels": dict(lab)},
                "spec": {"replicas": self.comp_replicas, "selector": {"matchLabels": self.clabels}, "template": tmpl}}

    def service(self):
        tp = "http"
        v = self.variant.get("svc-targetport-mismatch")
        if v:
            tp = 8080 if v == "number" else "proxy"
        return {"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": self.comp, "namespace": self.ns, "labels": dict(self.clabels)},
                "spec": {"type": "ClusterIP", "selector": self.clabels,
                         "ports": [{"name": "http", "port": PROXY_PORT, "targetPort": tp, "protocol": "TCP"},
                                   {"name": "metrics", "port": METRICS_PORT, "targetPort": "metrics", "protocol": "TCP"}]}}

    DNS = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                   "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}],
           "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    WEB = {"ports": [{"port": 443, "protocol": "TCP"}, {"port": 80, "protocol": "TCP"}]}

    def agent_policy(self):
        if "policy-missing" in self.defects:
            return None
        only = {"to": [{"podSelector": {"matchLabels": self.clabels}}], "ports": [{"port": PROXY_PORT, "protocol": "TCP"}]}
        eg = [self.DNS, self.WEB] if self.legacy else [self.DNS, only]
        v = self.variant.get("egress-wide-open")
        if v == "empty-rule":
            eg = [{}]
        elif v == "ipblock-any":
            eg = [self.DNS, only, {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]
        elif v == "all-ports-443":
            eg = [self.DNS, only, {"ports": [{"port": 443, "protocol": "TCP"}]}]
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": self.name + "-egress", "namespace": self.ns, "labels": dict(self.alabels)},
                "spec": {"podSelector": {"matchLabels": self.alabels}, "policyTypes": ["Egress"], "egress": eg}}

    def comp_policy(self):
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": self.comp + "-egress", "namespace": self.ns, "labels": dict(self.clabels)},
                "spec": {"podSelector": {"matchLabels": self.clabels}, "policyTypes": ["Ingress", "Egress"],
                         "ingress": [{"from": [{"podSelector": {"matchLabels": self.alabels}}],
                                      "ports": [{"port": PROXY_PORT, "protocol": "TCP"}]}],
                         "egress": [self.DNS, self.WEB]}}

    def configmap(self, full=None):
        text = CONFIG % self.identity
        if full:
            text = full.replace("@IDENTITY@", self.identity)
        return {"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": self.cm, "namespace": self.ns, "labels": dict(self.clabels)},
                "data": {"pipelock.yaml": text}}

    def secret_obj(self):
        def dummy(tag, size):
            b = ("DUMMY-%s-%s-" % (tag, self.name)).encode()
            while len(b) < size:
                b += h(tag, self.name, len(b)).encode()
            return base64.b64encode(b[:size]).decode()
        return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": self.secret, "namespace": self.ns, "labels": dict(self.clabels)},
                "data": {"ca.pem": dummy("cert", 700), "ca-key.pem": dummy("key", 240)}}

    def manifests(self, full=None):
        out = [self.agent_deploy(), self.configmap(full), self.secret_obj()]
        if not self.legacy:
            out += [self.comp_deploy(), self.service(), self.comp_policy()]
        p = self.agent_policy()
        if p:
            out.append(p)
        return [x for x in out if x]

    def truth(self):
        imp = []
        if self.legacy:
            imp += ["proxy-loopback", "agent-direct-egress"]
        if set(self.defects) & {"egress-wide-open", "policy-missing"}:
            imp.append("agent-direct-egress")
        if set(self.defects) & {"secret-mode-0444", "secret-mode-0644", "secret-mode-0400"}:
            imp.append("companion-crashloop")
        t = {"index": self.i, "namespace": self.ns, "agent": self.name, "identity": self.identity,
             "topology": "legacy" if self.legacy else "companion",
             "companion": None if self.legacy else self.comp, "configmap": self.cm, "secret": self.secret,
             "secretMode": None if self.mode is None else "%04o" % self.mode,
             "fsGroup": self.legacy or self.fsgroup, "defects": sorted(self.defects), "implied": imp}
        if self.variant:
            t["variant"] = self.variant
        return t


# ---------------------------------------------------------------- server-side shape
class Server:
    """Adds what the API server and the controllers would add."""
    def __init__(self, managed, last_applied):
        self.managed, self.last, self.rv = managed, last_applied, 100000

    def meta(self, o, created, gen=None, owner=None):
        m = o["metadata"]
        self.rv += 7
        m["uid"] = uid(o["kind"], m.get("namespace", ""), m["name"])
        m["resourceVersion"] = str(self.rv)
        m["creationTimestamp"] = stamp(-created)
        if gen:
            m["generation"] = gen
        if owner:
            m["ownerReferences"] = [owner]

    def finish(self, o, original=None, mgrs=(("kubectl-client-side-apply", None),)):
        if self.last and original is not None:
            o["metadata"].setdefault("annotations", {})["kubectl.kubernetes.io/last-applied-configuration"] = \
                json.dumps(original, sort_keys=True, separators=(",", ":")) + "\n"
        if self.managed:
            mf = []
            for name, sub in mgrs:
                body = {k: v for k, v in o.items() if k not in ("apiVersion", "kind", "status")}
                e = {"apiVersion": o["apiVersion"], "fieldsType": "FieldsV1", "manager": name, "operation": "Update",
                     "time": o["metadata"]["creationTimestamp"]}
                if sub == "status":
                    e["subresource"] = "status"
                    body = {"status": o.get("status", {})}
                e["fieldsV1"] = fields(body)
                mf.append(e)
            o["metadata"]["managedFields"] = mf
        return o

    def pod_defaults(self, spec):
        spec.setdefault("dnsPolicy", "ClusterFirst")
        spec.setdefault("restartPolicy", "Always")
        spec.setdefault("schedulerName", "default-scheduler")
        spec.setdefault("terminationGracePeriodSeconds", 30)
        spec.setdefault("securityContext", {})
        for c in spec.get("initContainers", []) + spec["containers"]:
            c.setdefault("terminationMessagePath", "/dev/termination-log")
            c.setdefault("terminationMessagePolicy", "File")
            for p in ("readinessProbe", "livenessProbe"):
                if p in c:
                    c[p].setdefault("failureThreshold", 3)
                    c[p].setdefault("successThreshold", 1)
                    c[p].setdefault("timeoutSeconds", 1)
                    c[p]["httpGet"].setdefault("scheme", "HTTP")
        for v in spec.get("volumes", []):
            for k in ("configMap", "secret"):
                if k in v:
                    v[k].setdefault("defaultMode", 420)

    def deploy(self, d, created, ready):
        o = copy.deepcopy(d)
        self.pod_defaults(o["spec"]["template"]["spec"])
        o["spec"]["template"]["metadata"]["creationTimestamp"] = None
        o["spec"].update({"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10,
                          "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}})
        o["metadata"].setdefault("annotations", {})["deployment.kubernetes.io/revision"] = "1"
        self.meta(o, created, gen=1)
        n = o["spec"]["replicas"]
        t = stamp(-created)
        o["status"] = {"observedGeneration": 1, "replicas": n, "updatedReplicas": n, "conditions": [
            {"type": "Available", "status": "True" if ready else "False", "lastTransitionTime": t, "lastUpdateTime": t,
             "reason": "MinimumReplicasAvailable" if ready else "MinimumReplicasUnavailable",
             "message": "Deployment has minimum availability." if ready else "Deployment does not have minimum availability."},
            {"type": "Progressing", "status": "True", "lastTransitionTime": t, "lastUpdateTime": t, "reason": "NewReplicaSetAvailable",
             "message": "ReplicaSet \"%s\" has successfully progressed." % o["metadata"]["name"]}]}
        if ready:
            o["status"].update({"availableReplicas": n, "readyReplicas": n})
        else:
            o["status"]["unavailableReplicas"] = n
        return self.finish(o, d, (("kubectl-client-side-apply", None), ("kube-controller-manager", "status")))

    def replicaset(self, d, created, ready, rev, live):
        src = copy.deepcopy(d)
        ns, name = src["metadata"]["namespace"], src["metadata"]["name"]
        hsh = rs_hash(ns, name, rev)
        tmpl = src["spec"]["template"]
        self.pod_defaults(tmpl["spec"])
        tmpl["metadata"]["creationTimestamp"] = None
        tmpl["metadata"]["labels"]["pod-template-hash"] = hsh
        n = src["spec"]["replicas"] if live else 0
        ann = {"deployment.kubernetes.io/desired-replicas": str(src["spec"]["replicas"]),
               "deployment.kubernetes.io/max-replicas": str(src["spec"]["replicas"] + 1),
               "deployment.kubernetes.io/revision": str(rev)}
        ann.update(src["metadata"].get("annotations", {}))
        o = {"apiVersion": "apps/v1", "kind": "ReplicaSet",
             "metadata": {"name": "%s-%s" % (name, hsh), "namespace": ns, "labels": dict(tmpl["metadata"]["labels"]), "annotations": ann},
             "spec": {"replicas": n, "selector": {"matchLabels": dict(src["spec"]["selector"]["matchLabels"], **{"pod-template-hash": hsh})},
                      "template": tmpl}}
        self.meta(o, created, gen=1, owner={"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": uid("Deployment", ns, name),
                                            "controller": True, "blockOwnerDeletion": True})
        o["status"] = {"observedGeneration": 1, "replicas": n}
        if n:
            o["status"]["fullyLabeledReplicas"] = n
            if ready:
                o["status"].update({"availableReplicas": n, "readyReplicas": n})
        return self.finish(o, None, (("kube-controller-manager", None), ("kube-controller-manager", "status")))

    def pod(self, rs, k, created, state, r):
        ns, rsn = rs["metadata"]["namespace"], rs["metadata"]["name"]
        name = "%s-%s" % (rsn, pod_suffix(ns, rsn, k))
        spec = copy.deepcopy(rs["spec"]["template"]["spec"])
        node = "worker-%03d" % r.randrange(1, 1 + max(3, 60))
        nodeip = "192.168.%d.%d" % (10 + int(node[-3:]) // 250, int(node[-3:]) % 250 + 2)
        ip = "10.%d.%d.%d" % (200 + r.randrange(40), r.randrange(256), r.randrange(2, 254))
        spec.update({"nodeName": node, "enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority", "priority": 0,
                     "serviceAccountName": "default", "serviceAccount": "default", "tolerations": [
                         {"effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300},
                         {"effect": "NoExecute", "key": "node.kubernetes.io/unreachable", "operator": "Exists", "tolerationSeconds": 300}]})
        meta = {"name": name, "generateName": rsn + "-", "namespace": ns, "labels": dict(rs["spec"]["template"]["metadata"]["labels"])}
        ann = rs["spec"]["template"]["metadata"].get("annotations")
        if ann:
            meta["annotations"] = dict(ann)
        o = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
        self.meta(o, created, owner={"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": rsn, "uid": uid("ReplicaSet", ns, rsn),
                                     "controller": True, "blockOwnerDeletion": True})
        t = stamp(-created + 4)
        okc = "True" if state == "Running" else "False"
        cond = [{"type": "PodReadyToStartContainers", "status": "True", "lastProbeTime": None, "lastTransitionTime": t},
                {"type": "Initialized", "status": "True", "lastProbeTime": None, "lastTransitionTime": t},
                {"type": "Ready", "status": okc, "lastProbeTime": None, "lastTransitionTime": t},
                {"type": "ContainersReady", "status": okc, "lastProbeTime": None, "lastTransitionTime": t},
                {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": stamp(-created)}]
        if okc == "False":
            for c in cond[2:4]:
                c.update({"reason": "ContainersNotReady", "message": "containers with unready status: [%s]" % spec["containers"][0]["name"]})
        cs, ics = [], []
        for n_, c in enumerate(spec["containers"]):
            bad = state != "Running" and n_ == 0
            rest = r.randrange(4, 900) if bad and state == "CrashLoopBackOff" else (r.choice((0, 0, 0, 0, 1, 2)))
            s = {"name": c["name"], "image": c["image"], "imageID": c["image"].rsplit(":", 1)[0] + "@sha256:" + h("img", c["image"]),
                 "containerID": "containerd://" + h("ctr", ns, name, c["name"]), "ready": not bad, "started": not bad,
                 "restartCount": rest, "lastState": {}, "volumeMounts": [
                     dict({k2: v2 for k2, v2 in m.items() if k2 != "subPath"}, **({"recursiveReadOnly": "Disabled"} if m.get("readOnly") else {}))
                     for m in c.get("volumeMounts", [])]}
            if bad and state == "CrashLoopBackOff":
                s["state"] = {"waiting": {"reason": "CrashLoopBackOff",
                                          "message": "back-off 5m0s restarting failed container=%s pod=%s_%s(%s)" % (c["name"], name, ns, o["metadata"]["uid"])}}
                s["lastState"] = {"terminated": {"containerID": s["containerID"], "exitCode": 1, "reason": "Error",
                                                 "startedAt": stamp(-300), "finishedAt": stamp(-299)}}
            elif bad:
                s["state"] = {"waiting": {"reason": state, "message": "Back-off pulling image \"%s\"" % c["image"]}}
                s["imageID"], s["restartCount"] = "", 0
                s.pop("containerID")
            else:
                s["state"] = {"running": {"startedAt": t}}
            cs.append(s)
        for c in spec.get("initContainers", []):
            cid = "containerd://" + h("ctr", ns, name, c["name"])
            ics.append({"name": c["name"], "image": c["image"], "imageID": "docker.io/library/busybox@sha256:" + h("img", c["image"]), "containerID": cid,
                        "ready": True, "started": False, "restartCount": 0, "lastState": {},
                        "state": {"terminated": {"containerID": cid, "exitCode": 0, "reason": "Completed", "startedAt": stamp(-created + 2), "finishedAt": t}}})
        o["status"] = {"phase": "Pending" if state == "ImagePullBackOff" else "Running", "conditions": cond, "containerStatuses": cs,
                       "hostIP": nodeip, "hostIPs": [{"ip": nodeip}], "podIP": ip, "podIPs": [{"ip": ip}], "qosClass": "Burstable", "startTime": stamp(-created)}
        if ics:
            o["status"]["initContainerStatuses"] = ics
        return self.finish(o, None, (("kube-controller-manager", None), ("kubelet", "status")))

    def simple(self, d, created):
        o = copy.deepcopy(d)
        self.meta(o, created, gen=1 if o["kind"] == "NetworkPolicy" else None)
        if o["kind"] == "Service":
            ip = "10.96.%d.%d" % (int(o["metadata"]["uid"][:2], 16), int(o["metadata"]["uid"][2:4], 16) or 1)
            o["spec"].update({"clusterIP": ip, "clusterIPs": [ip], "internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"],
                              "ipFamilyPolicy": "SingleStack", "sessionAffinity": "None"})
            o["status"] = {"loadBalancer": {}}
        if o["kind"] == "Namespace":
            o["spec"] = {"finalizers": ["kubernetes"]}
            o["status"] = {"phase": "Active"}
        return self.finish(o, d)


def fields(x):
    if isinstance(x, dict):
        return {"f:" + k: fields(v) for k, v in x.items() if k not in ("name", "namespace", "managedFields", "uid", "resourceVersion", "creationTimestamp", "generation")}
    if isinstance(x, list) and x and isinstance(x[0], dict):
        out = {}
        for v in x:
            key = {k: v[k] for k in ("name", "containerPort", "protocol", "type", "ip", "uid", "mountPath", "port") if k in v}
            out["k:" + json.dumps(key, sort_keys=True, separators=(",", ":"))] = dict({".": {}}, **fields(v))
        return out
    return {}


# ---------------------------------------------------------------- YAML writer (block style)
SAFE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,()$")
RESERVED = {"", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def ystr(s):
    if s.lower() in RESERVED or s[0] in "-:@%=,.+" or s[-1] == ":" or not all(c in SAFE or c == " " for c in s) \
            or ": " in s or s != s.strip() or s[0].isdigit():
        return json.dumps(s, ensure_ascii=False)
    return s


def yscalar(v):
    if v is None:
        return "null"
    if v is True:
        return "true"
    if v is False:
        return "false"
    if isinstance(v, (int, float)):
        return str(v)
    return ystr(v)


def yemit(v, ind, out):
    """Append lines for a non-empty dict or list at indent ind."""
    pad = "  " * ind
    if isinstance(v, dict):
        for k, x in v.items():
            key = pad + ystr(k) + ":"
            if isinstance(x, (dict, list)):
                if not x:
                    out.append(key + (" {}" if isinstance(x, dict) else " []"))
                else:
                    out.append(key)
                    yemit(x, ind + (1 if isinstance(x, dict) else 0), out)
            elif isinstance(x, str) and "\n" in x:
                out.append(key + (" |" if x.endswith("\n") else " |-"))
                p2 = "  " * (ind + 1)
                out.extend((p2 + l) if l else "" for l in x[:-1 if x.endswith("\n") else None].split("\n"))
            elif k in ("defaultMode", "mode") and isinstance(x, int):
                out.append("%s 0%o" % (key, x))       # octal, as people write it
            else:
                out.append(key + " " + yscalar(x))
    else:
        for x in v:
            if isinstance(x, dict) and x:
                sub = []
                yemit(x, ind + 1, sub)
                sub[0] = pad + "- " + sub[0][len(pad) + 2:]
                out.extend(sub)
            elif isinstance(x, (dict, list)):
                out.append(pad + "- " + ("{}" if isinstance(x, dict) else "[]"))
            else:
                out.append(pad + "- " + yscalar(x))


ORDER = ("apiVersion", "kind", "metadata", "type", "spec", "data")


def ydoc(o):
    out = []
    yemit({k: o[k] for k in ORDER if k in o}, 0, out)
    return "---\n" + "\n".join(out) + "\n"


KINDS = ["Namespace", "Deployment", "ReplicaSet", "Pod", "Service", "NetworkPolicy", "ConfigMap", "Secret"]


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("-n", type=int, required=True, help="number of agents")
    ap.add_argument("--out", required=True)
    ap.add_argument("--seed", default="1")
    ap.add_argument("--managed-fields", action="store_true", help="bulky metadata.managedFields in the snapshot")
    ap.add_argument("--last-applied", action="store_true", help="last-applied-configuration annotation in the snapshot")
    ap.add_argument("--compact", action="store_true", help="snapshot on one line per item (as the API server sends it), not kubectl's 4-space indent")
    ap.add_argument("--full-config", metavar="FILE", help="pipelock.yaml text with @IDENTITY@ (27 KB as `pipelock init sidecar` emits)")
    ap.add_argument("--only", choices=("yaml", "json"), help="write only one of the two forms")
    ap.add_argument("--skip-all", action="store_true", help="do not write the single-file fleet.yaml")
    a = ap.parse_args()

    full = open(a.full_config).read() if a.full_config else None
    defects = assign(a.n, a.seed)
    # namespaces: every 10th holds two agents
    agents, nss, i = [], [], 0
    while i < a.n:
        ns = "agents-%05d" % len(nss)
        two = len(nss) % 10 == 9 and i + 1 < a.n
        nss.append(ns)
        for k in range(2 if two else 1):
            agents.append(Agent(i, ns, k == 1, defects[i], a.seed, a.n))
            i += 1
    # identity conflicts: take the identity of the previous agent that has none of its own conflicts
    for ag in agents:
        if "identity-conflict" in ag.defects:
            j = ag.i - 1
            while j > 0 and "identity-conflict" in agents[j].defects:
                j -= 1
            ag.identity = agents[j].identity
            ag.variant["identity-conflict"] = {"with": agents[j].name, "withNamespace": agents[j].ns}

    os.makedirs(a.out, exist_ok=True)
    byns = {}
    for ag in agents:
        byns.setdefault(ag.ns, []).append(ag)
    counts = {}

    def nsobj(ns):
        return {"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": ns, "labels": {"kubernetes.io/metadata.name": ns}}}

    if a.only != "json":
        md = os.path.join(a.out, "manifests")
        os.makedirs(md, exist_ok=True)
        allf = None if a.skip_all else open(os.path.join(a.out, "fleet.yaml"), "w")
        for ns in nss:
            text = ydoc(nsobj(ns)) + "".join(ydoc(o) for ag in byns[ns] for o in ag.manifests(full))
            with open(os.path.join(md, ns + ".yaml"), "w") as f:
                f.write(text)
            if allf:
                allf.write(text)
        if allf:
            allf.close()

    if a.only != "yaml":
        srv = Server(a.managed_fields, a.last_applied)
        bucket = {k: [] for k in KINDS}
        kw = dict(sort_keys=True, separators=(",", ":")) if a.compact else dict(sort_keys=True, indent=4)

        def put(o):
            s = json.dumps(o, ensure_ascii=False, **kw)
            if not a.compact:
                s = "        " + s.replace("\n", "\n        ")
            bucket[o["kind"]].append(s)
            counts[o["kind"]] = counts.get(o["kind"], 0) + 1

        for ns in nss:
            put(srv.simple(nsobj(ns), 200 * 86400))
            for ag in byns[ns]:
                crash = "companion-crashloop" in ag.truth()["implied"]
                x = ag.r.random()
                for d in ag.manifests(full):
                    if d["kind"] != "Deployment":
                        put(srv.simple(d, ag.age))
                        continue
                    iscomp = d["metadata"]["name"] == ag.comp
                    state = "Running"
                    if (iscomp or ag.legacy) and crash:
                        state = "CrashLoopBackOff"
                    elif not iscomp and x < 0.01:
                        state = "ImagePullBackOff"
                    elif not iscomp and x < 0.03:
                        state = "CrashLoopBackOff"
                    ready = state == "Running"
                    put(srv.deploy(d, ag.age, ready))
                    if ag.r.random() < 0.3:
                        put(srv.replicaset(d, ag.age, True, 1, False))
                        rev = 2
                    else:
                        rev = 1
                    rs = srv.replicaset(d, ag.age // 2 if rev == 2 else ag.age, ready, rev, True)
                    put(rs)
                    for k in range(rs["spec"]["replicas"]):
                        put(srv.pod(rs, k, ag.age // 2, state, ag.r))
        with open(os.path.join(a.out, "snapshot.json"), "w") as f:
            items = [s for k in KINDS for s in bucket[k]]
            if a.compact:
                f.write('{"apiVersion":"v1","items":[\n' + ",\n".join(items) + '\n],"kind":"List","metadata":{"resourceVersion":""}}\n')
            else:
                f.write('{\n    "apiVersion": "v1",\n    "items": [\n')
                for n_, s in enumerate(items):
                    f.write(s)
                    f.write(",\n" if n_ + 1 < len(items) else "\n")
                f.write('    ],\n    "kind": "List",\n    "metadata": {\n        "resourceVersion": ""\n    }\n}\n')

    tl = [ag.truth() for ag in agents]
    dc = {}
    for t in tl:
        for x in t["defects"]:
            dc[x] = dc.get(x, 0) + 1
    with open(os.path.join(a.out, "truth.json"), "w") as f:
        json.dump({"seed": a.seed, "agents": len(agents), "namespaces": len(nss), "snapshotObjects": counts,
                   "defectCounts": dict(sorted(dc.items())), "clean": sum(1 for t in tl if not t["defects"]),
                   "fleet": tl}, f, indent=1)
        f.write("\n")
    print(json.dumps({"agents": len(agents), "namespaces": len(nss), "objects": counts, "defects": dc}), file=sys.stderr)


if __name__ == "__main__":
    main()
