/* SPDX-License-Identifier: Apache-2.0 */
/* Do an agent's init containers work behind the wall: no fetching, and the companion's own Pipelock. */
#include <string.h>

#include "audit/rules/common.h"
#include "audit/rules/fetch.h"
#include "base/buf.h"
#include "base/str.h"
#include "fleet/image.h"

#define LISTED_MAX 4 /* fetches that the evidence names */

/*
 * init-fetch
 */

struct fetches {
	const struct fetch_view *view;
	struct fetch at[LISTED_MAX];
	size_t n, listed;
	bool pipelock;
};

static bool
same_fetch(const struct fetch *a, const struct fetch *b)
{
	return strcmp(a->what, b->what) == 0 && strcmp(a->from, b->from) == 0;
}

static void
note_fetch(void *ctx, const struct shell *sh, const struct shell_command *cmd)
{
	struct fetches *all = ctx;
	struct fetch f;

	if (!fetch_find(all->view, sh, cmd, &f))
		return;
	all->pipelock |= f.pipelock;
	for (size_t i = 0; i < all->listed; i++)
		if (same_fetch(&all->at[i], &f))
			return;
	all->n++;
	if (all->listed < LISTED_MAX)
		all->at[all->listed++] = f;
}

/* "wget from github.com; apk add from its package index" */
static const char *
list_fetches(struct audit_run *run, const struct fetches *all)
{
	AUTO(buf) struct buf b = {0};

	for (size_t i = 0; i < all->listed; i++)
		buf_addf(&b, "%s%s from %s", i ? "; " : "", all->at[i].what, all->at[i].from);
	if (all->n > all->listed)
		buf_addf(&b, "; and %zu more", all->n - all->listed);
	return audit_printf(run, "%s", buf_str(&b));
}

/* The image to copy Pipelock from: the companion's, in the variant that has cp where it is the plain one. */
static const char *
image_to_copy(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->companion ? w->companion->pipelock : w->pipelock;
	const char *image = p ? p->container->image : "ghcr.io/luckypipewrench/pipelock:VERSION";
	struct image_ref r = image_parse(image);

	if (!image_is(image, "pipelock"))
		return image;
	if (!r.tag_len)
		return audit_printf(run, "%.*s-init of the release that %s is", (int)r.repository_len, r.repository,
				    image);
	return audit_printf(run, "%.*s-init:%.*s", (int)r.repository_len, r.repository, (int)r.tag_len, r.tag);
}

static const char *
copy_target(const struct container *c)
{
	return c->n_mounts ? c->mounts[0].path : "/shared-bin";
}

static const char *
fetch_fix(struct audit_run *run, const struct workload *w, const struct container *c, bool pipelock)
{
	const char *url = rule_proxy_url(run, w);

	if (pipelock)
		return audit_printf(run,
				    "In init container %s of %s copy the binary instead: image: %s, command: "
				    "[\"cp\", \"/pipelock\", \"%s/pipelock\"]. It is the companion's own "
				    "Pipelock and needs no network.",
				    c->name, rule_workload(run, w), image_to_copy(run, w), copy_target(c));
	return audit_printf(
		run,
		"Build what init container %s of %s fetches into its image and copy it from there, or serve "
		"it inside the cluster. What has to be fetched at start can go through the companion: set "
		"HTTPS_PROXY and https_proxy of this container to %s too.",
		c->name, rule_workload(run, w), url ? url : "its Service's URL");
}

static void
check_fetches(struct audit_run *run, const struct workload *w, const struct container *c)
{
	const struct fetch_view view = {audit_fleet(run), w, c, audit_scratch(run)};
	struct fetches all = {.view = &view};
	bool whole = fetch_programs(&view, &all, note_fetch);

	if (!all.n && !whole)
		audit_unknown(run, w, w->kind,
			      audit_printf(run,
					   "the script of init container %s of %s is too long or too deeply "
					   "nested to be read",
					   c->name, rule_workload(run, w)));
	if (!all.n)
		return;
	audit_report(run, w,
		     &(struct finding_args){
			     .container = c->name,
			     .line = c->line,
			     .message = audit_printf(
				     run,
				     "init container %s of %s fetches from the network (%s from %s): once the "
				     "agent's egress is closed it fails, and the pod never starts",
				     c->name, rule_workload(run, w), all.at[0].what, all.at[0].from),
			     .evidence = audit_printf(run, "image %s runs %s", c->image, list_fetches(run, &all)),
			     .fix = fetch_fix(run, w, c, all.pipelock),
		     });
}

static void
init_fetch(struct audit_run *run, const struct workload *w)
{
	const struct pod_spec *s = &w->template->spec;

	for (size_t i = 0; i < s->n_containers; i++)
		if (s->containers[i].class == CONTAINER_INIT)
			check_fetches(run, w, &s->containers[i]);
}

const struct rule rule_init_fetch = {
	.id = "init-fetch",
	.severity = SEV_HIGH,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_SERVICES,
	.title = "Init container fetches from the network",
	.why = "Init containers run before the agent, under the same NetworkPolicy. A wget of the Pipelock "
	       "binary, a git clone or a pip install works while the policy is wide and is the first thing to "
	       "fail once it allows the companion alone: the pod hangs in Init and the migration looks "
	       "broken. Until then it is an unscanned download whose content may change from start to start. "
	       "Waiting for something in the cluster (until curl http://pipelock:8888/health) is no fetch, and "
	       "name.namespace is in the cluster unless it ends in a country's or another common top-level domain; "
	       "nor is one that goes through the companion, because the container has a proxy variable that "
	       "this very program reads (curl and git read HTTPS_PROXY, for http:// only http_proxy; wget and "
	       "apt only lower case; BusyBox's wget passes no https through a proxy; ssh, scp and nc none). "
	       "An address in a variable that the manifest does not set counts as outside. A script that a "
	       "ConfigMap holds is read too; one inside an image cannot be.",
	.evidence = "The programs that fetch, and the hosts they name",
	.fix = "Copy instead of fetching: an init container whose image has the file (for Pipelock the "
	       "companion's own version: pipelock-init) and whose command is cp needs no network. Other tools "
	       "belong into the agent's image, or onto a server inside the cluster.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"Gotcha 2: init "
		     "containers that fetch from the internet\"",
	.run = init_fetch,
};

/*
 * init-image-drift
 */

struct copies {
	const struct fetch_view *view;
	const char *path; /* of the Pipelock binary that is copied; NULL */
	bool fetched; /* it came from the network: init-fetch speaks */
};

/* Is this path inside a volume, not the image? */
static bool
in_volume(const struct container *c, const char *path)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		size_t n = strlen(c->mounts[i].path);

		if (strncmp(path, c->mounts[i].path, n) == 0 && (path[n] == '/' || !path[n]))
			return true;
	}
	return false;
}

static bool
is_binary(const char *word)
{
	return strcmp(shell_program(word), "pipelock") == 0 || str_starts(shell_program(word), "pipelock-linux");
}

static void
note_copy(void *ctx, const struct shell *sh, const struct shell_command *cmd)
{
	struct copies *all = ctx;
	const char *program = shell_program(cmd->words[0]);
	/* the last word is where it goes; cat and dd write elsewhere */
	size_t last = cmd->n_words - (str_in_list("cat dd", program) ? 0 : 1);
	struct fetch f;

	if (fetch_find(all->view, sh, cmd, &f))
		all->fetched |= f.pipelock;
	if (!str_in_list("cp install mv ln cat dd rsync tar", program))
		return;
	for (size_t i = 1; i < last && !all->path; i++) {
		const char *word = cmd->words[i];

		if (str_starts(word, "if="))
			word += 3;
		if (*word != '-' && is_binary(word) && !in_volume(all->view->container, word))
			all->path = word;
	}
}

/* Does an init container hand Pipelock on from its image? An image made for that does so without a command. */
static const char *
copied_binary(const struct fetch_view *v)
{
	struct copies all = {.view = v};

	if (!v->container->n_command && !v->container->n_args && image_is(v->container->image, "pipelock-init"))
		return "/pipelock";
	fetch_programs(v, &all, note_copy);
	return all.fetched ? NULL : all.path;
}

static bool
same_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool
same_version(const struct image_ref *a, const struct image_ref *b)
{
	const char *latest = "latest", *s = a->tag_len ? a->tag : latest, *t = b->tag_len ? b->tag : latest;
	size_t n = a->tag_len ? a->tag_len : strlen(latest), m = b->tag_len ? b->tag_len : strlen(latest);

	if (n > 1 && *s == 'v')
		s++, n--;
	if (m > 1 && *t == 'v')
		t++, m--;
	return same_text(s, n, t, m);
}

static bool
is_pipelock_image(const struct image_ref *r)
{
	return same_text(r->name, r->name_len, "pipelock", strlen("pipelock")) ||
	       same_text(r->name, r->name_len, "pipelock-init", strlen("pipelock-init"));
}

/*
 * Is it the same Pipelock, wherever it is pulled from? Digests decide between two of one name. A digest without a
 * tag says nothing of a version: against a tag that is a drift (nobody can tell), between pipelock and
 * pipelock-init, whose digests always differ, it is not held against anyone.
 */
static bool
same_pipelock(const char *init, const char *companion)
{
	struct image_ref a = image_parse(init), b = image_parse(companion);
	bool same_name = same_text(a.name, a.name_len, b.name, b.name_len);

	if (str_eq(init, companion))
		return true;
	if (!same_name && !(is_pipelock_image(&a) && is_pipelock_image(&b)))
		return false;
	if (a.digest_len && b.digest_len) {
		if (same_name)
			return same_text(a.digest, a.digest_len, b.digest, b.digest_len);
		return !a.tag_len || !b.tag_len || same_version(&a, &b);
	}
	if ((a.digest_len && !a.tag_len) || (b.digest_len && !b.tag_len))
		return false;
	return same_version(&a, &b);
}

/* What the init container's image should be. */
static const char *
matching_image(struct audit_run *run, const struct workload *w, const struct container *c)
{
	const char *image = w->companion->pipelock->container->image;
	struct image_ref a = image_parse(c->image), b = image_parse(image);

	if (!is_pipelock_image(&a) || !b.tag_len)
		return image_to_copy(run, w);
	return audit_printf(run, "%.*s:%.*s", (int)a.repository_len, a.repository, (int)b.tag_len, b.tag);
}

static void
check_drift(struct audit_run *run, const struct workload *w, const struct container *c)
{
	const struct fetch_view view = {audit_fleet(run), w, c, audit_scratch(run)};
	const char *companion = w->companion->pipelock->container->image, *path = copied_binary(&view);

	if (!path || same_pipelock(c->image, companion))
		return;
	audit_report(run, w,
		     &(struct finding_args){
			     .container = c->name,
			     .line = c->image_line ? c->image_line : c->line,
			     .message = audit_printf(run,
						     "init container %s of %s copies Pipelock from image %s, but "
						     "companion %s runs %s",
						     c->name, rule_workload(run, w), c->image,
						     rule_workload(run, w->companion), companion),
			     .evidence = audit_printf(run, "it copies %s; image %s against %s", path, c->image,
						      companion),
			     .fix = audit_printf(run,
						 "Set image: %s in init container %s of %s, and move both together "
						 "from now on.",
						 matching_image(run, w, c), c->name, rule_workload(run, w)),
		     });
}

static void
init_image_drift(struct audit_run *run, const struct workload *w)
{
	const struct pod_spec *s = &w->template->spec;

	if (!w->companion || !w->companion->pipelock)
		return;
	for (size_t i = 0; i < s->n_containers; i++)
		if (s->containers[i].class == CONTAINER_INIT)
			check_drift(run, w, &s->containers[i]);
}

const struct rule rule_init_image_drift = {
	.id = "init-image-drift",
	.severity = SEV_MEDIUM,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS,
	.title = "Init container copies another Pipelock than the companion runs",
	.why = "Agents wrap their tools with the pipelock binary that an init container copies into a shared "
	       "volume. When its image is bumped and the companion's is not (or the other way round), two "
	       "versions scan one agent's traffic: patterns, config fields and verdicts differ, and a field "
	       "that one of them knows keeps the other from starting. One image for both makes the copy byte "
	       "for byte the companion's. pipelock-init of the same version counts as the same, from whatever "
	       "registry.",
	.evidence = "The file that is copied, and both images",
	.fix = "Give the init container the image of the version that the companion runs "
	       "(pipelock-init:VERSION for pipelock:VERSION), and change the two in one commit.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"Gotcha 2: init "
		     "containers that fetch from the internet\"; Pipelock "
		     "docs/guides/kubernetes-image-upgrades.md",
	.run = init_image_drift,
};
