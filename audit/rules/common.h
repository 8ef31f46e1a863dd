/* SPDX-License-Identifier: Apache-2.0 */
/* Words and look-ups that several rules need. Strings live as long as the audit. */
#ifndef AUDIT_RULES_COMMON_H
#define AUDIT_RULES_COMMON_H

#include <stdbool.h>

#include "audit/rule.h"
#include "fleet/env.h"

/* "Deployment research/scout" */
const char *rule_workload(struct audit_run *run, const struct workload *w);
/* Where its manifest has the pod's spec: "spec.template.spec", "spec.jobTemplate.spec.template.spec", "spec". */
const char *rule_spec_path(const struct workload *w);
/* "kubectl -n research rollout restart deployment/pipelock"; of what has no such command, what to do instead. */
const char *rule_restart(struct audit_run *run, const struct workload *w);
/* Are there to be pods of it now, and the source shows none? */
bool rule_pods_unseen(struct audit_run *run, const struct workload *w);
/*
 * "http://pipelock.research.svc:8888": how an agent reaches its companion; with the companion's own name where no
 * Service is known. NULL without a companion.
 */
const char *rule_proxy_url(struct audit_run *run, const struct workload *agent);
/* hostNetwork: true, in the template or, where that has none, still in a running pod. `means` says what follows. */
void rule_report_host_network(struct audit_run *run, const struct workload *w, const char *means);
/* For a variable that is ENV_UNKNOWN or ENV_HIDDEN: says what was not read. hint follows it; NULL for none. */
void rule_env_unknown(struct audit_run *run, const struct workload *w, const struct container *c, const char *name,
		      const struct env_value *v, const char *hint);

/*
 * Do the fields of p->config say how Pipelock runs? Not when its ConfigMap is missing (config-missing says so),
 * nor when its text is in an image or a Secret. Without any config Pipelock runs with its defaults, and they speak.
 */
bool rule_config_speaks(const struct pipelock *p);
/* The same for the rule that runs, which becomes not applicable to w where no source can have its config's text. */
bool rule_config_judged(struct audit_run *run, const struct workload *w);
/* For finding_args: the ConfigMap of the config; NULL (the workload) when there is none. */
const struct object *rule_config_object(const struct pipelock *p);
/* "ConfigMap research/pipelock-config (key pipelock.yaml)", or "the defaults of Deployment research/pipelock". */
const char *rule_config_name(struct audit_run *run, const struct workload *w);
/* The line in the source of a line of the config's text (0 for none): else its key's, else 0 for the object's. */
unsigned rule_config_line(const struct pipelock *p, unsigned text_line);

#endif
