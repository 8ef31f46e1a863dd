/* SPDX-License-Identifier: Apache-2.0 */
/* A floor for comparison: jansson reads the whole file into its tree. */
#include <jansson.h>
#include <stdio.h>

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		json_error_t error;
		json_t *doc = json_load_file(argv[i], 0, &error);

		if (!doc) {
			fprintf(stderr, "%s:%d: %s\n", argv[i], error.line, error.text);
			return 1;
		}
		printf("%s: %zu members\n", argv[i], json_object_size(doc));
		json_decref(doc);
	}
	return 0;
}
