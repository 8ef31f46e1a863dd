/* SPDX-License-Identifier: Apache-2.0 */
/* What may I do? SelfSubjectAccessReviews, asked many at once; what each missing permission costs. */
#ifndef KUBE_ACCESS_H
#define KUBE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "kube/api.h"

enum access_answer { ACCESS_YES, ACCESS_NO, ACCESS_UNKNOWN };

struct access_question {
	const char *verb, *group, *resource, *subresource; /* subresource NULL */
	const char *namespace; /* NULL: all */
	const char *name; /* NULL: any */
	enum access_answer answer; /* filled in */
	const char *reason; /* the server's words, or the error's; NULL. Lives in `arena` */
};

struct access;
struct access_args {
	struct kube *kube;
	struct access_question *at; /* borrowed until done */
	size_t n;
	struct arena *arena;
	void *ctx;
	void (*done)(void *ctx); /* it is gone after it */
};

/* n is at least 1. A question that got no answer stays ACCESS_UNKNOWN, with the reason. */
struct access *access_ask(const struct access_args *args);
void access_cancel(struct access *a); /* NULL is fine */

#endif
