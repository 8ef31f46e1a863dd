/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/steps.h"

#include <string.h>

#include "fleet/egress.h"
#include "fleet/endpoint.h"
#include "fleet/proxy.h"

static const char *const names[STEPS] = {
	[STEP_COMPANION] = "companion",
	[STEP_COMPANION_EGRESS] = "companion-egress",
	[STEP_SIDECAR_REMOVED] = "sidecar-removed",
	[STEP_PROXY_ENV] = "proxy-env",
	[STEP_AGENT_EGRESS] = "agent-egress",
};

const char *
step_name(enum step s)
{
	return names[s];
}

/* Each answers NULL when its step is done, else why it is not. */
typedef const char *question(const struct fleet *f, const struct workload *agent, struct arena *a);

static const char *
ask_companion(const struct fleet *f UNUSED, const struct workload *agent, struct arena *a)
{
	if (!agent->companion)
		return "it has no companion";
	switch (endpoint_of_agent(agent).fault) {
	case ENDPOINT_NO_SERVICE:
		return arena_printf(a, "no Service leads to companion %s", agent->companion->name);
	case ENDPOINT_SELECTS_NOTHING:
		return arena_printf(a, "Service %s selects no pod of companion %s", agent->service->object.name,
				    agent->companion->name);
	case ENDPOINT_WRONG_PORT:
		return arena_printf(a, "Service %s leads to no port that companion %s serves", agent->service->object.name,
				    agent->companion->name);
	case ENDPOINT_LOOPBACK:
		return arena_printf(a, "companion %s listens on loopback only", agent->companion->name);
	case ENDPOINT_OK:
	case ENDPOINT_UNKNOWN: /* it is there, and nothing speaks against it */
		break;
	}
	return NULL;
}

static const char *
ask_companion_egress(const struct fleet *f UNUSED, const struct workload *agent, struct arena *a)
{
	const struct egress *e = agent->companion ? agent->companion->egress : NULL;
	AUTO(buf) struct buf ports = {0};
	struct port_set rest;

	if (!agent->companion)
		return "it has no companion";
	if (!e)
		return "the companion's policies are not known";
	if (!e->isolated)
		return "no policy with Egress selects the companion";
	if (!e->https)
		return "the companion cannot reach public addresses on TCP 443";
	rest = egress_less_dns(a, &e->public_ports);
	if (ports_within(&rest, &egress_web_ports))
		return NULL;
	ports_format_list(&ports, &rest);
	return arena_printf(a, "the companion reaches public addresses on more than TCP 443 and 80: %s", buf_str(&ports));
}

static const char *
ask_sidecar(const struct fleet *f UNUSED, const struct workload *agent, struct arena *a)
{
	return agent->pipelock ? arena_printf(a, "Pipelock still runs in its pod, as container %s",
					      agent->pipelock->container->name)
			       : NULL;
}

static const char *
ask_spelling(const struct fleet *f, const struct workload *agent, const struct container *c, const struct proxy_var *v,
	     struct arena *a)
{
	const char *wrong;

	if (v->env.state != ENV_SET)
		return arena_printf(a, "the value of %s in container %s is not known", v->name, c->name);
	if (v->url.valid && v->url.loopback)
		return arena_printf(a, "%s in container %s is a loopback address", v->name, c->name);
	wrong = proxy_wrong_target(f, agent, &v->url, a);
	return wrong ? arena_printf(a, "%s in container %s: %s", v->name, c->name, wrong) : NULL;
}

static const char *
ask_proxy_env(const struct fleet *f, const struct workload *agent, struct arena *a)
{
	const struct pod_spec *spec = &agent->template->spec;

	for (size_t i = 0; i < spec->n_containers; i++) {
		const struct container *c = &spec->containers[i];
		const char *wrong = NULL;
		struct proxy_var vars[2];
		size_t n;

		if (!proxy_is_client(c))
			continue;
		n = proxy_vars(f, agent->namespace, c, PROXY_HTTPS, a, vars);
		if (!n)
			return arena_printf(a, "container %s has no HTTPS_PROXY", c->name);
		for (size_t k = 0; k < n && !wrong; k++)
			wrong = ask_spelling(f, agent, c, &vars[k], a);
		if (wrong)
			return wrong;
	}
	return NULL;
}

static const char *
ask_agent_egress(const struct fleet *f UNUSED, const struct workload *agent, struct arena *a)
{
	const struct egress *e = agent->egress;

	if (!e)
		return "its policies are not known";
	if (egress_known_shape(e) < 0)
		return arena_printf(a, "%s %s/%s, egress rule %u, lets through pods of namespaces that were not read",
				    e->outside->object.kind, e->outside->object.namespace, e->outside->object.name,
				    e->outside_rule + 1);
	if (e->shape == SHAPE_COMPANION || e->shape == SHAPE_COMPANION_SCRAPER || e->shape == SHAPE_NONE)
		return NULL;
	return arena_printf(a, "its egress is %s", egress_shape_name(e->shape));
}

static question *const questions[STEPS] = {
	[STEP_COMPANION] = ask_companion,	    [STEP_COMPANION_EGRESS] = ask_companion_egress,
	[STEP_SIDECAR_REMOVED] = ask_sidecar,	    [STEP_PROXY_ENV] = ask_proxy_env,
	[STEP_AGENT_EGRESS] = ask_agent_egress,
};

void
steps_of(const struct fleet *f, const struct workload *agent, struct arena *a, struct step_state out[STEPS])
{
	for (int s = 0; s < STEPS; s++) {
		const char *reason = questions[s](f, agent, a);

		out[s] = (struct step_state){.done = !reason, .reason = reason};
	}
}

void
steps_assign_states(struct fleet *f)
{
	AUTO(arena) struct arena scratch = {0};

	for (size_t i = 0; i < f->n_agents; i++) {
		struct step_state steps[STEPS];
		size_t done = 0;

		if (!f->agents[i]->companion)
			continue;
		steps_of(f, f->agents[i], &scratch, steps);
		for (int s = 0; s < STEPS; s++)
			done += steps[s].done;
		if (done == STEPS)
			f->agents[i]->state = STATE_MIGRATED;
		arena_reset(&scratch);
	}
}
