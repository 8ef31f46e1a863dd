/* SPDX-License-Identifier: Apache-2.0 */
/* Does the config that somebody edits reach the Pipelock that runs, and is it one that it takes? */
#include <stdlib.h>
#include <string.h>

#include "audit/rules/common.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/image.h"
#include "fleet/mounted_file.h"
#include "fleet/setup.h"

#define ARTICLE                                                                                                   \
	"subPath ConfigMap Mounts Don't Hot-Reload; Per-Pod NetworkPolicy in Practice: Migrating Five Agents in " \
	"a "                                                                                                      \
	"Day, \"Gotcha 1: subPath ConfigMap mounts don't hot-reload\"; "

/*
 * config-subpath
 */

static bool
is_subpath(const struct volume_mount *m)
{
	return m->sub_path || m->sub_path_expr;
}

static bool
holds_config(const struct pipelock *p, const char *config_map, const char *key)
{
	for (size_t i = 0; p && i < p->n_sources; i++)
		if (str_eq(p->sources[i].config_map, config_map) && str_eq(p->sources[i].key, key))
			return true;
	return false;
}

/* Is this key of a ConfigMap a Pipelock config for w: by who reads it, or by its name? */
static bool
is_config(const struct workload *w, const char *config_map, const char *key)
{
	const struct workload *c = w->companion;

	return str_eq(key, "pipelock.yaml") || str_eq(key, "pipelock.yml") ||
	       holds_config(w->pipelock, config_map, key) ||
	       (c && strcmp(c->namespace, w->namespace) == 0 && holds_config(c->pipelock, config_map, key));
}

/* Does a mount's subPath lead to this file of the volume? An expression is taken by its last part. */
static bool
leads_to(const struct volume_mount *m, const char *file)
{
	const char *path = m->sub_path ? m->sub_path : m->sub_path_expr;
	size_t n = strlen(path);

	if (!m->sub_path) {
		const char *slash = strrchr(path, '/');

		return strcmp(slash ? slash + 1 : path, file) == 0 || str_has(slash ? slash + 1 : path, "$(");
	}
	return strncmp(file, path, n) == 0 && (file[n] == '\0' || file[n] == '/');
}

/* The config key that a subPath mount of a ConfigMap brings; NULL. *config_map is the map's name. */
static const char *
mounted_config(const struct workload *w, const struct volume_mount *m, const struct volume *v,
	       const char **config_map)
{
	for (size_t i = 0; v && i < v->n_sources; i++) {
		const struct volume_source *s = &v->sources[i];

		if (s->type != VOLUME_CONFIG_MAP)
			continue;
		*config_map = s->name;
		for (size_t j = 0; j < s->n_items; j++)
			if (leads_to(m, s->items[j].path) && is_config(w, s->name, s->items[j].key))
				return s->items[j].key;
		if (!s->has_items && m->sub_path && is_config(w, s->name, m->sub_path))
			return m->sub_path;
		if (!s->has_items && !m->sub_path && leads_to(m, "pipelock.yaml"))
			return "pipelock.yaml";
	}
	return NULL;
}

/* The folder of a path; NULL for one that a mount would hide too much of. */
static const char *
folder_of(struct audit_run *run, const char *path)
{
	static const char *const shared[] = {"", "/etc", "/usr", "/opt", "/var", "/home", "/tmp", "/config"};
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	for (size_t i = 0; i < COUNT_OF(shared); i++)
		if (strlen(shared[i]) == n && strncmp(path, shared[i], n) == 0)
			return NULL;
	return audit_printf(run, "%.*s", (int)n, path);
}

static bool
is_mounted(const struct container *c, const char *path)
{
	for (size_t i = 0; i < c->n_mounts; i++)
		if (strcmp(c->mounts[i].path, path) == 0)
			return true;
	return false;
}

static const char *
subpath_fix(struct audit_run *run, const struct workload *w, const struct container *c,
	    const struct volume_mount *m)
{
	const char *folder = folder_of(run, m->path), *file = strrchr(m->path, '/');
	bool moves = !folder || is_mounted(c, folder);

	if (moves)
		folder = "/etc/pipelock-config";
	return audit_printf(
		run,
		"In container %s of %s mount volume %s as a directory: mountPath: %s without %s%s%s%s. Until "
		"then restart after each change of the ConfigMap: %s",
		c->name, rule_workload(run, w), m->volume, folder, m->sub_path ? "subPath" : "subPathExpr",
		moves ? ", and let --config name " : "", moves ? folder : "", moves && file ? file : "",
		rule_restart(run, w));
}

static void
report_subpath(struct audit_run *run, const struct workload *w, const struct container *c,
	       const struct volume_mount *m, const char *config_map, const char *key)
{
	const char *field = m->sub_path ? "subPath" : "subPathExpr";
	const char *what = config_map ? audit_printf(run, "%s%s%sConfigMap %s/%s", key ? "key " : "",
						     key ? key : "", key ? " of " : "", w->namespace, config_map)
				      : audit_printf(run, "volume %s", m->volume);

	audit_report(run, w,
		     &(struct finding_args){
			     .container = c->name,
			     .subject = m->path,
			     .line = m->line,
			     .message = audit_printf(
				     run,
				     "container %s of %s mounts its Pipelock config %s with %s: edits never "
				     "reach it while it runs",
				     c->name, rule_workload(run, w), m->path, field),
			     .evidence = audit_printf(run, "%s: %s, from %s", field,
						      m->sub_path ? m->sub_path : m->sub_path_expr, what),
			     .fix = subpath_fix(run, w, c, m),
		     });
}

/*
 * A file that Pipelock reads, or that one of its commands names, is a config whatever it is called. Beside that an agent
 * may have files of its own that are about Pipelock (pipelock-prompts.yaml): there the usual name is asked for.
 */
static bool
is_sure(const struct container *c, const struct config_source *s)
{
	const char *name = s->path ? path_name(s->path) : "";

	return container_is_pipelock(c) || str_eq(name, "pipelock.yaml") || str_eq(name, "pipelock.yml") ||
	       !str_has(name, "pipelock") || str_starts(s->path, "/etc/pipelock/");
}

static void
check_subpath(struct audit_run *run, const struct workload *w, const struct container *c,
	      const struct volume_mount *m, const struct config_source *configs, size_t n)
{
	const char *config_map = NULL, *key;

	for (size_t i = 0; i < n; i++) {
		if (configs[i].mount == m && is_sure(c, &configs[i])) {
			report_subpath(run, w, c, m, configs[i].config_map, configs[i].key);
			return;
		}
	}
	key = mounted_config(w, m, pod_spec_volume(&w->template->spec, m->volume), &config_map);
	if (key)
		report_subpath(run, w, c, m, config_map, key);
}

/* What a command of Pipelock names or what is called a config; and what some other container has as its config. */
static void
config_subpath(struct audit_run *run, const struct workload *w)
{
	const struct pod_spec *s = &w->template->spec;

	for (size_t i = 0; i < s->n_containers; i++) {
		const struct container *c = &s->containers[i];
		const struct config_source *configs = NULL; /* asked for where there is a subPath: seldom */
		size_t n = 0;

		for (size_t j = 0; j < c->n_mounts; j++) {
			if (!is_subpath(&c->mounts[j]))
				continue;
			if (!configs)
				configs = setup_config_mounts(audit_fleet(run), w, c, audit_scratch(run), &n);
			check_subpath(run, w, c, &c->mounts[j], configs, n);
		}
	}
}

const struct rule rule_config_subpath = {
	.id = "config-subpath",
	.severity = SEV_MEDIUM,
	.scope = RULE_GUARDED,
	.needs = FACT_WORKLOADS,
	.title = "Pipelock config mounted with subPath",
	.why = "A subPath mount binds the file of the moment the container started. The kubelet updates a "
	       "ConfigMap volume by swapping a link above that file, so an edit reaches the ConfigMap, "
	       "kubectl shows it, and the running Pipelock keeps the old rules for hours, until something "
	       "restarts the pod: a redaction or an allowlist that everyone believes is in force is not. A "
	       "directory mount brings the new file within about a minute. (Pipelock 2.3 still has to be told "
	       "to read it, by SIGHUP or a restart: its watcher overlooks the kubelet's swap.)",
	.evidence = "The mount's subPath or subPathExpr, and the ConfigMap's key behind it",
	.fix = "Mount the ConfigMap as a directory (mountPath: /etc/pipelock, no subPath) and leave --config "
	       "as it is; until then restart the pod after each change.",
	.reference = ARTICLE
	"https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically",
	.run = config_subpath,
};

/*
 * config-env
 */

/* Where the container takes it in: the env entry or the envFrom entry. */
static unsigned
env_line(const struct container *c, const char *config_map, const char *key)
{
	for (size_t i = 0; i < c->n_env; i++)
		if (c->env[i].source == ENV_CONFIG_MAP && str_eq(c->env[i].ref, config_map) &&
		    (!key || str_eq(c->env[i].key, key)))
			return c->env[i].line;
	for (size_t i = 0; i < c->n_env_from; i++)
		if (str_eq(c->env_from[i].config_map, config_map))
			return c->env_from[i].line;
	return c->line;
}

static void
report_env(struct audit_run *run, const struct workload *w, const struct config_source *s)
{
	const struct container *c = s->container;
	const char *from = s->config_map ? audit_printf(run, "%s%s of ConfigMap %s/%s", s->key ? "key " : "keys",
							s->key ? s->key : "", w->namespace, s->config_map)
					 : "its environment";

	audit_report(
		run, w,
		&(struct finding_args){
			.container = c->name,
			.subject = s->config_map,
			.line = env_line(c, s->config_map, s->key),
			.message = audit_printf(
				run,
				"container %s of %s takes Pipelock config from its environment: it keeps "
				"what held when it started",
				c->name, rule_workload(run, w)),
			.evidence = from,
			.fix = audit_printf(run,
					    "In container %s of %s mount the config as a directory (mountPath: "
					    "/etc/pipelock) and start pipelock run --config "
					    "/etc/pipelock/pipelock.yaml; take it out of env.",
					    c->name, rule_workload(run, w)),
		});
}

static void
config_env(struct audit_run *run, const struct workload *w)
{
	for (size_t i = 0; i < w->pipelock->n_sources; i++)
		if (w->pipelock->sources[i].env)
			report_env(run, w, &w->pipelock->sources[i]);
}

const struct rule rule_config_env = {
	.id = "config-env",
	.severity = SEV_LOW,
	.scope = RULE_PIPELOCK,
	.needs = FACT_WORKLOADS,
	.title = "Pipelock config in the environment",
	.why = "A container's environment is fixed when it starts: a change of the ConfigMap behind env or "
	       "envFrom reaches no running process, and neither a file watcher nor SIGHUP can help. It also "
	       "shows up wherever environments are printed: crash reports, /proc, kubectl describe.",
	.evidence = "The ConfigMap and key that env or envFrom takes",
	.fix = "Mount the ConfigMap as a directory and name the file with --config.",
	.reference = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/",
	.run = config_env,
};

/*
 * config-missing
 */

/* One thing that a Pipelock container refers to. */
struct reference {
	const struct container *container;
	const char *config_map, *key; /* key NULL: the ConfigMap alone */
	struct {
		const char *what, *name, *path; /* "volume", "pipelock-config", where it is mounted; name and path NULL */
	} place;
	bool optional;
	unsigned line;
	bool by_path; /* only Pipelock's command line needs the key: the pod starts without */
};

struct seen {
	VEC(const char *) names;
};

/* Every namespace has it, whether or not the source shows it. */
static bool
is_given(const char *config_map)
{
	return strcmp(config_map, "kube-root-ca.crt") == 0;
}

static bool
is_new(struct seen *seen, const char *name)
{
	for (size_t i = 0; i < seen->names.n; i++)
		if (strcmp(seen->names.at[i], name) == 0)
			return false;
	vec_push(&seen->names, name);
	return true;
}

/* ", did you mean pipelock-config?": the nearest name of a ConfigMap in the namespace; "" for none that is near. */
static const char *
nearest_map(struct audit_run *run, const char *namespace, const char *name)
{
	const struct fleet *f = audit_fleet(run);
	struct nearest near = {.word = name, .too_far = 4};

	for (size_t i = 0; i < f->n_config_maps; i++) {
		const struct object *o = &f->config_maps[i]->object;

		if (strcmp(o->namespace, namespace) == 0)
			nearest_offer(&near, o->name);
	}
	return near.name ? audit_printf(run, " (there is a ConfigMap %s: was that meant?)", near.name) : "";
}

static const char *
list_keys(struct audit_run *run, const struct config_map *m)
{
	const char *text = m->n_keys ? "it has" : "it is empty";

	for (size_t i = 0; i < m->n_keys && i < 5; i++)
		text = audit_printf(run, "%s%s %s", text, i ? "," : "", m->keys[i].key);
	return text;
}

static bool
has_running_pod(const struct live *l)
{
	for (size_t i = 0; i < l->n_pods; i++)
		if (str_eq(l->pods[i]->phase, "Running"))
			return true;
	return false;
}

static const char *
missing_means(const struct live *l, const struct reference *r, bool map_exists)
{
	if (r->by_path && map_exists)
		return "Pipelock does not find its file";
	return has_running_pod(l) ? "pods that run started while it was there, and no new one can"
				  : "no pod of it can start";
}

/* "volume pipelock-config at /etc/pipelock/pipelock.yaml", "env CONFIG", "envFrom" */
static const char *
where(struct audit_run *run, const struct reference *r)
{
	const char *text = r->place.what;

	if (r->place.name)
		text = audit_printf(run, "%s %s", text, r->place.name);
	return r->place.path ? audit_printf(run, "%s at %s", text, r->place.path) : text;
}

static void
report_missing(struct audit_run *run, const struct workload *w, const struct reference *r,
	       const struct config_map *m)
{
	const char *what = m ? audit_printf(run, "key %s of ConfigMap %s/%s", r->key, w->namespace, r->config_map)
			     : audit_printf(run, "ConfigMap %s/%s", w->namespace, r->config_map);

	audit_report(run, w,
		     &(struct finding_args){
			     .container = r->container->name,
			     .subject = what,
			     .line = r->line,
			     .message = audit_printf(run, "container %s of %s needs %s, which does not exist: %s",
						     r->container->name, rule_workload(run, w), what,
						     missing_means(fleet_live(audit_fleet(run), w), r, m != NULL)),
			     .evidence = m ? audit_printf(run, "referred to by %s; %s", where(run, r), list_keys(run, m))
					   : audit_printf(run, "referred to by %s, not optional", where(run, r)),
			     .fix = m ? audit_printf(run,
						     "Add the key %s to ConfigMap %s/%s, or let %s of %s name one "
						     "that is there.",
						     r->key, w->namespace, r->config_map, where(run, r),
						     rule_workload(run, w))
				      : audit_printf(run,
						     "Create ConfigMap %s in namespace %s, or correct its name in "
						     "%s of %s%s.",
						     r->config_map, w->namespace, where(run, r), rule_workload(run, w),
						     nearest_map(run, w->namespace, r->config_map)),
		     });
}

static void
check_reference(struct audit_run *run, const struct workload *w, struct seen *seen, const struct reference *r)
{
	const struct config_map *m;

	if (r->optional || !r->config_map || is_given(r->config_map))
		return;
	m = fleet_config_map(audit_fleet(run), w->namespace, r->config_map);
	if (m && (!r->key || config_map_key(m, r->key)))
		return;
	if (is_new(seen, audit_printf(run, "%s/%s", r->config_map, m ? r->key : "")))
		report_missing(run, w, r, m);
}

static void
check_volume(struct audit_run *run, const struct workload *w, struct seen *seen, const struct container *c,
	     const struct volume *v)
{
	for (size_t i = 0; i < v->n_sources; i++) {
		const struct volume_source *s = &v->sources[i];
		struct reference r = {.container = c,
				      .config_map = s->name,
				      .optional = s->optional,
				      .line = s->line,
				      .place = {"volume", v->name, NULL}};

		if (s->type != VOLUME_CONFIG_MAP)
			continue;
		check_reference(run, w, seen, &r);
		for (size_t j = 0; j < s->n_items; j++) {
			r.key = s->items[j].key;
			r.line = s->items[j].line;
			check_reference(run, w, seen, &r);
		}
	}
}

static void
check_env(struct audit_run *run, const struct workload *w, struct seen *seen, const struct container *c)
{
	for (size_t i = 0; i < c->n_env; i++) {
		const struct env_var *e = &c->env[i];

		if (e->source == ENV_CONFIG_MAP)
			check_reference(run, w, seen,
					&(struct reference){c, e->ref, e->key, {"env", e->name, NULL},
							    e->optional, e->line, false});
	}
	for (size_t i = 0; i < c->n_env_from; i++) {
		const struct env_from *e = &c->env_from[i];

		check_reference(
			run, w, seen,
			&(struct reference){c, e->config_map, NULL, {"envFrom", NULL, NULL}, e->optional, e->line, false});
	}
}

/* The file that --config names in a ConfigMap mounted whole: no item of a volume says that it has to be there. */
static void
check_sources(struct audit_run *run, const struct workload *w, struct seen *seen)
{
	const struct pipelock *p = w->pipelock;

	for (size_t i = 0; i < p->n_sources; i++) {
		const struct config_source *s = &p->sources[i];

		if (!s->mount || !s->key)
			continue;
		check_reference(run, w, seen,
				&(struct reference){s->container, s->config_map, s->key,
						    {"volume", s->mount->volume, s->path},
						    s->optional, s->mount->line, true});
	}
}

/* "pipelock.yml, notes.txt": the files that a volume's items make. */
static const char *
list_files(struct audit_run *run, const struct volume *v)
{
	const char *text = "";
	size_t n = 0;

	for (size_t i = 0; i < v->n_sources; i++)
		for (size_t j = 0; j < v->sources[i].n_items && n < 5; j++, n++)
			text = audit_printf(run, "%s%s%s", text, n ? ", " : "", v->sources[i].items[j].path);
	return n ? text : "no such file";
}

/* --config names a file that no key of the volume's ConfigMap becomes. */
static void
check_file(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;
	const struct config_source *s = p->sources;

	if (!p->config_map_missing || !p->config_map || s->key || !s->volume)
		return;
	audit_report(run, w,
		     &(struct finding_args){
			     .container = s->container->name,
			     .subject = s->path,
			     .line = s->mount->line,
			     .message = audit_printf(run,
						     "container %s of %s starts Pipelock with %s, which volume %s "
						     "does not hold: Pipelock does not find its file",
						     s->container->name, rule_workload(run, w), s->path,
						     s->volume->name),
			     .evidence = audit_printf(run, "volume %s at %s makes %s", s->volume->name,
						      s->mount->path, list_files(run, s->volume)),
			     .fix = audit_printf(run,
						 "Let an item of volume %s of %s have the path that %s ends in, or "
						 "let --config name a file that is there.",
						 s->volume->name, rule_workload(run, w), s->path),
		     });
}

static void
config_missing(struct audit_run *run, const struct workload *w)
{
	const struct pod_spec *spec = &w->template->spec;
	struct seen seen = {{0}};

	for (size_t i = 0; i < spec->n_containers; i++) {
		const struct container *c = &spec->containers[i];

		if (!container_is_pipelock(c))
			continue;
		for (size_t j = 0; j < c->n_mounts; j++) {
			const struct volume *v = pod_spec_volume(spec, c->mounts[j].volume);

			if (v)
				check_volume(run, w, &seen, c, v);
		}
		check_env(run, w, &seen, c);
	}
	check_sources(run, w, &seen);
	check_file(run, w);
	vec_free(&seen.names);
}

const struct rule rule_config_missing = {
	.id = "config-missing",
	.severity = SEV_HIGH,
	.scope = RULE_PIPELOCK,
	.needs = FACT_WORKLOADS | FACT_CONFIG_MAPS,
	.title = "ConfigMap or key that Pipelock's container refers to does not exist",
	.why = "A pod whose ConfigMap is missing stays in ContainerCreating (a volume) or "
	       "CreateContainerConfigError (env); one whose key is missing starts Pipelock without its file. "
	       "Either way the firewall is down, and the agent behind it has no way out, or, where its policy "
	       "is still wide, every way out. A pod that already runs shows nothing: the fault waits for its "
	       "next restart.",
	.evidence = "What refers to it, and for a key those that the ConfigMap has",
	.fix = "Create the ConfigMap or the key, correct the name, or mark the reference optional: true where "
	       "Pipelock can do without.",
	.reference = "https://kubernetes.io/docs/concepts/configuration/configmap/",
	.run = config_missing,
};

/*
 * config-invalid
 */

static void
config_invalid(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;

	if (p->config_hidden)
		audit_not_applicable(run, w, p->config_hidden);
	if (!p->config_known || !p->config.problem)
		return;
	audit_report(
		run, w,
		&(struct finding_args){
			.object = rule_config_object(p),
			.line = rule_config_line(p, p->config.problem_line),
			.message = audit_printf(run, "%s is no config that Pipelock accepts: %s",
						rule_config_name(run, w), p->config.problem),
			.evidence = p->config.problem_line
					    ? audit_printf(run, "line %u of the config, which %s reads",
							   p->config.problem_line, rule_workload(run, w))
					    : audit_printf(run, "the config that %s reads", rule_workload(run, w)),
			.fix = audit_printf(
				run,
				"Correct it in %s; pipelock check --config pipelock.yaml tests it before it "
				"is applied.",
				rule_config_name(run, w)),
		});
}

const struct rule rule_config_invalid = {
	.id = "config-invalid",
	.severity = SEV_HIGH,
	.scope = RULE_PIPELOCK,
	.needs = FACT_WORKLOADS | FACT_CONFIG_MAPS,
	.title = "Config that Pipelock does not accept",
	.why = "Pipelock reads its config strictly: broken YAML, a second document, a key that stands twice, "
	       "a value of the wrong type, mode: strict without an api_allowlist, or an identity that is to "
	       "be bound but is not named, and it does not load. A running Pipelock refuses the reload with "
	       "one line on stderr, stays healthy and keeps the old rules; at its next restart it crashes. So "
	       "the mistake is found on the day a node is drained.",
	.evidence = "What is wrong, and in which line of the config",
	.fix = "Correct the config, test it with `pipelock check --config FILE`, then apply it.",
	.reference = "Pipelock docs/configuration.md, \"Strict parsing\"",
	.run = config_invalid,
};
