/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/node.h"
#include "base/reader.h"
#include "base/str.h"
#include "base/yaml.h"

#define LARGEST_FILE (1024 * 1024)

struct parse {
	struct config_file *out;
	struct err *e;
};

/* One key of a mapping, and how its value is read into the member at that offset. */
struct key {
	const char *name;
	bool (*read)(struct parse *p, const struct node *value, void *member);
	size_t offset;
};

struct key_table {
	const char *what; /* for messages */
	const struct key *at;
	size_t n;
	size_t size; /* of one element, where the table describes the elements of a list */
};

static bool wrong(struct parse *p, const struct node *at, const char *fmt, ...) PRINTF(3, 4);

static bool
wrong(struct parse *p, const struct node *at, const char *fmt, ...)
{
	AUTO(buf) struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	return err_set(p->e, ERR_INPUT, 0, "%s:%u: %s", p->out->path, at->line, text.data);
}

static bool
unknown_key(struct parse *p, const struct node *value, const struct key_table *keys)
{
	struct nearest near = {.word = value->key, .too_far = 3};

	for (size_t i = 0; i < keys->n; i++)
		nearest_offer(&near, keys->at[i].name);
	if (near.name)
		return wrong(p, value, "unknown key \"%s\" in %s; did you mean \"%s\"?", value->key, keys->what, near.name);
	return wrong(p, value, "unknown key \"%s\" in %s", value->key, keys->what);
}

/* Every key of the mapping has to be in the table. */
static bool
read_map(struct parse *p, const struct node *map, const struct key_table *keys, void *to)
{
	if (map->type != NODE_MAP)
		return wrong(p, map, "%s: a mapping is expected, not %s", keys->what, node_type_name(map));
	node_each (value, map) {
		const struct key *key = NULL;

		for (size_t i = 0; i < keys->n && !key; i++)
			if (str_eq(keys->at[i].name, value->key))
				key = &keys->at[i];
		if (!key)
			return unknown_key(p, value, keys);
		if (!key->read(p, value, (char *)to + key->offset))
			return false;
	}
	return true;
}

/* Reads a list of mappings into a new array; *n counts only what was read whole. */
static bool
read_list(struct parse *p, const struct node *list, const struct key_table *keys, void **array, size_t *n)
{
	char *at = arena_array(&p->out->arena, node_count(list), keys->size);

	*array = at;
	if (!list || list->type == NODE_NULL)
		return true;
	if (list->type != NODE_LIST)
		return wrong(p, list, "%s: a list is expected, not %s", keys->what, node_type_name(list));
	node_each (item, list) {
		if (!read_map(p, item, keys, at + *n * keys->size))
			return false;
		(*n)++;
	}
	return true;
}

static bool
read_text(struct parse *p, const struct node *value, void *member)
{
	const char *text = node_text(value);

	if (!text || !*text)
		return wrong(p, value, "%s: a text is expected", value->key);
	*(const char **)member = arena_strdup(&p->out->arena, text);
	return true;
}

static bool
read_bool(struct parse *p, const struct node *value, void *member)
{
	if (value->type != NODE_BOOL)
		return wrong(p, value, "%s: true or false is expected", value->key);
	*(bool *)member = node_bool(value, false);
	return true;
}

static bool
read_selector(struct parse *p, const struct node *value, void *member)
{
	const char *text = node_str(value);

	if (!text)
		return wrong(p, value, "%s: labels are expected, written as for kubectl -l: \"app=x,tier in (a,b)\"",
			     value->key);
	if (!selector_parse(&p->out->arena, text, member, p->e))
		return err_wrap(p->e, "%s:%u", p->out->path, value->line);
	return true;
}

static bool
read_role(struct parse *p, const struct node *value, void *member)
{
	static const enum role all[] = {ROLE_NONE, ROLE_AGENT, ROLE_COMPANION, ROLE_SCRAPER};
	const char *word = node_text(value);

	if (value->type == NODE_NULL)
		word = role_name(ROLE_NONE);
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		if (str_eq(word, role_name(all[i]))) {
			*(int *)member = all[i];
			return true;
		}
	}
	return wrong(p, value, "role: agent, companion, scraper or none is expected");
}

static bool
read_rule(struct parse *p, const struct node *value, void *member)
{
	const char *id = node_text(value);

	if (!id || (!str_eq(id, "*") && !rule_find(id)))
		return wrong(p, value, "rule: \"%s\" is no rule; `moat rules` lists them, \"*\" means all", id ? id : "");
	*(const char **)member = arena_strdup(&p->out->arena, id);
	return true;
}

/* A date means the end of that day. */
static bool
read_expiry(struct parse *p, const struct node *value, void *member)
{
	const char *text = node_text(value);

	if (!text || !clock_parse_day_end(text, member))
		return wrong(p, value, "expires: a date is expected, such as 2027-01-31");
	return true;
}

#define MATCH_KEYS(type)                                             \
	{"namespace", read_text, offsetof(type, match.namespace)},   \
	{"kind", read_text, offsetof(type, match.kind)},             \
	{"name", read_text, offsetof(type, match.name)},             \
	{"selector", read_selector, offsetof(type, match.selector)}

static bool
read_roles(struct parse *p, const struct node *value, void *member)
{
	static const struct key keys[] = {
		MATCH_KEYS(struct role_setting),
		{"role", read_role, offsetof(struct role_setting, role)},
	};
	static const struct key_table table = {"roles", keys, COUNT_OF(keys), sizeof(struct role_setting)};
	struct settings *s = member;
	struct role_setting *roles;
	size_t i = 0;

	if (!read_list(p, value, &table, (void **)&s->roles, &s->n_roles))
		return false;
	roles = (struct role_setting *)s->roles;
	node_each (item, value) {
		if (!node_get(item, "role"))
			return wrong(p, item, "roles: an entry without a role");
		roles[i++].line = item->line;
	}
	return true;
}

static bool
read_scrapers(struct parse *p, const struct node *value, void *member)
{
	static const struct key keys[] = {
		{"namespace", read_text, offsetof(struct workload_match, namespace)},
		{"kind", read_text, offsetof(struct workload_match, kind)},
		{"name", read_text, offsetof(struct workload_match, name)},
		{"selector", read_selector, offsetof(struct workload_match, selector)},
	};
	static const struct key_table table = {"scrapers", keys, COUNT_OF(keys), sizeof(struct workload_match)};
	struct settings *s = member;

	return read_list(p, value, &table, (void **)&s->scrapers, &s->n_scrapers);
}

static bool
read_dns(struct parse *p, const struct node *value, void *member)
{
	static const struct key keys[] = {
		{"namespace", read_text, offsetof(struct settings, dns_namespace)},
		{"selector", read_selector, offsetof(struct settings, dns_pods)},
	};
	static const struct key_table table = {"dns", keys, COUNT_OF(keys), 0};

	if (!read_map(p, value, &table, member))
		return false;
	if (!node_get(value, "namespace") || !node_get(value, "selector"))
		return wrong(p, value, "dns: both namespace and selector are needed");
	return true;
}

static bool
read_target(struct parse *p, const struct node *value, void *member)
{
	const char *text = node_text(value);

	if (probe_target_parse(text ? text : "", false, &p->out->arena, member, p->e))
		return true;
	err_wrap(p->e, "%s:%u: target", p->out->path, value->line);
	p->e->kind = ERR_INPUT; /* it is not the command line that is wrong */
	return false;
}

static bool
read_max_age(struct parse *p, const struct node *value, void *member)
{
	const char *text = node_text(value);

	if (text && str_duration(text, member) && *(int64_t *)member > 0)
		return true;
	return wrong(p, value, "max_age: a time is expected, such as 7d, 168h or 30m");
}

static bool
read_parallel(struct parse *p, const struct node *value, void *member)
{
	const char *text = node_text(value);
	int64_t *n = member;

	if (text && str_i64(text, n) && *n >= 1 && *n <= PROBE_MOST_PARALLEL)
		return true;
	return wrong(p, value, "parallel: a number of pods from 1 to %d is expected", PROBE_MOST_PARALLEL);
}

static bool
read_dial(struct parse *p, const struct node *value, void *member)
{
	const char *text = node_text(value);
	int64_t seconds;

	if (!text || !str_duration(text, &seconds) || seconds < 1 || seconds > PROBE_LONGEST_DIAL_S)
		return wrong(p, value, "timeout: a time from 1s to %ds is expected, for one dial",
			     PROBE_LONGEST_DIAL_S);
	*(int64_t *)member = seconds * 1000;
	return true;
}

static bool
read_probes(struct parse *p, const struct node *value, void *member)
{
	static const struct key keys[] = {
		{"target", read_target, offsetof(struct config_file, probes.target)},
		{"max_age", read_max_age, offsetof(struct config_file, fleet.probe_max_age)},
		{"parallel", read_parallel, offsetof(struct config_file, probes.parallel)},
		{"timeout", read_dial, offsetof(struct config_file, probes.dial_ms)},
	};
	static const struct key_table table = {"probes", keys, COUNT_OF(keys), 0};

	return value->type == NODE_NULL || read_map(p, value, &table, member);
}

static bool
read_severities(struct parse *p, const struct node *value, void *member)
{
	struct audit_settings *s = member;
	int *severities = arena_array(&p->out->arena, n_rules, sizeof(int));

	if (value->type != NODE_MAP)
		return wrong(p, value, "severities: a mapping of rules to severities is expected");
	for (size_t i = 0; i < n_rules; i++)
		severities[i] = -1;
	node_each (entry, value) {
		const char *word = node_text(entry);
		enum severity severity = SEVERITIES;
		size_t i = 0;

		while (i < n_rules && !str_eq(rules[i]->id, entry->key))
			i++;
		if (i == n_rules)
			return wrong(p, entry, "severities: \"%s\" is no rule; `moat rules` lists them", entry->key);
		/* An unquoted off is a boolean in YAML. */
		if (!(entry->type == NODE_BOOL && !node_bool(entry, true)) && !str_eq(word, "off") &&
		    (!word || !severity_parse(word, &severity)))
			return wrong(p, entry, "severities: info, low, medium, high, critical or off is expected");
		severities[i] = severity;
	}
	s->severities = severities;
	return true;
}

static bool
read_exemptions(struct parse *p, const struct node *value, void *member)
{
	static const struct key keys[] = {
		MATCH_KEYS(struct exemption_setting),
		{"rule", read_rule, offsetof(struct exemption_setting, rule)},
		{"reason", read_text, offsetof(struct exemption_setting, reason)},
		{"owner", read_text, offsetof(struct exemption_setting, owner)},
		{"expires", read_expiry, offsetof(struct exemption_setting, expires_at)},
	};
	static const struct key_table table = {"exemptions", keys, COUNT_OF(keys), sizeof(struct exemption_setting)};
	struct audit_settings *s = member;
	struct exemption_setting *all;
	size_t i = 0;

	if (!read_list(p, value, &table, (void **)&s->exemptions, &s->n_exemptions))
		return false;
	all = (struct exemption_setting *)s->exemptions;
	node_each (item, value) {
		if (!node_get(item, "rule"))
			return wrong(p, item, "exemptions: an entry without a rule");
		if (!node_get(item, "expires"))
			all[i].expires_at = CLOCK_UNKNOWN;
		all[i++].line = item->line;
	}
	return true;
}

static bool
read_document(struct parse *p, const struct node *doc)
{
	static const struct key keys[] = {
		{"roles", read_roles, offsetof(struct config_file, fleet)},
		{"dns", read_dns, offsetof(struct config_file, fleet)},
		{"scrapers", read_scrapers, offsetof(struct config_file, fleet)},
		{"trust_objects", read_bool, offsetof(struct config_file, fleet.trust_objects)},
		{"severities", read_severities, offsetof(struct config_file, audit)},
		{"exemptions", read_exemptions, offsetof(struct config_file, audit)},
		{"probes", read_probes, 0},
		{"skin", read_text, offsetof(struct config_file, skin)},
	};
	static const struct key_table table = {"the config file", keys, COUNT_OF(keys), 0};

	return doc->type == NODE_NULL || read_map(p, doc, &table, p->out);
}

/* $XDG_CONFIG_HOME/moat/config.yaml, ~/.config/moat/config.yaml; NULL without a home. */
static char *
default_path(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (xdg && *xdg)
		return mem_printf("%s/moat/config.yaml", xdg);
	return home && *home ? mem_printf("%s/.config/moat/config.yaml", home) : NULL;
}

static bool
read_file(struct config_file *c, struct err *e)
{
	AUTO(buf) struct buf text = {0};
	AUTO(arena) struct arena tree = {0};
	struct parse p = {.out = c, .e = e};
	struct node *doc;

	return reader_slurp(c->path, LARGEST_FILE, &text, e) && yaml_parse(&tree, c->path, buf_str(&text), text.len, true, &doc, e) &&
	       read_document(&p, doc);
}

struct config_file *
config_file_read(const char *path, struct err *e)
{
	struct config_file *c = mem_alloc(sizeof(*c));
	AUTO(free) char *fallback = path ? NULL : default_path();

	c->fleet.trust_objects = true;
	if (path)
		c->path = arena_strdup(&c->arena, path);
	else if (fallback && access(fallback, F_OK) == 0)
		c->path = arena_strdup(&c->arena, fallback);
	c->audit.config_path = c->path;
	if (c->path && !read_file(c, e)) {
		config_file_free(c);
		return NULL;
	}
	return c;
}

void
config_file_free(struct config_file *c)
{
	if (!c)
		return;
	arena_free(&c->arena);
	free(c);
}
