/* SPDX-License-Identifier: Apache-2.0 */
/* The error value: it lives on the caller's stack, there is nothing to free and nothing half-set. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#include "base/attr.h"

enum err_kind {
#define ERR(name, status, word) ERR_##name,
#include "base/err.def"
#undef ERR
};

struct err {
	enum err_kind kind;
	int code; /* errno, or an HTTP status; 0 when there is none */
	char msg[500]; /* for the operator; text from outside is already made safe to show */
};

/*
 * Both return false, so that a function that can fail ends in `return err_set(...)`. Control and bidi characters
 * in what the message is made of are made visible here, once: a message can go to a terminal as it is.
 * A NULL e is allowed: the caller only wants to know whether.
 */
bool err_set(struct err *e, enum err_kind kind, int code, const char *fmt, ...) PRINTF(4, 5);
/* Puts "what was tried: " in front of the message. */
bool err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* err_set with ": strerror(code)" behind the message. */
bool err_sys(struct err *e, enum err_kind kind, int code, const char *fmt, ...) PRINTF(4, 5);

int err_exit_status(enum err_kind kind);
const char *err_word(enum err_kind kind);

#endif
