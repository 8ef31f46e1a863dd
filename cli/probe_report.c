/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/probe_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/view_table.h"

/* ---- numbers */

static bool
same_agent(const struct probe_row *a, const struct probe_row *b)
{
	return workload_key_cmp(&a->result.agent, &b->result.agent) == 0;
}

static int
text_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t
count_nodes(const struct probe_report *r)
{
	const char **names = mem_array(r->n, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		names[i] = r->rows[i].result.node;
	qsort(names, r->n, sizeof(*names), text_cmp);
	for (size_t i = 0; i < r->n; i++)
		n += i == 0 || strcmp(names[i], names[i - 1]) != 0;
	free(names);
	return n;
}

struct probe_totals
probe_report_count(const struct probe_report *r)
{
	struct probe_totals t = {.nodes = count_nodes(r)};

	for (size_t i = 0; i < r->n; i++) {
		t.agents += i == 0 || !same_agent(&r->rows[i], &r->rows[i - 1]);
		if (r->rows[i].ran)
			t.verdicts[r->rows[i].result.verdict]++;
		else
			t.not_run++;
	}
	return t;
}

void
probe_report_summary(const struct probe_report *r, struct buf *out)
{
	struct probe_totals t = probe_report_count(r);

	buf_addf(out, "%zu %s on %zu %s: %zu blocked, %zu open, %zu inconclusive", t.agents,
		 t.agents == 1 ? "agent" : "agents", t.nodes, t.nodes == 1 ? "node" : "nodes",
		 t.verdicts[PROBE_BLOCKED], t.verdicts[PROBE_OPEN], t.verdicts[PROBE_INCONCLUSIVE]);
	if (t.not_run)
		buf_addf(out, ", %zu not run", t.not_run);
	if (r->n_skipped)
		buf_addf(out, "; %zu %s could not be probed", r->n_skipped, r->n_skipped == 1 ? "agent" : "agents");
}

/* ---- the table */

enum table_column {
	NAMESPACE,
	AGENT,
	POD,
	NODE,
	CONTAINER,
	PROBE,
	WALL,
	TARGET,
	VERDICT,
	CONTROL,
	METHOD,
	TIME,
	DETAIL
};

static const struct column columns[] = {
	[NAMESPACE] = {.name = "NAMESPACE"},
	[AGENT] = {.name = "AGENT"},
	[POD] = {.name = "POD", .wide = true},
	[NODE] = {.name = "NODE"},
	[CONTAINER] = {.name = "CONTAINER", .wide = true},
	[PROBE] = {.name = "PROBE"},
	[WALL] = {.name = "WALL"},
	[TARGET] = {.name = "TARGET"},
	[VERDICT] = {.name = "VERDICT"},
	[CONTROL] = {.name = "CONTROL"},
	[METHOD] = {.name = "METHOD"},
	[TIME] = {.name = "TIME", .right = true},
	[DETAIL] = {.name = "DETAIL"},
};

/* What became of the attempt, as a picture: it ends at the wall, goes through, or nobody knows. */
static const struct look {
	const char *wall;
	enum style style;
} looks[] = {
	[PROBE_BLOCKED] = {"──║  ", STYLE_OK},
	[PROBE_OPEN] = {"────▶", STYLE_BAD},
	[PROBE_INCONCLUSIVE] = {"── ? ", STYLE_UNKNOWN},
};

static enum style
control_style(enum probe_control c)
{
	return c == PROBE_CONTROL_OK ? STYLE_OK : c == PROBE_CONTROL_FAILED ? STYLE_WARN : STYLE_DIM;
}

static size_t
count_rows(const struct view_data *v)
{
	const struct probe_report *r = v->data;

	return r->n + r->n_skipped;
}

static void
fill_agent(struct cell *cells, const struct workload_key *agent)
{
	cells[NAMESPACE].text = agent->namespace;
	cells[AGENT].text = agent->name;
}

static void
fill_skipped(const struct probe_skip *s, struct cell *cells)
{
	fill_agent(cells, &s->agent);
	for (size_t i = AGENT + 1; i < DETAIL; i++)
		cells[i] = (struct cell){.text = "-", .style = STYLE_DIM};
	cells[VERDICT] = (struct cell){.text = "not run", .style = STYLE_UNKNOWN};
	cells[DETAIL].text = s->reason;
}

static void
fill_row(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	const struct probe_report *report = v->data;
	const struct probe_result *r;
	const struct look *look;

	if (row >= report->n) {
		fill_skipped(&report->skipped[row - report->n], cells);
		return;
	}
	r = &report->rows[row].result;
	look = &looks[r->verdict];
	fill_agent(cells, &r->agent);
	cells[POD].text = r->pod;
	cells[NODE].text = r->node;
	cells[CONTAINER].text = r->container;
	cells[PROBE].text = probe_name(r->probe);
	cells[WALL] = (struct cell){.text = look->wall, .style = look->style};
	cells[TARGET].text = r->target;
	cells[VERDICT] = (struct cell){.text = report->rows[row].ran ? probe_verdict_name(r->verdict) : "not run",
				       .style = look->style};
	cells[CONTROL] = (struct cell){.text = probe_control_name(r->control), .style = control_style(r->control)};
	cells[METHOD].text = *r->method ? r->method : "-";
	cells[TIME].text = report->rows[row].ran ? arena_printf(a, "%" PRId64 " ms", r->duration_ms) : "-";
	cells[DETAIL].text = r->detail;
}

static const struct view table = {
	.name = "probe",
	.columns = columns,
	.n_columns = COUNT_OF(columns),
	.rows = count_rows,
	.fill = fill_row,
};

static const char *
meaning(const struct probe_report *r)
{
	struct probe_totals t = probe_report_count(r);

	if (t.verdicts[PROBE_OPEN])
		return "A way out was found: what is open there passes no firewall.";
	if (t.verdicts[PROBE_INCONCLUSIVE] || t.not_run || r->n_skipped || !r->n)
		return "No way out was found, but not everything is known: what is not blocked proves nothing.";
	return "Every attempt ended at the wall, while the same target answered through the companion.";
}

static void
render_table(const struct probe_report *r, const struct report_options *opt, bool wide, struct buf *out)
{
	view_table(&table, r, wide, opt, out);
	buf_addc(out, '\n');
	probe_report_summary(r, out);
	buf_addf(out, "\n%s\n", meaning(r));
}

static void
render_text(const struct probe_report *r, const struct report_options *opt, struct buf *out)
{
	render_table(r, opt, false, out);
}

static void
render_wide(const struct probe_report *r, const struct report_options *opt, struct buf *out)
{
	render_table(r, opt, true, out);
}

/* ---- JSON and YAML */

/* Made safe to show, which makes it valid UTF-8 as well. */
static json_t *
json_safe(const char *text)
{
	AUTO(buf) struct buf safe = {0};

	text_safe(&safe, text, strlen(text));
	return json_string(buf_str(&safe));
}

/* "" is what is not known. */
static json_t *
json_known(const char *text)
{
	return *text ? json_safe(text) : json_null();
}

static json_t *
json_time(int64_t at)
{
	char text[24];

	if (at == CLOCK_UNKNOWN)
		return json_null();
	clock_format(at, text);
	return json_string(text);
}

static json_t *
row_json(const struct probe_result *r, bool ran)
{
	json_t *o = json_object();

	json_object_set_new(o, "namespace", json_safe(r->agent.namespace));
	json_object_set_new(o, "agent", json_safe(r->agent.name));
	json_object_set_new(o, "pod", json_known(r->pod));
	json_object_set_new(o, "node", json_known(r->node));
	json_object_set_new(o, "container", json_known(r->container));
	json_object_set_new(o, "probe", json_string(probe_name(r->probe)));
	json_object_set_new(o, "target", json_known(r->target));
	json_object_set_new(o, "verdict", json_string(probe_verdict_name(r->verdict)));
	json_object_set_new(o, "control", json_string(probe_control_name(r->control)));
	json_object_set_new(o, "method", json_known(r->method));
	json_object_set_new(o, "detail", json_safe(r->detail));
	json_object_set_new(o, "duration_ms", ran ? json_integer((json_int_t)r->duration_ms) : json_null());
	json_object_set_new(o, "at", json_time(r->at));
	return o;
}

/* A probe of an agent that has no place to run it in. */
static struct probe_result
result_of_skipped(const struct probe_skip *s, enum probe probe)
{
	return (struct probe_result){
		.agent = s->agent,
		.pod = "",
		.node = "",
		.container = "",
		.probe = probe,
		.target = "",
		.verdict = PROBE_INCONCLUSIVE,
		.control = PROBE_CONTROL_SKIPPED,
		.method = "",
		.detail = s->reason,
		.at = CLOCK_UNKNOWN,
		.against = "",
	};
}

/* An agent that could not be probed has all its probes there: who counts what is not blocked shall not miss it. */
static json_t *
report_json(const struct probe_report *r)
{
	json_t *probes = json_array();

	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(probes, row_json(&r->rows[i].result, r->rows[i].ran));
	for (size_t i = 0; i < r->n_skipped; i++) {
		for (int p = 0; p < PROBES; p++) {
			struct probe_result result = result_of_skipped(&r->skipped[i], (enum probe)p);

			json_array_append_new(probes, row_json(&result, false));
		}
	}
	return json_pack("{s:s, s:o}", "schema", "moat.probe/v1", "probes", probes);
}

static void
render_json(const struct probe_report *r, const struct report_options *opt UNUSED, struct buf *out)
{
	output_value(out, TABLE_JSON, report_json(r));
}

static void
render_yaml(const struct probe_report *r, const struct report_options *opt UNUSED, struct buf *out)
{
	output_value(out, TABLE_YAML, report_json(r));
}

/* ---- JUnit, as JUnit.xsd of Ant has it */

/* Text for an attribute or an element. */
static void
add_xml(struct buf *out, const char *text)
{
	AUTO(buf) struct buf safe = {0};

	text_safe(&safe, text, strlen(text));
	for (const char *c = buf_str(&safe); *c; c++) {
		switch (*c) {
		case '&':
			buf_adds(out, "&amp;");
			break;
		case '<':
			buf_adds(out, "&lt;");
			break;
		case '>':
			buf_adds(out, "&gt;");
			break;
		case '"':
			buf_adds(out, "&quot;");
			break;
		default:
			buf_addc(out, *c);
		}
	}
}

static void
add_attribute(struct buf *out, const char *name, const char *text)
{
	buf_addf(out, " %s=\"", name);
	add_xml(out, text);
	buf_addc(out, '"');
}

static void
add_seconds(struct buf *out, int64_t ms)
{
	buf_addf(out, " time=\"%" PRId64 ".%03d\"", ms / 1000, (int)(ms % 1000));
}

/* A way out has failed; what proves nothing is an error: neither lets a pipeline pass. */
static void
add_outcome(struct buf *out, const struct probe_row *row)
{
	const struct probe_result *r = &row->result;
	const char *element = r->verdict == PROBE_OPEN ? "failure" : "error";

	if (r->verdict == PROBE_BLOCKED) {
		buf_adds(out, "/>\n");
		return;
	}
	buf_addf(out, ">\n\t\t\t<%s", element);
	add_attribute(out, "message", r->detail);
	add_attribute(out, "type", row->ran ? probe_verdict_name(r->verdict) : "not run");
	buf_adds(out, ">");
	if (row->ran)
		buf_addf(out, "control %s, ", probe_control_name(r->control));
	add_xml(out, *r->method ? r->method : "no method");
	buf_adds(out, ", target ");
	add_xml(out, *r->target ? r->target : "unknown");
	buf_addf(out, "</%s>\n\t\t</testcase>\n", element);
}

static void
add_testcase(struct buf *out, const struct probe_row *row)
{
	const struct probe_result *r = &row->result;
	AUTO(buf) struct buf class = {0};

	buf_addf(&class, "%s.%s", r->agent.namespace, r->agent.name);
	buf_adds(out, "\t\t<testcase");
	add_attribute(out, "name", probe_name(r->probe));
	add_attribute(out, "classname", buf_str(&class));
	add_seconds(out, r->duration_ms);
	add_outcome(out, row);
}

static void
add_property(struct buf *out, const char *name, const char *value)
{
	buf_adds(out, "\t\t\t<property");
	add_attribute(out, "name", name);
	add_attribute(out, "value", value);
	buf_adds(out, "/>\n");
}

static void
add_suite_head(struct buf *out, const struct probe_report *report, const struct probe_row *rows, size_t n,
	       size_t id)
{
	const struct probe_result *r = &rows->result;
	AUTO(buf) struct buf name = {0};
	size_t failures = 0, errors = 0;
	int64_t ms = 0;
	char at[24];

	for (size_t i = 0; i < n; i++) {
		failures += rows[i].result.verdict == PROBE_OPEN;
		errors += rows[i].result.verdict == PROBE_INCONCLUSIVE;
		ms += rows[i].result.duration_ms;
	}
	clock_format(r->at == CLOCK_UNKNOWN ? report->started_at : r->at, at);
	at[strlen("2026-01-02T03:04:05")] = '\0'; /* UTC, which the schema has no room to say */
	buf_addf(&name, "%s %s", r->agent.kind, r->agent.name);
	buf_adds(out, "\t<testsuite");
	add_attribute(out, "name", buf_str(&name));
	add_attribute(out, "package", r->agent.namespace);
	buf_addf(out, " id=\"%zu\"", id);
	add_attribute(out, "timestamp", at);
	add_attribute(out, "hostname", *r->node ? r->node : "localhost");
	buf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\"", n, failures, errors);
	add_seconds(out, ms);
	buf_adds(out, ">\n\t\t<properties>\n");
	add_property(out, "pod", r->pod);
	add_property(out, "node", r->node);
	add_property(out, "container", r->container);
	buf_adds(out, "\t\t</properties>\n");
}

static void
add_suite(struct buf *out, const struct probe_report *report, const struct probe_row *rows, size_t n, size_t id)
{
	add_suite_head(out, report, rows, n, id);
	for (size_t i = 0; i < n; i++)
		add_testcase(out, &rows[i]);
	buf_adds(out, "\t\t<system-out/>\n\t\t<system-err/>\n\t</testsuite>\n");
}

static size_t
rows_of_job(const struct probe_report *r, size_t from)
{
	size_t n = 1;

	while (from + n < r->n && same_agent(&r->rows[from], &r->rows[from + n]) &&
	       strcmp(r->rows[from].result.pod, r->rows[from + n].result.pod) == 0)
		n++;
	return n;
}

/* A suite for each agent and node, so that a failure names both. */
static void
render_junit(const struct probe_report *r, const struct report_options *opt, struct buf *out)
{
	size_t id = 0;

	buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
	for (size_t i = 0, n; i < r->n; i += n) {
		n = rows_of_job(r, i);
		add_suite(out, r, &r->rows[i], n, id++);
		if (opt->spill)
			opt->spill(opt->spill_ctx, out);
	}
	for (size_t i = 0; i < r->n_skipped; i++) {
		struct probe_row rows[PROBES];

		for (int p = 0; p < PROBES; p++)
			rows[p] = (struct probe_row){.result = result_of_skipped(&r->skipped[i], (enum probe)p)};
		add_suite(out, r, rows, PROBES, id++);
	}
	buf_adds(out, "</testsuites>\n");
}

/* ---- all of them */

static const struct format {
	const char *name;
	void (*render)(const struct probe_report *r, const struct report_options *opt, struct buf *out);
} formats[] = {
	{"table", render_text}, {"wide", render_wide},	 {"json", render_json},
	{"yaml", render_yaml},	{"junit", render_junit},
};

static const char *
format_name(size_t i)
{
	return i < COUNT_OF(formats) ? formats[i].name : NULL;
}

static void
render(const void *report, const char *format, const struct report_options *opt, struct buf *out)
{
	for (size_t i = 0; i < COUNT_OF(formats); i++)
		if (str_eq(formats[i].name, format))
			formats[i].render(report, opt, out);
}

const struct output_formats probe_report_formats = {.standard = "table", .name = format_name, .render = render};
