/* SPDX-License-Identifier: Apache-2.0 */
/* YAML: the block reader gives what libyaml gives, whatever stands in the text and wherever windows end. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "tests/yaml_both.h"

#define ROOM (64 * 1024)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf) struct buf moat = {0};
	AUTO(buf) struct buf libyaml = {0};

	if (size <= ROOM && !both_agree(&moat, &libyaml, (const char *)data, size)) {
		fprintf(stderr, "%s--- by libyaml:\n%s", buf_str(&moat), buf_str(&libyaml));
		abort();
	}
	return 0;
}
