/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as manifests whose policies are evaluated: what the evaluator says in two ways has to be the same. */
#include "base/buf.h"
#include "base/str.h"
#include "decode/files.h"
#include "fleet/egress.h"
#include "fleet/endpoint.h"
#include "fleet/reach_index.h"
#include "tests/fuzz/fuzz.h"

#define FEW 24 /* classes among which every pair is asked */

static void
check_allow(const struct egress *e, const struct allow *a)
{
	AUTO(buf) struct buf text = {0};

	ports_format_list(&text, &a->ports);
	check(!ports_empty(&a->ports) && text.len && a->peer && *a->peer);
	check(!a->policy || a->rule < a->policy->n_rules[DIRECTION_EGRESS]);
	check(a->to != ALLOW_ANYWHERE || (!e->isolated && !a->policy));
	check(!a->onward || a->to == ALLOW_POD || a->to == ALLOW_PODS);
	check((!a->metadata && !a->exempt) || a->to == ALLOW_PRIVATE);
}

static void
check_egress(const struct egress *e)
{
	bool internet = false;

	for (size_t i = 0; i < e->n_allows; i++) {
		check_allow(e, &e->allows[i]);
		internet |= (e->allows[i].to == ALLOW_INTERNET || e->allows[i].to == ALLOW_ANYWHERE) &&
			    !egress_only_dns(&e->allows[i].ports);
		check(!i || e->allows[i - 1].to <= e->allows[i].to);
	}
	check(e->isolated == (e->shape != SHAPE_OPEN));
	check(e->internet == (e->shape <= SHAPE_WEB) && e->internet == internet);
	check(!e->host_network || e->shape == SHAPE_OPEN);
}

struct found {
	bool at[FEW];
	size_t last, n;
};

static bool
note(void *ctx, size_t other, const struct port_set *ports)
{
	struct found *f = ctx;

	check(other < FEW && !ports_empty(ports) && (!f->n || other > f->last));
	f->at[other] = true;
	f->last = other;
	f->n++;
	return true;
}

static void
check_pods(struct reach *r, enum direction d, size_t class, struct arena *a)
{
	struct found found = {0};

	reach_each(r, d, class, a, note, &found);
	for (size_t i = 0; i < reach_n_classes(r); i++) {
		struct port_set ports =
			d == DIRECTION_EGRESS ? reach_pods(r, class, i, a) : reach_pods(r, i, class, a);

		check(i == class || found.at[i] == !ports_empty(&ports));
	}
}

static void
check_addresses(const struct reach *r, enum direction d, size_t class, enum ip_family family, struct arena *a)
{
	struct reach_range *ranges;
	size_t n = reach_addresses(r, d, class, family, a, &ranges);

	for (size_t i = 0; i < n; i++) {
		check(ip_cmp(ranges[i].range.first, ranges[i].range.last) <= 0 && !ports_empty(&ranges[i].ports));
		check(!i || ip_cmp(ranges[i - 1].range.last, ranges[i].range.first) < 0);
	}
}

static void
check_reach(struct reach *r)
{
	for (size_t i = 0; i < reach_n_classes(r) && reach_n_classes(r) <= FEW; i++) {
		AUTO(arena) struct arena a = {0};

		for (int d = 0; d < DIRECTIONS; d++) {
			check_pods(r, (enum direction)d, i, &a);
			check_addresses(r, (enum direction)d, i, IP_V4, &a);
			check_addresses(r, (enum direction)d, i, IP_V6, &a);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct object_set set = {0};
	struct fleet_input in = {.objects = &set};
	struct fleet *f;

	if (!files_read_memory("input", data, size, "default", &set, NULL))
		return 0;
	f = fleet_new(&in);
	f->reach->large = size % 3; /* so that few are many */
	check_reach(f->reach);
	for (size_t i = 0; i < f->n_workloads; i++) {
		if (f->workloads[i].egress)
			check_egress(f->workloads[i].egress);
		if (f->workloads[i].companion)
			check(endpoint_of_agent(&f->workloads[i]).pod_port < 65536);
	}
	fleet_unref(f);
	object_set_free(&set);
	return 0;
}
