/* SPDX-License-Identifier: Apache-2.0 */
/* moat rules and moat explain: the catalogue, printed from the rules' own structs. */
#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "fleet/image.h"

#define NEAR 5 /* so many letters off, and a rule is still offered for a mistyped one */

static void
add_needs(struct buf *out, const struct rule *r, const char *separator)
{
	bool first = true;

	for (int i = 0; i < FACTS; i++) {
		if (!(r->needs & 1u << i))
			continue;
		buf_addf(out, "%s%s", first ? "" : separator, fact_name(1 << i));
		first = false;
	}
}

static json_t *
rule_json(const struct rule *r)
{
	json_t *needs = json_array();

	for (int i = 0; i < FACTS; i++)
		if (r->needs & 1u << i)
			json_array_append_new(needs, json_string(fact_name(1 << i)));
	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s}", "id", r->id, "severity", severity_name(r->severity),
			 "title", r->title, "needs", needs, "why", r->why, "evidence", r->evidence, "fix", r->fix,
			 "reference", r->reference);
}

/* Columns of what a rule needs, with room behind the longest. */
static int
needs_width(void)
{
	size_t width = 0;

	for (size_t i = 0; i < n_rules; i++) {
		AUTO(buf) struct buf needs = {0};

		add_needs(&needs, rules[i], ",");
		width = needs.len > width ? needs.len : width;
	}
	return (int)width + 2;
}

static void
table(struct buf *out, bool wide)
{
	int width = wide ? needs_width() : 0;

	buf_addf(out, "%-28s %-9s%-*sTITLE\n", "RULE", "SEVERITY", width, wide ? "NEEDS" : "");
	for (size_t i = 0; i < n_rules; i++) {
		AUTO(buf) struct buf needs = {0};

		if (wide)
			add_needs(&needs, rules[i], ",");
		buf_addf(out, "%-28s %-9s%-*s%s\n", rules[i]->id, severity_name(rules[i]->severity), width,
			 buf_str(&needs), rules[i]->title);
	}
}

static void
paragraph(struct buf *out, const char *label, const char *text)
{
	buf_addf(out, "\n%s\n  ", label);
	text_wrap(out, text, 80, 2, 2);
	buf_addc(out, '\n');
}

static void
explain(struct buf *out, const struct rule *r)
{
	AUTO(buf) struct buf needs = {0};

	add_needs(&needs, r, ", ");
	buf_addf(out, "%s (%s)\n", r->id, severity_name(r->severity));
	text_wrap(out, r->title, 80, 0, 0);
	buf_addc(out, '\n');
	paragraph(out, "Why", r->why);
	paragraph(out, "Evidence", r->evidence);
	paragraph(out, "Fix", r->fix);
	paragraph(out, "Judged from", buf_str(&needs));
	paragraph(out, "Reference", r->reference);
}

static void
markdown(struct buf *out)
{
	buf_adds(out, "# Rules\n\nPrinted by `moat rules --markdown`; `moat explain RULE` shows one on a terminal.\n\n"
		      "| rule | severity | broken when |\n| --- | --- | --- |\n");
	for (size_t i = 0; i < n_rules; i++)
		buf_addf(out, "| [`%s`](#%s) | %s | %s |\n", rules[i]->id, rules[i]->id, severity_name(rules[i]->severity),
			 rules[i]->title);
	for (size_t i = 0; i < n_rules; i++) {
		const struct rule *r = rules[i];

		buf_addf(out, "\n## %s\n\n%s. Severity %s. Judged from ", r->id, r->title, severity_name(r->severity));
		add_needs(out, r, ", ");
		buf_addf(out, ".\n\n%s\n\n**Evidence.** %s\n\n**Fix.** %s\n\n**Reference.** %s\n", r->why, r->evidence, r->fix,
			 r->reference);
	}
}

/* What is taken for a helper, a VPN, a browser. */
static void
lists(struct buf *out, enum table_format format)
{
	json_t *all = json_array();
	size_t n;
	const struct known *known = known_list(&n);

	if (format == TABLE_TEXT || format == TABLE_WIDE)
		buf_addf(out, "%-9s%-32s%s\n", "GROUP", "IMAGE OR CONTAINER NAME", "WHAT");
	for (size_t i = 0; i < n; i++) {
		const char *group = known_group_name(known[i].group);

		if (format == TABLE_TEXT || format == TABLE_WIDE)
			buf_addf(out, "%-9s%-32s%s\n", group, known[i].glob, known[i].what);
		else if (format == TABLE_NAME)
			buf_addf(out, "%s\n", known[i].glob);
		else
			json_array_append_new(all, json_pack("{s:s, s:s, s:s}", "group", group, "glob", known[i].glob, "what",
							     known[i].what));
	}
	if (format == TABLE_JSON || format == TABLE_YAML)
		output_value(out, format, all);
	else
		json_decref(all);
}

static void
catalogue(struct buf *out, enum table_format format)
{
	json_t *all;

	if (format == TABLE_TEXT || format == TABLE_WIDE) {
		table(out, format == TABLE_WIDE);
		return;
	}
	if (format == TABLE_NAME) {
		for (size_t i = 0; i < n_rules; i++)
			buf_addf(out, "%s\n", rules[i]->id);
		return;
	}
	all = json_array();
	for (size_t i = 0; i < n_rules; i++)
		json_array_append_new(all, rule_json(rules[i]));
	output_value(out, format, all);
}

int
cmd_rules(struct cli *cli)
{
	AUTO(buf) struct buf out = {0};
	enum table_format format;
	struct err e = {0};

	if (!cli_no_args(cli, &e) || !cli_table_format(cli, &format, &e))
		return cli_fail(&e);
	if (cli->lists)
		lists(&out, format);
	else if (cli->markdown)
		markdown(&out);
	else
		catalogue(&out, format);
	return output_stdout(&out, &e) ? 0 : cli_fail(&e);
}

int
cmd_explain(struct cli *cli)
{
	AUTO(buf) struct buf out = {0};
	const struct rule *r;
	struct nearest near = {.too_far = NEAR};
	struct err e = {0};

	if (cli->n_args != 1)
		return cli_fail_usage("one rule is expected: moat explain RULE; moat rules lists them");
	r = rule_find(cli->args[0]);
	near.word = cli->args[0];
	for (size_t i = 0; i < n_rules && !r; i++)
		nearest_offer(&near, rules[i]->id);
	if (!r && near.name)
		return cli_fail_usage("no rule \"%s\"; did you mean %s?", cli->args[0], near.name);
	if (!r)
		return cli_fail_usage("no rule \"%s\"; moat rules lists them", cli->args[0]);
	explain(&out, r);
	return output_stdout(&out, &e) ? 0 : cli_fail(&e);
}
