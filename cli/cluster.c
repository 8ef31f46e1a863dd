/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster.h"

#include <stdio.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/reader.h"
#include "base/sha256.h"
#include "cli/tiers.h"
#include "fleet/setup.h"
#include "kube/kubeconfig.h"

#define LARGEST_CA (16 * 1024 * 1024)

static const char no_source[] =
	"no cluster is configured and no -f given: name a kubeconfig (--kubeconfig, $KUBECONFIG, ~/.kube/config), or read "
	"files (moat -f manifests/, kubectl get ... -o json | moat audit -f -); moat demo needs neither";

/* A kubeconfig that is named, or has anything in it, counts before the service account of the pod. */
static struct kubeconfig *
load(const struct cli *cli, struct err *e)
{
	struct kubeconfig *config = kubeconfig_load(cli->kubeconfig, e);

	if (!config || config->n_names || cli->kubeconfig || cli->context)
		return config;
	kubeconfig_free(config);
	if (kubeconfig_in_cluster_available())
		return kubeconfig_in_cluster(e);
	err_set(e, ERR_USAGE, 0, "%s", no_source);
	return NULL;
}

struct kube *
cli_kube(const struct cli *cli, struct loop *loop, const struct credential_options *credential, struct err *e)
{
	struct kubeconfig *config = load(cli, e);
	const struct kube_context *context = config ? kubeconfig_context(config, cli->context, e) : NULL;
	struct kube_options opt = {
		.as = cli->as,
		.as_groups = cli->as_groups.at,
		.n_as_groups = cli->as_groups.n,
		.request_timeout_ms = cli->request_timeout_ms,
		.credential = *credential,
	};

	if (!context) {
		kubeconfig_free(config);
		return NULL;
	}
	return kube_new(loop, config, context, &opt, e);
}

void
cli_warn_insecure(const struct kube *k)
{
	if (kube_insecure(k))
		fprintf(stderr, "moat: warning: TLS is not verified (insecure-skip-tls-verify): the server may be "
				"anybody\n");
}

static void
borrow(void *ctx UNUSED, void (*granted)(void *arg), void *arg)
{
	granted(arg);
}

static void
give_back(void *ctx UNUSED)
{
}

bool
cli_has_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

struct kube *
cli_connect(const struct cli *cli, struct loop **loop, struct err *e)
{
	static const struct credential_terminal terminal = {.borrow = borrow, .give_back = give_back};
	struct credential_options credential = {.terminal = cli_has_terminal() ? &terminal : NULL};

	*loop = loop_new(e);
	return *loop ? cli_kube(cli, *loop, &credential, e) : NULL;
}

/* Nothing of the client is under way up the stack here, and nobody comes back to it. */
static void
end(void *k, int signo)
{
	sigset_t one;

	kube_free(k);
	signal(signo, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, signo);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	raise(signo);
}

void
cli_end_by_signals(struct loop *loop, struct kube *k)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < COUNT_OF(signals); i++)
		loop_add_signal(loop, signals[i], end, k);
}

/* What tells clusters apart whose kube-system cannot be read: where they are, and whom they are trusted by. */
static void
hash_address(const struct kube *k, char out[65])
{
	const struct kube_cluster *c = kube_context(k)->cluster;
	AUTO(buf) struct buf all = {0};

	buf_addf(&all, "%s\n", kube_server(k));
	if (c->ca.data)
		buf_add(&all, c->ca.data, c->ca.len);
	else if (c->ca_path)
		reader_slurp(c->ca_path, LARGEST_CA, &all, NULL); /* one that cannot be read has failed before this */
	sha256_hex(all.data, all.len, out);
}

char *
cli_who(const struct cli *cli, const struct kube *k)
{
	const struct kube_context *c = kube_context(k);
	const char *user = c->user && c->user->name ? c->user->name : "?";
	const char *as = cli->as || !c->user ? cli->as : c->user->as;
	const struct passwd *person = getpwuid(getuid());
	AUTO(free) char *uid = mem_printf("uid %lu", (unsigned long)getuid());

	/* Whom the kubeconfig names may be several people, each with an account of its own. */
	return mem_printf("%s%s%s@%s (%s)", user, as ? " as " : "", as ? as : "", c->name,
			  person ? person->pw_name : uid);
}

struct source
cli_source(const struct cli *cli, const struct kube *k)
{
	struct source s = {
		.type = SOURCE_CLUSTER,
		.context = kube_context(k)->name,
		.server = kube_server(k),
		.namespace = cli->namespace,
	};

	hash_address(k, s.address);
	return s;
}

struct fleet *
cli_fleet_of(const struct cli *cli, const struct source *source, const struct cluster *c, struct err *e)
{
	struct cluster_status status = cluster_status(c);
	AUTO(arena) struct arena scratch = {0};
	struct object_set set = {0};
	struct gap *gaps;
	size_t n;

	if (status.state == CLUSTER_FAILED || status.state == CLUSTER_FORBIDDEN) {
		*e = status.err;
		if (e->code == 403)
			err_set(e, status.err.kind, 403, "%s; moat doctor prints the role that is missing%s",
				status.err.msg, cli->namespace ? "" : ", -n NAMESPACE reads one namespace alone");
		return NULL;
	}
	n = cluster_gaps(c, &scratch, &gaps);
	cluster_objects(c, &set);
	if (cluster_lacks_namespace(c))
		object_set_warn(&set, "there is no namespace %s in this cluster", cli->namespace);
	return fleet_new(&(struct fleet_input){
		.source = *source,
		.objects = &set,
		.settings = &cli->config->fleet,
		.gaps = gaps,
		.n_gaps = n,
	});
}

/* One reading from its begin to where nothing more will come. */
struct fleet *
cli_cluster_read(struct cli *cli, struct loop *loop, struct kube *k, struct err *e)
{
	struct cluster *c = cluster_new(&(struct cluster_options){.kube = k, .loop = loop, .namespace = cli->namespace});
	struct source source = cli_source(cli, k);
	struct fleet *fleet = NULL;
	bool ok = true;

	while (ok && !cluster_settled(c))
		ok = loop_once(loop, -1, e);
	if (ok)
		fleet = cli_fleet_of(cli, &source, c, e);
	cluster_free(c);
	return fleet;
}

struct fleet *
cli_cluster_fleet(struct cli *cli, bool with_evidence, struct err *e)
{
	struct loop *loop;
	struct kube *k = cli_connect(cli, &loop, e);
	struct fleet *fleet = NULL;

	if (k) {
		cli_warn_insecure(k);
		cli_end_by_signals(loop, k);
		fleet = cli_cluster_read(cli, loop, k, e);
		if (fleet && with_evidence)
			fleet = tiers_add(cli, fleet, loop, k);
	}
	kube_free(k);
	loop_free(loop);
	return fleet;
}

const char *
cli_restart_refusal(const struct fleet *f, const struct restart_target *t, struct arena *a)
{
	const struct workload *w = f ? fleet_workload(f, t->namespace, t->kind, t->name) : NULL;
	const char *reason = w ? setup_refusal(w, a) : NULL;

	return reason ? arena_printf(a, "its Pipelock would not come up again: %s", reason) : NULL;
}
