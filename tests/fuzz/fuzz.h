/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzzers have in common. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* The entry of each: libFuzzer calls it, and replay.c with the files of a corpus. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the bytes are. */
static inline void
check(bool holds)
{
	if (!holds)
		abort();
}

#endif
