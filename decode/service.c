/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "decode/kinds.h"

#define MAX_PORT 65535

static void
decode_target(struct decoder *d, const struct node *n, struct service_port *p)
{
	const struct node *target = field_get(n, "targetPort");

	p->target_port = p->port;
	if (!target)
		return;
	if (target->type == NODE_STRING) {
		p->target_name = field_scalar(d, target);
		p->target_port = 0;
	} else {
		p->target_port = (int)field_int(d, n, "targetPort", 0, 1, MAX_PORT);
	}
}

static void
decode_ports(struct decoder *d, const struct node *spec, struct service *s)
{
	const struct node *list = field_maps(d, spec, "ports");
	struct service_port *at = FIELD_ARRAY(d, struct service_port, node_count(list));

	s->ports = at;
	node_each(n, list) {
		struct service_port *p = &at[s->n_ports++];

		p->line = n->line;
		p->name = field_str(d, n, "name");
		p->protocol = field_str_or(d, n, "protocol", "TCP");
		p->port = (int)field_int(d, n, "port", 0, 1, MAX_PORT);
		decode_target(d, n, p);
	}
}

static void
add_ip(struct decoder *d, const struct node *n, const char **at, size_t *count)
{
	const char *ip = field_scalar(d, n);

	if (ip && *ip && !str_eq(ip, "None"))
		at[(*count)++] = ip;
}

static void
decode_ips(struct decoder *d, const struct node *spec, struct service *s)
{
	const struct node *list = field_list(d, spec, "clusterIPs");
	const char **at = FIELD_ARRAY(d, const char *, node_count(list) + 1);

	s->cluster_ips = at;
	node_each(n, list)
		add_ip(d, n, at, &s->n_cluster_ips);
	if (!node_count(list))
		add_ip(d, node_get(spec, "clusterIP"), at, &s->n_cluster_ips);
}

void
service_decode(struct decoder *d)
{
	struct service *s = (struct service *)d->object;
	const struct node *spec = field_map(d, d->doc, "spec");

	s->type = field_str_or(d, spec, "type", "ClusterIP");
	s->external_name = field_str(d, spec, "externalName");
	s->selector = selector_decode_map(d, spec, "selector");
	decode_ips(d, spec, s);
	decode_ports(d, spec, s);
}
