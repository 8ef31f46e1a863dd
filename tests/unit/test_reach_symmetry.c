/* SPDX-License-Identifier: Apache-2.0 */
/* What must not change an answer: other names, another order, a policy cut into one for each rule, IPv6 for IPv4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/vec.h"
#include "fleet/connect.h"
#include "fleet/reach.h"
#include "tests/unit/random_cluster.h"

#define CLUSTERS 400

static const struct settings settings = {.trust_objects = true};

typedef VEC(char *) list;

static void
list_free(list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->at[i]);
	vec_free(l);
}

static void
replace(struct buf *text, const char *from, const char *to)
{
	AUTO(buf) struct buf out = {0};
	const char *at = buf_str(text), *hit;

	for (; (hit = strstr(at, from)); at = hit + strlen(from)) {
		buf_add(&out, at, (size_t)(hit - at));
		buf_adds(&out, to);
	}
	buf_adds(&out, at);
	buf_clear(text);
	buf_adds(text, buf_str(&out));
}

/* ---- connections as sorted lines */

static bool
add_line(void *ctx, const struct connection *c)
{
	list *lines = ctx;
	AUTO(buf) struct buf line = {0};

	connect_end_name(&line, &c->from);
	buf_adds(&line, " > ");
	connect_end_name(&line, &c->to);
	buf_adds(&line, " : ");
	ports_format(&line, &c->ports);
	vec_push(lines, buf_take(&line));
	return true;
}

static int
line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static list
connections(const struct buf *text)
{
	struct fleet *f = load(text, &settings);
	struct connect *c = connect_new(f);
	list lines = {0};

	for (size_t i = 0; i < f->n_workloads; i++) {
		connect_from(c, &f->workloads[i], true, add_line, &lines);
		connect_external(c, &f->workloads[i], true, add_line, &lines);
	}
	if (lines.n > 1)
		qsort(lines.at, lines.n, sizeof(lines.at[0]), line_cmp);
	connect_free(c);
	fleet_unref(f);
	return lines;
}

static void
assert_same(const struct buf *text, const struct buf *changed, const list *want, const list *got)
{
	bool same = want->n == got->n;

	for (size_t i = 0; same && i < want->n; i++)
		same = strcmp(want->at[i], got->at[i]) == 0;
	if (same)
		return;
	fprintf(stderr, "%s\n======== became\n%s\n", buf_str(text), buf_str(changed));
	for (size_t i = 0; i < want->n; i++)
		fprintf(stderr, "wanted %s\n", want->at[i]);
	for (size_t i = 0; i < got->n; i++)
		fprintf(stderr, "got    %s\n", got->at[i]);
	fail_msg("the change has changed the answer");
}

/* Random clusters, each changed; `change_line` is what the change does to a line of the answer, or NULL. */
static void
compare(bool admin, void (*change)(struct buf *text), void (*change_line)(struct buf *line))
{
	size_t rows = 0;

	for (unsigned i = 0; i < CLUSTERS; i++) {
		AUTO(buf) struct buf text = {0};
		AUTO(buf) struct buf changed = {0};
		list want, got;

		seed = i * 2654435761u + 77;
		random_cluster(&text, admin);
		buf_adds(&changed, text.data);
		change(&changed);
		assert_string_not_equal(text.data, changed.data);
		want = connections(&text);
		got = connections(&changed);
		for (size_t k = 0; change_line && k < want.n; k++) {
			AUTO(buf) struct buf line = {0};

			buf_adds(&line, want.at[k]);
			change_line(&line);
			free(want.at[k]);
			want.at[k] = buf_take(&line);
		}
		if (change_line && want.n > 1)
			qsort(want.at, want.n, sizeof(want.at[0]), line_cmp);
		assert_same(&text, &changed, &want, &got);
		rows += want.n;
		list_free(&want);
		list_free(&got);
	}
	assert_true(rows > CLUSTERS); /* the clusters are not all shut */
}

/* ---- names */

/* Labels, namespaces, pods and policies by other names, which sort otherwise too. */
static void
rename_all(struct buf *text)
{
	replace(text, "namespace: n", "namespace: a-");
	replace(text, "{name: n", "{name: a-");
	replace(text, "{name: p", "{name: z-");
	replace(text, "app: ", "role: ");
	replace(text, "key: app,", "key: role,");
	replace(text, "team", "group");
}

static void
rename_line(struct buf *line)
{
	for (char ns = '0'; ns <= '2'; ns++) {
		char from[] = {'n', ns, '/', 'p', 0}, to[] = {'a', '-', ns, '/', 'z', '-', 0};

		replace(line, from, to);
	}
}

static void
renaming(void **state UNUSED)
{
	compare(true, rename_all, rename_line);
}

/* ---- order */

static list
documents(const struct buf *text)
{
	list docs = {0};
	const char *at = buf_str(text);

	while (*at) {
		const char *end = strstr(at + 4, "---\n");
		size_t len = end ? (size_t)(end - at) : strlen(at);

		vec_push(&docs, mem_strndup(at, len));
		at += len;
	}
	return docs;
}

static void
shuffle(struct buf *text)
{
	list docs = documents(text);

	buf_clear(text);
	for (size_t left = docs.n; left > 0; left--) {
		size_t i = pick((unsigned)left);
		char *one = docs.at[i];

		/* Never the old order: the last one goes first. */
		if (left == docs.n)
			i = left - 1, one = docs.at[i];
		buf_adds(text, one);
		docs.at[i] = docs.at[left - 1];
		docs.at[left - 1] = one;
	}
	list_free(&docs);
}

static void
reordering(void **state UNUSED)
{
	compare(true, shuffle, NULL);
}

/* ---- one policy a rule */

struct policy_text {
	struct buf head; /* up to the pod selector */
	bool types_given, about[2]; /* ingress, egress */
	list rules[2];
};

static const char *const words[] = {"Ingress", "Egress"}, *const keys[] = {"ingress", "egress"};

static void
read_policy(const char *doc, struct policy_text *p)
{
	int direction = -1;

	for (const char *at = doc, *end; *at; at = end) {
		AUTO(free) char *line = NULL;

		end = strchr(at, '\n') + 1;
		line = mem_strndup(at, (size_t)(end - at));
		if (str_starts(line, "  policyTypes:")) {
			p->types_given = true;
			for (int d = 0; d < 2; d++)
				p->about[d] = strstr(line, words[d]) != NULL;
		} else if (str_starts(line, "  ingress:") || str_starts(line, "  egress:")) {
			direction = str_starts(line, "  egress:");
		} else if (direction < 0) {
			buf_adds(&p->head, line);
		} else if (str_starts(line, "  - ")) {
			vec_push(&p->rules[direction], take(line));
		} else {
			char **rule = &p->rules[direction].at[p->rules[direction].n - 1];
			char *longer = mem_printf("%s%s", *rule, line);

			free(*rule);
			*rule = longer;
		}
	}
	if (!p->types_given) {
		p->about[0] = true;
		p->about[1] = p->rules[1].n > 0;
	}
}

static void
write_rule(struct buf *out, const struct policy_text *p, int d, size_t rule)
{
	AUTO(buf) struct buf head = {0};
	AUTO(free) char *name = mem_printf("{name: %s%zu-", keys[d], rule);

	buf_adds(&head, buf_str(&p->head));
	replace(&head, "{name: ", name);
	buf_addf(out, "%s  policyTypes: [%s]\n  %s:\n%s", buf_str(&head), words[d], keys[d], p->rules[d].at[rule]);
}

static void
split_document(struct buf *out, const char *doc)
{
	struct policy_text p = {.types_given = false};

	read_policy(doc, &p);
	buf_addf(out, "%s  policyTypes: [%s%s%s]\n", buf_str(&p.head), p.about[0] ? words[0] : "",
		 p.about[0] && p.about[1] ? ", " : "", p.about[1] ? words[1] : "");
	for (int d = 0; d < 2; d++) {
		for (size_t i = 0; p.about[d] && i < p.rules[d].n; i++)
			write_rule(out, &p, d, i);
		list_free(&p.rules[d]);
	}
	buf_free(&p.head);
}

static void
split_policies(struct buf *text)
{
	list docs = documents(text);

	buf_clear(text);
	for (size_t i = 0; i < docs.n; i++) {
		if (strstr(docs.at[i], "kind: NetworkPolicy\n"))
			split_document(text, docs.at[i]);
		else
			buf_adds(text, docs.at[i]);
	}
	buf_adds(text, "---\n# split\n");
	list_free(&docs);
}

static void
splitting(void **state UNUSED)
{
	compare(false, split_policies, NULL);
}

/* ---- IPv6 for IPv4: each block moved into 2001:db8:4::/96 */

static void
into_ipv6(struct buf *text)
{
	static const char *const moved[][2] = {
		{"0.0.0.0/0", "2001:db8:4::/96"},	  {"10.0.0.0/8", "2001:db8:4::a00:0/104"},
		{"10.1.0.0/16", "2001:db8:4::a01:0/112"}, {"203.0.113.7/32", "2001:db8:4::cb00:7107/128"},
		{"128.0.0.0/1", "2001:db8:4::8000:0/97"},
	};

	for (size_t i = 0; i < COUNT_OF(moved); i++)
		replace(text, moved[i][0], moved[i][1]);
}

#define HOME_HI 0x20010db800040000u

/* The part of a range that lies in 2001:db8:4::/96, as IPv4 addresses. */
static bool
come_home(struct ip_range *r)
{
	struct ip first = {HOME_HI, 0}, last = {HOME_HI, UINT32_MAX};

	if (ip_cmp(r->first, first) < 0)
		r->first = first;
	if (ip_cmp(r->last, last) > 0)
		r->last = last;
	if (ip_cmp(r->first, r->last) > 0)
		return false;
	r->first.hi = r->last.hi = 0;
	return true;
}

static void
compare_families(const struct fleet *v4, const struct fleet *v6, size_t class, enum direction d, struct arena *a)
{
	struct reach_range *want, *got;
	size_t n_want = reach_addresses(v4->reach, d, class, IP_V4, a, &want);
	size_t n_got = reach_addresses(v6->reach, d, class, IP_V6, a, &got), k = 0;

	for (size_t i = 0; i < n_got; i++) {
		if (!come_home(&got[i].range))
			continue;
		assert_true(k < n_want);
		assert_int_equal(ip_cmp(got[i].range.first, want[k].range.first), 0);
		assert_int_equal(ip_cmp(got[i].range.last, want[k].range.last), 0);
		assert_true(ports_equal(&got[i].ports, &want[k].ports));
		k++;
	}
	assert_int_equal(k, n_want);
}

static void
families(void **state UNUSED)
{
	only_ipv4 = true;
	for (unsigned i = 0; i < CLUSTERS; i++) {
		AUTO(buf) struct buf text = {0};
		AUTO(arena) struct arena a = {0};
		struct fleet *v4, *v6;

		seed = i * 2654435761u + 6;
		random_cluster(&text, false);
		v4 = load(&text, &settings);
		into_ipv6(&text);
		v6 = load(&text, &settings);
		assert_int_equal(reach_n_classes(v4->reach), reach_n_classes(v6->reach));
		for (size_t c = 0; c < reach_n_classes(v4->reach); c++) {
			compare_families(v4, v6, c, DIRECTION_EGRESS, &a);
			compare_families(v4, v6, c, DIRECTION_INGRESS, &a);
			for (size_t k = 0; k < reach_n_classes(v4->reach); k++) {
				struct port_set x = reach_pods(v4->reach, c, k, &a),
						y = reach_pods(v6->reach, c, k, &a);

				assert_true(ports_equal(&x, &y));
			}
		}
		fleet_unref(v4);
		fleet_unref(v6);
	}
	only_ipv4 = false;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renaming),
		cmocka_unit_test(reordering),
		cmocka_unit_test(splitting),
		cmocka_unit_test(families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
