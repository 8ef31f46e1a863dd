/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/rules/fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/mem.h"
#include "tests/unit/fleet_fixture.h"

/* Namespace "a": an agent, its companion behind Service pipelock, a Service that is another name for the outside. */
static const char fleet_yaml[] =
	"apiVersion: v1\n"
	"kind: Pod\n"
	"metadata: {name: agent, labels: {app.kubernetes.io/component: agent}}\n"
	"spec:\n"
	"  initContainers:\n"
	"    - name: init\n"
	"      image: %s\n"
	"      env:\n"
	"        - {name: INSIDE, value: 'http://pipelock:8888'}\n"
	"        - {name: OUTSIDE, value: 'https://user:secret@example.com/x'}\n"
	"        - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}\n"
	"        - {name: HIDDEN, valueFrom: {secretKeyRef: {name: s, key: k}}}\n"
	"        - {name: MASKED, value: 'https://u:$(HIDDEN)@example.com/x'}\n"
	"        %s\n"
	"  containers:\n"
	"    - {name: agent, image: agent, env: [{name: HTTPS_PROXY, value: 'http://pipelock:8888'}]}\n"
	"---\n"
	"apiVersion: v1\n"
	"kind: Pod\n"
	"metadata: {name: pipelock, labels: {app: pipelock}}\n"
	"spec: {containers: [{name: pipelock, image: pipelock}]}\n"
	"---\n"
	"apiVersion: v1\n"
	"kind: Service\n"
	"metadata: {name: pipelock}\n"
	"spec: {clusterIP: 10.96.0.9, selector: {app: pipelock}, ports: [{port: 8888}]}\n"
	"---\n"
	"apiVersion: v1\n"
	"kind: Service\n"
	"metadata: {name: new}\n"
	"spec: {ports: [{port: 80}]}\n"
	"---\n"
	"apiVersion: v1\n"
	"kind: Service\n"
	"metadata: {name: mirror}\n"
	"spec: {type: ExternalName, externalName: mirror.example.com}\n"
	"---\n"
	"apiVersion: v1\n"
	"kind: Service\n"
	"metadata: {name: files, namespace: data}\n"
	"spec: {selector: {app: files}, ports: [{port: 80}]}\n";

struct answer {
	const struct fetch_view *view;
	struct buf text; /* "what from place", one after another */
};

static void
note(void *ctx, const struct shell *sh, const struct shell_command *cmd)
{
	struct answer *all = ctx;
	struct fetch f;

	if (fetch_find(all->view, sh, cmd, &f))
		buf_addf(&all->text, "%s%s from %s", all->text.len ? "; " : "", f.what, f.from);
}

/* What the script fetches, in an init container of that image, with one more entry of env. */
static char *
ask(const char *image, const char *env, const char *script)
{
	AUTO(free) char *yaml = mem_printf(fleet_yaml, image, env);
	AUTO(arena) struct arena a = {0};
	const char *args[] = {script};
	struct container c;
	struct fleet *f;
	struct fetch_view view;
	struct answer all = {.view = &view};

	f = fixture(yaml);
	view = (struct fetch_view){f, fixture_workload(f, "agent"), &c, &a};
	c = view.workload->template->spec.containers[0];
	c.command = (const char *const[]){"sh", "-c"};
	c.n_command = 2;
	c.args = args;
	c.n_args = 1;
	assert_non_null(view.workload->companion);
	assert_true(fetch_programs(&view, &all, note));
	fleet_unref(f);
	return buf_take(&all.text);
}

static void
check(const char *image, const char *env, const char *const (*cases)[2], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *have = ask(image, env, cases[i][0]);

		if (strcmp(have, cases[i][1]) != 0)
			fail_msg("%s\n  gives \"%s\"\n  not   \"%s\"", cases[i][0], have, cases[i][1]);
		free(have);
	}
}

static void
urls(void **state)
{
	static const char *const cases[][2] = {
		{"curl https://example.com/x", "curl from example.com"},
		{"curl -fsSLo /opt/x.tgz EXAMPLE.com./x", "curl from example.com"},
		{"curl -o x.example.com http://pipelock/x", ""},
		{"curl -sSL --output x.example.com http://pipelock/x", ""},
		{"curl --url https://example.com", "curl from example.com"},
		{"curl http://pipelock/ https://example.com/", "curl from example.com"},
		{"curl \"$OUTSIDE\"", "curl from example.com"},
		{"curl $(OUTSIDE)", "curl from example.com"},
		{"curl $INSIDE/health; wget ${INSIDE}/x; curl $(INSIDE)/y", ""},
		{"curl http://$POD_IP:9000/", ""},
		{"curl http://$HIDDEN/", "curl from an address in $HIDDEN that is not known here"},
		{"curl https://example.com/$HIDDEN", "curl from example.com"},
		{"curl http://$HIDDEN.a.svc/", ""},
		{"curl http://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/", ""},
		{"curl --unix-socket /var/run/x.sock http://docker.example.com/", ""},
		{"curl -V; wget --version; curl --help", ""},
		{"wget -i /list", "wget from an address that is not known here"},
		{"cat urls | xargs -n1 wget -q", "wget from an address that is not known here"},
		{"wget -qO- example.com | tar xz", "wget from example.com"},
		{"wget -q --spider http://localhost:8080", ""},
		{"busybox wget http://10.1.2.3/x http://[fd00::1]/y http://169.254.169.254/z", ""},
		{"wget http://8.8.8.8/", "wget from 8.8.8.8"},
		{"wget http://[2606:4700::1111]/", "wget from 2606:4700::1111"},
		{"curl http://files.data/x http://files.data.svc/x http://x.data/", ""},
		{"curl http://files.nowhere/x http://redis.data-2:6379", ""},
		{"curl http://files.nowhere.else/x", "curl from files.nowhere.else"},
		{"curl http://install.sh/x", "curl from install.sh"},
		{"curl http://10.5/x", "curl from 10.5"},
		{"until curl -sf \"http://$NEW_SERVICE_HOST:$NEW_SERVICE_PORT/health\"; do sleep 1; done", ""},
		{"curl http://$NEW_PORT_80_TCP_ADDR/; curl $(NEW_SERVICE_HOST)", ""},
		{"curl \"$MASKED\"", "curl from example.com"},
		{"curl http://mirror/x", "curl from mirror.example.com"},
		{"curl file:///etc/hosts", ""},
		{"bash <(curl -s https://example.com/install.sh)", "curl from example.com"},
		{"curl -s https://example.com/install.sh | sh", "curl from example.com"},
		{"kubectl apply -f https://example.com/x.yaml", "kubectl from example.com"},
		{"kubectl wait --for=condition=ready pod/x; kubectl get pods", ""},
		{"echo curl https://example.com; printf 'wget x.com'", ""},
		{"aria2c -x4 https://example.com/x", "aria2c from example.com"},
		{"aria2c https://mirror-1/x; aria2c http://files.data/x", ""},
		{"cat <<EOF | sh\ncurl https://example.com\nEOF\necho done", "curl from example.com"},
		{"cat <<'EOF' | sudo bash -s -- one\nwget https://example.com/$1\nEOF", "wget from example.com"},
		{"cat <<EOF > /x\ncurl https://example.com\nEOF", ""},
		{"cat <<EOF || sh\ncurl https://example.com\nEOF", ""},
		{"cat <<EOF; sh\ncurl https://example.com\nEOF", ""},
		{"echo 'curl https://example.com' | sh; echo 'sh' | sh", "curl from example.com"},
		{"echo 'curl https://example.com' | grep -q curl; echo x | sh", ""},
		{"$(which curl) https://example.com", "curl from example.com"},
		{"C=`command -v curl`; $C https://example.com; [ -x \"$(which wget)\" ]", "curl from example.com"},
		{"$(which curl) http://pipelock:8888; $(which -a curl) https://example.com", ""},
	};

	(void)state;
	check("alpine:3.20", "", cases, COUNT_OF(cases));
}

static void
git(void **state)
{
	static const char *const cases[][2] = {
		{"git clone https://github.com/a/b", "git clone from github.com"},
		{"git -C /w -c a.b=c clone -b main --depth 1 ssh://git@github.com:22/a/b d",
		 "git clone from github.com"},
		{"git clone git@github.com:a/b.git", "git clone from github.com"},
		{"git clone http://gitea.a.svc:3000/a/b", ""},
		{"git clone gitea:a/b", ""},
		{"git clone /seed /w; git clone ./seed w; git clone file:///seed w", ""},
		{"git clone \"$REPO\"", "git clone from an address in $REPO that is not known here"},
		{"git pull", "git pull from the remote that the repository names"},
		{"git fetch origin main", "git fetch from the remote that the repository names"},
		{"git submodule update --init", "git submodule update from the remote that the repository names"},
		{"git lfs pull", "git lfs pull from the remote that the repository names"},
		{"git config x y; git init; git checkout main; git --version; git submodule status", ""},
	};

	(void)state;
	check("alpine/git", "", cases, COUNT_OF(cases));
}

static void
packages(void **state)
{
	static const char *const cases[][2] = {
		{"pip install -r requirements.txt", "pip install from its package index"},
		{"/venv/bin/pip3.12 install x", "pip3.12 install from its package index"},
		{"python3 -m pip install x", "pip install from its package index"},
		{"pip install -i http://devpi:3141/x y", ""},
		{"pip install --index-url=https://pypi.example.com/ y", "pip install from pypi.example.com"},
		{"PIP_INDEX_URL=http://devpi/ pip install y", ""},
		{"pip install --no-index -f /wheels x; pip list; pip --version", ""},
		{"pip install --no-deps ./x.whl /y.whl", ""},
		{"pip install --no-deps x", "pip install from its package index"},
		{"pip install git+https://github.com/a/b", "pip install from github.com"},
		{"uv sync; uv pip install x; uv venv",
		 "uv sync from its package index; uv pip install from its package index"},
		{"npm ci", "npm ci from its package index"},
		{"npm --prefix /app ci --omit=dev", "npm ci from its package index"},
		{"npm run ci; npm start; npm --version", ""},
		{"npm ci --registry http://verdaccio:4873; npm ci --offline", ""},
		{"yarn; yarn build; yarn install --offline", "yarn from its package index"},
		{"npx playwright install", "npx from its package index"},
		{"apt-get update -qq && apt-get install -y jq && apt-get clean",
		 "apt-get update from its package index; apt-get install from its package index"},
		{"apk add --no-cache curl; apk add --no-network ./x.apk; apk info",
		 "apk add from its package index"},
		{"apk -X http://files.data.svc/alpine add x", ""},
		{"go install x@latest", "go install from its module proxy"},
		{"GOPROXY=off go install x; GOPROXY=http://athens:3000,direct go mod download; go build ./...", ""},
		{"GOPROXY=direct go get x", "go get from its module proxy"},
		{"cargo install ripgrep; cargo install --offline x; cargo build",
		 "cargo install from its package index"},
		{"gem install x; gem install --local x.gem", "gem install from its package index"},
		{"helm pull oci://ghcr.io/a/b; helm repo add x http://charts.a.svc; helm template .",
		 "helm pull from ghcr.io"},
		{"aws s3 cp s3://b/k /d; aws --version; aws configure set x y", "aws s3 cp from bucket b"},
		{"aws s3 cp --endpoint-url http://minio:9000 s3://b/k /d", ""},
		{"gsutil -m cp gs://b/k /d", "gsutil cp from bucket b"},
		{"hf download a/b; HF_ENDPOINT=http://hub.a.svc hf download a/b", "hf download from the model hub"},
		{"ollama pull x; ollama list", "ollama pull from the model registry"},
		{"python -m spacy download en_core_web_sm", "spacy download from its package index"},
		{"pacman -Sy --noconfirm jq", "pacman from its package index"},
		{"pacman -Q; pacman -U /x.pkg.tar.zst; pacman --version", ""},
		{"helm pull stable/x --version 1", "helm pull from a chart repository"},
		{"docker pull nginx; docker pull registry.a.svc:5000/x; docker ps", "docker pull from docker.io"},
		{"crane export ghcr.io/a/b - | tar x", "crane export from ghcr.io"},
	};

	(void)state;
	check("debian:12", "", cases, COUNT_OF(cases));
}

static void
hosts_and_code(void **state)
{
	static const char *const cases[][2] = {
		{"scp -i key user@example.com:/x /y; scp /a /b", "scp from example.com"},
		{"rsync -a rsync://example.com/m /d; rsync -a /seed/ /d", "rsync from example.com"},
		{"until nc -z pipelock 8888; do sleep 1; done; nc -zw2 db.data.svc 5432; nc -l 80", ""},
		{"nc example.com 443", "nc from example.com"},
		{"exec 3<>/dev/tcp/example.com/80", "tcp from example.com"},
		{"until (echo > /dev/tcp/pipelock/8888) 2>/dev/null; do sleep 1; done; f() { cat </dev/tcp/x.com/1; }", ""},
		{"cat < \"/dev/tcp/$WHERE/80\"", "tcp from an address in $WHERE that is not known here"},
		{"openssl s_client -connect example.com:443", "openssl s_client from example.com"},
		{"openssl s_client -brief example.com:443", "openssl s_client from example.com"},
		{"openssl s_client -connect pipelock:443; openssl x509 -in /x; openssl rand 8", ""},
		{"deno run -A https://example.com/a.ts", "deno run from example.com"},
		{"deno run -A /app/main.ts; deno run http://files.data.svc/a.ts; deno fmt", ""},
		{"perl -e 'use LWP::Simple; getstore(\"http://example.com/x\", \"x\")'", "perl from example.com"},
		{"perl -e 'getstore(\"https://example.com/x\", \"x\")'", "perl from example.com"},
		{"python3 -c 'import urllib.request as u; u.urlopen(\"https://example.com\")'",
		 "python3 from example.com"},
		{"python3 -c 'import urllib.request as u; u.urlopen(\"http://pipelock:8888\")'", ""},
		{"python3 -c 'import socket; socket.create_connection((\"pipelock\", 8888))'", ""},
		{"python3 -c 'import requests,os; requests.get(os.environ[\"U\"])'",
		 "python3 from an address that is not known here"},
		{"python3 -c 'print(1)'; python3 /app/migrate.py; python -m http.server", ""},
		{"python3 - <<EOF\nimport httpx\nhttpx.get('https://example.com')\nEOF",
		 "python3 from example.com"},
		{"python3 -c 'await conn.fetch(\"select 1\")'", ""},
		{"node -e 'fetch(\"https://example.com\")'", "node from example.com"},
		{"perl -MLWP::Simple -e 'getstore(\"http://example.com/x\", \"x\")'", "perl from example.com"},
	};

	(void)state;
	check("debian:12", "", cases, COUNT_OF(cases));
}

/* Through the companion goes what reads the variable that is set, for the scheme it is set for, and no NO_PROXY stops. */
static void
through_the_companion(void **state)
{
	static const char *const upper[][2] = {
		{"curl https://example.com; git clone https://github.com/a/b; pip install x; npm ci", ""},
		{"curl http://example.com", "curl from example.com"},
		{"wget https://example.com", "wget from example.com"},
		{"git clone git@github.com:a/b", "git clone from github.com"},
		{"curl --noproxy '*' https://example.com", "curl from example.com"},
		{"no_proxy=.com curl https://example.com", "curl from example.com"},
		{"no_proxy=example.org,10.0.0.0/8 curl https://example.com", ""},
		{"HTTPS_PROXY=http://proxy.corp.example:3128 curl https://example.com", "curl from example.com"},
		{"HTTPS_PROXY=http://127.0.0.1:8888 curl https://example.com", "curl from example.com"},
		{"unset HTTPS_PROXY; curl https://example.com", "curl from example.com"},
		{"curl \"$NOBODY_KNOWS\"", "curl from an address in $NOBODY_KNOWS that is not known here"},
		{"ssh example.com", "ssh from example.com"},
	};
	static const char *const lower[][2] = {
		{"curl https://example.com; wget https://example.com", ""},
		{"http_proxy=$INSIDE apt-get update; http_proxy=http://10.96.0.9:8888 curl http://example.com", ""},
		{"apt-get update", "apt-get update from its package index"},
		{"http_proxy=$INSIDE curl \"$NOBODY_KNOWS\"", ""},
	};
	static const char *const busybox[][2] = {
		{"wget https://example.com", "wget from example.com"},
		{"http_proxy=$INSIDE wget http://example.com", ""},
	};

	(void)state;
	check("debian:12", "- {name: HTTPS_PROXY, value: 'http://pipelock.a.svc:8888'}", upper, COUNT_OF(upper));
	check("debian:12", "- {name: https_proxy, value: 'pipelock:8888'}", lower, COUNT_OF(lower));
	check("busybox:1.36", "- {name: https_proxy, value: 'pipelock:8888'}", busybox, COUNT_OF(busybox));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls),
		cmocka_unit_test(git),
		cmocka_unit_test(packages),
		cmocka_unit_test(hosts_and_code),
		cmocka_unit_test(through_the_companion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
