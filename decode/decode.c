/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/decode.h"

#include <string.h>

#include "base/str.h"
#include "decode/kinds.h"
#include "fleet/foreign.h"
#include "fleet/policy.h"

/* Enough for most objects, so that trying one out takes one piece of memory. */
#define TRIAL_ROOM (8 * 1024)

/* managedFields is half of a live object; last-applied-configuration is all of it once more. */
const char *const decode_raw_keys[] = {
	"managedFields",
	"kubectl.kubernetes.io/last-applied-configuration",
	NULL,
};

/* The kinds that the model keeps. A kind of the same name in another API group is another kind. */
static const struct kind {
	const char *name;
	const char *groups[2]; /* "" is the core group */
	enum object_kind type;
	size_t size;
	bool cluster_wide;
	void (*decode)(struct decoder *d); /* what is not metadata; NULL: nothing */
	const char *shown; /* where the name alone is a native kind's; NULL: the name */
} kinds[] = {
	{"AdminNetworkPolicy", {"policy.networking.k8s.io"}, OBJECT_POLICY, sizeof(struct policy), true,
	 admin_policy_decode, NULL},
	{"BaselineAdminNetworkPolicy", {"policy.networking.k8s.io"}, OBJECT_POLICY, sizeof(struct policy), true,
	 admin_policy_decode, NULL},
	{"ClusterNetworkPolicy", {"policy.networking.k8s.io"}, OBJECT_POLICY, sizeof(struct policy), true,
	 admin_policy_decode, NULL},
	{"ConfigMap", {""}, OBJECT_CONFIG_MAP, sizeof(struct config_map), false, config_map_decode, NULL},
	{"CronJob", {"batch"}, OBJECT_CONTROLLER, sizeof(struct controller), false, controller_decode, NULL},
	{"DaemonSet", {"apps", "extensions"}, OBJECT_CONTROLLER, sizeof(struct controller), false, controller_decode,
	 NULL},
	{"Deployment", {"apps", "extensions"}, OBJECT_CONTROLLER, sizeof(struct controller), false, controller_decode,
	 NULL},
	{"Job", {"batch"}, OBJECT_CONTROLLER, sizeof(struct controller), false, controller_decode, NULL},
	{"Namespace", {""}, OBJECT_NAMESPACE, sizeof(struct object), true, NULL, NULL},
	{"NetworkPolicy", {"networking.k8s.io", "extensions"}, OBJECT_POLICY, sizeof(struct policy), false,
	 network_policy_decode, NULL},
	{"Pod", {""}, OBJECT_POD, sizeof(struct pod), false, pod_decode, NULL},
	{"ReplicaSet", {"apps", "extensions"}, OBJECT_CONTROLLER, sizeof(struct controller), false, controller_decode,
	 NULL},
	{"Service", {""}, OBJECT_SERVICE, sizeof(struct service), false, service_decode, NULL},
	{"StatefulSet", {"apps"}, OBJECT_CONTROLLER, sizeof(struct controller), false, controller_decode, NULL},
#define FOREIGN(name, group, cluster_wide, decode, shown) \
	{name, {group}, OBJECT_FOREIGN_POLICY, sizeof(struct foreign_policy), cluster_wide, decode, shown}
	FOREIGN("CiliumClusterwideNetworkPolicy", "cilium.io", true, cilium_policy_decode, NULL),
	FOREIGN("CiliumNetworkPolicy", "cilium.io", false, cilium_policy_decode, NULL),
	FOREIGN("GlobalNetworkPolicy", "crd.projectcalico.org", true, calico_policy_decode, NULL),
	FOREIGN("GlobalNetworkPolicy", "projectcalico.org", true, calico_policy_decode, NULL),
	FOREIGN("NetworkPolicy", "crd.projectcalico.org", false, calico_policy_decode, "NetworkPolicy.projectcalico.org"),
	FOREIGN("NetworkPolicy", "projectcalico.org", false, calico_policy_decode, "NetworkPolicy.projectcalico.org"),
	FOREIGN("ClusterNetworkPolicy", "crd.antrea.io", true, antrea_policy_decode, "ClusterNetworkPolicy.crd.antrea.io"),
	FOREIGN("NetworkPolicy", "crd.antrea.io", false, antrea_policy_decode, "NetworkPolicy.crd.antrea.io"),
	FOREIGN("EgressFirewall", "k8s.ovn.org", false, namespace_policy_decode, NULL),
	FOREIGN("EgressNetworkPolicy", "network.openshift.io", false, namespace_policy_decode, NULL),
	FOREIGN("ApplicationNetworkPolicy", "networking.k8s.aws", false, pod_selector_policy_decode, NULL),
	FOREIGN("ClusterNetworkPolicy", "networking.k8s.aws", true, subject_policy_decode,
		"ClusterNetworkPolicy.networking.k8s.aws"),
	FOREIGN("SecurityGroupPolicy", "vpcresources.k8s.aws", false, pod_selector_policy_decode, NULL),
	FOREIGN("FQDNNetworkPolicy", "networking.gke.io", false, pod_selector_policy_decode, NULL),
#undef FOREIGN
};

/* "apps/v1" is version v1 of group apps, "v1" one of the core group. */
static bool
in_group(const struct kind *kind, const char *api_version)
{
	const char *slash = strchr(api_version, '/');
	size_t len = slash ? (size_t)(slash - api_version) : 0;

	for (size_t i = 0; i < COUNT_OF(kind->groups) && kind->groups[i]; i++)
		if (strlen(kind->groups[i]) == len && memcmp(kind->groups[i], api_version, len) == 0)
			return true;
	return false;
}

/* Without an apiVersion the first of that name, which is Kubernetes' own. */
static const struct kind *
find_kind(const char *name, size_t len, const char *api_version)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (strlen(kinds[i].name) == len && memcmp(kinds[i].name, name, len) == 0 &&
		    (!api_version || in_group(&kinds[i], api_version)))
			return &kinds[i];
	return NULL;
}

/*
 * Items of a typed list ("PodList") do not say what they are; only the API's own kinds come that way, items of custom
 * kinds always say it.
 */
static const struct kind *
kind_of_item(const char *list_kind, const char *api_version)
{
	if (!list_kind || !str_ends(list_kind, "List"))
		return NULL;
	return find_kind(list_kind, strlen(list_kind) - strlen("List"), api_version);
}

/* An object with that much room, filled; the caller looks at d->failed. */
static struct object *
fill(struct decoder *d, const struct kind *kind, size_t room)
{
	struct object *o = object_new_room(kind->size, kind->type, room);

	o->kind = kind->shown ? kind->shown : kind->name;
	d->object = o;
	d->arena = &o->memory;
	memset(d->kept, 0, sizeof(d->kept));
	metadata_decode(d, !kind->cluster_wide);
	if (kind->decode)
		kind->decode(d);
	return o;
}

/*
 * Fleets hold a hundred thousand objects, and keep them: each is filled twice, once to see what it takes and once
 * into memory of just that size. Filling costs little beside the parsing before it. What is kept in brief was whole
 * the first time: what is wrong with it is told whatever was read before it.
 */
static bool
decode_known(const struct decode_context *ctx, const struct kind *kind, const struct node *doc, struct object **out,
	     struct err *e)
{
	AUTO(arena) struct arena scratch = {0};
	struct decoder d = {.ctx = ctx, .doc = doc, .scratch = &scratch, .e = e, .brief = ctx->metadata};
	struct object *trial = fill(&d, kind, TRIAL_ROOM);
	size_t used;

	if (!d.failed && !node_text(node_get(doc, "apiVersion")) && node_get(doc, "kind"))
		field_missing(&d, doc, "apiVersion");
	if (!d.failed && !d.brief && ctx->seen && seen_owner(ctx->seen, trial)) {
		d.brief = true;
		object_unref(trial);
		trial = fill(&d, kind, TRIAL_ROOM);
	}
	used = arena_used(&trial->memory);
	object_unref(trial);
	if (d.failed)
		return false;
	*out = fill(&d, kind, used > kind->size ? used - kind->size : 0);
	return true;
}

bool
decode_object(const struct decode_context *ctx, const char *list_kind, const struct node *doc, struct object **out,
	      struct err *e)
{
	const struct node *kind_node = node_get(doc, "kind");
	const struct node *version = node_get(doc, "apiVersion");
	const struct kind *kind;

	if (ctx->kind)
		kind = find_kind(ctx->kind, strlen(ctx->kind), ctx->api_version);
	else if (node_str(kind_node))
		kind = find_kind(kind_node->text, kind_node->len, node_str(version));
	else
		kind = kind_of_item(list_kind, node_str(version));
	if (!kind) {
		*out = NULL;
		return true;
	}
	return decode_known(ctx, kind, doc, out, e);
}
