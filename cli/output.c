/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"

bool
output_stdout(const struct buf *text, struct err *e)
{
	if (!io_write_all(STDOUT_FILENO, text->data, text->len) && errno != EPIPE)
		return err_sys(e, ERR_OUTPUT, errno, "write to standard output");
	return true;
}

static bool
stream_failed(const struct output_stream *o, int code, struct err *e)
{
	return o->path ? err_sys(e, ERR_OUTPUT, code, "write %s", o->path)
		       : err_sys(e, ERR_OUTPUT, code, "write to standard output");
}

bool
output_open(struct output_stream *o, const char *path, struct err *e)
{
	struct stat st;

	*o = (struct output_stream){.path = path, .fd = STDOUT_FILENO};
	if (!path)
		return true;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		o->fd = open(path, O_WRONLY | O_CLOEXEC);
	} else {
		o->beside = mem_printf("%s.XXXXXX", path);
		o->fd = mkstemp(o->beside);
	}
	if (o->fd >= 0)
		return true;
	stream_failed(o, errno, e);
	free(o->beside);
	return false;
}

void
output_spill(void *stream, struct buf *text)
{
	struct output_stream *o = stream;

	if (!o->code && !io_write_all(o->fd, text->data, text->len))
		o->code = errno;
	buf_clear(text);
}

/* Everything is written: the new file takes its place. */
static bool
put_in_place(const struct output_stream *o)
{
	mode_t mask = umask(0);

	umask(mask);
	return fchmod(o->fd, 0666 & ~mask) == 0 && fsync(o->fd) == 0 && rename(o->beside, o->path) == 0;
}

bool
output_close(struct output_stream *o, struct err *e)
{
	if (!o->path)
		return !o->code || o->code == EPIPE || stream_failed(o, o->code, e);
	if (!o->code && o->beside && !put_in_place(o))
		o->code = errno;
	close(o->fd);
	if (o->code && o->beside)
		unlink(o->beside);
	free(o->beside);
	return !o->code || stream_failed(o, o->code, e);
}

bool
table_format_parse(const char *word, enum table_format *out, struct err *e)
{
	static const char *const names[] = {"table", "wide", "json", "yaml", "name"};

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (str_eq(word, names[i])) {
			*out = (enum table_format)i;
			return true;
		}
	}
	return err_set(e, ERR_USAGE, 0, "-o %s: table, wide, json, yaml or name is expected", word);
}

/* All that is not ASCII is escaped, for a terminal may be reading; DEL is the one control that jansson leaves. */
void
output_csv(struct buf *out, const char *safe)
{
	if (!strpbrk(safe, ",\"")) {
		buf_adds(out, safe);
		return;
	}
	buf_addc(out, '"');
	for (const char *p = safe; *p; p++) {
		if (*p == '"')
			buf_addc(out, '"');
		buf_addc(out, *p);
	}
	buf_addc(out, '"');
}

static void
add_json(struct buf *out, const json_t *value)
{
	AUTO(free) char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	if (!text)
		die("out of memory");
	for (const char *c = text; *c; c++) {
		if (*c == 0x7f)
			buf_adds(out, "\\u007f");
		else
			buf_addc(out, *c);
	}
	buf_addc(out, '\n');
}

static int
append(void *out, unsigned char *data, size_t len)
{
	buf_add(out, data, len);
	return 1;
}

static void
emit(yaml_emitter_t *y, yaml_event_t *event)
{
	if (!yaml_emitter_emit(y, event))
		die("yaml: %s", y->problem ? y->problem : "out of memory");
}

static void
emit_scalar(yaml_emitter_t *y, const char *text, size_t len, bool quote)
{
	yaml_event_t ev;

	yaml_scalar_event_initialize(&ev, NULL, NULL, (const yaml_char_t *)text, (int)len, 1, 1,
				     quote ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE);
	emit(y, &ev);
}

/* Quoted whenever a reader of YAML 1.1 could take the plain text for something else than a string. */
static bool
needs_quotes(const char *s)
{
	static const char *const words[] = {"",  "~",  "null", "true", "false", "yes", "no",
					    "on", "off", "y",   "n",    "<<",    "="};

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (strcasecmp(s, words[i]) == 0)
			return true;
	return strchr("0123456789+-.", *s) || strpbrk(s, "\n\r\t");
}

static void
emit_value(yaml_emitter_t *y, const json_t *value)
{
	yaml_event_t ev;
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_object(value)) {
		yaml_mapping_start_event_initialize(&ev, NULL, NULL, 1,
						    json_object_size(value) ? YAML_BLOCK_MAPPING_STYLE
									    : YAML_FLOW_MAPPING_STYLE);
		emit(y, &ev);
		json_object_foreach((json_t *)value, key, member) {
			emit_scalar(y, key, strlen(key), needs_quotes(key));
			emit_value(y, member);
		}
		yaml_mapping_end_event_initialize(&ev);
		emit(y, &ev);
	} else if (json_is_array(value)) {
		yaml_sequence_start_event_initialize(&ev, NULL, NULL, 1,
						     json_array_size(value) ? YAML_BLOCK_SEQUENCE_STYLE
									    : YAML_FLOW_SEQUENCE_STYLE);
		emit(y, &ev);
		json_array_foreach(value, i, member)
			emit_value(y, member);
		yaml_sequence_end_event_initialize(&ev);
		emit(y, &ev);
	} else if (json_is_string(value)) {
		const char *text = json_string_value(value);

		emit_scalar(y, text, json_string_length(value), needs_quotes(text));
	} else {
		AUTO(free) char *text = json_dumps(value, JSON_ENCODE_ANY);

		emit_scalar(y, text, strlen(text), false);
	}
}

static void
add_yaml(struct buf *out, const json_t *value)
{
	yaml_emitter_t y;
	yaml_event_t ev;

	if (!yaml_emitter_initialize(&y))
		die("out of memory");
	yaml_emitter_set_output(&y, append, out);
	yaml_emitter_set_unicode(&y, 0); /* as for JSON: nothing raw that a terminal may act on */
	yaml_emitter_set_width(&y, -1);
	yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING);
	emit(&y, &ev);
	yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, 1);
	emit(&y, &ev);
	emit_value(&y, value);
	yaml_document_end_event_initialize(&ev, 1);
	emit(&y, &ev);
	yaml_stream_end_event_initialize(&ev);
	emit(&y, &ev);
	yaml_emitter_delete(&y);
}

void
output_value(struct buf *out, enum table_format format, json_t *value)
{
	if (format == TABLE_JSON)
		add_json(out, value);
	else
		add_yaml(out, value);
	json_decref(value);
}
