/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/json_write.h"
#include "base/attr.h"

static void
same(json_t *value)
{
	AUTO(buf) struct buf out = {0};
	char *wanted = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	json_write(&out, value);
	assert_string_equal(buf_str(&out), wanted);
	free(wanted);
	json_decref(value);
}

static void
test_as_jansson(UNUSED void **state)
{
	same(json_pack("{s:s, s:[i, b, b, n, f], s:{}, s:[]}", "a \"key\"", "value", "list", -7, 1, 0, 1.5, "o",
		       "l"));
	same(json_integer(INT64_MIN));
	same(json_string(""));
	same(json_string("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\x80 \xf4\x8f\xbf\xbf \xef\xbf\xbd"));
	/* every ASCII character but DEL, NUL too */
	for (char c = 0; c < 0x7f; c++)
		same(json_stringn((const char[]){'a', c, 'b'}, 3));
}

/* Characters that need an escape at each place of texts that are longer than what is looked at in one go. */
static void
test_long(UNUSED void **state)
{
	char text[600];

	for (size_t len = 250; len < sizeof(text); len += 7) {
		for (size_t at = 0; at < len; at += 5) {
			memset(text, 'x', len);
			text[at] = '\\';
			text[len - 1] = '"';
			text[len / 2] = '\n';
			same(json_stringn(text, len));
		}
	}
}

/* jansson leaves it: a terminal may be reading. */
static void
test_del(UNUSED void **state)
{
	AUTO(buf) struct buf out = {0};
	json_t *value = json_string("a\x7f");

	json_write(&out, value);
	assert_string_equal(buf_str(&out), "\"a\\u007F\"");
	json_decref(value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_jansson), cmocka_unit_test(test_long),
					   cmocka_unit_test(test_del)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
