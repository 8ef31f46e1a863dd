/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One frozen snapshot of a fleet: who is an agent, a companion, a scraper, who belongs to whom, and which facts were
 * read. Built from an object set in one go; arrays and indexes live in an arena of its own, objects are shared.
 */
#ifndef FLEET_FLEET_H
#define FLEET_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/shared_array.h"
#include "fleet/evidence.h"
#include "fleet/object.h"
#include "fleet/pipelock.h"
#include "fleet/settings.h"
#include "fleet/workload.h"

enum role { ROLE_NONE, ROLE_AGENT, ROLE_COMPANION, ROLE_SCRAPER };

/* Which line of the contract's list gave the role. */
enum role_reason {
	ROLE_BY_NOTHING,
	ROLE_BY_CONFIG, /* the user's config file */
	ROLE_BY_LABEL, /* moat.dev/role, on workload or template: counted as an exemption set on an object */
	ROLE_BY_ANNOTATION, /* pipelock.dev/topology */
	ROLE_BY_NAME_LABELS, /* app.kubernetes.io/name: pipelock + component: proxy */
	ROLE_BY_CONTAINERS, /* Pipelock runs in it */
	ROLE_BY_PROXY, /* its proxy variables name a companion's Service */
	ROLE_BY_COMPONENT, /* app.kubernetes.io/component: agent */
	ROLE_BY_POLICY, /* browsers that an agent's policy allows */
};

enum state {
	STATE_UNGUARDED,
	STATE_LEGACY,
	STATE_MIGRATING,
	STATE_MIGRATED,
	STATE_VERIFIED,
	STATES,
	STATE_UNKNOWN = STATES, /* it names a companion in a namespace that was not read (outside.h) */
};

enum pair_reason { PAIR_NONE, PAIR_ANNOTATION, PAIR_PROXY_HOST, PAIR_ONLY_COMPANION };

enum mount_type { MOUNT_NONE, MOUNT_DIRECTORY, MOUNT_SUBPATH, MOUNT_ENV, MOUNT_MIXED, MOUNT_IMAGE, MOUNT_UNKNOWN };

/* Where a Pipelock container takes its config from. */
struct config_source {
	const struct container *container;
	const struct volume_mount *mount; /* NULL: env or image */
	const struct volume *volume; /* NULL likewise */
	const char *config_map; /* name, in the workload's namespace; NULL when no ConfigMap holds it */
	const char *key; /* of the ConfigMap; NULL also when none of its keys becomes a file of that path */
	const char *path; /* in the container, such as /etc/pipelock/pipelock.yaml; NULL for env */
	bool optional; /* the reference is */
	bool env; /* reaches the container through env or envFrom */
};

enum secret_verdict { SECRET_OK, SECRET_EXPOSED, SECRET_UNREADABLE, SECRET_DEPENDS, SECRET_UNKNOWN };

/* A CA key mounted into a Pipelock container. */
struct secret_mount {
	const struct container *container;
	const struct volume *volume;
	const struct volume_mount *mount;
	const char *secret; /* the Secret's name */
	const char *key; /* of the Secret */
	const char *path; /* in the container */
	struct file_mode declared;
	int effective; /* mode bits as the kubelet leaves them: declared | 0440 with an fsGroup */
	int64_t run_as_user, run_as_group, fs_group; /* ID_UNSET */
	enum secret_verdict verdict;
	const char *reason; /* of the verdict, in words */
};

/* What a Pipelock (companion, or sidecar of a legacy agent) is set up with. */
struct pipelock {
	const struct container *container; /* the first one that runs Pipelock; never NULL */
	const struct config_source *sources; /* the config files found, the one named by --config first */
	size_t n_sources;
	enum mount_type mount; /* of all sources together */
	const struct config_map *config_map; /* of the main source, when it is known */
	bool config_map_missing; /* the source names a ConfigMap or key that is not there, and it is not optional */
	struct pipelock_config config; /* of the main source's text; the defaults when there is none */
	/* Config files are mounted, but `pipelock run` is given no --config and reads none: its defaults hold. */
	bool config_unused;
	bool config_known; /* the text was read: config speaks. false: ConfigMap missing, image, env of a Secret */
	/* Why no source of objects has the text, "its config ... is in its image"; NULL: it was, or should have been, read. */
	const char *config_hidden;
	const char *config_hash; /* sha256 of the ConfigMap's bytes, hex; NULL when not known */
	const char *mode_option; /* --mode: it holds over the config's until a reload. NULL when not given or not known */
	const char *listen; /* --listen, else fetch_proxy.listen, else 127.0.0.1:8888 */
	int listen_port; /* 0 when it cannot be read */
	bool listen_known; /* false: comes from a config that was not read */
	const struct secret_mount *secrets; /* CA keys */
	size_t n_secrets;
};

struct workload {
	/* The controller; for a controller that is not in the source its newest pod, else its newest ReplicaSet or Job. */
	const struct object *object;
	const char *kind, *namespace, *name; /* of the controller, whether it is in the source or not; of a bare pod */
	const struct pod_template *template;
	bool itself; /* its controller was read, or it is a bare pod */
	bool foreign_kind; /* kind is a name of Kubernetes' own, but means another group's (owners.h) */
	/*
	 * What policies and Services see of it: of its pods that have not ended those that they can tell apart (visible.h),
	 * in the pods' order; its template where there is none. At least one.
	 */
	const struct pod_template *const *shown;
	size_t n_shown;
	enum role role;
	enum role_reason role_reason;
	/* A valid moat.dev/role on workload or template, followed or not (settings.trust_objects); NULL for none. */
	const char *role_label;
	bool restartable; /* Deployment, StatefulSet, DaemonSet */
	/* What has no role, though a proxy variable that was not read could make it an agent; reason NULL: it is not so. */
	struct {
		const char *kind, *reason; /* of the object that would tell; words */
	} unsure;

	const struct egress *egress; /* agents, companions, scrapers; NULL: not evaluated (egress.h) */
	const struct foreign_policy *foreign; /* the first of another engine that may select its pods; NULL */
	const struct pipelock *pipelock; /* companions and agents with a sidecar; else NULL */

	/* agents */
	struct workload *companion; /* NULL: none */
	enum pair_reason pair_reason;
	const struct service *service; /* through which the agent reaches it; NULL when unknown */
	int service_port; /* of that Service: the one its variables or annotation name; 0 when they do not */
	const struct endpoint *endpoint; /* where that leads (endpoint.h); NULL without a companion */
	/* What annotation or proxy named but does not exist, as written there: make it safe to show; NULL for none. */
	const char *wanted_companion;
	enum state state; /* as far as objects say: ask fleet_state */

	/* companions */
	struct workload *const *agents; /* paired with it, sorted */
	size_t n_agents;
	bool told_apart; /* they are one at most, or its config has profiles that tell them apart (profiles.h) */
};

/* What comes and goes with a workload's pods, apart from what is declared of it: see fleet_live. */
struct live {
	struct shared_item item;
	const struct pod *const *pods; /* those seen, sorted by name; finished ones too */
	size_t n_pods;
	int64_t desired, ready; /* pods; -1 unknown */
	bool counted; /* ready was counted from the pods: no controller says it */
	/* Of an agent with probes in the evidence (proof.h): do they prove it now, and what are they to be made against? */
	bool verified;
	char against[PROOF_AGAINST + 1]; /* "": not known */
	bool own; /* of a fleet that was updated: a piece of memory of its own, with references on its pods (live.h) */
};

/* Bits of a fact set: what a rule needs. */
enum fact {
	FACT_WORKLOADS = 1 << 0,
	FACT_SERVICES = 1 << 1,
	FACT_CONFIG_MAPS = 1 << 2,
	FACT_POLICIES = 1 << 3,
	FACT_NAMESPACES = 1 << 4,
	FACT_PODS = 1 << 5, /* pods with status: "live" */
	FACT_EGRESS = 1 << 6, /* policies evaluated */
	FACT_PROBES = 1 << 7,
	FACT_LOGS = 1 << 8,
	FACT_HEALTH = 1 << 9,
	FACTS = 10,
};

enum fact_state {
	FACT_READ,
	FACT_NOT_APPLICABLE, /* this kind of source cannot have it, or it was not asked for */
	FACT_UNREADABLE, /* the source should have had it: the audit is incomplete */
};

/* A piece that could not be read: forbidden kind, lost page, damaged item. */
struct gap {
	enum fact fact;
	const char *kind, *namespace, *reason; /* namespace "" for all */
};

enum source_type { SOURCE_FILES, SOURCE_CLUSTER };

struct source {
	enum source_type type;
	const char *context, *server; /* NULL for files */
	char address[65]; /* of a cluster: sha256 of its server's URL and CA, hex; "" for files */
	const char *namespace; /* nothing outside of it was read; NULL: nothing was left out */
	const char *const *paths; /* files: as given */
	size_t n_paths;
};

struct fleet {
	int refs; /* first: refs_copy_rest */
	struct arena arena;
	struct source source;
	int64_t read_at; /* seconds */
	const struct settings *settings; /* borrowed: outlives the fleet; never NULL */

	/* sorted by namespace, name, kind */
	struct workload *workloads;
	size_t n_workloads;
	struct shared_array *live; /* a struct live of each, at its place: fleet_live */
	struct evidence *evidence; /* what is known besides the objects, one reference; NULL: nothing (fleet_prove) */
	struct workload **agents, **companions, **scrapers; /* each sorted likewise */
	size_t n_agents, n_companions, n_scrapers;
	const struct service **services;
	size_t n_services;
	const struct config_map **config_maps;
	size_t n_config_maps;
	const struct object **policies, **namespaces;
	size_t n_policies, n_namespaces;
	const struct object **foreign; /* policies of other engines */
	size_t n_foreign;

	enum fact_state facts[FACTS];
	const struct gap *gaps;
	size_t n_gaps;
	const char *const *warnings;
	size_t n_warnings;

	struct reach *reach; /* policies evaluated (reach.h); NULL when FACT_EGRESS was not read */
	struct fleet *base; /* of one that was updated: the fleet that has what it shares, one reference (update.h); NULL */
	int64_t reporting; /* pods with a status */
	struct fleet_index *index; /* look-ups below */
	struct owners *owners; /* of a cluster: whom new pods belong to (owners.h); NULL for files */
	struct visible *visible; /* what pods can be told apart by (visible.h) */
	struct arena paths; /* those that locations point to */
	struct object **objects; /* all that is referred to, one reference each */
	size_t n_objects;
};

struct fleet_input {
	struct source source; /* strings are copied */
	struct object_set *objects; /* taken over: empty afterwards */
	const struct settings *settings; /* NULL: the defaults */
	const struct gap *gaps; /* copied */
	size_t n_gaps;
};

/* The pods of one of the fleet's workloads, and their numbers. */
static inline const struct live *
fleet_live(const struct fleet *f, const struct workload *w)
{
	return (const struct live *)shared_array_at(f->live, (size_t)(w - f->workloads));
}

/* The state of an agent: w->state is what its objects say, which is never STATE_VERIFIED; evidence can say more. */
static inline enum state
fleet_state(const struct fleet *f, const struct workload *w)
{
	return w->state == STATE_MIGRATED && fleet_live(f, w)->verified ? STATE_VERIFIED : w->state;
}

/* Resolves roles, pairs, Pipelock set-ups and states; read_at is now. Never fails on odd objects. */
struct fleet *fleet_new(struct fleet_input *in);
struct fleet *fleet_ref(struct fleet *f);
void fleet_unref(struct fleet *f); /* NULL is fine */

const struct service *fleet_service(const struct fleet *f, const char *namespace, const char *name);
const struct config_map *fleet_config_map(const struct fleet *f, const char *namespace, const char *name);
const struct service *fleet_service_by_ip(const struct fleet *f, const char *ip);
struct workload *fleet_workload(const struct fleet *f, const char *namespace, const char *kind, const char *name);
/* Workloads of a namespace: a slice of f->workloads. */
struct workload *fleet_namespace(const struct fleet *f, const char *namespace, size_t *n);
/* Workloads that a Service selects: by pod labels, template labels where there is no pod. Calls fn in order. */
void fleet_selected(const struct fleet *f, const struct service *s, bool (*fn)(void *ctx, struct workload *w), void *ctx);
/* Would that Service send traffic to pods of w? Its ports are not looked at. */
bool fleet_selects(const struct service *s, const struct workload *w);
/* The companion that a Service leads to: of several the one of its own name, else the first. NULL for none. */
struct workload *fleet_companion_behind(const struct fleet *f, const struct service *s);
/* The Service a host name or address in a workload's env means: short name, name.ns, name.ns.svc, FQDN, ClusterIP. */
const struct service *fleet_resolve_host(const struct fleet *f, const char *namespace, const char *host);
/* Those of the bits in `needs` whose fact is in that state. */
unsigned fleet_missing_facts(const struct fleet *f, unsigned needs, enum fact_state state);

const char *role_name(enum role r); /* "agent" */
const char *role_reason_text(enum role_reason r); /* "label moat.dev/role" */
const char *state_name(enum state s); /* "migrating"; "unknown" */
const char *pair_reason_text(enum pair_reason r); /* "proxy host" */
const char *mount_type_name(enum mount_type t); /* "directory", "subPath" */
const char *secret_verdict_name(enum secret_verdict v);
const char *fact_name(enum fact f);

#endif
