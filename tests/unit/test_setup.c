/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/sha256.h"
#include "base/str.h"
#include "fleet/ca_key.h"
#include "fleet/mounted_file.h"
#include "fleet/setup.h"
#include "tests/unit/fleet_fixture.h"

#define TEXT "fetch_proxy:\n    listen: 0.0.0.0:8888\n"
/* As TEXT stands in a ConfigMap below. */
#define TEXT_IN_YAML "|\n    fetch_proxy:\n        listen: 0.0.0.0:8888\n"

static const char maps[] =
	"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n"
	"data:\n  pipelock.yaml: " TEXT_IN_YAML "  other.yaml: 'mode: audit'\n  note.txt: x\n"
	"binaryData: {bin.yaml: 'AA=='}\n"
	"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca}\n"
	"data:\n  with-key.yaml: 'tls_interception: {enabled: true, ca_key: /etc/ca/ca-key.pem}'\n"
	"  relative.yaml: 'tls_interception: {ca_key: tls/ca-key.pem}'\n"
	"  broken.yaml: '['\n"
	"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: scripts}\n"
	"data: {start.sh: 'exec pipelock run --config \"$WHERE\"'}\n";

/* A Pod "p" whose spec stands in flow style in `spec`; `extra` are more documents. Lives until teardown. */
static struct fleet *world;

static const struct pipelock *
set_up_with(const char *spec, const char *extra, const struct gap *gaps, size_t n_gaps)
{
	AUTO(buf) struct buf yaml = {0};

	buf_addf(&yaml, "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {%s}\n%s", spec, extra);
	fleet_unref(world);
	world = fixture_with_gaps(buf_str(&yaml), gaps, n_gaps);
	return fixture_workload(world, "p")->pipelock;
}

static const struct pipelock *
set_up(const char *spec)
{
	const struct pipelock *p = set_up_with(spec, maps, NULL, 0);

	assert_non_null(p);
	return p;
}

static int
forget(void **state)
{
	(void)state;
	fleet_unref(world);
	world = NULL;
	return 0;
}

#define IMAGE "name: pipelock, image: 'ghcr.io/luckypipewrench/pipelock:2.3.0'"
#define RUN IMAGE ", args: [run, --config, /etc/pipelock/pipelock.yaml]"
#define MOUNT ", volumeMounts: [{name: config, mountPath: /etc/pipelock}]"
#define VOLUME ", volumes: [{name: config, configMap: {name: config}}]"

static void
assert_config(const struct pipelock *p, const char *config_map, const char *key, enum mount_type mount)
{
	assert_true(p->n_sources >= 1);
	assert_string_equal(p->sources[0].config_map, config_map);
	assert_string_equal(p->sources[0].key, key);
	assert_int_equal(p->mount, mount);
	assert_true(p->config_known);
	assert_false(p->config_map_missing);
	assert_non_null(p->config_map);
	assert_string_equal(p->config_map->object.name, config_map);
}

static void
a_directory(void **state)
{
	const struct pipelock *p = set_up("containers: [{" RUN MOUNT "}]" VOLUME);
	char hash[65];

	(void)state;
	assert_config(p, "config", "pipelock.yaml", MOUNT_DIRECTORY);
	assert_int_equal(p->n_sources, 1); /* what lies beside it is not counted */
	assert_string_equal(p->sources[0].path, "/etc/pipelock/pipelock.yaml");
	assert_string_equal(p->container->name, "pipelock");
	sha256_hex(TEXT, strlen(TEXT), hash);
	assert_string_equal(p->config_hash, hash);
	assert_string_equal(p->listen, "0.0.0.0:8888");
	assert_int_equal(p->listen_port, 8888);
	assert_true(p->listen_known);
	assert_true(setup_config_speaks(p));
}

/* The forms in which --config is written, all of the same file. */
static void
forms_of_the_option(void **state)
{
	static const char *const containers[] = {
		IMAGE ", args: [run, --config=/etc/pipelock/pipelock.yaml]",
		IMAGE ", args: [run, -c, /etc/pipelock/pipelock.yaml]",
		IMAGE ", args: [run, -c/etc/pipelock/pipelock.yaml]",
		IMAGE ", args: [run, --config, /etc//pipelock/./x/../pipelock.yaml]",
		IMAGE ", args: [run, --config, /etc/pipelock/..data/pipelock.yaml]",
		IMAGE ", args: [run, --config, etc/pipelock/pipelock.yaml]",
		IMAGE ", args: [--config, /etc/pipelock/pipelock.yaml]",
		IMAGE ", command: [/pipelock, run], args: [--config, /etc/pipelock/pipelock.yaml]",
		IMAGE ", command: [sh, -c, 'exec pipelock run --config /etc/pipelock/pipelock.yaml']",
		IMAGE ", command: [sh, -c, 'D=/etc/pipelock; pipelock run --config \"$D/pipelock.yaml\"']",
		IMAGE ", args: [run, --config, $(WHERE)], env: [{name: WHERE, value: /etc/pipelock/pipelock.yaml}]",
		IMAGE ", command: [sh, -c, 'pipelock run --config $WHERE'], "
		      "env: [{name: WHERE, value: /etc/pipelock/pipelock.yaml}]",
		"name: fw, image: 'x', command: [/opt/bin/pipelock, run, --config, /etc/pipelock/pipelock.yaml]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(containers); i++) {
		AUTO(buf) struct buf spec = {0};

		buf_addf(&spec, "containers: [{%s%s}]%s", containers[i], MOUNT, VOLUME);
		assert_config(set_up(buf_str(&spec)), "config", "pipelock.yaml", MOUNT_DIRECTORY);
	}
}

static void
a_script_out_of_a_config_map(void **state)
{
	const struct pipelock *p = set_up(
		"containers: [{" IMAGE ", command: [sh, /scripts/start.sh], "
		"env: [{name: WHERE, value: /etc/pipelock/other.yaml}], volumeMounts: "
		"[{name: config, mountPath: /etc/pipelock}, {name: scripts, mountPath: /scripts}]}], volumes: "
		"[{name: config, configMap: {name: config}}, {name: scripts, configMap: {name: scripts}}]");

	(void)state;
	assert_config(p, "config", "other.yaml", MOUNT_DIRECTORY);
	assert_string_equal(p->config.mode, "audit");
}

static void
sub_paths(void **state)
{
	const struct pipelock *p;

	(void)state;
	p = set_up("containers: [{" RUN ", volumeMounts: [{name: config, mountPath: /etc/pipelock/pipelock.yaml, "
		   "subPath: pipelock.yaml}]}]" VOLUME);
	assert_config(p, "config", "pipelock.yaml", MOUNT_SUBPATH);
	assert_int_equal(p->n_sources, 1);
	p = set_up("containers: [{" RUN ", volumeMounts: [{name: config, mountPath: /etc/pipelock/pipelock.yaml, "
		   "subPath: other.yaml}]}]" VOLUME);
	assert_config(p, "config", "other.yaml", MOUNT_SUBPATH);
	p = set_up("containers: [{" RUN ", env: [{name: F, value: other}], volumeMounts: [{name: config, "
		   "mountPath: /etc/pipelock/pipelock.yaml, subPathExpr: $(F).yaml}]}]" VOLUME);
	assert_config(p, "config", "other.yaml", MOUNT_SUBPATH);
	p = set_up("containers: [{" RUN ", env: [{name: F, valueFrom: {fieldRef: {fieldPath: metadata.name}}}], "
		   "volumeMounts: [{name: config, mountPath: /etc/pipelock/pipelock.yaml, subPathExpr: "
		   "$(F).yaml}]}]" VOLUME);
	assert_int_equal(p->mount, MOUNT_SUBPATH);
	assert_string_equal(p->sources[0].config_map, "config");
	assert_null(p->sources[0].key);
	assert_false(p->config_map_missing);
}

static void
items_and_projections(void **state)
{
	const struct pipelock *p;

	(void)state;
	p = set_up("containers: [{" RUN MOUNT "}], volumes: [{name: config, configMap: {name: config, "
		   "items: [{key: other.yaml, path: pipelock.yaml}]}}]");
	assert_config(p, "config", "other.yaml", MOUNT_DIRECTORY);
	assert_string_equal(p->config.mode, "audit");
	p = set_up("containers: [{" RUN MOUNT
		   "}], volumes: [{name: config, projected: {sources: [{secret: {name: s}}, "
		   "{configMap: {name: ca}}, {configMap: {name: config}}, {downwardAPI: {}}]}}]");
	assert_config(p, "config", "pipelock.yaml", MOUNT_DIRECTORY);
	p = set_up("containers: [{" IMAGE ", args: [run, --config, /cfg/sub/p.yaml], volumeMounts: [{name: config, "
		   "mountPath: /cfg}]}], volumes: [{name: config, configMap: {name: config, "
		   "items: [{key: pipelock.yaml, path: sub/p.yaml}]}}]");
	assert_config(p, "config", "pipelock.yaml", MOUNT_DIRECTORY);
	/* the deeper mount counts */
	p = set_up("containers: [{" RUN ", volumeMounts: [{name: e, mountPath: /etc}, {name: config, mountPath: "
		   "/etc/pipelock/}]}], volumes: [{name: e, emptyDir: {}}, {name: config, configMap: {name: "
		   "config}}]");
	assert_config(p, "config", "pipelock.yaml", MOUNT_DIRECTORY);
	/* /etc/pipelock2 is not below /etc/pipelock */
	p = set_up("containers: [{" IMAGE ", args: [run, -c, /etc/pipelock2/pipelock.yaml]" MOUNT "}]" VOLUME);
	assert_int_equal(p->mount, MOUNT_MIXED);
	assert_null(p->sources[0].mount);
	assert_false(p->config_known);
}

static void
missing_ones(void **state)
{
	static const struct {
		const char *volume;
		bool missing;
	} cases[] = {
		{"configMap: {name: nowhere}", true},
		{"configMap: {name: nowhere, optional: true}", false},
		{"configMap: {name: ca}", true}, /* has no such key */
		{"configMap: {name: ca, optional: true}", false},
		{"configMap: {name: config, items: [{key: gone.yaml, path: pipelock.yaml}]}", true},
		{"configMap: {name: config, items: [{key: other.yaml, path: other.yaml}]}", true},
		{"emptyDir: {}", false},
		{"secret: {secretName: config}", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(buf) struct buf spec = {0};
		const struct pipelock *p;

		buf_addf(&spec, "containers: [{" RUN MOUNT "}], volumes: [{name: config, %s}]", cases[i].volume);
		p = set_up(buf_str(&spec));
		assert_int_equal(p->config_map_missing, cases[i].missing);
		assert_int_equal(p->config_hidden == NULL, cases[i].missing);
		assert_false(p->config_known);
		assert_null(p->config_hash);
		assert_false(p->listen_known);
		assert_int_equal(p->listen_port, 0);
		assert_int_equal(p->mount, MOUNT_DIRECTORY);
	}
	assert_int_equal(set_up("containers: [{" RUN MOUNT "}]")->mount, MOUNT_DIRECTORY); /* no such volume */
}

static void
config_maps_that_were_not_read(void **state)
{
	static const struct gap gap = {FACT_CONFIG_MAPS, "ConfigMap", "", "forbidden"};
	const struct pipelock *p = set_up_with("containers: [{" RUN MOUNT "}]" VOLUME, "", &gap, 1);

	(void)state;
	assert_false(p->config_known);
	assert_false(p->config_map_missing);
	assert_null(p->config_hidden);
	assert_false(p->listen_known);
	assert_string_equal(p->sources[0].config_map, "config");
	assert_string_equal(p->sources[0].key, "pipelock.yaml");
}

static void
binary_and_broken_ones(void **state)
{
	const struct pipelock *p;

	(void)state;
	p = set_up("containers: [{" IMAGE ", args: [run, -c, /etc/pipelock/bin.yaml]" MOUNT "}]" VOLUME);
	assert_false(p->config_known);
	assert_false(p->config_map_missing);
	p = set_up("containers: [{" IMAGE ", args: [run, -c, /etc/pipelock/broken.yaml]" MOUNT
		   "}], volumes: [{name: "
		   "config, configMap: {name: ca}}]");
	assert_true(p->config_known);
	assert_false(p->config.valid);
	assert_false(setup_config_speaks(p));
	assert_false(p->listen_known);
	assert_non_null(p->config_hash);
}

static void
none_at_all(void **state)
{
	const struct pipelock *p;

	(void)state;
	p = set_up("containers: [{" IMAGE "}]");
	assert_int_equal(p->mount, MOUNT_NONE);
	assert_true(p->config_known);
	assert_string_equal(p->listen, "0.0.0.0:8888"); /* the image's own command */
	p = set_up("containers: [{" IMAGE ", args: [run]}]");
	assert_int_equal(p->mount, MOUNT_NONE);
	assert_true(setup_config_speaks(p));
	assert_false(p->config_unused);
	assert_string_equal(p->listen, "127.0.0.1:8888");
	assert_int_equal(p->listen_port, 8888);
	p = set_up("containers: [{" IMAGE ", args: [run, --listen, ':9999', --mode, audit]}]");
	assert_string_equal(p->listen, ":9999");
	assert_int_equal(p->listen_port, 9999);
	assert_string_equal(p->mode_option, "audit");
	assert_string_equal(p->config.mode, "balanced");
}

/* Run without --config, Pipelock reads nothing, whatever is mounted. */
static void
a_config_that_is_not_read(void **state)
{
	const struct pipelock *p = set_up("containers: [{" IMAGE ", args: [run]" MOUNT "}]" VOLUME);

	(void)state;
	assert_true(p->config_unused);
	assert_true(p->config_known);
	assert_null(p->config_map);
	assert_null(p->config.listen);
	assert_string_equal(p->listen, "127.0.0.1:8888");
	assert_int_equal(p->n_sources, 3);
	assert_int_equal(p->mount, MOUNT_DIRECTORY);
}

/* Where the command line is not to be seen, what is mounted and called like a config is taken for it. */
static void
guessed(void **state)
{
	static const char *const containers[] = {
		IMAGE,
		IMAGE ", command: [/start.sh]",
		"name: pipelock, image: x",
		IMAGE ", args: [run, --config, $(NOWHERE)]",
		"name: pipelock, image: x, env: [{name: PIPELOCK_CONFIG, value: /etc/pipelock/pipelock.yaml}]",
	};
	const struct pipelock *p;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(containers); i++) {
		AUTO(buf) struct buf spec = {0};

		buf_addf(&spec, "containers: [{%s" MOUNT "}]" VOLUME, containers[i]);
		p = set_up(buf_str(&spec));
		assert_config(p, "config", "pipelock.yaml", MOUNT_DIRECTORY);
		assert_string_equal(p->listen, "0.0.0.0:8888");
		assert_false(p->config_unused);
	}
	p = set_up("containers: [{name: pipelock, image: x}]");
	assert_int_equal(p->mount, MOUNT_UNKNOWN);
	assert_false(p->config_known);
	p = set_up("containers: [{" IMAGE ", args: [run, --config, $(NOWHERE)]}]");
	assert_int_equal(p->mount, MOUNT_UNKNOWN);
	assert_false(p->config_known);
	p = set_up("containers: [{name: pipelock, image: x, volumeMounts: [{name: config, mountPath: "
		   "/etc/pipelock}]}], "
		   "volumes: [{name: config, configMap: {name: nowhere}}]");
	assert_true(p->config_map_missing);
	assert_string_equal(p->sources[0].key, "pipelock.yaml");
}

static void
in_the_image(void **state)
{
	const struct pipelock *p = set_up("containers: [{" RUN "}]");

	(void)state;
	assert_int_equal(p->mount, MOUNT_IMAGE);
	assert_string_equal(p->config_hidden, "its config /etc/pipelock/pipelock.yaml is in its image");
	assert_false(p->config_known);
	assert_false(p->config_map_missing);
	assert_int_equal(p->n_sources, 1);
	assert_null(p->sources[0].mount);
	assert_string_equal(p->sources[0].path, "/etc/pipelock/pipelock.yaml");
	p = set_up("containers: [{" RUN "}]");
	assert_false(p->listen_known);
	p = set_up("containers: [{" IMAGE ", args: [run, --listen, '0.0.0.0:1', --config, /x.yaml]}]");
	assert_true(p->listen_known);
	assert_int_equal(p->listen_port, 1);
}

#define WRITTEN \
	", command: [sh, -c, 'echo \"$PIPELOCK_CONFIG_YAML\" > /tmp/p.yaml; pipelock run --config /tmp/p.yaml']"

static void
by_environment(void **state)
{
	const struct pipelock *p;

	(void)state;
	p = set_up("containers: [{" IMAGE WRITTEN
		   ", env: [{name: PIPELOCK_CONFIG_YAML, valueFrom: {configMapKeyRef: "
		   "{name: config, key: pipelock.yaml}}}]}]");
	assert_config(p, "config", "pipelock.yaml", MOUNT_ENV);
	assert_true(p->sources[0].env);
	assert_null(p->config_hash);
	assert_string_equal(p->listen, "0.0.0.0:8888");
	p = set_up("containers: [{" IMAGE WRITTEN
		   ", env: [{name: PIPELOCK_CONFIG_YAML, value: \"mode: audit\\n\"}], "
		   "volumeMounts: [{name: t, mountPath: /tmp}]}], volumes: [{name: t, emptyDir: {}}]");
	assert_int_equal(p->mount, MOUNT_ENV);
	assert_null(p->sources[0].config_map);
	assert_string_equal(p->config.mode, "audit");
	p = set_up("containers: [{" IMAGE WRITTEN ", env: [{name: PIPELOCK_CONFIG_YAML, valueFrom: {secretKeyRef: "
		   "{name: s, key: k}}}]}]");
	assert_int_equal(p->mount, MOUNT_ENV);
	assert_false(p->config_known);
	p = set_up("containers: [{" IMAGE
		   ", command: [sh, -c, 'printenv pipelock.yaml | pipelock run --config -'], "
		   "envFrom: [{configMapRef: {name: config}}]}]");
	assert_config(p, "config", "pipelock.yaml", MOUNT_ENV);
	p = set_up("containers: [{" IMAGE WRITTEN
		   ", env: [{name: PIPELOCK_CONFIG_YAML, valueFrom: {configMapKeyRef: "
		   "{name: nowhere, key: pipelock.yaml}}}]}]");
	assert_true(p->config_map_missing);
	p = set_up("containers: [{" IMAGE
		   ", command: [/start.sh], envFrom: [{configMapRef: {name: pipelock-config}}]}]");
	assert_int_equal(p->mount, MOUNT_ENV);
	assert_true(p->config_map_missing);
	p = set_up("containers: [{" IMAGE
		   ", command: [/start.sh], env: [{name: C, valueFrom: {configMapKeyRef: {name: "
		   "pipelock-settings, key: c.yaml}}}]}]");
	assert_int_equal(p->mount, MOUNT_ENV);
	/* a path in the environment is no config */
	p = set_up("containers: [{" RUN MOUNT
		   ", env: [{name: PIPELOCK_CONFIG, value: /etc/pipelock/pipelock.yaml}]}]" VOLUME);
	assert_int_equal(p->mount, MOUNT_DIRECTORY);
	p = set_up("containers: [{" RUN MOUNT
		   ", env: [{name: PIPELOCK_CONFIG_YAML, value: \"mode: audit\\n\"}]}]" VOLUME);
	assert_int_equal(p->mount, MOUNT_MIXED);
	assert_string_equal(p->sources[0].config_map, "config");
}

static void
several_sources(void **state)
{
	const struct pipelock *p;

	(void)state;
	p = set_up("containers: [{" RUN ", volumeMounts: [{name: config, mountPath: /etc/pipelock}, "
		   "{name: config, mountPath: /old/pipelock.yaml, subPath: pipelock.yaml}]}]" VOLUME);
	assert_int_equal(p->mount, MOUNT_MIXED);
	assert_int_equal(p->n_sources, 2);
	assert_string_equal(p->sources[0].path, "/etc/pipelock/pipelock.yaml");
	/* two Pipelock containers: the first speaks */
	p = set_up("initContainers: [{name: late, image: x/pipelock, restartPolicy: Always, args: [run, -c, "
		   "/etc/pipelock/other.yaml]" MOUNT "}], containers: [{" RUN MOUNT "}]" VOLUME);
	assert_string_equal(p->container->name, "late");
	assert_string_equal(p->config.mode, "audit");
	assert_int_equal(p->n_sources, 2);
}

static void
no_pipelock_no_setup(void **state)
{
	(void)state;
	assert_null(set_up_with("containers: [{name: a, image: python}]", maps, NULL, 0));
	assert_null(
		set_up_with("initContainers: [{" RUN "}], containers: [{name: a, image: python}]", maps, NULL, 0));
}

/* ---- CA keys ---- */

#define WITH_KEY IMAGE ", args: [run, --config, /etc/pipelock/with-key.yaml]"
#define CA_MOUNTS ", volumeMounts: [{name: config, mountPath: /etc/pipelock}, {name: ca, mountPath: /etc/ca}]"
#define CA_VOLUMES(secret) ", volumes: [{name: config, configMap: {name: ca}}, {name: ca, " secret "}]"

static void
a_key_by_its_path(void **state)
{
	const struct pipelock *p;

	(void)state;
	p = set_up("securityContext: {fsGroup: 2000, runAsUser: 1000}, containers: [{" WITH_KEY CA_MOUNTS
		   "}]" CA_VOLUMES("secret: {secretName: pipelock-ca, defaultMode: 0400}"));
	assert_int_equal(p->n_secrets, 1);
	assert_string_equal(p->secrets[0].secret, "pipelock-ca");
	assert_string_equal(p->secrets[0].key, "ca-key.pem");
	assert_string_equal(p->secrets[0].path, "/etc/ca/ca-key.pem");
	assert_int_equal(p->secrets[0].declared.value, 0400);
	assert_true(p->secrets[0].declared.octal);
	assert_int_equal(p->secrets[0].effective, 0440);
	assert_int_equal(p->secrets[0].run_as_user, 1000);
	assert_int_equal(p->secrets[0].run_as_group, ID_UNSET);
	assert_int_equal(p->secrets[0].fs_group, 2000);
	assert_int_equal(p->secrets[0].verdict, SECRET_OK);
	p = set_up("containers: [{" WITH_KEY CA_MOUNTS ", securityContext: {runAsUser: 65534}}]" CA_VOLUMES(
		"secret: {secretName: s, items: [{key: k, path: ca-key.pem, mode: 0440}, {key: c, path: "
		"ca.pem, mode: 0444}]}"));
	assert_int_equal(p->n_secrets, 1);
	assert_string_equal(p->secrets[0].key, "k");
	assert_int_equal(p->secrets[0].effective, 0440);
	assert_int_equal(p->secrets[0].verdict, SECRET_DEPENDS);
	p = set_up("containers: [{" WITH_KEY CA_MOUNTS
		   "}]" CA_VOLUMES("projected: {sources: [{configMap: {name: config}}, {secret: {name: s}}]}"));
	assert_int_equal(p->n_secrets, 1);
	assert_string_equal(p->secrets[0].secret, "s");
	assert_int_equal(p->secrets[0].verdict, SECRET_EXPOSED); /* 0644 when nobody says */
	assert_false(p->secrets[0].declared.set);
	p = set_up("containers: [{" WITH_KEY
		   ", volumeMounts: [{name: config, mountPath: /etc/pipelock}, {name: ca, "
		   "mountPath: /etc/ca/ca-key.pem, subPath: tls.key}]}]" CA_VOLUMES("secret: {secretName: s}"));
	assert_int_equal(p->n_secrets, 1);
	assert_string_equal(p->secrets[0].key, "tls.key");
	/* relative to the folder of the config */
	p = set_up("containers: [{" IMAGE
		   ", args: [run, -c, /etc/pipelock/relative.yaml], volumeMounts: [{name: config, "
		   "mountPath: /etc/pipelock}, {name: ca, mountPath: /etc/pipelock/tls}]}]" CA_VOLUMES(
			   "secret: {secretName: s}"));
	assert_int_equal(p->n_secrets, 1);
	assert_string_equal(p->secrets[0].path, "/etc/pipelock/tls/ca-key.pem");
}

static void
a_key_by_its_name(void **state)
{
	const struct pipelock *p;

	(void)state;
	/* the config names no key: the default config */
	p = set_up("containers: [{" RUN
		   ", volumeMounts: [{name: config, mountPath: /etc/pipelock}, {name: s, mountPath: "
		   "/x}]}], volumes: [{name: config, configMap: {name: config}}, {name: s, secret: {secretName: s, "
		   "items: "
		   "[{key: tls.key, path: a}, {key: tls.crt, path: b}, {key: x, path: my-key.pem}]}}]");
	assert_int_equal(p->n_secrets, 2);
	assert_string_equal(p->secrets[0].path, "/x/a");
	assert_string_equal(p->secrets[1].key, "x");
	/* it names one, but no Secret holds that file */
	p = set_up("containers: [{" WITH_KEY
		   ", volumeMounts: [{name: config, mountPath: /etc/pipelock}, {name: ca, "
		   "mountPath: /elsewhere/ca.key, subPath: ca.key}]}]" CA_VOLUMES("secret: {secretName: s}"));
	assert_int_equal(p->n_secrets, 1);
	assert_string_equal(p->secrets[0].path, "/elsewhere/ca.key");
	/* the certificate alone is no key */
	p = set_up("containers: [{" WITH_KEY
		   ", volumeMounts: [{name: config, mountPath: /etc/pipelock}, {name: ca, "
		   "mountPath: /etc/ca}]}]" CA_VOLUMES(
			   "secret: {secretName: s, items: [{key: ca.pem, path: ca.pem}]}"));
	assert_int_equal(p->n_secrets, 0);
}

static void
a_secret_mounted_whole(void **state)
{
	static const struct gap gap = {FACT_CONFIG_MAPS, "ConfigMap", "", "forbidden"};
	const struct pipelock *p;

	(void)state;
	p = set_up("containers: [{" RUN
		   ", volumeMounts: [{name: config, mountPath: /etc/pipelock}, {name: s, mountPath: "
		   "/x}]}], volumes: [{name: config, configMap: {name: config}}, {name: s, secret: {secretName: "
		   "pipelock-ca, defaultMode: 0444}}]");
	assert_int_equal(p->n_secrets, 1);
	assert_null(p->secrets[0].key);
	assert_string_equal(p->secrets[0].path, "/x");
	assert_int_equal(p->secrets[0].verdict, SECRET_EXPOSED);
	p = set_up("containers: [{" RUN
		   ", volumeMounts: [{name: config, mountPath: /etc/pipelock}, {name: s, mountPath: "
		   "/x}]}], volumes: [{name: config, configMap: {name: config}}, {name: s, secret: {secretName: "
		   "license, defaultMode: 0444}}]");
	assert_int_equal(p->n_secrets, 0);
	p = set_up_with("containers: [{" RUN ", volumeMounts: [{name: config, mountPath: /etc/pipelock}, {name: s, "
			"mountPath: /x}]}], volumes: [{name: config, configMap: {name: config}}, {name: s, secret: "
			"{secretName: license, defaultMode: 0444}}]",
			"", &gap, 1);
	assert_int_equal(p->n_secrets, 1);
	assert_int_equal(p->secrets[0].verdict, SECRET_UNKNOWN);
	assert_non_null(p->secrets[0].reason);
}

static void
names_of_keys(void **state)
{
	(void)state;
	assert_true(ca_key_is_name("ca-key.pem"));
	assert_true(ca_key_is_name("tls.key"));
	assert_true(ca_key_is_name("key.pem"));
	assert_false(ca_key_is_name("ca.pem"));
	assert_false(ca_key_is_name("tls.crt"));
	assert_false(ca_key_is_name("monkey.pem"));
	assert_false(ca_key_is_name("keys.json"));
	assert_false(ca_key_is_name(""));
}

/* ---- other containers, paths ---- */

static void
mounts_of_any_container(void **state)
{
	AUTO(arena) struct arena a = {0};
	const struct workload *w;
	const struct config_source *s;
	size_t n;

	(void)state;
	set_up_with("containers: [{name: agent, image: python, command: [/opt/pipelock, mcp, proxy, --config, "
		    "/m/c, --, t], "
		    "volumeMounts: [{name: config, mountPath: /m/c, subPath: note.txt}, {name: config, mountPath: "
		    "/x/pipelock.yaml, subPath: pipelock.yaml}, {name: config, mountPath: /y/app.yaml, subPath: "
		    "other.yaml}, "
		    "{name: none, mountPath: /z}]}]" VOLUME,
		    maps, NULL, 0);
	w = fixture_workload(world, "p");
	s = setup_config_mounts(world, w, &w->template->spec.containers[0], &a, &n);
	assert_int_equal(n, 2);
	assert_string_equal(s[0].path, "/m/c");
	assert_string_equal(s[0].key, "note.txt");
	assert_string_equal(s[1].path, "/x/pipelock.yaml");
	assert_non_null(s[1].mount->sub_path);
}

/* ---- what would not come up again ---- */

#define RUN_WITH(key) IMAGE ", args: [run, --config, /etc/pipelock/" key "]" CA_MOUNTS
#define KEY_OF(mode) CA_VOLUMES("secret: {secretName: s, defaultMode: " mode "}")

static void
what_would_not_come_up_again(void **state)
{
	static const struct {
		const char *spec;
		const char *reason; /* a part of it; NULL: nothing speaks against a restart */
	} cases[] = {
		{"containers: [{" RUN_WITH("with-key.yaml") "}]" KEY_OF("0440"), NULL},
		{"containers: [{" RUN_WITH("broken.yaml") "}]" KEY_OF("0440"),
		 "key broken.yaml of ConfigMap ca is no config that Pipelock accepts: line "},
		{"containers: [{" RUN_WITH("gone.yaml") "}]" KEY_OF("0440"), "ConfigMap ca is not there, so that new pods"},
		{"containers: [{" RUN_WITH("with-key.yaml") "}]" KEY_OF("0644"), "its CA key /etc/ca/ca-key.pem has mode 0644"},
		{"containers: [{" RUN_WITH("with-key.yaml") ", securityContext: {runAsUser: 1000, runAsGroup: 1000}}]" KEY_OF("0400"),
		 "it cannot read its CA key /etc/ca/ca-key.pem: "},
		/* a key that no interception needs is not opened */
		{"containers: [{" RUN_WITH("relative.yaml") "}]" KEY_OF("0644"), NULL},
		{"containers: [{name: a, image: python}]", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(arena) struct arena a = {0};
		const char *reason;

		set_up_with(cases[i].spec, maps, NULL, 0);
		reason = setup_refusal(fixture_workload(world, "p"), &a);
		if (cases[i].reason ? !str_has(reason, cases[i].reason) : reason != NULL)
			fail_msg("case %zu: %s", i, reason ? reason : "none");
	}
}

static void
paths(void **state)
{
	static const char *const cases[][3] = {
		{"/a", "b", "/a/b"},	{"/a", "/b/c", "/b/c"},	     {"/a", "..", "/"}, {"/a/b", "../c", "/a/c"},
		{"/", "../../x", "/x"}, {"/a", "./b//c/", "/a/b/c"}, {"", "", "/"},	{"/a", "...", "/a/..."},
		{"/a", "b/.", "/a/b"},
	};
	AUTO(arena) struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_string_equal(path_join(&a, cases[i][0], cases[i][1]), cases[i][2]);
	assert_string_equal(path_name("/a/b"), "b");
	assert_string_equal(path_name("b"), "b");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_directory, forget),
		cmocka_unit_test_teardown(forms_of_the_option, forget),
		cmocka_unit_test_teardown(a_script_out_of_a_config_map, forget),
		cmocka_unit_test_teardown(sub_paths, forget),
		cmocka_unit_test_teardown(items_and_projections, forget),
		cmocka_unit_test_teardown(missing_ones, forget),
		cmocka_unit_test_teardown(config_maps_that_were_not_read, forget),
		cmocka_unit_test_teardown(binary_and_broken_ones, forget),
		cmocka_unit_test_teardown(none_at_all, forget),
		cmocka_unit_test_teardown(a_config_that_is_not_read, forget),
		cmocka_unit_test_teardown(guessed, forget),
		cmocka_unit_test_teardown(in_the_image, forget),
		cmocka_unit_test_teardown(by_environment, forget),
		cmocka_unit_test_teardown(several_sources, forget),
		cmocka_unit_test_teardown(no_pipelock_no_setup, forget),
		cmocka_unit_test_teardown(a_key_by_its_path, forget),
		cmocka_unit_test_teardown(a_key_by_its_name, forget),
		cmocka_unit_test_teardown(a_secret_mounted_whole, forget),
		cmocka_unit_test(names_of_keys),
		cmocka_unit_test_teardown(mounts_of_any_container, forget),
		cmocka_unit_test_teardown(what_would_not_come_up_again, forget),
		cmocka_unit_test(paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
