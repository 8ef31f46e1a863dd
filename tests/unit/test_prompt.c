/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "tui/filter.h"
#include "tui/input.h"
#include "tui/prompt.h"

static const char *
names(void *ctx, const char *typed, size_t i)
{
	static const char *const all[] = {"fleet", "findings", "help"};

	(void)ctx;
	for (size_t n = 0; n < COUNT_OF(all); n++) {
		if (str_starts(all[n], typed) && i-- == 0)
			return all[n];
	}
	return NULL;
}

static enum prompt_result
type(struct prompt *p, const char *text)
{
	enum prompt_result result = PROMPT_EDITED;
	const char *s = text;

	while (*s)
		result = prompt_key(p, (unsigned char)*s++);
	return result;
}

static void
check(const struct prompt *p, const char *text, size_t cursor)
{
	assert_string_equal(buf_str(&p->text), text);
	assert_int_equal(p->cursor, cursor);
}

static void
editing(void **state)
{
	struct prompt p = {0};

	(void)state;
	prompt_open(&p, PROMPT_FILTER, "");
	type(&p, "ac");
	prompt_key(&p, K_LEFT);
	prompt_key(&p, 'b');
	check(&p, "abc", 2);
	prompt_key(&p, 0x6f22);
	check(&p,
	      "ab\xe6\xbc\xa2"
	      "c",
	      5);
	prompt_key(&p, K_BACKSPACE); /* a whole character */
	check(&p, "abc", 2);
	prompt_key(&p, K_HOME);
	prompt_key(&p, K_LEFT);
	prompt_key(&p, K_DELETE);
	check(&p, "bc", 0);
	prompt_key(&p, K_END);
	prompt_key(&p, K_RIGHT);
	prompt_key(&p, K_DELETE);
	type(&p, " de  fg ");
	prompt_key(&p, K_CTRL('w'));
	check(&p, "bc de  ", 7);
	prompt_key(&p, K_CTRL('a'));
	prompt_key(&p, K_CTRL('k'));
	check(&p, "", 0);
	type(&p, "again");
	prompt_key(&p, K_CTRL('u'));
	check(&p, "", 0);
	prompt_free(&p);
}

static void
only_text_gets_in(void **state)
{
	struct prompt p = {0};

	(void)state;
	prompt_open(&p, PROMPT_FILTER, "x");
	prompt_key(&p, K_F1);
	prompt_key(&p, K_CTRL('g'));
	prompt_key(&p, 0x202e);
	prompt_key(&p, 0x9b);
	check(&p, "x", 1);
	for (int i = 0; i < 5000; i++)
		prompt_key(&p, 'y');
	assert_true(p.text.len <= 1000);
	prompt_free(&p);
}

static void
leaving(void **state)
{
	struct prompt p = {0};

	(void)state;
	prompt_open(&p, PROMPT_COMMAND, "");
	assert_int_equal(type(&p, "fleet\r"), PROMPT_DONE);
	assert_int_equal(p.mode, PROMPT_OFF);
	check(&p, "fleet", 5);
	prompt_open(&p, PROMPT_COMMAND, "");
	assert_int_equal(prompt_key(&p, K_ESC), PROMPT_CANCELLED);
	prompt_open(&p, PROMPT_COMMAND, "x");
	assert_int_equal(prompt_key(&p, K_BACKSPACE), PROMPT_EDITED);
	assert_int_equal(prompt_key(&p, K_BACKSPACE), PROMPT_CANCELLED);
	prompt_open(&p, PROMPT_FILTER, "x");
	assert_int_equal(prompt_key(&p, K_CTRL('c')), PROMPT_CANCELLED);
	prompt_free(&p);
}

static void
completion(void **state)
{
	struct prompt p = {.complete = names};

	(void)state;
	prompt_open(&p, PROMPT_COMMAND, "");
	assert_string_equal(prompt_suggestion(&p), ""); /* nothing typed, nothing meant */
	type(&p, "f");
	assert_string_equal(prompt_suggestion(&p), "leet");
	prompt_key(&p, K_TAB);
	check(&p, "fleet", 5);
	prompt_key(&p, K_TAB);
	check(&p, "findings", 8);
	prompt_key(&p, K_TAB);
	check(&p, "f", 1); /* round, by way of what was typed */
	prompt_key(&p, K_BACKTAB);
	check(&p, "findings", 8);
	prompt_key(&p, K_CTRL('u'));
	type(&p, "he");
	prompt_key(&p, K_RIGHT); /* takes the suggestion */
	check(&p, "help", 4);
	prompt_key(&p, K_LEFT);
	assert_string_equal(prompt_suggestion(&p), "");
	prompt_key(&p, K_CTRL('u'));
	type(&p, "zz");
	prompt_key(&p, K_TAB);
	check(&p, "zz", 2);
	prompt_open(&p, PROMPT_FILTER, "f");
	prompt_key(&p, K_TAB);
	check(&p, "f", 1); /* filters are not completed */
	prompt_free(&p);
}

static void
history(void **state)
{
	struct prompt p = {0};

	(void)state;
	prompt_remember(&p, "fleet");
	prompt_remember(&p, "findings a/b");
	prompt_remember(&p, "findings a/b");
	prompt_open(&p, PROMPT_COMMAND, "");
	type(&p, "ru");
	prompt_key(&p, K_UP);
	check(&p, "findings a/b", 12);
	prompt_key(&p, K_UP);
	prompt_key(&p, K_UP);
	check(&p, "fleet", 5);
	prompt_key(&p, K_DOWN);
	prompt_key(&p, K_DOWN);
	check(&p, "ru", 2); /* what was typed is back */
	prompt_key(&p, K_DOWN);
	check(&p, "ru", 2);
	for (int i = 0; i < 300; i++)
		prompt_remember(&p, i % 2 ? "odd" : "even");
	assert_int_equal(p.history.n, 100);
	prompt_free(&p);
}

static void
questions(void **state)
{
	struct prompt p = {0};

	(void)state;
	prompt_ask(&p, "restart a/b?");
	assert_string_equal(p.question, "restart a/b?");
	assert_int_equal(prompt_key(&p, 'y'), PROMPT_DONE);
	prompt_ask(&p, "restart a/b?");
	assert_int_equal(prompt_key(&p, K_ENTER), PROMPT_CANCELLED); /* the default is no */
	prompt_ask(&p, "restart a/b?");
	assert_int_equal(prompt_key(&p, K_ESC), PROMPT_CANCELLED);
	prompt_free(&p);
}

static bool
passes(const char *filter, const char *row)
{
	AUTO(arena) struct arena a = {0};
	struct filter f = filter_parse(filter, &a);

	return filter_matches(&f, row);
}

static void
filters(void **state)
{
	const char *row = "research\nscout\npipelock-companion 1/1\n";

	(void)state;
	assert_true(passes("", row));
	assert_true(passes("   ", row));
	assert_true(passes("SCOUT", row));
	assert_false(passes("h s", row)); /* not across two cells */
	assert_false(passes("builder", row));
	assert_true(passes("!builder", row));
	assert_false(passes("! scout", row));
	assert_true(passes("!", row)); /* only begun */
	assert_true(passes("-f plcmp", row));
	assert_false(passes("-f rst", row)); /* its letters are in two cells */
	assert_true(passes("-f", row));
	assert_false(passes("-fx", row)); /* that is text */
	assert_true(passes("1/1", row));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(editing),    cmocka_unit_test(only_text_gets_in), cmocka_unit_test(leaving),
		cmocka_unit_test(completion), cmocka_unit_test(history),	   cmocka_unit_test(questions),
		cmocka_unit_test(filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
