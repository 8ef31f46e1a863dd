/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec, port-forward and logs from the command line, for live_streams.py:
 *   streams exec NAMESPACE POD CONTAINER COMMAND...     its input is ours
 *   streams run NAMESPACE POD CONTAINER COMMAND...      without input
 *   streams get NAMESPACE POD PORT PATH
 *   streams log NAMESPACE POD CONTAINER LINES           the last ones
 * The first line of output says how it ended: "ran 7", "status 200", "log", or "KIND CODE WORDS" of an error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kube/exec.h"
#include "kube/kubeconfig.h"
#include "kube/logs.h"
#include "kube/portforward.h"

static struct loop *loop;
static struct buf text;

static void
print_error(const struct err *e)
{
	printf("%s %d %s\n", err_word(e->kind), e->code, e->msg);
}

static void
exec_done(void *ctx, const struct exec_result *r)
{
	(void)ctx;
	if (r->ran)
		printf("ran %d%s\n", r->status, r->cut ? " cut" : "");
	else
		print_error(&r->err);
	fwrite(r->out, 1, r->out_len, stdout);
	fwrite(r->errors, 1, r->errors_len, stdout);
	loop_stop(loop);
}

static void
get_done(void *ctx, int status, const char *body, size_t len, const struct err *e)
{
	(void)ctx;
	if (e)
		print_error(e);
	else
		printf("status %d\n", status);
	fwrite(body, 1, len, stdout);
	loop_stop(loop);
}

static bool
log_line(void *ctx, const char *line, size_t len, bool more)
{
	(void)ctx;
	buf_add(&text, line, len);
	if (!more)
		buf_addc(&text, '\n');
	return true;
}

static void
log_done(void *ctx, const struct err *e)
{
	(void)ctx;
	if (e)
		print_error(e);
	else
		puts("log");
	fputs(buf_str(&text), stdout);
	loop_stop(loop);
}

static struct kube *
connect_to_cluster(struct err *e)
{
	struct kubeconfig *config = kubeconfig_load(NULL, e);
	const struct kube_context *context = config ? kubeconfig_context(config, NULL, e) : NULL;

	if (context)
		return kube_new(loop, config, context, &(struct kube_options){0}, e);
	kubeconfig_free(config);
	return NULL;
}

static void
read_input(void)
{
	char piece[4096];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0)
		buf_add(&text, piece, n);
	buf_reserve(&text, 1);
}

static void
begin(struct kube *kube, int argc, char **argv)
{
	if (strcmp(argv[1], "log") == 0) {
		logs_start(&(struct logs_args){.kube = kube,
					       .namespace = argv[2],
					       .pod = argv[3],
					       .container = argv[4],
					       .tail = atoi(argv[5]),
					       .line = log_line,
					       .done = log_done});
		return;
	}
	if (strcmp(argv[1], "get") == 0) {
		portforward_get(&(struct portforward_args){.kube = kube,
							   .loop = loop,
							   .namespace = argv[2],
							   .pod = argv[3],
							   .port = atoi(argv[4]),
							   .path = argv[5],
							   .done = get_done});
		return;
	}
	if (strcmp(argv[1], "exec") == 0)
		read_input();
	exec_start(&(struct exec_args){.kube = kube,
				       .loop = loop,
				       .namespace = argv[2],
				       .pod = argv[3],
				       .container = argv[4],
				       .command = (const char *const *)argv + 5,
				       .n_command = (size_t)argc - 5,
				       .input = text.data,
				       .input_len = text.len,
				       .output_limit = 100000000,
				       .done = exec_done});
}

int
main(int argc, char **argv)
{
	struct kube *kube;
	struct err e;

	if (argc < 6) {
		fprintf(stderr, "streams exec|run|get|log NAMESPACE POD ...\n");
		return 2;
	}
	loop = loop_new(&e);
	if (!loop || !(kube = connect_to_cluster(&e))) {
		print_error(&e);
		return 1;
	}
	begin(kube, argc, argv);
	loop_run(loop, &e);
	kube_free(kube);
	loop_free(loop);
	buf_free(&text);
	return 0;
}
