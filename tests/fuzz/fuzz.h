/* SPDX-License-Identifier: Apache-2.0 */
/* The entry of every fuzzer: libFuzzer calls it, and replay.c with the files of a corpus. Returns 0. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
