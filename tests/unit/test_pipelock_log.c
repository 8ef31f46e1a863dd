/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/pipelock_log.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* As Pipelock writes them. */
#define STARTUP(hash)                                                                                       \
	"{\"level\":\"info\",\"component\":\"pipelock\",\"event\":\"startup\",\"listen\":\"0.0.0.0:8888\"," \
	"\"mode\":\"balanced\","                                                                            \
	"\"version\":\"2.3.0\",\"config_hash\":\"" hash                                                     \
	"\",\"time\":\"2026-05-21T10:00:00Z\",\"message\":\"pipelock started\"}"
#define RELOAD(status, hash)                                                                                      \
	"{\"level\":\"info\",\"event\":\"config_reload\",\"status\":\"" status "\",\"detail\":\"mode=balanced\"," \
	"\"config_hash\":\"" hash "\",\"message\":\"configuration reloaded\"}"
#define REFUSED(words)                                                                                        \
	"{\"level\":\"error\",\"event\":\"error\",\"method\":\"CONFIG_RELOAD\",\"resource\":\"/etc/pipelock/" \
	"p.yaml\","                                                                                           \
	"\"error\":\"" words "\",\"message\":\"request error\"}"
#define REQUEST                                                                                     \
	"{\"level\":\"info\",\"event\":\"allowed\",\"method\":\"GET\",\"url\":\"https://x.example/" \
	"config_reload?startup\"}"
#define FAILED "pipelock: config reload failed: parsing config: yaml: unmarshal errors:"

static void
feed(struct pipelock_log *l, const char *const *lines)
{
	for (; *lines; lines++)
		pipelock_log_line(l, *lines, strlen(*lines));
}

static void
what_was_loaded(void **state)
{
	static const struct {
		const char *lines[8];
		bool loaded;
		const char *hash;
		enum reload reload;
		const char *detail;
	} cases[] = {
		{{0}, false, "", RELOAD_NONE, ""},
		{{"Pipelock v2.3.0 starting", REQUEST, STARTUP(A), REQUEST}, true, A, RELOAD_NONE, ""},
		{{STARTUP(A), RELOAD("success", B)}, true, B, RELOAD_DONE, ""},
		{{STARTUP(A), FAILED, "  line 3: field x not found", REQUEST},
		 true,
		 A,
		 RELOAD_FAILED,
		 "parsing config: yaml: unmarshal errors: line 3: field x not found"},
		{{STARTUP(A), FAILED, REQUEST}, true, A, RELOAD_FAILED, "parsing config: yaml: unmarshal errors:"},
		{{STARTUP(A), FAILED, RELOAD("success", B)}, true, B, RELOAD_DONE, ""},
		{{STARTUP(A), "WARNING: config reload: mode - changed from strict to audit",
		  REFUSED("rejected: security downgrade from strict mode")},
		 true,
		 A,
		 RELOAD_REFUSED,
		 "rejected: security downgrade from strict mode (mode - changed from strict to audit)"},
		/* a part that takes a restart is told of before the rest is loaded */
		{{STARTUP(A), RELOAD("ignored", B)}, true, A, RELOAD_NONE, ""},
		{{STARTUP(A), "WARNING: config reload: metrics_listen changed - requires restart, ignoring",
		  RELOAD("success", B)},
		 true,
		 B,
		 RELOAD_DONE,
		 ""},
		/* a new one that cannot keep all it had has been loaded all the same */
		{{STARTUP(A), REFUSED("TLS cert cache reload failed: x"), RELOAD("success", B)},
		 true,
		 B,
		 RELOAD_DONE,
		 ""},
		{{STARTUP(A), REFUSED("scanner construction panic: x")},
		 true,
		 A,
		 RELOAD_FAILED,
		 "scanner construction panic: x"},
		{{STARTUP(A), REFUSED("watching directory /etc: x")}, true, A, RELOAD_NONE, ""},
		{{STARTUP(A), RELOAD("unheard-of", B)}, true, A, RELOAD_FAILED, "mode=balanced"},
		/* as old versions say it */
		{{"{\"event\":\"startup\",\"mode\":\"balanced\"}"}, true, "", RELOAD_NONE, ""},
		{{STARTUP(A), "{\"event\":\"config_reload\",\"status\":\"success\"}"}, true, "", RELOAD_DONE, ""},
		/* what only looks like it */
		{{STARTUP("AAAA"), REQUEST}, true, "", RELOAD_NONE, ""},
		{{"{\"event\":\"startup\",\"config_hash\":\"" A "\""}, false, "", RELOAD_NONE, ""},
		{{"[" STARTUP(A) "]", "x " STARTUP(A), "\"startup\""}, false, "", RELOAD_NONE, ""},
		{{"{\"event\":\"allowed\",\"agent\":\"x\",\"nested\":" STARTUP(A) "}"}, false, "", RELOAD_NONE, ""},
		{{"{\"event\":[\"startup\"],\"config_hash\":7}"}, false, "", RELOAD_NONE, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct pipelock_log l = {0};

		feed(&l, cases[i].lines);
		if (l.loaded != cases[i].loaded || !str_eq(l.hash, cases[i].hash) || l.reload != cases[i].reload ||
		    !str_eq(buf_str(&l.detail), cases[i].detail))
			fail_msg("case %zu: %d %s %d \"%s\"", i, l.loaded, l.hash, l.reload, buf_str(&l.detail));
		pipelock_log_free(&l);
	}
}

/* The server's time comes before Pipelock's own. */
static void
times(void **state)
{
	static const char *const lines[] = {"2026-05-21T12:00:00.123456789Z x", "2026-05-21T12:00:05Z " STARTUP(A),
					    "2026-05-21T12:00:09.5+00:00 ", NULL};
	static const char *const bare[] = {STARTUP(A), NULL};
	struct pipelock_log l = {0};

	(void)state;
	feed(&l, lines);
	assert_int_equal(l.first_at, 1779364800);
	assert_int_equal(l.loaded_at, 1779364805);
	assert_int_equal(l.last_at, 1779364809);
	assert_string_equal(l.hash, A);
	pipelock_log_free(&l);
	feed(&l, bare);
	assert_int_equal(l.first_at, CLOCK_UNKNOWN);
	assert_int_equal(l.loaded_at, 1779357600);
	pipelock_log_free(&l);
}

static void
no_more_is_kept_than_is_shown(void **state)
{
	AUTO(buf) struct buf line = {0};
	struct pipelock_log l = {0};

	(void)state;
	buf_adds(&line, FAILED);
	buf_fill(&line, 'x', 60000);
	pipelock_log_line(&l, line.data, line.len);
	memset(line.data, ' ', 4);
	pipelock_log_line(&l, line.data, line.len);
	assert_in_range(l.detail.len, 300, 900);
	pipelock_log_free(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_loaded),
		cmocka_unit_test(times),
		cmocka_unit_test(no_more_is_kept_than_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
