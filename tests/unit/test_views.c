/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cells of every view on the demo's fleet, against a golden text in tests/views/. After a change that is meant to
 * show: MOAT_GOLDEN=write tests/unit/test_views, and read what git diff says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "base/mem.h"
#include "decode/files.h"
#include "tests/source.h"
#include "tui/agent_page.h"
#include "tui/views.h"

static const char *const style_names[STYLES] = {
#define STYLE(name, fg, bg, attrs, plain) [STYLE_##name] = #name,
#include "tui/styles.def"
#undef STYLE
};

static struct audit *
demo(void)
{
	static const struct settings settings = {.trust_objects = true};
	static const struct audit_settings audit_settings;
	AUTO(free) char *path = source_path("demo");
	const char *paths[] = {path};
	struct object_set set = {0};
	struct err e = {0};
	struct fleet *f;
	struct audit *a;

	if (!files_read(paths, 1, "default", &set, &e))
		fail_msg("%s", e.msg);
	f = fleet_new(&(struct fleet_input){.source = {.type = SOURCE_FILES}, .objects = &set, .settings = &settings});
	object_set_free(&set);
	a = audit_new(f, &audit_settings, 1779364800);
	fleet_unref(f);
	return a;
}

/* "text [STYLE]" a cell, plain ones without the style, one row a paragraph. */
static void
add_rows(struct buf *out, const struct view *view, const struct audit *a, const char *arg)
{
	struct view_data v = {.data = a, .arg = arg};
	struct cell cells[32];
	struct err e = {0};

	assert_true(view->n_columns <= COUNT_OF(cells));
	if (view->load && !view->load(&v, &e))
		fail_msg("%s", e.msg);
	for (size_t r = 0; r < view->rows(&v); r++) {
		memset(cells, 0, sizeof(cells));
		buf_addf(out, "%s\n", view->key(&v, r, &v.arena));
		view->fill(&v, r, cells, &v.arena);
		for (size_t c = 0; c < view->n_columns; c++) {
			if (!cells[c].text)
				continue;
			buf_addf(out, "  %-10s %s", view->columns[c].name, cells[c].text);
			if (cells[c].style != STYLE_CELL)
				buf_addf(out, " [%s]", style_names[cells[c].style]);
			buf_addc(out, '\n');
		}
	}
	if (view->unload)
		view->unload(&v);
	arena_free(&v.arena);
}

static void
compare(const char *name, const struct buf *got)
{
	AUTO(free) char *below = mem_printf("tests/views/%s.txt", name);
	AUTO(free) char *path = source_path(below);
	AUTO(buf) struct buf want = {0};
	FILE *f;
	size_t n;

	if (getenv("MOAT_GOLDEN")) {
		f = fopen(path, "w");
		assert_non_null(f);
		fwrite(got->data, 1, got->len, f);
		fclose(f);
	}
	f = fopen(path, "r");
	assert_non_null(f);
	while ((n = fread(buf_reserve(&want, 4096), 1, 4096, f)) > 0)
		want.len += n;
	fclose(f);
	buf_reserve(&want, 0);
	if (strcmp(buf_str(got), buf_str(&want)) != 0) {
		fprintf(stderr, "%s now:\n%s", path, buf_str(got));
		fail_msg("%s is not what the view shows", path);
	}
}

static void
the_fleet(void **state UNUSED)
{
	AUTO(buf) struct buf got = {0};
	struct audit *a = demo();

	add_rows(&got, &view_fleet, a, "");
	compare("fleet", &got);
	audit_unref(a);
}

static void
findings_of_an_agent(void **state UNUSED)
{
	AUTO(buf) struct buf got = {0};
	struct audit *a = demo();

	add_rows(&got, &view_findings, a, "market/Deployment/buyer");
	compare("findings-buyer", &got);
	audit_unref(a);
}

static void
findings_of_nobody(void **state UNUSED)
{
	struct audit *a = demo();
	struct view_data v = {.data = a, .arg = "market/Deployment/nobody"};
	struct err e = {0};

	assert_false(view_findings.load(&v, &e));
	assert_non_null(strstr(e.msg, "nobody"));
	arena_free(&v.arena);
	audit_unref(a);
}

/* The page of an agent as lines, wrapped to 80 columns. */
static void
the_page_of_an_agent(void **state UNUSED)
{
	AUTO(pane) struct pane page = {.columns = 80};
	AUTO(buf) struct buf got = {0};
	struct audit *a = demo();

	for (size_t i = 0; i < a->n_agents; i++) {
		if (i) {
			pane_newline(&page);
			pane_newline(&page);
		}
		agent_page_facts(a->fleet, a->agents[i], &page);
		pane_newline(&page);
		agent_page_boundary(a->agents[i], &page);
	}
	for (size_t i = 0; i < page.spans.n; i++)
		buf_addf(&got, "%s%s", page.spans.at[i].newline ? "\n" : "", page.spans.at[i].text);
	buf_addc(&got, '\n');
	compare("agents", &got);
	audit_unref(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fleet),
		cmocka_unit_test(findings_of_an_agent),
		cmocka_unit_test(findings_of_nobody),
		cmocka_unit_test(the_page_of_an_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
