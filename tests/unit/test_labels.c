/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "fleet/label_table.h"
#include "fleet/labels.h"
#include "fleet/settings.h"
#include "fleet/workload.h"

static const struct label scout_labels[] = {{"app", "scout"}, {"env", "prod"}, {"tier", ""}};
static const struct labels scout = {scout_labels, 3};
static const struct labels no_labels;

static void
looking_up(void **state)
{
	(void)state;
	assert_string_equal(labels_get(&scout, "app"), "scout");
	assert_string_equal(labels_get(&scout, "tier"), "");
	assert_null(labels_get(&scout, "a"));
	assert_null(labels_get(&scout, "zone"));
	assert_null(labels_get(&no_labels, "app"));
}

static void
comparing(void **state)
{
	static const struct label other[] = {{"app", "scout"}, {"env", "test"}, {"tier", ""}};
	struct labels b = {other, 3};

	(void)state;
	assert_true(labels_equal(&scout, &scout));
	assert_false(labels_equal(&scout, &b));
	b = (struct labels){scout_labels, 2};
	assert_false(labels_equal(&scout, &b));
	assert_true(labels_equal(&no_labels, &no_labels));
}

static void
the_last_of_equal_keys_counts(void **state)
{
	struct label at[] = {{"b", "1"}, {"a", "1"}, {"b", "2"}, {"c", "1"}, {"a", "2"}, {"b", "3"}};
	size_t n = 6;

	(void)state;
	labels_sort(at, &n);
	assert_int_equal(n, 3);
	assert_string_equal(at[0].key, "a");
	assert_string_equal(at[0].value, "2");
	assert_string_equal(at[1].value, "3");
	assert_string_equal(at[2].key, "c");
	n = 0;
	labels_sort(at, &n);
	assert_int_equal(n, 0);
}

/* Equal keys by the thousand: the order of equals must not get lost, nor the time grow with the square. */
static void
many_equal_keys(void **state)
{
	enum { MANY = 100000 };
	static const char *const keys[] = {"x", "b", "m", "a"};
	struct label *at = mem_array(MANY, sizeof(*at));
	size_t n = MANY;

	(void)state;
	for (size_t i = 0; i < n; i++)
		at[i] = (struct label){keys[i % 4], i >= MANY - 4 ? "last" : "earlier"};
	labels_sort(at, &n);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(at[i].value, "last");
	free(at);
}

static bool
matches(const char *text, const struct labels *l)
{
	AUTO(arena) struct arena a = {0};
	struct selector s;
	struct err e = {0};

	if (!selector_parse(&a, text, &s, &e))
		fail_msg("%s", e.msg);
	assert_true(s.present);
	return selector_matches(&s, l);
}

static void
matching(void **state)
{
	(void)state;
	assert_true(matches("", &scout));
	assert_true(matches(" ", &no_labels));
	assert_true(matches("app=scout", &scout));
	assert_true(matches("app==scout,env = prod", &scout));
	assert_false(matches("app=scout,env=test", &scout));
	assert_true(matches("tier=", &scout));
	assert_false(matches("zone=", &scout));
	assert_true(matches("app in (builder, scout)", &scout));
	assert_false(matches("app in (builder)", &scout));
	assert_true(matches("tier in (a,)", &scout));
	assert_true(matches("env notin (test)", &scout));
	assert_false(matches("env notin (test,prod)", &scout));
	assert_true(matches("env!=test", &scout));
	assert_false(matches("env!=prod", &scout));
	assert_true(matches("tier", &scout));
	assert_false(matches("zone", &scout));
	assert_true(matches("!zone", &scout));
	assert_false(matches("! tier", &scout));
	/* NotIn and DoesNotExist hold for a key that is not there, as Kubernetes has it */
	assert_true(matches("zone!=a", &scout));
	assert_true(matches("zone notin (a,b)", &no_labels));
	/* "in" is a key like any other */
	assert_true(matches("in notin (in),notin!=notin", &scout));
}

static void
check_refused(const char *text, const char *part)
{
	AUTO(arena) struct arena a = {0};
	struct selector s = {.n = 77};
	struct err e = {0};

	assert_false(selector_parse(&a, text, &s, &e));
	assert_int_equal(e.kind, ERR_USAGE);
	if (!strstr(e.msg, part))
		fail_msg("no \"%s\" in: %s", part, e.msg);
	assert_int_equal(s.n, 77); /* written only on success */
}

static void
refusing(void **state)
{
	(void)state;
	check_refused("a=b,", "character 5: a label's name");
	check_refused(",a", "character 1: a label's name");
	check_refused("=b", "a label's name");
	check_refused("a=b c", "a , was expected");
	check_refused("a===b", "a , was expected");
	check_refused("a>1", "one of = == != in notin");
	check_refused("a!b", "a = was expected");
	check_refused("!a=b", "a , was expected");
	check_refused("a in b", "a list in parentheses");
	check_refused("a in ()", "the list is empty");
	check_refused("a in (b", "a , or ) was expected");
	check_refused("a in (b;c)", "a , or ) was expected");
	check_refused("a=\x1b[31m", "\\x1b");
}

static void
check_format(const char *text, const char *want)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = {0};
	struct selector s;

	assert_true(selector_parse(&a, text, &s, NULL));
	selector_format(&out, &s);
	assert_string_equal(buf_str(&out), want);
}

static void
formatting(void **state)
{
	static const char *const hostile_values[] = {"\x1b[2J"};
	static const struct requirement hostile[] = {{"a\n", OP_IN, hostile_values, 1}};
	const struct selector s = {true, hostile, 1};
	AUTO(buf) struct buf out = {0};

	(void)state;
	check_format("", "every pod");
	check_format("a == b , c!=d,e in (f, g),h notin (i,j),!k,l", "a=b,c!=d,e in (f,g),h notin (i,j),!k,l");
	selector_format(&out, &s);
	assert_string_equal(buf_str(&out), "a\\n=\\x1b[2J");
}

struct found {
	size_t at[16], n, stop_after;
};

static bool
remember(void *ctx, size_t pos)
{
	struct found *found = ctx;

	found->at[found->n++] = pos;
	return found->n != found->stop_after;
}

static void
check_select(const struct labels_index *ix, const char *text, size_t stop_after, size_t n, const size_t *want)
{
	AUTO(arena) struct arena a = {0};
	struct selector s;
	struct found found = {.stop_after = stop_after};

	assert_true(selector_parse(&a, text, &s, NULL));
	labels_index_select(ix, &s, remember, &found);
	assert_int_equal(found.n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(found.at[i], want[i]);
}

static void
check_index(const struct labels_index *ix)
{
	check_select(ix, "app=scout", 0, 3, (size_t[]){0, 3, 4});
	check_select(ix, "env=prod,app=scout", 0, 2, (size_t[]){0, 4});
	check_select(ix, "env=prod,app!=scout", 0, 1, (size_t[]){1});
	check_select(ix, "app in (scout,builder),env", 0, 4, (size_t[]){0, 1, 3, 4});
	check_select(ix, "", 3, 3, (size_t[]){0, 1, 2});
	check_select(ix, "!app", 0, 1, (size_t[]){2});
	check_select(ix, "app=nobody", 0, 0, NULL);
	check_select(ix, "zone=a,app=scout", 0, 0, NULL);
	check_select(ix, "app=scout", 2, 2, (size_t[]){0, 3});
}

static void
selecting_through_the_index(void **state)
{
	static const struct label b[] = {{"app", "builder"}, {"env", "prod"}};
	static const struct label c[] = {{"app", "scout"}, {"env", "test"}};
	static const struct label d[] = {{"app", "other"}, {"env", "other"}};
	static const struct labels builder = {b, 2}, test = {c, 2}, other = {d, 2};
	const struct labels *const sets[] = {&scout, &builder, &no_labels, &test, &scout};
	const struct labels *many[40] = {&scout, &builder, &no_labels, &test, &scout};
	AUTO(arena) struct arena a = {0};

	(void)state;
	for (size_t i = 5; i < COUNT_OF(many); i++)
		many[i] = &other;
	check_index(labels_index_new(&a, sets, 5));
	check_select(labels_index_new(&a, sets, 5), "", 0, 5, (size_t[]){0, 1, 2, 3, 4});
	check_index(labels_index_new(&a, many, COUNT_OF(many)));
	check_select(labels_index_new(&a, NULL, 0), "", 0, 0, NULL);
}

/* More key=value than are looked for by number: the rest is compared as text. */
static void
long_selectors(void **state)
{
	struct label at[12], other[12];
	struct labels set = {at, 12}, almost = {other, 12};
	const struct labels *sets[20] = {&almost, &set};
	AUTO(arena) struct arena a = {0};
	struct buf text = {0};

	(void)state;
	for (int i = 0; i < 12; i++) {
		at[i] = other[i] = (struct label){arena_printf(&a, "key%c", 'a' + i), "yes"};
		buf_addf(&text, "%skey%c=yes", i ? "," : "", 'a' + i);
	}
	other[11].value = "no";
	for (size_t i = 2; i < COUNT_OF(sets); i++)
		sets[i] = &almost;
	check_select(labels_index_new(&a, sets, COUNT_OF(sets)), buf_str(&text), 0, 1, (size_t[]){1});
	buf_adds(&text, ",keyz!=yes,!keyy");
	check_select(labels_index_new(&a, sets, COUNT_OF(sets)), buf_str(&text), 0, 1, (size_t[]){1});
	buf_adds(&text, ",keyx");
	check_select(labels_index_new(&a, sets, COUNT_OF(sets)), buf_str(&text), 0, 0, NULL);
	buf_free(&text);
}

static void
check_with(const struct labels_index *ix, uint32_t label, const struct selector *s, size_t n, const size_t *want)
{
	struct found found = {.n = 0};

	labels_index_select_with(ix, label, s, remember, &found);
	assert_int_equal(found.n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(found.at[i], want[i]);
}

/* Sets with a number more than labels: the label 0 is in two of them, 3 came after the index. */
static void
selecting_by_number(void **state)
{
	static const struct label builder_labels[] = {{"app", "builder"}};
	static const struct labels builder = {builder_labels, 1};
	const struct labels *const sets[] = {&builder, &no_labels, &builder};
	static const uint32_t first[] = {0, 2, 3, 4}, labels[] = {0, 1, 0, 1};
	const struct selector all = {.present = true};
	AUTO(arena) struct arena a = {0};
	struct label_table *t = label_table_new(&a, 8);
	struct labels_index *ix;
	struct selector s;

	(void)state;
	label_table_add(t, "", "research");
	label_table_add(t, "app", "builder");
	label_table_add(t, "app", "scout");
	ix = labels_index_numbered(&a, &(struct labels_numbered){sets, 3, t, first, labels});
	label_table_add(t, "app", "late");
	assert_true(selector_parse(&a, "app=builder", &s, NULL));
	check_with(ix, 0, &s, 1, (size_t[]){0});
	check_with(ix, 0, &all, 2, (size_t[]){0, 1});
	check_with(ix, LABEL_NONE, &s, 2, (size_t[]){0, 2});
	check_with(ix, 2, &all, 0, NULL);
	check_with(ix, 3, &all, 0, NULL);
	assert_true(selector_parse(&a, "app=late", &s, NULL));
	check_with(ix, LABEL_NONE, &s, 0, NULL);
	assert_true(selector_parse(&a, "app!=builder", &s, NULL));
	check_with(ix, 0, &s, 1, (size_t[]){1});
}

static void
entries_of_the_config_file(void **state)
{
	static const struct label tool[] = {{"tool", "browser"}};
	const struct labels on_template = {tool, 1};
	const struct match_subject s = {"research", "Deployment", "scout", &scout, &on_template};
	const struct match_subject policy = {"research", "NetworkPolicy", "scout-egress", &scout, NULL};
	AUTO(arena) struct arena a = {0};
	struct workload_match m = {0};

	(void)state;
	assert_true(settings_match(&m, &s));
	m.namespace = "res*";
	m.kind = "Deployment";
	assert_true(settings_match(&m, &s));
	assert_false(settings_match(&m, &policy));
	m.name = "scou?x";
	assert_false(settings_match(&m, &s));
	m = (struct workload_match){.kind = "*"};
	assert_true(selector_parse(&a, "tool=browser", &m.selector, NULL));
	assert_true(settings_match(&m, &s));
	assert_false(settings_match(&m, &policy));
	assert_true(selector_parse(&a, "app=scout", &m.selector, NULL));
	assert_true(settings_match(&m, &s));
	/* labels of both together make no match of their own */
	assert_true(selector_parse(&a, "app=scout,tool=browser", &m.selector, NULL));
	assert_false(settings_match(&m, &s));
}

static void
parts_by_name(void **state)
{
	const struct config_key keys[] = {{.key = "a"}, {.key = "pipelock.yaml"}, {.key = "z"}};
	const struct config_map map = {.keys = keys, .n_keys = 3};
	const struct volume volumes[] = {{.name = "ca"}, {.name = "config"}};
	const struct container containers[] = {{.name = "agent"}, {.name = "pipelock"}};
	const struct pod_spec spec = {.containers = containers, .n_containers = 2, .volumes = volumes, .n_volumes = 2};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(config_map_key(&map, keys[i].key), &keys[i]);
	assert_null(config_map_key(&map, "pipelock.yml"));
	assert_ptr_equal(pod_spec_volume(&spec, "config"), &volumes[1]);
	assert_null(pod_spec_volume(&spec, "tmp"));
	assert_ptr_equal(pod_spec_container(&spec, "pipelock"), &containers[1]);
	assert_null(pod_spec_container(&spec, ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looking_up),
		cmocka_unit_test(comparing),
		cmocka_unit_test(the_last_of_equal_keys_counts),
		cmocka_unit_test(many_equal_keys),
		cmocka_unit_test(matching),
		cmocka_unit_test(refusing),
		cmocka_unit_test(formatting),
		cmocka_unit_test(selecting_through_the_index),
		cmocka_unit_test(long_selectors),
		cmocka_unit_test(selecting_by_number),
		cmocka_unit_test(entries_of_the_config_file),
		cmocka_unit_test(parts_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
