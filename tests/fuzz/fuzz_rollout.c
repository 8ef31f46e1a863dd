/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as an object of the API that is to be restarted, as its pods, and as a pod that is to be created again. */
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "kube/recreate.h"
#include "kube/rollout.h"
#include "tests/fuzz/fuzz.h"

/* Safe for a terminal: what comes from the server is made visible. */
static void
check_text(const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++)
		check((unsigned char)text->data[i] >= 0x20 && text->data[i] != 0x7f);
}

static void
check_object(const struct node *object)
{
	static const char *const kinds[] = {"Deployment", "StatefulSet", "DaemonSet", "Pod"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		AUTO(buf) struct buf text = {0};
		AUTO(buf) struct buf reason = {0};
		struct rollout r = rollout_read(kinds[i], object, &text);
		bool refused = rollout_kind(kinds[i]) ? rollout_refused(kinds[i], object, &reason)
						      : rollout_pod_refused(object, &reason);

		check(text.len && refused == (reason.len > 0) && r.state <= ROLLOUT_FAILED);
		check_text(&text);
		check_text(&reason);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf selector = {0};
	AUTO(buf) struct buf trouble = {0};
	struct node *object;
	struct err e = {0};
	char *manifest = recreate_manifest((const char *)data, size, &e);

	check(manifest || e.kind == ERR_INPUT);
	if (manifest) /* what is created again is a pod that can be created again */
		check(json_parse(&a, "manifest", manifest, strlen(manifest), 1, NULL, &object, &e) &&
		      !node_get(object, "status") && !node_path(object, "metadata.uid") &&
		      !node_path(object, "spec.nodeName"));
	free(manifest);
	if (!json_parse(&a, "input", (const char *)data, size, 1, NULL, &object, &e))
		return 0;
	check_object(object);
	check(rollout_deadline_ms(object) >= 0);
	rollout_selector(object, &selector);
	rollout_trouble(object, &trouble);
	rollout_pod_trouble(object, &trouble);
	check_text(&trouble);
	return 0;
}
