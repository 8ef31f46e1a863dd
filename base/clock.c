/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int64_t fixed = CLOCK_UNKNOWN;

static void
read_fixed(void)
{
	const char *s = getenv("MOAT_NOW");

	if (s && *s && !clock_parse(s, &fixed))
		die("MOAT_NOW is no RFC 3339 time such as 2026-01-02T03:04:05Z");
}

int64_t
clock_now(void)
{
	pthread_once(&once, read_fixed);
	return fixed != CLOCK_UNKNOWN ? fixed : (int64_t)time(NULL);
}

int64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Exactly that many digits, within a range. */
static bool
number(const char **s, int digits, int least, int most, int *out)
{
	int n = 0;

	for (int i = 0; i < digits; i++, ++*s) {
		if (**s < '0' || **s > '9')
			return false;
		n = n * 10 + (**s - '0');
	}
	*out = n;
	return n >= least && n <= most;
}

static bool
skip(const char **s, char c)
{
	if (**s != c)
		return false;
	++*s;
	return true;
}

static bool
parse_date(const char **s, int64_t *days)
{
	int year, month, day;

	if (!number(s, 4, 0, 9999, &year) || !skip(s, '-') || !number(s, 2, 1, 12, &month) || !skip(s, '-') ||
	    !number(s, 2, 1, 31, &day) || day > days_in_month(year, month))
		return false;
	*days = (int64_t)timegm(&(struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day}) / 86400;
	return true;
}

/* A leap second is the second after it, as time_t has it. The fraction is cut off. */
static bool
parse_time(const char **s, int *seconds)
{
	int hour, minute, second;

	if (!number(s, 2, 0, 23, &hour) || !skip(s, ':') || !number(s, 2, 0, 59, &minute) || !skip(s, ':') ||
	    !number(s, 2, 0, 60, &second))
		return false;
	if (skip(s, '.')) {
		size_t digits = strspn(*s, "0123456789");

		if (!digits)
			return false;
		*s += digits;
	}
	*seconds = hour * 3600 + minute * 60 + second;
	return true;
}

static bool
parse_offset(const char **s, int *seconds)
{
	int hour, minute, sign = **s == '-' ? -1 : 1;

	*seconds = 0;
	if (skip(s, 'Z') || skip(s, 'z'))
		return true;
	if ((!skip(s, '+') && !skip(s, '-')) || !number(s, 2, 0, 23, &hour) || !skip(s, ':') ||
	    !number(s, 2, 0, 59, &minute))
		return false;
	*seconds = sign * (hour * 3600 + minute * 60);
	return true;
}

bool
clock_parse(const char *s, int64_t *seconds)
{
	int64_t days;
	int time, offset;

	if (!s || !parse_date(&s, &days) || (!skip(&s, 'T') && !skip(&s, 't')) || !parse_time(&s, &time) ||
	    !parse_offset(&s, &offset) || *s)
		return false;
	*seconds = days * 86400 + time - offset;
	return true;
}

bool
clock_parse_day_end(const char *s, int64_t *seconds)
{
	const char *rest = s;
	int64_t days;

	if (!s)
		return false;
	if (!parse_date(&rest, &days) || *rest)
		return clock_parse(s, seconds);
	*seconds = days * 86400 + 86399;
	return true;
}

static char *
put_digits(char *out, int n, int digits)
{
	for (int i = digits - 1; i >= 0; i--, n /= 10)
		out[i] = (char)('0' + n % 10);
	return out + digits;
}

void
clock_format(int64_t seconds, char out[24])
{
	const int64_t first = -62167219200, last = 253402300799; /* years 0 to 9999 */
	time_t t = (time_t)(seconds < first ? first : seconds > last ? last : seconds);
	struct tm tm;

	gmtime_r(&t, &tm);
	out = put_digits(out, tm.tm_year + 1900, 4);
	*out++ = '-';
	out = put_digits(out, tm.tm_mon + 1, 2);
	*out++ = '-';
	out = put_digits(out, tm.tm_mday, 2);
	*out++ = 'T';
	out = put_digits(out, tm.tm_hour, 2);
	*out++ = ':';
	out = put_digits(out, tm.tm_min, 2);
	*out++ = ':';
	out = put_digits(out, tm.tm_sec, 2);
	*out++ = 'Z';
	*out = '\0';
}
