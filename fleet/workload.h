/* SPDX-License-Identifier: Apache-2.0 */
/* Pod specs and what runs them, as far as moat reads them. Plain structs; decode/ fills them. */
#ifndef FLEET_WORKLOAD_H
#define FLEET_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/object.h"

/* A file mode as somebody wrote it, or the default that holds because nobody did. */
struct file_mode {
	int value; /* the bits; 0644 when not set */
	bool set;
	bool octal; /* written 0440 or 0o440 in YAML: a decimal 440 is told from it */
	unsigned line;
};

enum env_source { ENV_LITERAL, ENV_CONFIG_MAP, ENV_SECRET, ENV_FIELD, ENV_RESOURCE, ENV_OTHER };

struct env_var {
	const char *name;
	const char *value; /* ENV_LITERAL: as written, $(VAR) not yet expanded; NULL otherwise */
	enum env_source source;
	const char *ref, *key; /* the ConfigMap's or Secret's name and key; a field's path is a key: metadata.namespace */
	bool optional;
	unsigned line;
};

struct env_from {
	const char *prefix; /* "" for none */
	const char *config_map, *secret; /* one of them is set */
	bool optional;
	unsigned line;
};

struct volume_mount {
	const char *volume, *path; /* path without a trailing slash */
	const char *sub_path, *sub_path_expr; /* NULL when not set */
	bool read_only;
	unsigned line;
};

struct container_port {
	const char *name; /* NULL */
	const char *protocol; /* "TCP" when not written */
	int port;
};

enum container_class {
	CONTAINER_MAIN,
	CONTAINER_INIT, /* runs to its end before the main ones */
	CONTAINER_SIDECAR, /* an init container with restartPolicy: Always */
	CONTAINER_EPHEMERAL,
};

#define ID_UNSET INT64_C(-1)

/* The fields of a securityContext that moat reads; ID_UNSET and -1 mean not set. */
struct security {
	int64_t run_as_user, run_as_group;
	int8_t run_as_non_root; /* -1 not set, 0, 1 */
	bool privileged; /* containers only */
	const char *const *caps_added; /* as written, such as "NET_ADMIN" */
	size_t n_caps_added;
	unsigned line;
};

struct container {
	const char *name, *image; /* never empty */
	enum container_class class;
	const char *const *command, *const *args;
	size_t n_command, n_args;
	const struct env_var *env;
	size_t n_env;
	const struct env_from *env_from;
	size_t n_env_from;
	const struct volume_mount *mounts;
	size_t n_mounts;
	const struct container_port *ports;
	size_t n_ports;
	struct security security;
	unsigned line, image_line;
	unsigned char sorts; /* container_sorts (image.h), once it was decoded; 0: to be found out when asked for */
};

enum volume_type { VOLUME_CONFIG_MAP, VOLUME_SECRET, VOLUME_PROJECTED, VOLUME_EMPTY_DIR, VOLUME_HOST_PATH, VOLUME_PVC, VOLUME_OTHER };

struct volume_item {
	const char *key, *path;
	struct file_mode mode; /* not set: the volume's default */
	unsigned line;
};

/* A ConfigMap or Secret inside a volume; a projected volume has several, the others at most one. */
struct volume_source {
	enum volume_type type; /* VOLUME_CONFIG_MAP, VOLUME_SECRET, or VOLUME_OTHER (token, downward API) */
	const char *name; /* NULL for VOLUME_OTHER */
	bool optional;
	bool has_items; /* items were listed: then only those files exist */
	const struct volume_item *items;
	size_t n_items;
	unsigned line;
};

struct volume {
	const char *name;
	enum volume_type type;
	const struct volume_source *sources;
	size_t n_sources;
	struct file_mode default_mode;
	unsigned line;
};

struct pod_spec {
	const struct container *containers; /* all classes, init first, in order */
	size_t n_containers;
	const struct volume *volumes;
	size_t n_volumes;
	bool host_network, host_pid;
	struct security security;
	int64_t fs_group; /* ID_UNSET */
	const int64_t *supplemental_groups;
	size_t n_supplemental_groups;
	unsigned line, host_network_line, host_pid_line;
};

struct pod_template {
	struct labels labels, annotations;
	struct pod_spec spec;
	unsigned line;
	/*
	 * Its workload was read before and speaks for it: of a pod only labels, hostNetwork and what has ports was kept,
	 * of a ReplicaSet or Job only owner and counts. workload->template is always whole.
	 */
	bool brief;
};

/* Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob (its Job's template). */
struct controller {
	struct object object;
	struct selector selector; /* not present for Job and CronJob as people write them */
	struct pod_template template;
	int64_t replicas; /* wanted: spec, 1 when not written. -1 for a CronJob, and without a status DaemonSet and Job */
	bool replicas_written; /* the manifest has the field */
	bool paused;
	bool has_status; /* the counts below were read */
	int64_t observed_generation, ready, updated, available, desired; /* desired: a DaemonSet's scheduled number */
};

struct container_status {
	const char *name;
	const char *image_id; /* NULL */
	bool ready, running;
	int64_t started_at; /* CLOCK_UNKNOWN unless running */
	int64_t restarts;
	const char *waiting; /* CrashLoopBackOff, ...; NULL */
};

struct pod {
	struct object object;
	struct pod_template template; /* labels, annotations and spec are the pod's own */
	bool has_status;
	const char *phase; /* NULL without a status */
	bool ready; /* condition Ready is True */
	bool finished; /* Succeeded or Failed: it has no address any more */
	bool deleting; /* deletionTimestamp is set */
	const char *node; /* NULL until bound */
	const char *const *ips;
	size_t n_ips;
	const struct container_status *statuses;
	size_t n_statuses;
	/* Name and image of the first container that runs Pipelock, known of pods in brief too; NULL: none does. */
	const char *pipelock, *pipelock_image;
};

struct service_port {
	const char *name; /* NULL */
	const char *protocol; /* "TCP" when not written */
	int port;
	const char *target_name; /* a named port, else NULL */
	int target_port; /* equal to port when nothing is written; 0 with a name */
	unsigned line;
};

struct service {
	struct object object;
	const char *type; /* "ClusterIP" when not written */
	const char *external_name; /* NULL */
	struct selector selector; /* not present: endpoints are made by hand */
	const char *const *cluster_ips; /* without "None" */
	size_t n_cluster_ips;
	const struct service_port *ports;
	size_t n_ports;
};

struct config_key {
	const char *key;
	const char *text; /* NULL for binaryData */
	size_t len;
	unsigned line; /* of the key */
	bool literal; /* the text stands in the source line by line, the first one below `line` */
};

struct config_map {
	struct object object;
	const struct config_key *keys; /* data and binaryData, sorted */
	size_t n_keys;
	bool immutable;
	/*
	 * When its data last changed: the newest managedFields entry that owns f:data, or creation when there is none
	 * but the object has a uid; CLOCK_UNKNOWN in manifests.
	 */
	int64_t data_changed_at;
};

static inline const struct controller *
object_controller(const struct object *o)
{
	return (const struct controller *)o;
}

static inline const struct pod *
object_pod(const struct object *o)
{
	return (const struct pod *)o;
}

/* Of a pod or a controller: is its template kept in brief? */
static inline bool
object_is_brief(const struct object *o)
{
	if (o->type == OBJECT_POD)
		return object_pod(o)->template.brief;
	return o->type == OBJECT_CONTROLLER && object_controller(o)->template.brief;
}

static inline const struct service *
object_service(const struct object *o)
{
	return (const struct service *)o;
}

static inline const struct config_map *
object_config_map(const struct object *o)
{
	return (const struct config_map *)o;
}

const struct config_key *config_map_key(const struct config_map *m, const char *key); /* NULL when it is not there */
const struct volume *pod_spec_volume(const struct pod_spec *s, const char *name);
const struct container *pod_spec_container(const struct pod_spec *s, const char *name);

#endif
