/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/demo_probes.h"

#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/proof.h"

#define MADE_UP "made up for the demo: "

typedef VEC(struct probe_result) result_list;

/* The next word of the line, and what follows it. */
static char *
word(char **at)
{
	char *start = *at + strspn(*at, " /");
	size_t len = strcspn(start, " /");

	*at = start + len;
	if (**at)
		*(*at)++ = '\0';
	return start;
}

/* "1.1.1.1:443", which words of a name are not cut at. */
static char *
plain_word(char **at)
{
	char *start = *at + strspn(*at, " ");

	*at = start + strcspn(start, " ");
	if (**at)
		*(*at)++ = '\0';
	return start;
}

static const char *
against(const struct fleet *f, const struct workload *w, const char *when, struct arena *a)
{
	const char *now = str_eq(when, "now") ? proof_against(f, w, a) : NULL;

	return now ? now : "";
}

static const char *
pod_on(const struct fleet *f, const struct workload *w, const char *node)
{
	const struct live *l = fleet_live(f, w);

	for (size_t i = 0; i < l->n_pods; i++)
		if (str_eq(l->pods[i]->node, node))
			return l->pods[i]->object.name;
	return "";
}

static bool
parse(const struct fleet *f, char *line, struct arena *a, struct probe_result *out)
{
	const char *age;
	const struct workload *w;
	int64_t seconds;

	*out = (struct probe_result){.duration_ms = 3000};
	out->agent.namespace = word(&line);
	out->agent.kind = word(&line);
	out->agent.name = word(&line);
	w = fleet_workload(f, out->agent.namespace, out->agent.kind, out->agent.name);
	if (!w || !probe_from_name(plain_word(&line), &out->probe))
		return false;
	out->node = plain_word(&line);
	out->pod = pod_on(f, w, out->node);
	out->container = w->template->spec.n_containers ? w->template->spec.containers[0].name : "";
	if (!probe_verdict_from_name(plain_word(&line), &out->verdict) ||
	    !probe_control_from_name(plain_word(&line), &out->control))
		return false;
	age = plain_word(&line);
	if (!str_duration(age, &seconds))
		return false;
	out->at = f->read_at - seconds;
	out->against = against(f, w, plain_word(&line), a);
	out->target = plain_word(&line);
	out->method = plain_word(&line);
	out->detail = arena_printf(a, MADE_UP "%s", line);
	return true;
}

static bool
parse_all(const struct fleet *f, char *text, struct arena *a, result_list *out, struct err *e)
{
	unsigned number = 0;

	for (char *line; (line = strsep(&text, "\n"));) {
		struct probe_result r;

		number++;
		if (!*line || *line == '#')
			continue;
		if (!parse(f, line, a, &r))
			return err_set(e, ERR_INPUT, 0, "demo/probes.txt:%u is no probe of this fleet", number);
		vec_push(out, r);
	}
	return true;
}

struct fleet *
demo_probes(struct fleet *f, const char *text, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct fleet_touched touched;
	struct evidence *evidence;
	struct fleet *next = NULL;
	result_list results = {0};

	if (parse_all(f, arena_strdup(&a, text), &a, &results, e)) {
		evidence = evidence_add(
			NULL,
			&(struct evidence_parts){.has_probes = true, .probes = results.at, .n_probes = results.n});
		next = fleet_prove(f, evidence, &touched);
		fleet_touched_free(&touched);
		evidence_unref(evidence);
	}
	vec_free(&results);
	return next;
}
