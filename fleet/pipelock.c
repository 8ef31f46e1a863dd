/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types as Pipelock's decoder (yaml.v3 into Go structs) takes them: null is the default, any scalar is a string as it
 * is written, yes/on/no/off are booleans quoted or not, and a scalar is no list.
 */
#include "fleet/pipelock.h"

#include <string.h>

#include "base/buf.h"
#include "base/node.h"
#include "base/str.h"
#include "base/text.h"
#include "base/yaml.h"

#define NAME "pipelock.yaml" /* in messages of the YAML reader; taken off again */
#define LONGEST_SHOWN 60 /* bytes of a value in a message */

struct parse {
	struct arena *arena;
	struct pipelock_config *out;
};

/* A found field: its value, and whether it stands in the text at all. */
struct field {
	const struct node *value; /* NULL when absent or null: the default holds */
	const char *path;
};

static const char *
safe(struct arena *a, const char *s)
{
	AUTO(buf) struct buf b = {0};
	size_t len = strlen(s);

	text_safe(&b, s, len > LONGEST_SHOWN ? LONGEST_SHOWN : len);
	if (len > LONGEST_SHOWN)
		buf_adds(&b, "...");
	return arena_strndup(a, buf_str(&b), b.len);
}

/* The first problem counts: Pipelock stops at it too. */
static void
problem(struct parse *p, unsigned line, char *what)
{
	if (!p->out->problem) {
		p->out->problem = line ? arena_printf(p->arena, "line %u: %s", line, what) : what;
		p->out->problem_line = line;
	}
	p->out->valid = false;
}

static void
wrong_type(struct parse *p, struct field f, const char *wanted)
{
	problem(p, f.value->line,
		arena_printf(p->arena, "%s is %s, where Pipelock wants %s", f.path, node_type_name(f.value),
			     wanted));
}

static struct field
field(const struct node *map, const char *key, const char *path)
{
	struct field f = {.value = node_get(map, key), .path = path};

	if (f.value && f.value->type == NODE_NULL)
		f.value = NULL;
	return f;
}

static const struct node *
section(struct parse *p, const struct node *map, const char *key)
{
	struct field f = field(map, key, key);

	if (f.value && f.value->type != NODE_MAP) {
		wrong_type(p, f, "a map");
		return NULL;
	}
	return f.value;
}

/* NULL for a field that is not written, null or empty. */
static const char *
string(struct parse *p, const struct node *map, const char *key, const char *path, unsigned *line)
{
	struct field f = field(map, key, path);
	const char *text;

	if (!f.value)
		return NULL;
	*line = f.value->line;
	text = node_text(f.value);
	if (!text)
		wrong_type(p, f, "a string");
	return text && *text ? arena_strdup(p->arena, text) : NULL;
}

/* yaml.v3 takes these for a boolean where one is wanted, even in quotes; it does not take "true" in quotes. */
static bool
parse_word(const char *s, bool *out)
{
	static const char *const words[][8] = {
		{"n", "N", "no", "No", "NO", "off", "Off", "OFF"},
		{"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"},
	};

	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < COUNT_OF(words[i]); j++) {
			if (str_eq(s, words[i][j])) {
				*out = i == 1;
				return true;
			}
		}
	}
	return false;
}

static bool
boolean(struct parse *p, const struct node *map, const char *key, const char *path, bool absent, unsigned *line)
{
	struct field f = field(map, key, path);
	bool value = absent;

	if (!f.value)
		return absent;
	*line = f.value->line;
	if (f.value->type == NODE_BOOL)
		return f.value->number;
	if (!parse_word(node_str(f.value), &value))
		wrong_type(p, f, "true or false, without quotes");
	return value;
}

static const char *const *
strings(struct parse *p, const struct node *map, const char *key, const char *path, size_t *n)
{
	struct field f = field(map, key, path);
	const char **at;

	if (f.value && f.value->type != NODE_LIST) {
		wrong_type(p, f, "a list");
		return NULL;
	}
	at = ARENA_ARRAY(p->arena, const char *, node_count(f.value));
	node_each(item, f.value) {
		const char *text = node_text(item);

		if (item->type == NODE_NULL)
			continue; /* yaml.v3 leaves it out */
		if (text)
			at[(*n)++] = arena_strdup(p->arena, text);
		else
			problem(p, item->line,
				arena_printf(p->arena, "an entry of %s is %s, where Pipelock wants a string", path,
					     node_type_name(item)));
	}
	return at;
}

static void
read_agents(struct parse *p, const struct node *root)
{
	const struct node *agents = section(p, root, "agents");
	struct pipelock_agent *at = ARENA_ARRAY(p->arena, struct pipelock_agent, node_count(agents));

	p->out->agents = at;
	node_each(n, agents) {
		const char *name = safe(p->arena, n->key);
		struct pipelock_agent *agent = &at[p->out->n_agents++];

		agent->name = arena_strdup(p->arena, n->key);
		if (n->type != NODE_MAP && n->type != NODE_NULL) {
			wrong_type(p, (struct field){n, arena_printf(p->arena, "agents.%s", name)}, "a map");
			continue;
		}
		agent->source_cidrs =
			strings(p, n, "source_cidrs", arena_printf(p->arena, "agents.%s.source_cidrs", name),
				&agent->n_source_cidrs);
		agent->listeners = strings(p, n, "listeners", arena_printf(p->arena, "agents.%s.listeners", name),
					   &agent->n_listeners);
	}
}

/* The token itself stays in the tree, which is freed. */
static void
read_kill_switch(struct parse *p, const struct node *root)
{
	const struct node *map = section(p, root, "kill_switch");
	struct field token = field(map, "api_token", "kill_switch.api_token");
	struct pipelock_config *out = p->out;
	const char *text = token.value ? node_text(token.value) : NULL;

	if (token.value && !text)
		wrong_type(p, token, "a string");
	out->has_kill_switch_token = text && *text;
	if (token.value)
		out->kill_switch_line = token.value->line;
	out->kill_switch_listen = string(p, map, "api_listen", "kill_switch.api_listen", &out->kill_switch_line);
}

static void
read_fields(struct parse *p, const struct node *root)
{
	struct pipelock_config *out = p->out;
	const struct node *tls = section(p, root, "tls_interception");
	const char *mode = string(p, root, "mode", "mode", &out->mode_line);
	unsigned unused;

	out->mode = mode ? mode : out->mode;
	out->enforce = boolean(p, root, "enforce", "enforce", true, &out->enforce_line);
	out->api_allowlist = strings(p, root, "api_allowlist", "api_allowlist", &out->n_api_allowlist);
	out->has_api_allowlist = out->n_api_allowlist > 0;
	out->forward_proxy = boolean(p, section(p, root, "forward_proxy"), "enabled", "forward_proxy.enabled",
				     false, &out->forward_proxy_line);
	out->listen = string(p, section(p, root, "fetch_proxy"), "listen", "fetch_proxy.listen", &out->listen_line);
	out->default_identity =
		string(p, root, "default_agent_identity", "default_agent_identity", &out->identity_line);
	out->bind_identity = boolean(p, root, "bind_default_agent_identity", "bind_default_agent_identity", false,
				     &out->bind_line);
	out->tls_interception = boolean(p, tls, "enabled", "tls_interception.enabled", false, &unused);
	out->ca_cert = string(p, tls, "ca_cert", "tls_interception.ca_cert", &unused);
	out->ca_key = string(p, tls, "ca_key", "tls_interception.ca_key", &out->ca_key_line);
	read_kill_switch(p, root);
	read_agents(p, root);
}

static bool
is_blank(const char *s)
{
	return !s || !s[strspn(s, " \t\r\n")];
}

static bool
has_space_around(const char *s)
{
	return s && *s && (strchr(" \t\r\n", *s) || strchr(" \t\r\n", s[strlen(s) - 1]));
}

/* What Pipelock refuses though each field by itself can be read. */
static void
check(struct parse *p)
{
	static const char *const modes[] = {"strict", "balanced", "audit"};
	struct pipelock_config *out = p->out;
	bool known = false;

	for (size_t i = 0; i < COUNT_OF(modes); i++)
		known |= strcmp(out->mode, modes[i]) == 0;
	if (!known)
		problem(p, out->mode_line,
			arena_printf(p->arena, "mode: %s is none of strict, balanced and audit",
				     safe(p->arena, out->mode)));
	if (strcmp(out->mode, "strict") == 0 && !out->has_api_allowlist)
		problem(p, out->mode_line,
			arena_strdup(p->arena, "mode: strict needs at least one host in api_allowlist"));
	if (out->bind_identity && is_blank(out->default_identity))
		problem(p, out->bind_line,
			arena_strdup(p->arena, "bind_default_agent_identity: true needs default_agent_identity"));
	else if (has_space_around(out->default_identity))
		problem(p, out->identity_line,
			arena_strdup(p->arena, "default_agent_identity begins or ends in a space"));
}

/* "pipelock.yaml:12: what" */
static void
bad_yaml(struct parse *p, const char *message)
{
	const char *what = message;
	unsigned line = 0;

	if (str_starts(what, NAME ":")) {
		what += strlen(NAME ":");
		while (*what >= '0' && *what <= '9' && line < 100000000)
			line = line * 10 + (unsigned)(*what++ - '0');
		what += strspn(what, ": ");
	}
	problem(p, line, arena_strdup(p->arena, what));
}

void
pipelock_config_parse(struct arena *a, const char *text, size_t len, struct pipelock_config *out)
{
	AUTO(arena) struct arena scratch = {0};
	struct parse p = {.arena = a, .out = out};
	struct node *root;
	struct err e;

	*out = (struct pipelock_config){.valid = true, .mode = "balanced", .enforce = true};
	if (!yaml_parse(&scratch, NAME, text, len, true, &root, &e)) {
		bad_yaml(&p, e.msg);
		return;
	}
	if (root->type != NODE_MAP && root->type != NODE_NULL) {
		problem(&p, root->line,
			arena_printf(a, "the config is %s, where Pipelock wants a map", node_type_name(root)));
		return;
	}
	out->parsed = true;
	read_fields(&p, root);
	check(&p);
}
