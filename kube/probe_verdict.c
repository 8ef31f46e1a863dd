/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/probe_verdict.h"

#include <string.h>

#include "base/attr.h"

/* What an outcome means for the attempt. */
static const struct {
	bool made; /* the target was dialled, so that a wall may be what stopped it */
	const char *words;
} attempts[] = {
	[OUTCOME_NONE] = {false, "nothing is known of it"},
	[OUTCOME_CONNECTED] = {true, "connected"},
	[OUTCOME_REFUSED] = {true, "refused"},
	[OUTCOME_TIMEOUT] = {true, "no answer within the time limit"},
	[OUTCOME_UNREACHABLE] = {true, "unreachable"},
	[OUTCOME_DENIED] = {true, "not permitted"},
	[OUTCOME_UNRESOLVED] = {false, "the name could not be resolved in the pod, so nothing was dialled"},
	[OUTCOME_PROXIED] = {false,
			     "the client went to the companion all the same, so nothing was dialled directly"},
	[OUTCOME_SILENT] = {false, "nothing is known of it"},
	[OUTCOME_GARBLED] = {false, "nothing is known of it"},
	[OUTCOME_UNABLE] = {false, "nothing is known of it"},
	[OUTCOME_FAILED] = {false, "it could not be made"},
};

static const char *const acts[] = {
	[PROBE_RAW_TCP] = "a dial of",
	[PROBE_ENV_CLEAR] = "a client with an empty environment to",
	[PROBE_NO_PROXY] = "a client with the target in NO_PROXY to",
	[PROBE_DNS_TCP] = "a dial of",
};

/* The status that a companion itself answers, and what it means. Another 5xx or 4xx has the last lines. */
static const struct {
	int from, to;
	const char *words, *fix;
} statuses[] = {
	{403, 403, "the companion refused CONNECT to %s (403): its own rules, not a dead target",
	 "probe a host that its configuration lets through, with --target HOST:443"},
	{407, 407, "the companion wants a login for CONNECT to %s (407)",
	 "probe in a namespace whose agents need none, or look at who it takes the agent for"},
	{429, 429, "the companion limits how often CONNECT to %s may be asked (429)", "probe again later"},
	{502, 502,
	 "the companion could not reach %s (502): the target does not answer it, or a policy keeps the "
	 "companion from it",
	 "choose a target that answers, with --target HOST:443, or look at the companion's own egress policy"},
	{503, 503, "the companion serves nobody (503): its kill switch may be active, or it is overloaded",
	 "look at its /health"},
	{504, 504, "the companion got no answer from %s in time (504)",
	 "choose a target that answers, with --target HOST:443, or look at the companion's own egress policy"},
	{400, 499, "the companion does not tunnel to %s",
	 "look whether forward_proxy is enabled in its configuration, and whether this is a Pipelock at all"},
	{100, 599, "the companion answered neither yes nor no to CONNECT to %s", "look at the companion's log"},
};

/* Controls without an answer; %s is the companion. */
static const struct {
	const char *words, *fix;
} failures[] = {
	[OUTCOME_REFUSED] =
		{"the companion %s refused the connection: it is not running, or a policy rejects it",
		 "look whether its pods are ready and both sides' policies allow that port of its pods"},
	[OUTCOME_TIMEOUT] =
		{"the companion %s cannot be reached from the pod: no answer within the time limit",
		 "look whether its pods are ready and both sides' policies allow that port of its pods"},
	[OUTCOME_UNREACHABLE] = {"the companion %s cannot be reached from the pod",
				 "look whether its Service has endpoints and both sides' policies allow that port"},
	[OUTCOME_DENIED] = {"the pod may not connect to the companion %s",
			    "look at what filters connections on that node"},
	[OUTCOME_UNRESOLVED] = {"the companion's name cannot be resolved in the pod: %s",
				"look at the agent's DNS egress and at the name in HTTPS_PROXY"},
	[OUTCOME_SILENT] =
		{"the companion %s took the CONNECT and did not answer it within the time limit: the target "
		 "is dead or slow for it, or a policy keeps the companion from it",
		 "choose a target that answers, with --target HOST:443, or look at the companion's own "
		 "egress policy"},
	[OUTCOME_GARBLED] = {"what answers as the companion %s is no HTTP proxy",
			     "look at HTTPS_PROXY and the Service"},
	[OUTCOME_UNABLE] = {"the only client in the image cannot ask the companion %s for a tunnel",
			    "--ephemeral IMAGE brings a client that can"},
	[OUTCOME_FAILED] = {"the companion %s could not be asked", ""},
};

static void
add_target(struct buf *out, const char *host, int port)
{
	AUTO(arena) struct arena a = {0};

	buf_adds(out, probe_target_text(&(struct probe_target){host, port}, &a));
}

static void
add_attempt(const struct probe_try *t, const struct probe_answer *a, struct buf *out)
{
	buf_addf(out, "%s ", acts[t->probe]);
	add_target(out, t->target.host, t->target.port);
	buf_addf(out, " by %s: %s", a->method, attempts[a->attempt.outcome].words);
	if (a->attempt.outcome == OUTCOME_FAILED && a->attempt.text[0])
		buf_addf(out, " (%s)", a->attempt.text);
	if (a->attempt.outcome == OUTCOME_UNRESOLVED)
		buf_adds(out, "; an address as target needs no name, as in --target 1.1.1.1:443");
}

/* Text with one %s or none. */
static void
add_with(struct buf *out, const char *text, const char *what)
{
	const char *mark = strstr(text, "%s");

	buf_add(out, text, mark ? (size_t)(mark - text) : strlen(text));
	if (mark)
		buf_addf(out, "%s%s", what, mark + 2);
}

static void
add_refusal(const struct probe_try *t, int status, struct buf *out)
{
	AUTO(buf) struct buf target = {0};
	size_t i = 0;

	add_target(&target, t->through.host, t->through.port);
	while (status < statuses[i].from || status > statuses[i].to)
		i++;
	add_with(out, statuses[i].words, buf_str(&target));
	if (statuses[i].from != statuses[i].to)
		buf_addf(out, " (%d)", status);
	buf_addf(out, "; %s", statuses[i].fix);
}

static void
add_failure(const struct probe_try *t, const struct probe_side *control, struct buf *out)
{
	AUTO(buf) struct buf proxy = {0};

	add_target(&proxy, t->proxy_host, t->proxy_port);
	add_with(out, failures[control->outcome].words, buf_str(&proxy));
	if (control->outcome == OUTCOME_FAILED && control->text[0])
		buf_addf(out, " (%s)", control->text);
	if (*failures[control->outcome].fix)
		buf_addf(out, "; %s", failures[control->outcome].fix);
}

static enum probe_control
judge_control(const struct probe_try *t, const struct probe_side *control, struct buf *out)
{
	if (!t->proxy_host || control->outcome == OUTCOME_NONE)
		return PROBE_CONTROL_SKIPPED;
	if (control->outcome == OUTCOME_CONNECTED && control->status >= 200 && control->status <= 299) {
		buf_adds(out, "the companion reaches ");
		add_target(out, t->through.host, t->through.port);
		return PROBE_CONTROL_OK;
	}
	if (control->outcome == OUTCOME_CONNECTED)
		add_refusal(t, control->status, out);
	else
		add_failure(t, control, out);
	return PROBE_CONTROL_FAILED;
}

struct probe_finding
probe_verdict(const struct probe_try *t, const struct probe_answer *a, struct buf *detail)
{
	AUTO(buf) struct buf said = {0};
	struct probe_finding f = {PROBE_INCONCLUSIVE, judge_control(t, &a->control, &said)};

	add_attempt(t, a, detail);
	if (a->attempt.outcome == OUTCOME_CONNECTED)
		f.verdict = PROBE_OPEN;
	else if (attempts[a->attempt.outcome].made && f.control == PROBE_CONTROL_OK)
		f.verdict = PROBE_BLOCKED;
	if (f.control == PROBE_CONTROL_SKIPPED)
		buf_adds(&said, f.verdict == PROBE_OPEN ? "no control"
							: "without a control this may as well be a dead target");
	buf_addf(detail, "; %s", buf_str(&said));
	return f;
}
