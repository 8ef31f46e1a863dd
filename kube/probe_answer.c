/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/probe_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/text.h"

#define PREFIX "moat-probe "
#define VALUE_MOST 300
#define FAILED "failed "

enum side { ATTEMPT = 1, CONTROL = 2 };

static const struct {
	const char *word;
	enum probe_outcome outcome;
	unsigned sides;
} words[] = {
	{"connected", OUTCOME_CONNECTED, ATTEMPT},
	{"timeout", OUTCOME_TIMEOUT, ATTEMPT | CONTROL},
	{"unresolved", OUTCOME_UNRESOLVED, ATTEMPT | CONTROL},
	{"proxied", OUTCOME_PROXIED, ATTEMPT},
	{"silent", OUTCOME_SILENT, CONTROL},
	{"garbled", OUTCOME_GARBLED, CONTROL},
	{"unable", OUTCOME_UNABLE, CONTROL},
	{"none", OUTCOME_NONE, CONTROL},
};

/* How the clients say why they could not connect: names of errno, and words in English (all run with LC_ALL=C). */
static const struct {
	const char *part;
	enum probe_outcome outcome;
} failures[] = {
	/* Of a program that did not get as far as a dial, whatever else is said of it. */
	{"start the client", OUTCOME_FAILED},
	{"execute", OUTCOME_FAILED},
	{"not known", OUTCOME_UNRESOLVED},
	{"resolving timed out", OUTCOME_UNRESOLVED},
	{"name resolution", OUTCOME_UNRESOLVED},
	{"name does not resolve", OUTCOME_UNRESOLVED},
	{"not resolve", OUTCOME_UNRESOLVED},
	{"unable to resolve", OUTCOME_UNRESOLVED},
	{"bad address '", OUTCOME_UNRESOLVED},
	{"host lookup failed", OUTCOME_UNRESOLVED},
	{"no address associated", OUTCOME_UNRESOLVED},
	{"ENOTFOUND", OUTCOME_UNRESOLVED},
	{"EAI_AGAIN", OUTCOME_UNRESOLVED},
	{"refused", OUTCOME_REFUSED},
	{"reset by peer", OUTCOME_REFUSED},
	{"ECONNRESET", OUTCOME_REFUSED},
	{"timed out", OUTCOME_TIMEOUT},
	{"timeout", OUTCOME_TIMEOUT},
	{"ETIMEDOUT", OUTCOME_TIMEOUT},
	{"unreachable", OUTCOME_UNREACHABLE},
	{"no route to host", OUTCOME_UNREACHABLE},
	{"EHOSTUNREACH", OUTCOME_UNREACHABLE},
	{"ENETUNREACH", OUTCOME_UNREACHABLE},
	{"operation not permitted", OUTCOME_DENIED},
	{"EPERM", OUTCOME_DENIED},
	{"connect: permission denied", OUTCOME_DENIED}, /* without "connect": of a program that cannot be run */
	{"EACCES", OUTCOME_DENIED},
};

static const char *const methods[] = {"python3", "bash", "nc", "curl", "wget", "perl", "node"};

static enum probe_outcome
outcome_of(const char *text)
{
	for (size_t i = 0; i < COUNT_OF(failures); i++)
		if (strcasestr(text, failures[i].part))
			return failures[i].outcome;
	return OUTCOME_FAILED;
}

static void
keep_text(struct probe_side *s, const char *text)
{
	AUTO(buf) struct buf safe = {0};

	text_safe(&safe, text, strlen(text));
	snprintf(s->text, sizeof(s->text), "%.*s", (int)text_fit(buf_str(&safe), sizeof(s->text) / 4),
		 buf_str(&safe));
}

/* Three digits, as HTTP has them. */
static int
http_status(const char *value)
{
	int64_t n;

	return strlen(value) == 3 && str_i64(value, &n) && n >= 100 && n <= 599 ? (int)n : 0;
}

static bool
read_side(struct probe_side *s, enum side side, const char *value)
{
	if (s->said)
		return false; /* twice */
	s->said = true;
	if (side == CONTROL && http_status(value)) {
		s->outcome = OUTCOME_CONNECTED;
		s->status = http_status(value);
		return true;
	}
	if (strncmp(value, FAILED, strlen(FAILED)) == 0) {
		keep_text(s, value + strlen(FAILED));
		s->outcome = outcome_of(value);
		return true;
	}
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (words[i].sides & side && str_eq(value, words[i].word)) {
			s->outcome = words[i].outcome;
			return true;
		}
	return false;
}

static bool
read_method(struct probe_answer *a, const char *value)
{
	if (a->method)
		return false;
	for (size_t i = 0; i < COUNT_OF(methods); i++)
		if (str_eq(value, methods[i])) {
			a->method = methods[i];
			return true;
		}
	return false;
}

static bool
read_line(struct probe_answer *a, const char *line)
{
	if (strncmp(line, "method=", 7) == 0)
		return read_method(a, line + 7);
	if (strncmp(line, "attempt=", 8) == 0)
		return read_side(&a->attempt, ATTEMPT, line + 8);
	if (strncmp(line, "control=", 8) == 0)
		return read_side(&a->control, CONTROL, line + 8);
	return false;
}

static bool
is_ours(const char *line, size_t len)
{
	return len >= strlen(PREFIX) && memcmp(line, PREFIX, strlen(PREFIX)) == 0;
}

/* One line without its newline; those of others are passed over. */
static bool
take_line(struct probe_answer *a, const char *line, size_t len, struct err *e)
{
	char text[VALUE_MOST];

	if (len && line[len - 1] == '\r')
		len--;
	if (!is_ours(line, len))
		return true;
	line += strlen(PREFIX);
	len -= strlen(PREFIX);
	snprintf(text, sizeof(text), "%.*s", (int)(len < sizeof(text) ? len : sizeof(text) - 1), line);
	if (strlen(text) == len && read_line(a, text))
		return true;
	return err_set(e, ERR_INPUT, 0, "the container answered \"%.*s\", which no probe says",
		       (int)(len < 80 ? len : 80), line);
}

bool
probe_answer_parse(const char *out, size_t len, bool looked, struct probe_answer *a, struct err *e)
{
	struct probe_answer got = {0};

	if (len > PROBE_OUTPUT_LIMIT)
		return err_set(e, ERR_INPUT, 0, "the container answered more than %d bytes", PROBE_OUTPUT_LIMIT);
	for (size_t at = 0, n; at < len; at += n + 1) {
		const char *newline = memchr(out + at, '\n', len - at);

		n = newline ? (size_t)(newline - (out + at)) : len - at;
		if (!take_line(&got, out + at, n, e))
			return false;
	}
	if (!got.method)
		return err_set(e, ERR_INPUT, 0, "the container did not answer as a probe does");
	if (!looked && !(got.attempt.said && got.control.said))
		return err_set(e, ERR_INPUT, 0, "the probe did not end: nothing was said of the %s",
			       got.attempt.said ? "control" : "attempt");
	*a = got;
	return true;
}
