/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/recreate.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/place.h"
#include "base/str.h"

/*
 * Priority, preemption and overhead are computed by admission, which refuses a pod that brings other values than it
 * finds; ephemeral containers cannot be created with a pod.
 */
static const char *const owned_metadata[] = {
	"uid",
	"resourceVersion",
	"generation",
	"creationTimestamp",
	"deletionTimestamp",
	"deletionGracePeriodSeconds",
	"managedFields",
	"selfLink",
};
static const char *const owned_spec[] = {
	"nodeName", "priority", "preemptionPolicy", "overhead", "ephemeralContainers",
};

static void
remove_keys(json_t *object, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		json_object_del(object, keys[i]);
}

char *
recreate_manifest(const char *json, size_t len, struct err *e)
{
	json_error_t problem;
	json_t *pod = json_loadb(json, len, JSON_ALLOW_NUL, &problem), *spec = json_object_get(pod, "spec");
	char *text = NULL;

	if (!json_is_object(spec) || !str_eq(json_string_value(json_object_get(pod, "kind")), "Pod")) {
		err_set(e, ERR_INPUT, 0, "the pod cannot be saved: %s",
			pod ? "the answer is no Pod" : problem.text);
		json_decref(pod);
		return NULL;
	}
	json_object_del(pod, "status");
	remove_keys(json_object_get(pod, "metadata"), owned_metadata, COUNT_OF(owned_metadata));
	remove_keys(spec, owned_spec, COUNT_OF(owned_spec));
	text = json_dumps(pod, JSON_INDENT(2));
	json_decref(pod);
	if (!text)
		err_set(e, ERR_INPUT, 0, "the pod cannot be saved as JSON");
	return text;
}

/* A name that is not there yet: a second restart within one second does not write over the first. */
static int
create_file(const char *folder, const char *namespace, const char *name, char **path)
{
	char now[24];
	int fd = -1;

	clock_format(clock_now(), now);
	for (int i = 0; i < 100; i++) {
		*path = i ? mem_printf("%s/%s_%s_%s-%d.json", folder, namespace, name, now, i)
			  : mem_printf("%s/%s_%s_%s.json", folder, namespace, name, now);
		fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd;
		free(take(*path));
	}
	return -1;
}

char *
recreate_save(const char *folder, const char *namespace, const char *name, const char *manifest, struct err *e)
{
	AUTO(free) char *path = NULL;
	bool ok;
	int fd;

	if (!place_make_folders(folder, e))
		return NULL;
	fd = create_file(folder, namespace, name, &path);
	if (fd < 0) {
		err_sys(e, ERR_OUTPUT, errno, "save the pod in %s", folder);
		return NULL;
	}
	ok = io_write_all(fd, manifest, strlen(manifest)) && io_write_all(fd, "\n", 1) && fsync(fd) == 0;
	if (!ok)
		err_sys(e, ERR_OUTPUT, errno, "save the pod as %s", path);
	if (close(fd) < 0 && ok)
		ok = err_sys(e, ERR_OUTPUT, errno, "save the pod as %s", path);
	return ok ? take(path) : NULL;
}
