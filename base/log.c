/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards fd */
static int fd = -1;
static atomic_int highest = -1; /* the last level that is written; read without the lock: silence is cheap */

bool
log_open(const char *path, enum log_level level, struct err *e)
{
	int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);

	if (file < 0)
		return err_sys(e, ERR_OUTPUT, errno, "open the log file %s", path);
	log_close();
	pthread_mutex_lock(&lock);
	fd = file;
	highest = (int)level;
	pthread_mutex_unlock(&lock);
	return true;
}

void
log_close(void)
{
	pthread_mutex_lock(&lock);
	if (fd >= 0)
		close(fd);
	fd = -1;
	highest = -1;
	pthread_mutex_unlock(&lock);
}

/* One write a line, so that the lines of two processes do not mix. A full disk loses lines, nothing else. */
static void
put(const struct buf *line)
{
	ssize_t done UNUSED;

	pthread_mutex_lock(&lock);
	if (fd >= 0)
		done = write(fd, line->data, line->len);
	pthread_mutex_unlock(&lock);
}

void
log_write(enum log_level level, const char *fmt, ...)
{
	static const char *const words[] = {
		[LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
	AUTO(buf) struct buf raw = {0};
	AUTO(buf) struct buf line = {0};
	char time[24];
	va_list ap;

	if ((int)level > highest)
		return;
	va_start(ap, fmt);
	buf_addv(&raw, fmt, ap);
	va_end(ap);
	clock_format(clock_now(), time);
	buf_addf(&line, "%s %s ", time, words[level]);
	text_safe(&line, raw.data, raw.len);
	buf_addc(&line, '\n');
	put(&line);
}
