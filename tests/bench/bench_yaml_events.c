/* SPDX-License-Identifier: Apache-2.0 */
/* A floor for comparison: libyaml's events, with nothing done with them. */
#include <stdio.h>
#include <yaml.h>

static int
events(FILE *in, size_t *count)
{
	yaml_parser_t parser;
	yaml_event_t event;
	int done = 0, ok = yaml_parser_initialize(&parser);

	yaml_parser_set_input_file(&parser, in);
	while (ok && !done) {
		ok = yaml_parser_parse(&parser, &event);
		done = ok && event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
		++*count;
	}
	yaml_parser_delete(&parser);
	return ok;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *in = fopen(argv[i], "rb");
		size_t count = 0;

		if (!in || !events(in, &count)) {
			fprintf(stderr, "%s: cannot be read\n", argv[i]);
			return 1;
		}
		fclose(in);
		printf("%s: %zu events\n", argv[i], count);
	}
	return 0;
}
