/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/policy.h"

const char *
direction_name(enum direction d)
{
	return d == DIRECTION_EGRESS ? "egress" : "ingress";
}

void
policy_rule_format(struct buf *out, const struct policy *p, enum direction d, size_t rule)
{
	const struct policy_rule *r = &p->rules[d][rule];

	buf_addf(out, "%s rule %zu", direction_name(d), rule + 1);
	if (r->name)
		buf_addf(out, " \"%s\"", r->name);
	if (p->object.location.path && r->line)
		buf_addf(out, " (line %u)", r->line);
}

static void
add_selector(struct buf *out, const char *word, const struct selector *s)
{
	buf_adds(out, word);
	selector_format(out, s);
}

static void
format_pods(struct buf *out, const struct policy *p, const struct policy_peer *peer)
{
	if (peer->pods.n)
		add_selector(out, "pods ", &peer->pods);
	else
		buf_adds(out, "every pod");
	if (!peer->namespaces.present)
		buf_addf(out, " in namespace %s", p->object.namespace);
	else if (peer->namespaces.n)
		add_selector(out, " in namespaces ", &peer->namespaces);
	else
		buf_adds(out, " in every namespace");
}

static void
format_block(struct buf *out, const struct policy_peer *peer)
{
	buf_adds(out, peer->text);
	for (size_t i = 0; i < peer->n_except; i++) {
		char text[50];

		cidr_format(peer->family, peer->except[i], text);
		buf_addf(out, "%s%s", i ? ", " : " except ", text);
	}
}

void
policy_peer_format(struct buf *out, const struct policy *p, const struct policy_peer *peer)
{
	if (!peer) {
		buf_adds(out, "everywhere");
		return;
	}
	switch (peer->type) {
	case PEER_PODS:
		format_pods(out, p, peer);
		break;
	case PEER_BLOCK:
		format_block(out, peer);
		break;
	case PEER_NODES:
		buf_adds(out, "nodes");
		break;
	case PEER_DOMAINS:
		buf_addf(out, "the domain %s", peer->text ? peer->text : "");
		break;
	case PEER_OTHER:
		buf_adds(out, "a peer this version does not know");
		break;
	}
}
