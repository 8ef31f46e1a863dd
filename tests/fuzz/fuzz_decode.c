/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as a file of manifests: told apart, parsed, decoded; everything that was decoded is looked at. */
#include <stdlib.h>

#include "decode/files.h"
#include "tests/decode/dump.h"
#include "tests/fuzz/fuzz.h"

static void
check_message(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			abort(); /* would act on a terminal */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf) struct buf out = {0};
	struct object_set set = {0};
	struct err e = {0};

	if (!files_read_memory("input", data, size, "default", &set, &e)) {
		check_message(e.msg);
		return 0;
	}
	for (size_t i = 0; i < set.n; i++)
		dump_object(&out, set.at[i]);
	for (size_t i = 0; i < set.n_warnings; i++)
		check_message(set.warnings[i]);
	object_set_free(&set);
	return 0;
}
