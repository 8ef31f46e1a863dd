/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipelock writes events as JSON, one a line, and beside them plain lines on stderr (internal/audit/logger.go and
 * internal/cli/runtime of Pipelock). What an agent sends stands in events as JSON strings: it cannot become a line.
 */
#include "kube/pipelock_log.h"

#include <string.h>
#include <strings.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/json_scan.h"
#include "base/node.h"
#include "base/str.h"

#define DETAIL_LIMIT 400
#define HASH_LEN 64

static const char failed_line[] = "pipelock: config reload failed: ";
static const char warning_line[] = "WARNING: config reload: ";

static void
set_text(struct buf *out, const char *text, size_t len)
{
	buf_clear(out);
	buf_add(out, text, len < DETAIL_LIMIT ? len : DETAIL_LIMIT);
}

static bool
is_hash(const char *text)
{
	return text && strlen(text) == HASH_LEN && strspn(text, "0123456789abcdef") == HASH_LEN;
}

static void
set_loaded(struct pipelock_log *l, const struct node *event, int64_t at, enum reload reload)
{
	const char *hash = node_get_str(event, "config_hash");

	l->loaded = true;
	l->loaded_at = at;
	l->reload = reload;
	strcpy(l->hash, is_hash(hash) ? hash : "");
	buf_clear(&l->detail);
	buf_clear(&l->warning);
}

static void
set_reload(struct pipelock_log *l, enum reload reload, const char *words)
{
	l->reload = reload;
	set_text(&l->detail, words, strlen(words));
}

/* "ignored" is about fields that take a restart: whether the rest was loaded, the next event says. */
static void
on_reload(struct pipelock_log *l, const struct node *event, int64_t at)
{
	const char *status = node_get_text(event, "status");

	if (str_eq(status, "success"))
		set_loaded(l, event, at, RELOAD_DONE);
	else if (!str_eq(status, "ignored"))
		set_reload(l, RELOAD_FAILED, node_get_text(event, "detail"));
}

/* Errors under this method are about a reload, but for those of setting up to notice that one is due. */
static void
on_error(struct pipelock_log *l, const struct node *event)
{
	const char *words = node_get_text(event, "error");

	if (strcasecmp(node_get_text(event, "method"), "config_reload") != 0 ||
	    str_starts(words, "creating file watcher") || str_starts(words, "watching directory"))
		return;
	if (!str_starts(words, "rejected")) {
		set_reload(l, RELOAD_FAILED, words);
		return;
	}
	set_reload(l, RELOAD_REFUSED, words);
	if (l->warning.len && l->detail.len < DETAIL_LIMIT)
		buf_addf(&l->detail, " (%s)", buf_str(&l->warning));
}

static void
on_event(struct pipelock_log *l, const struct node *event, int64_t at)
{
	const char *name = node_get_text(event, "event");

	if (at == CLOCK_UNKNOWN && !clock_parse(node_get_text(event, "time"), &at))
		at = CLOCK_UNKNOWN;
	if (str_eq(name, "startup"))
		set_loaded(l, event, at, RELOAD_NONE);
	else if (str_eq(name, "config_reload"))
		on_reload(l, event, at);
	else if (str_eq(name, "error"))
		on_error(l, event);
}

static bool
has(const char *line, size_t len, const char *word)
{
	return memmem(line, len, word, strlen(word)) != NULL;
}

/* Nearly all lines are about requests: only what may be one of the three is parsed. */
static bool
may_matter(const char *line, size_t len)
{
	return has(line, len, "startup") || has(line, len, "config_reload") || has(line, len, "CONFIG_RELOAD");
}

static void
on_json(struct pipelock_log *l, const char *line, size_t len, int64_t at)
{
	struct node *event;

	if (!may_matter(line, len))
		return;
	if (json_parse(&l->scratch, "the log", line, len, 1, NULL, &event, NULL) && event->type == NODE_MAP)
		on_event(l, event, at);
	arena_reset(&l->scratch);
}

static bool
starts(const char *line, size_t len, const char *prefix)
{
	size_t n = strlen(prefix);

	return len >= n && memcmp(line, prefix, n) == 0;
}

static void
on_plain(struct pipelock_log *l, const char *line, size_t len)
{
	if (starts(line, len, failed_line)) {
		l->reload = RELOAD_FAILED;
		set_text(&l->detail, line + strlen(failed_line), len - strlen(failed_line));
		l->detail_goes_on = true;
	} else if (starts(line, len, warning_line)) {
		set_text(&l->warning, line + strlen(warning_line), len - strlen(warning_line));
	}
}

/* What a decoder has to say of a file is a list, one indented line each: the first of them counts. */
static bool
goes_on(struct pipelock_log *l, const char *line, size_t len)
{
	size_t blank = 0;

	if (!l->detail_goes_on)
		return false;
	l->detail_goes_on = false;
	while (blank < len && (line[blank] == ' ' || line[blank] == '\t'))
		blank++;
	if (!blank || blank == len || l->detail.len >= DETAIL_LIMIT)
		return false;
	buf_addc(&l->detail, ' ');
	buf_add(&l->detail, line + blank, len - blank < DETAIL_LIMIT ? len - blank : DETAIL_LIMIT);
	return true;
}

/* The time in front of a line; moves behind it and the one space after it. */
static int64_t
take_time(const char **line, size_t *len)
{
	const char *space = *len ? memchr(*line, ' ', *len < 40 ? *len : 40) : NULL;
	char text[40];
	int64_t at;

	if (!space)
		return CLOCK_UNKNOWN;
	memcpy(text, *line, (size_t)(space - *line));
	text[space - *line] = '\0';
	if (!clock_parse(text, &at))
		return CLOCK_UNKNOWN;
	*len -= (size_t)(space + 1 - *line);
	*line = space + 1;
	return at;
}

void
pipelock_log_line(struct pipelock_log *l, const char *line, size_t len)
{
	int64_t at = take_time(&line, &len);

	if (!l->seen) {
		l->seen = true;
		l->first_at = at;
		l->last_at = l->loaded_at = CLOCK_UNKNOWN;
	}
	if (at != CLOCK_UNKNOWN)
		l->last_at = at;
	if (goes_on(l, line, len) || !len)
		return;
	if (*line == '{')
		on_json(l, line, len, at);
	else
		on_plain(l, line, len);
}

void
pipelock_log_free(struct pipelock_log *l)
{
	buf_free(&l->detail);
	buf_free(&l->warning);
	arena_free(&l->scratch);
	*l = (struct pipelock_log){0};
}
