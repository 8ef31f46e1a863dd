/* SPDX-License-Identifier: Apache-2.0 */
/* All that the model keeps of an object as text, a line a thing; what is absent or a default is left out. */
#ifndef TESTS_DECODE_DUMP_H
#define TESTS_DECODE_DUMP_H

#include <inttypes.h>

#include "base/buf.h"
#include "base/clock.h"
#include "fleet/workload.h"

static inline void
dump_str(struct buf *out, const char *name, const char *value)
{
	if (value)
		buf_addf(out, " %s=%s", name, value);
}

static inline void
dump_int(struct buf *out, const char *name, int64_t value, int64_t absent)
{
	if (value != absent)
		buf_addf(out, " %s=%" PRId64, name, value);
}

static inline void
dump_flag(struct buf *out, const char *name, bool value)
{
	if (value)
		buf_addf(out, " %s", name);
}

static inline void
dump_time(struct buf *out, const char *name, int64_t value)
{
	char text[24];

	if (value == CLOCK_UNKNOWN)
		return;
	clock_format(value, text);
	buf_addf(out, " %s=%s", name, text);
}

static inline void
dump_labels(struct buf *out, const char *name, const struct labels *l)
{
	if (!l->n)
		return;
	buf_addf(out, " %s:", name);
	for (size_t i = 0; i < l->n; i++)
		buf_addf(out, "%s%s=%s", i ? "," : "", l->at[i].key, l->at[i].value);
}

static inline void
dump_strs(struct buf *out, const char *name, const char *const *at, size_t n)
{
	if (n)
		buf_addf(out, " %s:", name);
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%s", i ? "|" : "", at[i]);
}

static inline void
dump_selector(struct buf *out, const struct selector *s)
{
	static const char *const ops[] = {"in", "notin", "exists", "!exists"};

	if (!s->present)
		return;
	buf_adds(out, " selector:");
	for (size_t i = 0; i < s->n; i++) {
		buf_addf(out, "%s%s %s", i ? "," : "", s->at[i].key, ops[s->at[i].op]);
		dump_strs(out, "", s->at[i].values, s->at[i].n_values);
	}
}

static inline void
dump_mode(struct buf *out, const char *name, const struct file_mode *m)
{
	if (m->set)
		buf_addf(out, " %s=%04o%s:%u", name, (unsigned)m->value, m->octal ? "(octal)" : "", m->line);
}

static inline void
dump_security(struct buf *out, const struct security *s)
{
	dump_int(out, "user", s->run_as_user, ID_UNSET);
	dump_int(out, "group", s->run_as_group, ID_UNSET);
	dump_int(out, "nonroot", s->run_as_non_root, -1);
	dump_flag(out, "privileged", s->privileged);
	dump_strs(out, "caps", s->caps_added, s->n_caps_added);
	dump_int(out, "security", s->line, 0);
}

static inline void
dump_env(struct buf *out, const struct container *c)
{
	static const char *const sources[] = {"literal", "configmap", "secret", "field", "resource", "other"};

	for (size_t i = 0; i < c->n_env; i++) {
		const struct env_var *v = &c->env[i];

		buf_addf(out, "    env :%u %s %s", v->line, v->name, sources[v->source]);
		dump_str(out, "value", v->value);
		dump_str(out, "ref", v->ref);
		dump_str(out, "key", v->key);
		dump_flag(out, "optional", v->optional);
		buf_addc(out, '\n');
	}
	for (size_t i = 0; i < c->n_env_from; i++) {
		const struct env_from *f = &c->env_from[i];

		buf_addf(out, "    envfrom :%u prefix=\"%s\"", f->line, f->prefix);
		dump_str(out, "configmap", f->config_map);
		dump_str(out, "secret", f->secret);
		dump_flag(out, "optional", f->optional);
		buf_addc(out, '\n');
	}
}

static inline void
dump_container(struct buf *out, const struct container *c)
{
	static const char *const classes[] = {"main", "init", "sidecar", "ephemeral"};

	buf_addf(out, "  %s :%u %s image:%u=%s", classes[c->class], c->line, c->name, c->image_line, c->image);
	dump_strs(out, "command", c->command, c->n_command);
	dump_strs(out, "args", c->args, c->n_args);
	dump_security(out, &c->security);
	for (size_t i = 0; i < c->n_ports; i++)
		buf_addf(out, " port:%s/%d/%s", c->ports[i].name ? c->ports[i].name : "-", c->ports[i].port,
			 c->ports[i].protocol);
	buf_addc(out, '\n');
	dump_env(out, c);
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct volume_mount *m = &c->mounts[i];

		buf_addf(out, "    mount :%u %s at %s", m->line, m->volume, m->path);
		dump_str(out, "subpath", m->sub_path);
		dump_str(out, "subpathexpr", m->sub_path_expr);
		dump_flag(out, "readonly", m->read_only);
		buf_addc(out, '\n');
	}
}

static inline void
dump_volume(struct buf *out, const struct volume *v)
{
	static const char *const types[] = {"configmap", "secret", "projected", "emptydir", "hostpath", "pvc", "other"};

	buf_addf(out, "  volume :%u %s %s", v->line, v->name, types[v->type]);
	dump_mode(out, "default", &v->default_mode);
	buf_addc(out, '\n');
	for (size_t i = 0; i < v->n_sources; i++) {
		const struct volume_source *s = &v->sources[i];

		buf_addf(out, "    source :%u %s", s->line, types[s->type]);
		dump_str(out, "name", s->name);
		dump_flag(out, "optional", s->optional);
		dump_flag(out, "items", s->has_items);
		buf_addc(out, '\n');
		for (size_t k = 0; k < s->n_items; k++) {
			buf_addf(out, "      item :%u \"%s\" at %s", s->items[k].line, s->items[k].key,
				 s->items[k].path);
			dump_mode(out, "mode", &s->items[k].mode);
			buf_addc(out, '\n');
		}
	}
}

static inline void
dump_template(struct buf *out, const struct pod_template *t)
{
	const struct pod_spec *s = &t->spec;

	buf_addf(out, "  template :%u spec :%u", t->line, s->line);
	dump_labels(out, "labels", &t->labels);
	dump_labels(out, "annotations", &t->annotations);
	if (s->host_network || s->host_network_line)
		buf_addf(out, " hostnetwork:%u=%d", s->host_network_line, s->host_network);
	if (s->host_pid || s->host_pid_line)
		buf_addf(out, " hostpid:%u=%d", s->host_pid_line, s->host_pid);
	dump_security(out, &s->security);
	dump_int(out, "fsgroup", s->fs_group, ID_UNSET);
	for (size_t i = 0; i < s->n_supplemental_groups; i++)
		dump_int(out, "supplemental", s->supplemental_groups[i], ID_UNSET);
	buf_addc(out, '\n');
	for (size_t i = 0; i < s->n_containers; i++)
		dump_container(out, &s->containers[i]);
	for (size_t i = 0; i < s->n_volumes; i++)
		dump_volume(out, &s->volumes[i]);
}

static inline void
dump_controller(struct buf *out, const struct controller *c)
{
	dump_int(out, "replicas", c->replicas, INT64_MIN);
	dump_flag(out, "paused", c->paused);
	if (c->has_status)
		buf_addf(out, " status: observed=%" PRId64 " desired=%" PRId64 " ready=%" PRId64 " updated=%" PRId64
			      " available=%" PRId64,
			 c->observed_generation, c->desired, c->ready, c->updated, c->available);
	dump_selector(out, &c->selector);
	buf_addc(out, '\n');
	dump_template(out, &c->template);
}

static inline void
dump_pod(struct buf *out, const struct pod *p)
{
	dump_str(out, "phase", p->phase);
	dump_flag(out, "status", p->has_status);
	dump_flag(out, "ready", p->ready);
	dump_flag(out, "finished", p->finished);
	dump_flag(out, "deleting", p->deleting);
	dump_str(out, "node", p->node);
	dump_strs(out, "ips", p->ips, p->n_ips);
	buf_addc(out, '\n');
	dump_template(out, &p->template);
	for (size_t i = 0; i < p->n_statuses; i++) {
		const struct container_status *s = &p->statuses[i];

		buf_addf(out, "  status %s", s->name);
		dump_str(out, "image", s->image_id);
		dump_flag(out, "ready", s->ready);
		dump_flag(out, "running", s->running);
		dump_time(out, "started", s->started_at);
		dump_int(out, "restarts", s->restarts, 0);
		dump_str(out, "waiting", s->waiting);
		buf_addc(out, '\n');
	}
}

static inline void
dump_service(struct buf *out, const struct service *s)
{
	dump_str(out, "type", s->type);
	dump_str(out, "external", s->external_name);
	dump_strs(out, "ips", s->cluster_ips, s->n_cluster_ips);
	dump_selector(out, &s->selector);
	buf_addc(out, '\n');
	for (size_t i = 0; i < s->n_ports; i++) {
		const struct service_port *p = &s->ports[i];

		buf_addf(out, "  port :%u %s %d/%s to %d", p->line, p->name ? p->name : "-", p->port, p->protocol,
			 p->target_port);
		dump_str(out, "target", p->target_name);
		buf_addc(out, '\n');
	}
}

static inline void
dump_config_map(struct buf *out, const struct config_map *m)
{
	dump_flag(out, "immutable", m->immutable);
	dump_time(out, "changed", m->data_changed_at);
	buf_addc(out, '\n');
	for (size_t i = 0; i < m->n_keys; i++) {
		buf_addf(out, "  key :%u %s %zu ", m->keys[i].line, m->keys[i].key, m->keys[i].len);
		if (!m->keys[i].text)
			buf_adds(out, "(binary)");
		for (size_t k = 0; k < m->keys[i].len; k++) {
			unsigned char c = (unsigned char)m->keys[i].text[k];

			if (c < ' ')
				buf_addf(out, "\\x%02x", c);
			else
				buf_addc(out, (char)c);
		}
		buf_addc(out, '\n');
	}
}

static inline void
dump_object(struct buf *out, const struct object *o)
{
	buf_addf(out, "%s %s/%s :%u", o->kind, o->namespace, o->name, o->location.line);
	dump_str(out, "uid", o->uid);
	dump_int(out, "generation", o->generation, 0);
	dump_time(out, "created", o->created_at);
	dump_labels(out, "labels", &o->labels);
	dump_labels(out, "annotations", &o->annotations);
	if (o->owner.kind)
		buf_addf(out, " owner: %s %s %s %s", o->owner.api_version, o->owner.kind, o->owner.name,
			 o->owner.uid ? o->owner.uid : "-");
	switch (o->type) {
	case OBJECT_CONTROLLER:
		dump_controller(out, object_controller(o));
		break;
	case OBJECT_POD:
		dump_pod(out, object_pod(o));
		break;
	case OBJECT_SERVICE:
		dump_service(out, object_service(o));
		break;
	case OBJECT_CONFIG_MAP:
		dump_config_map(out, object_config_map(o));
		break;
	default:
		buf_addc(out, '\n');
	}
}

#endif
