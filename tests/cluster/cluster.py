# SPDX-License-Identifier: Apache-2.0
"""What the tests of a cluster share: run moat and kubectl, give rights, read reports."""

import json
import os
import subprocess
import time
from types import SimpleNamespace

MOAT = os.environ["MOAT"]
WORK = os.environ["WORK"]
STATE = os.environ["CLUSTER_STATE"]
TOKEN = os.environ["CLUSTER_TOKEN"]  # the admin's
KINDS = "namespaces,pods,deployments,statefulsets,daemonsets,replicasets,jobs,cronjobs,services,configmaps,networkpolicies"
# What moat reads, for a Role.
READS = [{"apiGroups": ["", "apps", "batch", "networking.k8s.io"], "verbs": ["get", "list", "watch"],
          "resources": KINDS.split(",")}]

# A sanitizer's complaint is no finding: it gets a status of its own.
SANITIZERS = {"ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "exitcode=99:halt_on_error=1"}


def token_of(user):
    """viewer, nobody"""
    with open(f"{STATE}/tokens.csv", encoding="utf-8") as f:
        return next(line.split(",")[0] for line in f if line.split(",")[1] == user)


def environment(**more):
    """Nothing of the caller's that moat or kubectl would listen to; None takes a variable away."""
    env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LC_ALL": "C.UTF-8", "TZ": "UTC", **SANITIZERS, **more}
    return {k: v for k, v in env.items() if v is not None}


def moat(*args, kubeconfig=None, timeout=60, **env):
    """Runs it: status, out, err, seconds. Ends the test when it takes longer."""
    command = [MOAT, *args] + (["--kubeconfig", kubeconfig] if kubeconfig else [])
    start = time.monotonic()
    try:
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
                             timeout=timeout, env=environment(**env))
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"{' '.join(command)}: still running after {timeout} s\n{late.stderr}") from None
    return SimpleNamespace(status=run.returncode, out=run.stdout, err=run.stderr, seconds=time.monotonic() - start)


def audit(*args, **options):
    """moat audit -o json; `report` beside the rest is None when it printed none."""
    run = moat("audit", "-o", "json", *args, **options)
    try:
        run.report = json.loads(run.out)
    except ValueError:
        run.report = None
    return run


def judged(report):
    """All of a report but where and when it was made."""
    kept = {k: v for k, v in report.items() if k not in ("source", "started_at", "duration_ms")}
    kept["findings"] = sorted(({k: v for k, v in f.items() if k != "location"} for f in report["findings"]),
                              key=lambda f: json.dumps(f, sort_keys=True))
    kept["agents"] = sorted(report["agents"], key=lambda a: (a["namespace"], a["kind"], a["name"]))
    return kept


def kubectl(*args, input=None, check=True):
    run = subprocess.run(["kubectl", *args], input=input, capture_output=True, text=True, timeout=120)
    if check and run.returncode != 0:
        raise AssertionError(f"kubectl {' '.join(args)}: {run.stderr}")
    return run.stdout


def apply(*objects, verb="apply"):
    kubectl(verb, "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


def create(*objects):
    """As apply, in half the requests."""
    apply(*objects, verb="create")


def agent(namespace, name, replicas=0):
    """A Deployment without any firewall."""
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                     "template": {"metadata": {"labels": {"app": name, "app.kubernetes.io/component": "agent"}},
                                  "spec": {"containers": [{"name": "c", "image": "agent:1"}]}}}}


def get_all(path, *options):
    """What kubectl prints of all kinds that moat reads, as a file: its path."""
    with open(path, "w", encoding="utf-8") as out:
        out.write(kubectl("get", KINDS, *(options or ("-A",)), "-o", "json", "--show-managed-fields"))
    return path


def wait_until_allowed(answer, user, verb, group, resource, namespace=None):
    """Until the authorizer, which learns of rights by a watch of its own, says "yes" or "no". Resource: "pods", "pods/exec"."""
    base, _, sub = resource.partition("/")
    options = ["-n", namespace] if namespace else ["-A"]
    if sub:
        options.append(f"--subresource={sub}")
    for _ in range(100):
        if kubectl("auth", "can-i", verb, f"{base}.{group}".rstrip("."), *options, "--as", user,
                   check=False).strip().startswith(answer):
            return
        time.sleep(0.05)
    raise AssertionError(f"whether {user} may {verb} {resource} is not \"{answer}\" after five seconds")


class Rights:
    """Rights of a user while the block runs: in a namespace, or with None everywhere."""

    def __init__(self, user, rules=None, namespace=None):
        self.user, self.rules, self.namespace = user, READS if rules is None else rules, namespace
        self.name = f"test-{user}-{namespace or 'all'}"

    def __enter__(self):
        role, meta = ("Role", {"name": self.name, "namespace": self.namespace}) if self.namespace else (
            "ClusterRole", {"name": self.name})
        api = "rbac.authorization.k8s.io"
        apply({"apiVersion": f"{api}/v1", "kind": role, "metadata": meta, "rules": self.rules},
              {"apiVersion": f"{api}/v1", "kind": f"{role}Binding", "metadata": meta,
               "roleRef": {"apiGroup": api, "kind": role, "name": self.name},
               "subjects": [{"apiGroup": api, "kind": "User", "name": self.user}]})
        self._wait("yes")

    def __exit__(self, *unused):
        kind = "role" if self.namespace else "clusterrole"
        options = ("-n", self.namespace) if self.namespace else ()
        kubectl("delete", f"{kind}binding,{kind}", self.name, *options)
        self._wait("no")

    def _wait(self, answer):
        if not self.rules:
            return
        rule = self.rules[0]
        wait_until_allowed(answer, self.user, rule["verbs"][0], rule["apiGroups"][0], rule["resources"][0], self.namespace)


def requests_of(user):
    """What the server's audit log says of that user's requests: (verb, resource, namespace), each once."""
    found = set()
    with open(f"{STATE}/audit.log", encoding="utf-8") as log:
        for line in log:
            event = json.loads(line)
            if (event.get("impersonatedUser") or event["user"]).get("username") == user:
                ref = event.get("objectRef", {})
                found.add((event["verb"], ref.get("resource", ""), ref.get("namespace", "")))
    return found
