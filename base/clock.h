/* SPDX-License-Identifier: Apache-2.0 */
/* Time: wall clock, fixed by MOAT_NOW (RFC 3339) in tests and demos, and a monotonic one for intervals. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

#define CLOCK_UNKNOWN INT64_MIN

int64_t clock_now(void); /* seconds since the epoch */
int64_t clock_ms(void); /* monotonic milliseconds; MOAT_NOW does not change it */
/* RFC 3339, with or without a fraction, Z or an offset. */
bool clock_parse(const char *s, int64_t *seconds) MUST_USE;
/* "2026-01-02T03:04:05Z"; what lies outside the years 0 to 9999 becomes the nearest that does not. */
void clock_format(int64_t seconds, char out[24]);
/* "2026-01-02": the day's end, 23:59:59Z, as an expiry date means it; RFC 3339 too. */
bool clock_parse_day_end(const char *s, int64_t *seconds) MUST_USE;

#endif
