/* SPDX-License-Identifier: Apache-2.0 */
/* Leveled log to a file, never to the screen. Off until log_open. Tokens, keys and env values are never logged. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/attr.h"
#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

bool log_open(const char *path, enum log_level level, struct err *e);
void log_close(void);
/* One line; what it is made of is made safe to show. Thread-safe. */
void log_write(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

#endif
