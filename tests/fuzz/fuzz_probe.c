/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as what a container answers to a probe, and as the host names that a probe is made of. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kube/probe_answer.h"
#include "kube/probe_method.h"
#include "kube/probe_verdict.h"
#include "tests/fuzz/fuzz.h"

static void
check_text(const char *text)
{
	for (; *text; text++)
		check((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void
check_answer(const struct probe_answer *a)
{
	const struct probe_try t = {PROBE_RAW_TCP, {"1.1.1.1", 443}, {"1.1.1.1", 443}, "p", 8888, 1000};
	AUTO(buf) struct buf detail = {0};
	struct probe_finding f = probe_verdict(&t, a, &detail);

	check_text(buf_str(&detail));
	/* Nothing is shown as good but by a control that got through. */
	check(f.verdict != PROBE_BLOCKED || (a->control.status / 100 == 2 && f.control == PROBE_CONTROL_OK));
	check((f.verdict == PROBE_OPEN) == (a->attempt.outcome == OUTCOME_CONNECTED));
}

static void
check_host(const char *host)
{
	struct probe_try t = {PROBE_RAW_TCP, {host, 443}, {host, 443}, host, 8888, 1000};

	if (probe_try_check(&t, NULL))
		check(*host && *host != '-' && !strpbrk(host, " \t\n'\"`$;&|<>()[]{}\\/@%*?~#!"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *host = mem_strndup((const char *)data, size);
	struct probe_answer a;
	struct err e;

	for (int looked = 0; looked < 2; looked++)
		if (probe_answer_parse((const char *)data, size, looked, &a, &e))
			check_answer(&a);
		else
			check_text(e.msg);
	check_host(host);
	free(host);
	return 0;
}
