#!/usr/bin/env python3
"""Who asks, and what is said of it: rights, contexts, TLS, tokens, plugins, proxies. The fleet is the demo's."""

import json
import os
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap
from cluster import READS, STATE, TOKEN, WORK, Rights, audit, judged, moat, requests_of, token_of
from proxy import ConnectProxy, Proxy, write_kubeconfig

ADMIN = os.environ["KUBECONFIG"]
SERVER = os.environ["CLUSTER_SERVER"]
CA = os.environ["CLUSTER_CA"]
VIEWER, NOBODY = (f"{STATE}/{user}.kubeconfig" for user in ("viewer", "nobody"))
count = 0


def kubeconfig(user, **cluster):
    """A file for the server itself; cluster fields beside or (None) in place of the usual ones."""
    global count
    count += 1
    fields = {"server": SERVER, "certificate-authority": CA, **cluster}
    return write_kubeconfig(f"{WORK}/kubeconfig-{count}", {k: v for k, v in fields.items() if v is not None}, user)


def without(*resources):
    """The rules of a reader of all but those."""
    return [{**rule, "resources": [r for r in rule["resources"] if r not in resources]} for rule in READS]


class Case(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.whole = audit(kubeconfig=ADMIN)
        if cls.whole.status != 1:
            raise AssertionError(cls.whole.err)

    def same(self, run):
        self.assertEqual(run.status, self.whole.status, run.err)
        self.assertEqual(judged(run.report), judged(self.whole.report))

    def failed(self, run, status, *words):
        """No report, and one line that says why, with these words in it."""
        self.assertEqual(run.status, status, run.err)
        self.assertEqual(run.out, "")
        self.assertRegex(run.err, r"\Amoat: [^\n]+\n\Z")
        for word in words:
            self.assertRegex(run.err, word)


class Access(Case):
    def test_nobody_is_told_that_nothing_may_be_read(self):
        run = audit(kubeconfig=NOBODY)
        self.failed(run, 3, "forbidden", "nobody")

    def test_viewer_of_everything(self):
        with Rights("viewer"):
            self.same(audit(kubeconfig=VIEWER))

    def test_secrets_are_never_asked_for(self):
        with Rights("viewer"):
            audit(kubeconfig=VIEWER)
        asked = requests_of("viewer")
        self.assertIn(("list", "pods", ""), asked)
        self.assertEqual({a for a in asked if a[1] in ("secrets", "serviceaccounts")}, set())
        self.assertEqual({verb for verb, resource, _ in asked if not resource.startswith("selfsubject")} -
                         {"get", "list", "watch"}, set())

    def test_one_namespace_needs_nothing_cluster_wide(self):
        with Rights("viewer", namespace="research"):
            run = audit("-n", "research", kubeconfig=VIEWER)
            wide = audit("-n", "research", kubeconfig=ADMIN)
        self.assertEqual({a["name"] for a in run.report["agents"]}, {"scout", "librarian"})
        self.assertIn(run.status, (1, 4), run.err)
        # What lies outside is not known, and said to be: Namespace objects, policies of the whole cluster.
        known = {json.dumps(f, sort_keys=True) for f in judged(wide.report)["findings"]}
        self.assertLessEqual({json.dumps(f, sort_keys=True) for f in judged(run.report)["findings"]}, known)
        self.assertNotIn("Pod", {gap["kind"] for gap in run.report["incomplete"]})

    def test_one_namespace_by_all_namespaces(self):
        with Rights("viewer", namespace="research"):
            self.failed(audit(kubeconfig=VIEWER), 3, "forbidden")

    def test_a_namespace_that_is_not_there_is_told_from_one_without_agents(self):
        run = moat("fleet", "-n", "nosuch", kubeconfig=ADMIN)
        self.assertEqual(run.status, 3, run.err)
        self.assertIn("there is no namespace nosuch in this cluster", run.err)
        run = moat("fleet", "-n", "kube-public", kubeconfig=ADMIN)
        self.assertEqual(run.status, 3, run.err)
        self.assertNotIn("no namespace", run.err)
        with Rights("viewer", namespace="research"):
            self.assertNotIn("no namespace", moat("fleet", "-n", "research", kubeconfig=VIEWER).err)

    def test_a_forbidden_kind_makes_the_audit_incomplete(self):
        for resource, kind in (("networkpolicies", "NetworkPolicy"), ("configmaps", "ConfigMap"), ("pods", "Pod"),
                               ("services", "Service"), ("replicasets", "ReplicaSet")):
            with self.subTest(resource), Rights("viewer", without(resource)):
                run = audit("--fail-on", "never", kubeconfig=VIEWER)
                self.assertEqual(run.status, 4, run.err)
                self.assertFalse(run.report["complete"])
                gaps = {g["kind"]: g["reason"] for g in run.report["incomplete"]}
                self.assertIn(kind, gaps)
                self.assertIn("forbidden", gaps[kind])
                text = moat("audit", kubeconfig=VIEWER)
                self.assertRegex(text.out + text.err, f"(?i){kind}.*forbidden|forbidden.*{resource}")

    def test_as(self):
        with Rights("viewer"):
            self.same(audit("--as", "viewer", kubeconfig=ADMIN))
        self.failed(audit("--as", "viewer", kubeconfig=ADMIN), 3, "forbidden", '"viewer"')

    def test_as_group(self):
        self.same(audit("--as", "somebody", "--as-group", "a", "--as-group", "system:masters", kubeconfig=ADMIN))
        self.failed(audit("--as", "somebody", "--as-group", "a", kubeconfig=ADMIN), 3, "forbidden", '"somebody"')

    def test_as_of_the_kubeconfig(self):
        user = {"token": TOKEN, "as": "nobody", "as-groups": ["b"], "as-user-extra": {"Where/From": ["here & there"]}}
        self.failed(audit(kubeconfig=kubeconfig(user)), 3, "forbidden", '"nobody"')
        self.assertIn(("list", "pods", ""), requests_of("nobody"))

    def test_one_who_may_not_impersonate(self):
        self.failed(audit("--as", "admin", kubeconfig=VIEWER), 3, "impersonate")


class Contexts(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.makedirs(f"{WORK}/configs", exist_ok=True)
        os.makedirs(f"{WORK}/configs/pki", exist_ok=True)
        for name in ("ca.crt", "admin.crt", "admin.key"):
            with open(f"{STATE}/pki/{name}", "rb") as source, open(f"{WORK}/configs/pki/{name}", "wb") as out:
                out.write(source.read())
        with open(f"{WORK}/configs/one", "w", encoding="utf-8") as out:
            out.write(f"""# a comment, block style, and what other programs leave in such a file
apiVersion: v1
kind: Config
preferences: {{}}
current-context: refused
clusters:
- name: here
  cluster:
    server: {SERVER}/
    certificate-authority: pki/ca.crt
    extensions:
    - name: minikube.sigs.k8s.io
      extension: {{version: v1.36.0}}
contexts:
- name: refused
  context: {{cluster: here, user: nobody}}
- name: good
  context:
    cluster: here
    user: admin
    namespace: research
- name: broken
  context: {{cluster: nowhere, user: admin}}
users:
- name: nobody
  user: {{token: {token_of('nobody')}}}
""")
        with open(f"{WORK}/configs/two", "w", encoding="utf-8") as out:
            out.write("""apiVersion: v1
kind: Config
current-context: good
clusters: [{name: here, cluster: {server: "https://192.0.2.1:1"}}]
users:
- name: admin
  user: {client-certificate: pki/admin.crt, client-key: pki/admin.key}
- name: nobody
  user: {token: not-this-one}
""")
        cls.both = f"{WORK}/configs/none:{WORK}/configs/one:{WORK}/configs/two"

    def test_merged_files(self):
        run = audit("--context", "good", KUBECONFIG=self.both)
        self.same(run)
        self.assertEqual(run.report["source"]["context"], "good")
        self.assertEqual(run.report["source"]["server"], SERVER)

    def test_the_first_current_context_counts(self):
        self.failed(audit(KUBECONFIG=self.both), 3, "forbidden", "nobody")

    def test_a_context_that_is_not_there(self):
        self.failed(audit("--context", "goood", KUBECONFIG=self.both), 2, "goood", "good")

    def test_a_context_without_its_cluster(self):
        self.failed(audit("--context", "broken", KUBECONFIG=self.both), 2, "nowhere")

    def test_files_that_are_not_there(self):
        self.failed(audit("--kubeconfig", f"{WORK}/configs/none"), 2, "configs/none")
        self.failed(audit(KUBECONFIG=f"{WORK}/configs/none"), 2, "-f")

    def test_home(self):
        home = f"{WORK}/home"
        os.makedirs(f"{home}/.kube", exist_ok=True)
        with open(ADMIN, "rb") as source, open(f"{home}/.kube/config", "wb") as out:
            out.write(source.read())
        self.same(audit(HOME=home))

    def test_a_file_that_is_no_kubeconfig(self):
        path = f"{WORK}/configs/bad"
        with open(path, "w", encoding="utf-8") as out:
            out.write("apiVersion: v1\nclusters:\n- name: [a\n")
        self.failed(audit(kubeconfig=path), 2, "configs/bad")


class Tls(Case):
    def test_another_ca(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", "/dev/null", "-subj", "/CN=other", "-out", f"{WORK}/other.crt"], check=True,
                       capture_output=True)
        bad = {"certificate-authority": f"{WORK}/other.crt"}
        self.failed(audit(kubeconfig=kubeconfig({"token": TOKEN}, **bad), timeout=20), 3, "certificate")

    def test_no_ca(self):
        bad = {"certificate-authority": None}
        self.failed(audit(kubeconfig=kubeconfig({"token": TOKEN}, **bad), timeout=20), 3, "certificate")

    def test_wrong_host_name(self):
        with Proxy(host="127.0.0.2") as proxy:
            run = audit(kubeconfig=proxy.kubeconfig(TOKEN), timeout=20)
            self.failed(run, 3, "127.0.0.2", "certificate|name")
            self.assertEqual(proxy.requests, [])

    def test_tls_server_name(self):
        with Proxy(host="127.0.0.2") as proxy:
            self.same(audit(kubeconfig=proxy.kubeconfig(TOKEN, cluster={"tls-server-name": "kubernetes.default.svc"})))
            bad = proxy.kubeconfig(TOKEN, cluster={"tls-server-name": "kubernetes.example"})
            self.failed(audit(kubeconfig=bad, timeout=20), 3, "another name")

    def test_insecure_warns(self):
        run = audit(kubeconfig=kubeconfig({"token": TOKEN}, **{"certificate-authority": None,
                                                                "insecure-skip-tls-verify": True}))
        self.same(run)
        self.assertRegex(run.err, r"(?i)not (checked|verified)|insecure")

    def test_nobody_listens(self):
        self.failed(audit(kubeconfig=kubeconfig({"token": TOKEN}, server="https://127.0.0.1:1"), timeout=30), 3,
                    r"127\.0\.0\.1:1\b")

    def test_no_such_host(self):
        self.failed(audit(kubeconfig=kubeconfig({"token": TOKEN}, server="https://no.such.host.invalid:6443"),
                          timeout=40), 3, "no.such.host.invalid")

    def test_plain_http_to_a_tls_port(self):
        self.failed(audit(kubeconfig=kubeconfig({"token": TOKEN}, server=SERVER.replace("https", "http")), timeout=30), 3)

    def test_certificate_data_beats_a_path(self):
        import base64
        with open(CA, "rb") as f:
            data = base64.b64encode(f.read()).decode()
        self.same(audit(kubeconfig=kubeconfig({"token": TOKEN}, **{"certificate-authority": "/no/such/file",
                                                                    "certificate-authority-data": data})))


class Tokens(Case):
    def test_refused(self):
        self.failed(audit(kubeconfig=kubeconfig({"token": "tok-that-is-not-known"}), timeout=20), 3,
                    "(?i)unauthorized|401|refused")

    def test_none(self):
        """Anonymous: the server knows such a user, who may do nothing."""
        self.failed(audit(kubeconfig=kubeconfig({}), timeout=20), 3, "(?i)anonymous|unauthorized|forbidden")

    def test_token_file(self):
        with open(f"{WORK}/token", "w", encoding="utf-8") as out:
            out.write(TOKEN + "\n")
        self.same(audit(kubeconfig=kubeconfig({"tokenFile": f"{WORK}/token", "token": "not-this-one"})))

    def test_token_file_that_is_not_there(self):
        self.assertIn(audit(kubeconfig=kubeconfig({"tokenFile": f"{WORK}/no-token"}), timeout=20).status, (2, 3))

    def test_nothing_secret_is_written(self):
        secret = "tok-SECRET-0123456789"
        plugin = Plugin("leak", {"token": TOKEN})
        cases = {
            "token": ({"token": TOKEN}, [TOKEN]),
            "refused": ({"token": secret}, [secret]),
            "basic": ({"username": "u", "password": secret}, [secret, "dTp0b2st"]),
            "plugin": (plugin.user(), [TOKEN]),
        }
        for name, (user, words) in cases.items():
            with self.subTest(name):
                log = f"{WORK}/{name}.log"
                run = audit("-v", "--log-file", log, kubeconfig=kubeconfig(user), timeout=30)
                with open(log, encoding="utf-8") as f:
                    text = f.read() + run.out + run.err
                self.assertIn("GET /api", text)  # it is the log of requests
                self.assertEqual([w for w in words if w in text], [])

    def test_proxy_password_is_not_shown(self):
        config = kubeconfig({"token": TOKEN}, **{"proxy-url": "http://user:hidden-word@127.0.0.1:1"})
        log = f"{WORK}/proxy.log"
        run = audit("-v", "--log-file", log, kubeconfig=config, timeout=30)
        self.failed(run, 3, r"127\.0\.0\.1:1\b")
        with open(log, encoding="utf-8") as f:
            self.assertNotIn("hidden-word", f.read() + run.err)


class Plugin:
    """A credential plugin: a script that hands out one answer after another, the last again and again."""

    def __init__(self, name, *statuses, before="", api="v1"):
        self.path, self.api, self.runs = f"{WORK}/plugin-{name}", f"client.authentication.k8s.io/{api}", f"{WORK}/{name}.runs"
        if os.path.exists(self.runs):
            os.remove(self.runs)
        answers = [json.dumps({"apiVersion": self.api, "kind": "ExecCredential", "status": s}) for s in statuses]
        lines = "\n".join(f"{i + 1}) echo '{a}' ;;" for i, a in enumerate(answers[:-1]))
        last = f"*) echo '{answers[-1]}' ;;" if answers else "*) ;;"
        with open(self.path, "w", encoding="utf-8") as out:
            out.write(f"#!/bin/sh\nprintf '%s\\n' \"$KUBERNETES_EXEC_INFO\" >>{self.runs}\n{before}\n"
                      f"case $(wc -l <{self.runs}) in\n{lines}\n{last}\nesac\n")
        os.chmod(self.path, stat.S_IRWXU)

    def user(self, **more):
        return {"exec": {"apiVersion": self.api, "command": self.path, "interactiveMode": "Never", **more}}

    def infos(self):
        with open(self.runs, encoding="utf-8") as f:
            return [json.loads(line) for line in f]


class Plugins(Case):
    def test_a_token_for_the_whole_run(self):
        for api in ("v1", "v1beta1"):
            with self.subTest(api):
                plugin = Plugin(f"token-{api}", {"token": TOKEN}, api=api)
                self.same(audit(kubeconfig=kubeconfig(plugin.user())))
                self.assertEqual([i["apiVersion"] for i in plugin.infos()], [plugin.api])
                self.assertNotIn("cluster", plugin.infos()[0]["spec"])

    def test_cluster_info_arguments_and_environment(self):
        plugin = Plugin("info", {"token": TOKEN}, before='[ "$1 $WHO" = "get-token me" ] || exit 7')
        user = plugin.user(provideClusterInfo=True, args=["get-token"], env=[{"name": "WHO", "value": "me"}])
        self.same(audit(kubeconfig=kubeconfig(user)))
        spec = plugin.infos()[0]["spec"]
        self.assertEqual(spec["cluster"]["server"], SERVER)
        self.assertIn("certificate-authority-data", spec["cluster"])
        self.assertIs(spec["interactive"], False)

    def test_a_certificate(self):
        files = {}
        for name in ("crt", "key"):
            with open(f"{STATE}/pki/admin.{name}", encoding="utf-8") as f:
                files[name] = f.read()
        answer = {"clientCertificateData": files["crt"], "clientKeyData": files["key"]}
        plugin = Plugin("certificate", answer, before="")
        # echo would turn the newlines of the JSON text into real ones
        with open(plugin.path, encoding="utf-8") as f:
            text = f.read().replace("echo '", "printf '%s\\n' '")
        with open(plugin.path, "w", encoding="utf-8") as f:
            f.write(text)
        self.same(audit(kubeconfig=kubeconfig(plugin.user())))

    def test_it_runs_again_after_401(self):
        plugin = Plugin("again", {"token": "expired"}, {"token": TOKEN})
        self.same(audit(kubeconfig=kubeconfig(plugin.user())))
        self.assertEqual(len(plugin.infos()), 2)

    def test_it_never_gets_better(self):
        plugin = Plugin("never", {"token": "expired"})
        self.failed(audit(kubeconfig=kubeconfig(plugin.user()), timeout=30), 3, "(?i)unauthorized|401|refused")
        self.assertLessEqual(len(plugin.infos()), 3)

    def test_an_expired_answer_is_fetched_again_not_forever(self):
        plugin = Plugin("old", {"token": TOKEN, "expirationTimestamp": "2020-01-01T00:00:00Z"})
        run = audit(kubeconfig=kubeconfig(plugin.user()), timeout=30)
        self.assertIn(run.status, (1, 3))
        self.assertLess(len(plugin.infos()), 100)

    def test_it_fails_and_says_why(self):
        plugin = Plugin("fails", before="echo 'please log in first' >&2; printf '\\033[31m' >&2; exit 3")
        run = audit(kubeconfig=kubeconfig(plugin.user(installHint="see the handbook")), timeout=20)
        self.assertEqual(run.status, 3, run.err)
        self.assertIn("please log in first", run.err)
        self.assertIn("plugin-fails", run.err)
        self.assertNotIn("\x1b", run.err)

    def test_it_is_not_there(self):
        user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin",
                         "interactiveMode": "Never", "installHint": "apt install no-such-plugin"}}
        run = audit(kubeconfig=kubeconfig(user), timeout=20)
        self.assertEqual(run.status, 3, run.err)
        self.assertIn("no-such-plugin", run.err)
        self.assertIn("apt install", run.err)

    def test_what_it_prints_is_garbage(self):
        for name, text in (("text", "hello"), ("empty", ""), ("list", "[]"), ("binary", "\\001\\377{"),
                           ("version", '{"apiVersion":"client.authentication.k8s.io/v1alpha1","kind":"ExecCredential",'
                                       '"status":{"token":"x"}}'),
                           ("nothing", '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"}'),
                           ("half", '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
                                    '"status":{"clientCertificateData":"x"}}')):
            with self.subTest(name):
                plugin = Plugin(f"garbage-{name}", before=f"printf '{text}'; exit 0")
                run = audit(kubeconfig=kubeconfig(plugin.user()), timeout=20)
                self.assertEqual(run.status, 3, run.err)
                self.assertIn("plugin-garbage", run.err)

    def test_always_interactive_without_a_terminal(self):
        plugin = Plugin("always", {"token": TOKEN})
        run = audit(kubeconfig=kubeconfig(plugin.user(interactiveMode="Always")), timeout=20)
        self.failed(run, 3, "plugin-always", "(?i)terminal|interactive")


class ProxyUrl(Case):
    def test_by_the_kubeconfig(self):
        with ConnectProxy() as proxy:
            self.same(audit(kubeconfig=kubeconfig({"token": TOKEN}, **{"proxy-url": proxy.url})))
            self.assertEqual(set(proxy.targets), {SERVER.split("//")[1]})

    def test_by_the_environment(self):
        port = SERVER.rpartition(":")[2]
        far = kubeconfig({"token": TOKEN}, server=f"https://api.example.invalid:{port}", **{"tls-server-name": "localhost"})
        with ConnectProxy() as proxy:
            self.same(audit(kubeconfig=far, HTTPS_PROXY=proxy.url))
            self.assertEqual(set(proxy.targets), {f"api.example.invalid:{port}"})
            self.failed(audit(kubeconfig=far, HTTPS_PROXY=proxy.url, NO_PROXY=".example.invalid"), 3, "api.example.invalid")
            # As in every Go program, a loopback address is never asked for by way of a proxy of the environment.
            proxy.targets.clear()
            self.same(audit(kubeconfig=ADMIN, HTTPS_PROXY=proxy.url))
            self.assertEqual(proxy.targets, [])


if __name__ == "__main__":
    tap.main()
