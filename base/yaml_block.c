/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines are whole and their bytes checked, so that a scan within a line needs no bound but its \n. `indent`
 * is the column of the innermost block, as in libyaml: a scalar goes on in lines that stand further right.
 */
#include "base/yaml_block.h"

#include <string.h>

#include "base/yaml.h"
#include "base/yaml_scalar.h"

/* libyaml takes 1,024 characters; bytes are never fewer. */
#define LONGEST_KEY 1000

/* What may start a plain scalar; a dash may where no blank follows. */
static const char plain_start[256] = {
	['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['_'] = 1,  ['.'] = 1, ['/'] = 1,
	['~'] = 1,	   ['+'] = 1,	      ['('] = 1,	 [')'] = 1,  ['<'] = 1, ['='] = 1,
	[';'] = 1,	   ['$'] = 1,	      ['^'] = 1,	 ['\\'] = 1, ['-'] = 1, [0x80 ... 0xff] = 1,
};

/* What may end a plain scalar, in a block and in a flow collection. */
static const char block_stops[256] = {['\n'] = 1, ['\t'] = 1, [':'] = 1, ['#'] = 1};
static const char flow_stops[256] = {
	['\n'] = 1, ['\t'] = 1, [':'] = 1, ['#'] = 1, [','] = 1,
	['['] = 1,  [']'] = 1,	['{'] = 1, ['}'] = 1, ['?'] = 1,
};

/* Escapes of one letter. The others are rare. */
static const char escapes[256] = {
	['n'] = '\n',	['t'] = '\t', ['r'] = '\r', ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',
	['e'] = '\x1b', ['a'] = '\a', ['b'] = '\b', ['f'] = '\f', ['v'] = '\v',	 [' '] = ' ',
};

struct scalar {
	const char *text;
	size_t len;
	bool plain;
};

static bool
decline(struct yaml_block *b)
{
	b->stop = YAML_BLOCK_DECLINED;
	return false;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\n';
}

static const char *
skip_spaces(const char *p)
{
	while (*p == ' ')
		p++;
	return p;
}

/* Behind the line's end. */
static const char *
next_line(struct yaml_block *b, const char *p)
{
	b->line++;
	if (*p != '\n')
		p = memchr(p, '\n', (size_t)(b->end - p));
	return p + 1;
}

/* Three of them at the start of a line, and a blank behind. */
static bool
is_marker(const char *p, char c)
{
	return p[0] == c && p[1] == c && p[2] == c && (is_blank(p[3]) || p[3] == '\t');
}

static bool
text_end(struct yaml_block *b)
{
	b->at = b->end;
	b->column = -1;
	b->stop = YAML_BLOCK_SHORT;
	return b->whole;
}

/* From the start of a line to the next token, past comments. */
static bool
to_token(struct yaml_block *b, const char *line)
{
	const char *p = line;

	for (; line < b->end; line = p) {
		p = skip_spaces(line);
		if (*p == '\n') {
			p++;
			b->line++;
			continue;
		}
		if (*p == '#') {
			p = next_line(b, p);
			continue;
		}
		if (*p == '\t' || is_marker(line, '.'))
			return decline(b);
		b->at = p;
		b->column = is_marker(line, '-') ? -1 : (int)(p - line);
		return true;
	}
	return text_end(b);
}

/* Behind a token at `p` nothing but a comment may stand on its line. */
static bool
end_line(struct yaml_block *b, const char *p)
{
	const char *end = skip_spaces(p);

	if (*end != '\n' && (*end != '#' || end[-1] != ' '))
		return decline(b);
	return to_token(b, next_line(b, end));
}

static struct node *
new_node(struct yaml_block *b, enum node_type type)
{
	struct node *n = ARENA_NEW(b->arena, struct node);

	n->type = (unsigned char)type;
	n->line = b->line;
	b->nodes++;
	return n;
}

/* --- scalars on one line --- */

static bool
plain(struct yaml_block *b, const char *stops, struct scalar *out)
{
	const char *p = b->at;

	if (!plain_start[(unsigned char)*p] || (*p == '-' && (is_blank(p[1]) || p[1] == '\t')))
		return decline(b);
	for (;; p++) {
		while (!stops[(unsigned char)*p])
			p++;
		if (*p == '\t')
			return decline(b);
		if (*p != ':' && *p != '#')
			break;
		if (*p == ':' ? is_blank(p[1]) : p[-1] == ' ')
			break;
		if (stops == flow_stops && *p == ':' && strchr(",?[]{}", p[1]))
			return decline(b);
	}
	*out = (struct scalar){.text = b->at, .plain = true};
	b->at = p;
	while (p[-1] == ' ')
		p--;
	out->len = (size_t)(p - out->text);
	return true;
}

static bool
single_quoted(struct yaml_block *b, struct scalar *out)
{
	const char *p = b->at + 1, *start = p;
	bool doubled = false;

	for (;; p++) {
		while (*p != '\'' && *p != '\n')
			p++;
		if (*p == '\n')
			return decline(b);
		if (p[1] != '\'')
			break;
		doubled = true;
		p++;
	}
	b->at = p + 1;
	*out = (struct scalar){start, (size_t)(p - start), false};
	if (!doubled)
		return true;
	buf_clear(&b->text);
	for (const char *c = start; c < p; c++) {
		buf_addc(&b->text, *c);
		c += *c == '\'';
	}
	out->text = b->text.data;
	out->len = b->text.len;
	return true;
}

/* Behind a backslash: what it stands for goes to b->text. NULL: declined. */
static const char *
escape(struct yaml_block *b, const char *p)
{
	char c = escapes[(unsigned char)*p];

	if (!c) {
		decline(b);
		return NULL;
	}
	buf_addc(&b->text, c);
	return p + 1;
}

static bool
double_quoted(struct yaml_block *b, struct scalar *out)
{
	const char *p = b->at + 1, *start = p;
	bool escaped = false;

	for (;;) {
		while (*p != '"' && *p != '\\' && *p != '\n')
			p++;
		if (*p == '\n')
			return decline(b);
		if (*p == '"')
			break;
		if (!escaped)
			buf_clear(&b->text);
		escaped = true;
		buf_add(&b->text, start, (size_t)(p - start));
		start = p = escape(b, p + 1);
		if (!p)
			return false;
	}
	b->at = p + 1;
	*out = (struct scalar){start, (size_t)(p - start), false};
	if (escaped) {
		buf_add(&b->text, start, (size_t)(p - start));
		out->text = b->text.data;
		out->len = b->text.len;
	}
	return true;
}

static bool
scalar(struct yaml_block *b, const char *stops, struct scalar *out)
{
	if (*b->at == '\'')
		return single_quoted(b, out);
	return *b->at == '"' ? double_quoted(b, out) : plain(b, stops, out);
}

static struct node *
scalar_node(struct yaml_block *b, const struct scalar *s, unsigned line)
{
	struct node *n = new_node(b, NODE_STRING);

	n->line = line;
	b->bytes += s->len;
	/* Without a tag there is nothing to be wrong. */
	return yaml_scalar(b->arena, n, NULL, s->plain, s->text, s->len) ? n : NULL;
}

static bool
key_text(struct yaml_block *b, const struct scalar *s, const char **name)
{
	struct node n = {0};

	b->bytes += s->len;
	if (s->len > LONGEST_KEY || (s->plain && s->len == 2 && memcmp(s->text, "<<", 2) == 0))
		return decline(b);
	if (!yaml_scalar(b->arena, &n, NULL, s->plain, s->text, s->len) || n.has_nul)
		return decline(b);
	*name = yaml_key(b->arena, &n);
	return *name ? true : decline(b);
}

/* --- flow collections on one line --- */

static struct node *flow_node(struct yaml_block *b, unsigned depth);

/* Behind an entry: on to the next one, or *more is false behind the end of the collection. */
static bool
flow_next(struct yaml_block *b, char close, bool *more)
{
	b->at = skip_spaces(b->at);
	if (*b->at != ',' && *b->at != close)
		return decline(b);
	*more = *b->at == ',';
	b->at = skip_spaces(b->at + 1);
	/* A comma may stand in front of the end. */
	if (*more && *b->at == close) {
		*more = false;
		b->at++;
	}
	return true;
}

static bool
flow_key(struct yaml_block *b, const char **name)
{
	const char *start = b->at, *p;
	struct scalar s;

	if (!scalar(b, flow_stops, &s))
		return false;
	p = skip_spaces(b->at);
	if (*p != ':' || !(is_blank(p[1]) || !s.plain) || p - start > LONGEST_KEY)
		return decline(b);
	b->at = skip_spaces(p + 1);
	return key_text(b, &s, name);
}

static bool
flow_entries(struct yaml_block *b, struct node *n, char close, unsigned depth)
{
	struct node **tail = &n->first;
	bool more = true;

	b->at = skip_spaces(b->at + 1);
	if (*b->at == close) {
		b->at++;
		return true;
	}
	while (more) {
		const char *key = NULL;

		if (close == '}' && !flow_key(b, &key))
			return false;
		*tail = flow_node(b, depth + 1);
		if (!*tail)
			return false;
		(*tail)->key = key;
		tail = &(*tail)->next;
		n->len++;
		if (!flow_next(b, close, &more))
			return false;
	}
	return !b->strict || !node_duplicate_key(n) || decline(b);
}

static struct node *
flow_node(struct yaml_block *b, unsigned depth)
{
	bool list = *b->at == '[';
	struct scalar s;
	struct node *n;

	if (!list && *b->at != '{')
		return scalar(b, flow_stops, &s) ? scalar_node(b, &s, b->line) : NULL;
	if (depth > YAML_MAX_DEPTH) {
		decline(b);
		return NULL;
	}
	n = new_node(b, list ? NODE_LIST : NODE_MAP);
	return flow_entries(b, n, list ? ']' : '}', depth) ? n : NULL;
}

/* --- | and > --- */

enum chomp { CHOMP_CLIP, CHOMP_STRIP, CHOMP_KEEP };

struct block_scalar {
	bool literal;
	enum chomp chomp;
	int width; /* columns of indentation; 0: not known yet */
	bool leading_break; /* the last line's end, which was not written yet */
	bool leading_blank; /* the last line starts with a blank */
	size_t breaks; /* empty lines behind it */
};

/* Behind the | or >. Returns the start of the next line, NULL: declined. */
static const char *
block_header(struct yaml_block *b, const char *p, int indent, struct block_scalar *s)
{
	const char *end;

	for (int i = 0; i < 2; i++, p++) {
		if ((*p == '+' || *p == '-') && s->chomp == CHOMP_CLIP)
			s->chomp = *p == '+' ? CHOMP_KEEP : CHOMP_STRIP;
		else if (*p >= '1' && *p <= '9' && !s->width)
			s->width = indent + (*p - '0');
		else
			break;
	}
	end = skip_spaces(p);
	if (*end != '\n' && (*end != '#' || end == p)) {
		decline(b);
		return NULL;
	}
	return next_line(b, end);
}

/* The width is told by the first line that is not empty: its spaces, and more than the indent. */
static bool
find_width(struct yaml_block *b, const char *p, int indent, struct block_scalar *s)
{
	int widest = 0;

	for (; p < b->end; p++) {
		const char *line = p;
		int column;

		p = skip_spaces(p);
		column = (int)(p - line);
		if (*p == '\n') {
			widest = column > widest ? column : widest;
			continue;
		}
		s->width = column > indent ? column : indent + 1;
		return *p != '\t' && widest <= s->width ? true : decline(b);
	}
	/* Nothing but empty lines up to the end: rare. */
	return b->whole ? decline(b) : text_end(b);
}

/* The breaks in front of a line of text. */
static void
add_breaks(struct buf *out, struct block_scalar *s, bool blank)
{
	bool fold = !s->literal && s->leading_break && !s->leading_blank && !blank;

	if (fold && !s->breaks)
		buf_addc(out, ' ');
	else if (!fold && s->leading_break)
		buf_addc(out, '\n');
	buf_fill(out, '\n', s->breaks);
	s->breaks = 0;
}

/* The lines of the block. Returns the first one that is none of it, NULL: too short, or declined. */
static const char *
block_lines(struct yaml_block *b, const char *line, struct block_scalar *s)
{
	while (line < b->end) {
		const char *p = line, *end;

		while (p - line < s->width && *p == ' ')
			p++;
		if (*p == '\n') {
			s->breaks++;
			b->line++;
			line = p + 1;
			continue;
		}
		if (p - line < s->width) {
			if (*p != '\t')
				return line;
			decline(b);
			return NULL;
		}
		end = memchr(p, '\n', (size_t)(b->end - p));
		add_breaks(&b->text, s, *p == ' ' || *p == '\t');
		buf_add(&b->text, p, (size_t)(end - p));
		s->leading_blank = *p == ' ' || *p == '\t';
		s->leading_break = true;
		b->line++;
		line = end + 1;
	}
	if (text_end(b) && !b->newline_added)
		return line;
	if (b->whole)
		decline(b);
	return NULL;
}

static struct node *
block_scalar(struct yaml_block *b, int indent)
{
	struct block_scalar s = {.literal = *b->at == '|'};
	unsigned line = b->line;
	const char *p = block_header(b, b->at + 1, indent, &s);
	struct node *n;

	if (!p || (!s.width && !find_width(b, p, indent, &s)))
		return NULL;
	buf_clear(&b->text);
	p = block_lines(b, p, &s);
	if (!p)
		return NULL;
	if (s.chomp != CHOMP_STRIP && s.leading_break)
		buf_addc(&b->text, '\n');
	if (s.chomp == CHOMP_KEEP)
		buf_fill(&b->text, '\n', s.breaks);
	n = scalar_node(b, &(struct scalar){buf_str(&b->text), b->text.len, false}, line);
	if (n)
		n->literal = s.literal;
	return n && to_token(b, p) ? n : NULL;
}

/* --- blocks --- */

static struct node *block_node(struct yaml_block *b, int indent, unsigned depth);

/* What follows a scalar or a collection on one line may not stand further right: it would go on. */
static struct node *
ended(struct yaml_block *b, struct node *n, int indent)
{
	if (b->column <= indent)
		return n;
	decline(b);
	return NULL;
}

/* A value that starts on the line of its key or dash, and is no block collection. */
static struct node *
inline_node(struct yaml_block *b, int indent, unsigned depth)
{
	struct node *n;
	struct scalar s;

	if (*b->at == '|' || *b->at == '>') {
		n = block_scalar(b, indent);
		return n ? ended(b, n, indent) : NULL;
	}
	if (*b->at == '[' || *b->at == '{')
		n = flow_node(b, depth);
	else
		n = scalar(b, block_stops, &s) ? scalar_node(b, &s, b->line) : NULL;
	return n && end_line(b, b->at) ? ended(b, n, indent) : NULL;
}

bool
yaml_block_is_entry(const struct yaml_block *b)
{
	return b->column >= 0 && *b->at == '-' && is_blank(b->at[1]);
}

/* The value of a key or dash on that line behind which none stands. */
static struct node *
nothing(struct yaml_block *b, unsigned line)
{
	struct node *n = new_node(b, NODE_NULL);

	n->text = "";
	n->line = line;
	return n;
}

struct node *
yaml_block_entry(struct yaml_block *b, unsigned depth)
{
	const char *dash = b->at, *p = skip_spaces(dash + 1);
	int column = b->column;
	unsigned line = b->line;

	if (*p != '\n' && *p != '#') {
		b->at = p;
		b->column += (int)(p - dash);
		return block_node(b, column, depth + 1);
	}
	if (!end_line(b, p))
		return NULL;
	if (b->column > column)
		return block_node(b, column, depth + 1);
	return nothing(b, line);
}

static struct node *
list(struct yaml_block *b, int indent, unsigned depth)
{
	struct node *n = new_node(b, NODE_LIST), **tail = &n->first;
	int column = b->column;

	while (b->column == column && yaml_block_is_entry(b)) {
		*tail = yaml_block_entry(b, depth);
		if (!*tail)
			return NULL;
		tail = &(*tail)->next;
		n->len++;
	}
	return ended(b, n, indent);
}

struct node *
yaml_block_value(struct yaml_block *b, int column, unsigned depth, unsigned key_line, bool same_line)
{
	struct node *n;

	if (same_line)
		n = inline_node(b, column, depth + 1);
	else if (b->column > column)
		n = block_node(b, column, depth + 1);
	else if (b->column == column && yaml_block_is_entry(b) && depth < YAML_MAX_DEPTH)
		n = list(b, column, depth + 1);
	else
		n = nothing(b, key_line);
	if (n)
		n->below_key = n->line - key_line;
	return n;
}

/* The key's text is read, and `at` behind it. */
static bool
key_end(struct yaml_block *b, const char *start, const struct scalar *s, const char **name, bool *same_line)
{
	const char *p = skip_spaces(b->at);

	if (*p != ':' || !is_blank(p[1]) || p - start > LONGEST_KEY)
		return decline(b);
	if (!key_text(b, s, name))
		return false;
	p = skip_spaces(p + 1);
	b->at = p;
	*same_line = *p != '\n' && *p != '#';
	return *same_line || end_line(b, p);
}

bool
yaml_block_key(struct yaml_block *b, const char **name, bool *same_line)
{
	const char *start = b->at;
	struct scalar s;

	return scalar(b, block_stops, &s) && key_end(b, start, &s, name, same_line);
}

/* A map whose first key was found to be one, and is read up to its value. */
static struct node *
map(struct yaml_block *b, struct node *n, int column, int indent, unsigned depth, const char *name, bool same_line)
{
	struct node **tail = &n->first;
	unsigned line = n->line;

	for (;;) {
		*tail = yaml_block_value(b, column, depth, line, same_line);
		if (!*tail)
			return NULL;
		(*tail)->key = name;
		tail = &(*tail)->next;
		n->len++;
		if (b->column < column)
			break;
		line = b->line;
		if (!ended(b, n, column) || !yaml_block_key(b, &name, &same_line))
			return NULL;
	}
	if (b->strict && node_duplicate_key(n)) {
		decline(b);
		return NULL;
	}
	return ended(b, n, indent);
}

/* A scalar, or the key that a map starts with: that shows behind it. */
static struct node *
scalar_or_map(struct yaml_block *b, int indent, unsigned depth)
{
	const char *start = b->at, *p, *name;
	int column = b->column;
	struct node *n;
	struct scalar s;
	bool same_line;

	if (!scalar(b, block_stops, &s))
		return NULL;
	p = skip_spaces(b->at);
	if (*p != ':') {
		n = scalar_node(b, &s, b->line);
		return n && end_line(b, b->at) ? ended(b, n, indent) : NULL;
	}
	n = new_node(b, NODE_MAP);
	return key_end(b, start, &s, &name, &same_line) ? map(b, n, column, indent, depth, name, same_line) : NULL;
}

/* A node at `column`, which is right of the indent, where a block collection may start. */
static struct node *
block_node(struct yaml_block *b, int indent, unsigned depth)
{
	if (depth > YAML_MAX_DEPTH) {
		decline(b);
		return NULL;
	}
	if (yaml_block_is_entry(b))
		return list(b, indent, depth);
	return strchr("|>[{", *b->at) ? inline_node(b, indent, depth) : scalar_or_map(b, indent, depth);
}

/* --- documents --- */

bool
yaml_block_open(struct yaml_block *b, bool *more)
{
	if (!to_token(b, b->at))
		return false;
	*more = b->column >= 0 || b->at < b->end;
	return b->column >= 0 || !*more || end_line(b, b->at + 3);
}

struct node *
yaml_block_map(struct yaml_block *b)
{
	struct node *n;

	if (b->column != 0 || yaml_block_is_entry(b)) {
		decline(b);
		return NULL;
	}
	n = scalar_or_map(b, -1, 1);
	if (n && n->type != NODE_MAP) {
		decline(b);
		return NULL;
	}
	return n;
}
