#!/usr/bin/env python3
"""Loads objects into an API server with their status: load.py [-jN] FILE.json...

A file holds Kubernetes objects and Lists, one JSON text after another, as `kubectl create --dry-run=client -o json`
prints them. CLUSTER_SERVER, CLUSTER_CA and CLUSTER_TOKEN come from up.sh. Without controllers nobody makes the things
that objects lean on, so missing namespaces and their ServiceAccount `default` are made here. -jN loads that many
namespaces at a time, for large fleets.
"""

import http.client
import json
import multiprocessing
import os
import ssl
import sys

# What an object may lean on comes first.
ORDER = ["Namespace", "ServiceAccount", "ConfigMap", "Secret", "Service", "NetworkPolicy", "Deployment", "StatefulSet",
         "DaemonSet", "CronJob", "Job", "ReplicaSet", "Pod"]
# The server sets these itself, or refuses them in a new object.
SERVER_SET = ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink",
              "deletionTimestamp", "deletionGracePeriodSeconds"]


class Server:
    def __init__(self, url, ca, token):
        context = ssl.create_default_context(cafile=ca)
        self.http = http.client.HTTPSConnection(url.split("//")[1], context=context, timeout=60)
        self.token = token
        self.resources = {}

    def call(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.http.request(method, path, None if body is None else json.dumps(body), headers)
        reply = self.http.getresponse()
        text = reply.read()
        return reply.status, json.loads(text)

    def resource(self, version, kind):
        """The resource of a kind: its plural name, whether it lives in namespaces, whether it has a status."""
        if version not in self.resources:
            base = f"/apis/{version}" if "/" in version else f"/api/{version}"
            status, reply = self.call("GET", base)
            if status != 200:
                raise SystemExit(f"load.py: the server does not know {version}: {reply.get('message')}")
            known = self.resources[version] = {}
            names = {r["name"] for r in reply["resources"]}
            for r in reply["resources"]:
                if "/" not in r["name"]:
                    known[r["kind"]] = (f"{base}", r["name"], r["namespaced"], f"{r['name']}/status" in names)
        return self.resources[version].get(kind)

    def create(self, path, new):
        """A made-up fleet may give one address to two Services: the second gets another."""
        status, reply = self.call("POST", path, new)
        if status == 422 and "already allocated" in reply.get("message", ""):
            spec = {k: v for k, v in new["spec"].items() if k not in ("clusterIP", "clusterIPs")}
            status, reply = self.call("POST", path, {**new, "spec": spec})
        return status, reply


def objects(path):
    """The objects of a file, those inside Lists too."""
    text = open(path, encoding="utf-8").read()
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        yield from value["items"] if value["kind"].endswith("List") and "items" in value else [value]


def with_what_they_lean_on(found):
    spaces = {o["metadata"].get("namespace") for o in found} - {None}
    there = {(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in found}
    for space in sorted(spaces):
        if ("Namespace", None, space) not in there:
            found.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
        if ("ServiceAccount", space, "default") not in there:
            found.append({"apiVersion": "v1", "kind": "ServiceAccount",
                          "metadata": {"name": "default", "namespace": space}})
    rank = {kind: i for i, kind in enumerate(ORDER)}
    return sorted(found, key=lambda o: rank.get(o["kind"], len(ORDER)))


def check(given, status, reply):
    if status not in (200, 201):
        meta = given["metadata"]
        raise SystemExit(f"load.py: {given['kind']} {meta.get('namespace', '')}/{meta['name']}: {reply.get('message')}")
    return reply


def load(server, found):
    """Number of objects made; ends the program at the first that is refused."""
    uids = {}
    count = 0
    for given in found:
        kind, meta = given["kind"], given["metadata"]
        resource = server.resource(given["apiVersion"], kind)
        if not resource:
            raise SystemExit(f"load.py: the server does not know {given['apiVersion']} {kind}")
        base, plural, namespaced, has_status = resource
        space = meta.get("namespace", "default") if namespaced else None
        path = f"{base}/namespaces/{space}/{plural}" if namespaced else f"{base}/{plural}"

        new = {k: v for k, v in given.items() if k != "status"}
        new["metadata"] = {k: v for k, v in meta.items() if k not in SERVER_SET}
        for owner in new["metadata"].get("ownerReferences", []):
            owner["uid"] = uids.get((owner["kind"], space, owner["name"]), owner["uid"])
        status, made = server.create(path, new)
        if status == 409 and kind in ("Namespace", "ServiceAccount", "Service"):
            status, made = server.call("GET", f"{path}/{meta['name']}") # default, kube-system, kubernetes
        check(given, status, made)
        uids[(kind, space, meta["name"])] = made["metadata"]["uid"]
        if "managedFields" in meta and status == 201:
            # When a ConfigMap's data changed is told from these. A new object's are the server's; later ones are kept.
            made["metadata"]["managedFields"] = meta["managedFields"]
            made = check(given, *server.call("PUT", f"{path}/{meta['name']}", made))
        if "status" in given and has_status and kind != "Namespace":
            made["status"] = given["status"]
            check(given, *server.call("PUT", f"{path}/{meta['name']}/status", made))
        count += 1
    return count


def load_alone(found):
    return load(Server(os.environ["CLUSTER_SERVER"], os.environ["CLUSTER_CA"], os.environ["CLUSTER_TOKEN"]), found)


def load_all(found, workers):
    """What has no namespace first; then whole namespaces, since owners lie in the same one."""
    found = with_what_they_lean_on(found)
    count = load_alone([o for o in found if "namespace" not in o["metadata"]])
    spaces = sorted({o["metadata"]["namespace"] for o in found if "namespace" in o["metadata"]})
    part = {space: i % workers for i, space in enumerate(spaces)}
    parts = [[o for o in found if part.get(o["metadata"].get("namespace")) == i] for i in range(workers)]
    if workers == 1:
        return count + load_alone(parts[0])
    with multiprocessing.Pool(workers) as pool:
        return count + sum(pool.map(load_alone, parts))


def main():
    arguments = sys.argv[1:]
    workers = int(arguments.pop(0)[2:]) if arguments and arguments[0].startswith("-j") else 1
    print(f"# loaded {load_all([o for path in arguments for o in objects(path)], workers)} objects")


if __name__ == "__main__":
    main()
