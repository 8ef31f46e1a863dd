/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/exec_status.h"

#include "base/arena.h"
#include "base/attr.h"
#include "base/json_scan.h"
#include "base/node.h"
#include "base/str.h"

/* What the runtimes say when there is nothing to run, as opposed to a node or runtime that does not work. */
static const char *const no_such_program[] = {
	"executable file not found", "no such file or directory", "exec format error",
	"permission denied",	     "not a directory",		  "is a directory",
};

static bool
is_no_program(const char *message)
{
	for (size_t i = 0; i < COUNT_OF(no_such_program); i++)
		if (str_has(message, no_such_program[i]))
			return true;
	return false;
}

static bool
exit_code(const struct node *status, int64_t *code)
{
	node_each(cause, node_path(status, "details.causes")) {
		const char *text = node_get_str(cause, "message");

		if (str_eq(node_get_str(cause, "reason"), "ExitCode"))
			return text && str_i64(text, code) && *code >= 0 && *code <= INT32_MAX;
	}
	return false;
}

bool
exec_status(const char *text, size_t len, int *code, struct err *e)
{
	AUTO(arena) struct arena arena = {0};
	struct node *root = NULL;
	const char *message;
	int64_t number;

	if (!json_parse(&arena, "the status", text, len, 1, NULL, &root, NULL) || root->type != NODE_MAP)
		return err_set(e, ERR_SOURCE, 0, "the command's status cannot be read: \"%.*s\"",
			       (int)(len < 200 ? len : 200), text);
	if (str_eq(node_get_str(root, "status"), "Success")) {
		*code = 0;
		return true;
	}
	if (exit_code(root, &number)) {
		*code = (int)number;
		return true;
	}
	message = node_get_str(root, "message");
	if (!message)
		message = node_get_str(root, "reason");
	if (!message || !*message)
		return err_set(e, ERR_SOURCE, 0, "the command could not be run, and the server does not say why");
	return err_set(e, is_no_program(message) ? ERR_INPUT : ERR_SOURCE, 0, "%s", message);
}
