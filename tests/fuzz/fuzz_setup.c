/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as manifests of which a fleet is made: its Pipelock set-ups, its containers' variables and mounts. */
#include "base/str.h"
#include "decode/files.h"
#include "fleet/env.h"
#include "fleet/image.h"
#include "fleet/proxy.h"
#include "fleet/setup.h"
#include "tests/fuzz/fuzz.h"

static void
check_proxies(const struct fleet *f, const struct workload *w, const struct container *c, struct arena *a)
{
	struct proxy_var v[2];

	for (enum proxy_kind kind = PROXY_HTTPS; kind <= PROXY_NO; kind++) {
		size_t n = proxy_vars(f, w->namespace, c, kind, a, v);

		for (size_t i = 0; i < n; i++) {
			check(v[i].env.state != ENV_ABSENT && (v[i].env.state != ENV_SET || v[i].env.value));
			if (kind == PROXY_NO && v[i].env.state == ENV_SET)
				no_proxy_wide(f, w->namespace, v[i].env.value, a);
		}
	}
}

static void
check_container(const struct fleet *f, const struct workload *w, const struct container *c)
{
	AUTO(arena) struct arena a = {0};
	size_t n;
	const struct config_source *s = setup_config_mounts(f, w, c, &a, &n);

	for (size_t i = 0; i < n; i++)
		check(s[i].mount && s[i].path && s[i].path[0] == '/' && s[i].container == c);
	for (enum known_group group = 0; group < KNOWN_GROUPS; group++)
		known_find(group, c);
	for (size_t i = 0; i < c->n_env; i++)
		env_lookup(f, w->namespace, c, c->env[i].name, &a);
	check_proxies(f, w, c, &a);
}

static void
check_setup(const struct pipelock *p)
{
	check(p->container && p->listen && p->config.mode);
	check(p->listen_known || !p->listen_port);
	check(!p->config_hash || strlen(p->config_hash) == 64);
	for (size_t i = 0; i < p->n_secrets; i++)
		check(p->secrets[i].secret && p->secrets[i].path && p->secrets[i].reason);
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
	for (size_t i = 0; i < f->n_workloads; i++) {
		const struct workload *w = &f->workloads[i];
		const struct pod_spec *spec = &w->template->spec;

		if (w->pipelock)
			check_setup(w->pipelock);
		for (size_t j = 0; j < spec->n_containers; j++)
			check_container(f, w, &spec->containers[j]);
	}
	fleet_unref(f);
	object_set_free(&set);
	return 0;
}
