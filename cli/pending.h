/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has been found out since the last evidence, gathered until it is folded in. A zeroed one is empty. One
 * thread.
 */
#ifndef CLI_PENDING_H
#define CLI_PENDING_H

#include "base/arena.h"
#include "base/vec.h"
#include "fleet/evidence.h"
#include "fleet/fleet.h"

struct pending {
	struct arena arena;
	VEC(struct probe_result) probes;
	VEC(struct config_sighting) configs;
	VEC(struct health_sighting) healths;
	bool history_read; /* the history's probes are among them, however few */
	bool logs_read; /* all that matter, however few */
	const char *probes_error;
	bool any;
};

/* All copied. */
void pending_probe(struct pending *p, const struct probe_result *r);
void pending_config(struct pending *p, const struct config_sighting *s);
void pending_health(struct pending *p, const struct health_sighting *s);
void pending_logs_read(struct pending *p);
/* What the history knows: its last probes, or why it could not be read (NULL: it could). */
void pending_history(struct pending *p, const struct probe_result *at, size_t n, const char *error);

void pending_clear(struct pending *p);
/* The next evidence after `old` (NULL: none), a reference; p is empty afterwards. */
struct evidence *pending_fold(struct pending *p, const struct evidence *old);
void pending_free(struct pending *p);

/*
 * The evidence without what was seen of pods that the fleet does not have any more, in place of `e`, whose
 * reference is taken. NULL stays NULL.
 */
struct evidence *pending_prune(struct evidence *e, const struct fleet *f);

#endif
