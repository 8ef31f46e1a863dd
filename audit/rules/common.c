/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/rules/common.h"

#include "base/str.h"

const char *
rule_workload(struct audit_run *run, const struct workload *w)
{
	return audit_printf(run, "%s %s/%s", w->kind, w->namespace, w->name);
}

const char *
rule_spec_path(const struct workload *w)
{
	if (str_eq(w->kind, "CronJob"))
		return "spec.jobTemplate.spec.template.spec";
	return str_eq(w->kind, "Pod") ? "spec" : "spec.template.spec";
}

bool
rule_config_speaks(const struct pipelock *p)
{
	return p->config_known || p->mount == MOUNT_NONE;
}

const struct object *
rule_config_object(const struct pipelock *p)
{
	return p->config_map ? &p->config_map->object : NULL;
}

const char *
rule_config_name(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;

	if (!p->config_map)
		return audit_printf(run, "the defaults of %s %s/%s", w->kind, w->namespace, w->name);
	return audit_printf(run, "ConfigMap %s/%s, key %s", p->config_map->object.namespace,
			    p->config_map->object.name, p->sources[0].key);
}

unsigned
rule_config_line(const struct pipelock *p, unsigned text_line)
{
	const struct config_key *key = p->config_map ? config_map_key(p->config_map, p->sources[0].key) : NULL;

	/* in JSON all lines are the object's, and a text has none of its own */
	if (!key || !text_line || key->line <= p->config_map->object.location.line)
		return 0;
	return key->line + text_line;
}
