/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/credential.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/plugin.h"
#include "kube/secret.h"

#define TOKEN_FILE_MS 60000 /* how long a token that was read from a file is used before the file is read again */
#define PLUGIN_MS 60000 /* limits of one run */
#define INTERACTIVE_MS (5 * 60000)
#define EARLY_S \
	10 /* a plugin runs so many seconds before its credential expires, and at most this often for that */
#define REFUSED_AGAIN_MS 10000 /* the same for credentials that were refused one after another */
#define RETRY_MS 2000 /* after a failure, doubled each time: so long its error is the answer */
#define RETRY_MAX_MS 30000

/* What tells one version of a file from the next without reading it. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed, modified;
};

/* A part of a certificate pair that is in a file. */
struct pem_file {
	const char *path; /* NULL: it is in the config */
	struct stamp stamp;
};

struct credential_wait {
	struct credential_wait *next;
	struct credential *credential;
	unsigned run; /* of the plugin, whose end it waits for */
	void (*fn)(void *ctx, const struct credential_state *s, const struct err *e);
	void *ctx;
};

/* What is known of the plugin's runs. */
struct plugin_runs {
	struct plugin *running;
	unsigned run; /* the number of the one that is running, or comes next */
	bool quietly; /* it runs without the terminal although it might have it */
	bool have; /* it gave the credential */
	bool refused; /* which was then refused */
	bool after_refusal; /* and replaced one that had been refused */
	int64_t expires; /* clock_now; CLOCK_UNKNOWN: never */
	int64_t given_ms; /* clock_ms */
	struct err failure; /* of the last run; ERR_NONE: it went well */
	int64_t retry_ms; /* from clock_ms on it may run again */
	int64_t pause_ms; /* how long it was not to */
};

struct credential {
	struct loop *loop;
	const struct kube_context *context;
	const struct kube_user *user;
	struct credential_options opt;
	struct credential_terminal terminal; /* borrow NULL: none */

	struct buf authorization; /* empty for none */
	struct buf cert, key; /* PEM; empty for none */
	unsigned serial, tls_serial;

	int64_t token_read_ms; /* clock_ms; -1 before the first time */
	struct pem_file cert_file, key_file;

	struct plugin_runs plugin;
	struct credential_wait *waits; /* in the order in which they came */
	bool answering; /* waits are called now: credential_free leaves the memory to answer_waits */
	bool freed;
};

/* ---- the credential */

/* Changes the buffer only when the text is another; the caller counts the serials up then. */
static bool
replace(struct buf *b, const char *text, size_t len)
{
	if (b->len == len && (!len || memcmp(b->data, text, len) == 0))
		return false;
	secret_wipe(b);
	buf_add(b, text, len);
	return true;
}

static bool
set_authorization(struct credential *c, const char *scheme, const char *text, size_t len)
{
	AUTO(secret) struct buf value = {0};

	buf_reserve(&value, strlen(scheme) + len + 2);
	buf_addf(&value, "%s ", scheme);
	buf_add(&value, text, len);
	if (!replace(&c->authorization, value.data, value.len))
		return false;
	c->serial++;
	return true;
}

static bool
set_pair(struct credential *c, struct kube_blob cert, struct kube_blob key)
{
	bool changed = replace(&c->cert, cert.data, cert.len);

	changed |= replace(&c->key, key.data, key.len);
	if (!changed)
		return false;
	c->serial++;
	c->tls_serial++;
	return true;
}

static struct credential_state
state(const struct credential *c)
{
	struct credential_state s = {.serial = c->serial, .tls_serial = c->tls_serial};

	s.authorization = c->authorization.len ? buf_str(&c->authorization) : NULL;
	if (c->cert.len) {
		s.cert = (struct kube_blob){c->cert.data, c->cert.len};
		s.key = (struct kube_blob){c->key.data, c->key.len};
	}
	return s;
}

/* ---- tokens in files */

static bool
read_token(struct credential *c, struct err *e)
{
	AUTO(secret) struct buf text = {0};
	const char *from, *end;

	if (!secret_file(c->user->token_path, &text, e))
		return false;
	from = buf_str(&text) + strspn(buf_str(&text), " \t\r\n");
	end = buf_str(&text) + text.len;
	while (end > from && strchr(" \t\r\n", end[-1]))
		end--;
	if (end == from)
		return err_set(e, ERR_INPUT, 0, "the token file %s is empty", c->user->token_path);
	if (!secret_fits_header(from, (size_t)(end - from)))
		return err_set(e, ERR_INPUT, 0, "the token file %s holds more than a token", c->user->token_path);
	set_authorization(c, "Bearer", from, (size_t)(end - from));
	return true;
}

/* A file that cannot be read any more leaves the token that was read before, or the one beside it in the config. */
static bool
refresh_token(struct credential *c, struct err *e)
{
	struct err why = {0};

	if (!c->user->token_path || (c->token_read_ms >= 0 && clock_ms() - c->token_read_ms < TOKEN_FILE_MS))
		return true;
	if (read_token(c, &why)) {
		c->token_read_ms = clock_ms();
		return true;
	}
	if (!c->authorization.len && c->user->token)
		set_authorization(c, "Bearer", c->user->token, strlen(c->user->token));
	if (!c->authorization.len) {
		if (e)
			*e = why;
		return err_wrap(e, "user %s", c->user->name);
	}
	log_warn("user %s: %s: the token of before is used on", c->user->name, why.msg);
	c->token_read_ms = clock_ms();
	return true;
}

/* ---- certificates in files */

static bool
take_stamp(const char *path, struct stamp *out, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(e, ERR_INPUT, errno, "open %s", path);
	memset(out, 0, sizeof(*out));
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->size = st.st_size;
	out->changed = st.st_ctim;
	out->modified = st.st_mtim;
	return true;
}

/* One part of the pair: what is in the config, or the file and its stamp. */
static bool
read_part(const struct pem_file *f, struct kube_blob inside, struct buf *out, struct stamp *stamp, struct err *e)
{
	if (f->path)
		return take_stamp(f->path, stamp, e) && secret_file(f->path, out, e);
	buf_add(out, inside.data, inside.len);
	return true;
}

static bool
read_pair(struct credential *c, struct err *e)
{
	const struct kube_user *u = c->user;
	AUTO(secret) struct buf cert = {0};
	AUTO(secret) struct buf key = {0};
	struct stamp cert_stamp = {0}, key_stamp = {0};
	struct kube_blob cert_text, key_text;
	const char *problem;

	if (!read_part(&c->cert_file, u->cert, &cert, &cert_stamp, e) ||
	    !read_part(&c->key_file, u->key, &key, &key_stamp, e))
		return false;
	cert_text = (struct kube_blob){buf_str(&cert), cert.len};
	key_text = (struct kube_blob){buf_str(&key), key.len};
	problem = secret_pair_problem(cert_text, key_text);
	if (problem)
		return err_set(e, ERR_INPUT, 0, "client-certificate %s, client-key %s: %s",
			       u->cert_path ? u->cert_path : "in the kubeconfig",
			       u->key_path ? u->key_path : "in the kubeconfig", problem);
	c->cert_file.stamp = cert_stamp;
	c->key_file.stamp = key_stamp;
	set_pair(c, cert_text, key_text);
	return true;
}

static bool
file_changed(const struct pem_file *f)
{
	struct stamp now;

	return f->path && (!take_stamp(f->path, &now, NULL) || memcmp(&now, &f->stamp, sizeof(now)) != 0);
}

static bool
has_pair(const struct kube_user *u)
{
	return u->cert.data || u->cert_path;
}

/* While the files are being replaced they do not fit together: the pair of before is used until they do. */
static bool
refresh_pair(struct credential *c, struct err *e)
{
	struct err why = {0};

	if (!has_pair(c->user) || (c->cert.len && !file_changed(&c->cert_file) && !file_changed(&c->key_file)))
		return true;
	if (read_pair(c, &why))
		return true;
	if (!c->cert.len) {
		if (e)
			*e = why;
		return err_wrap(e, "user %s", c->user->name);
	}
	log_warn("user %s: %s: the certificate of before is used on", c->user->name, why.msg);
	return true;
}

/* ---- plugins */

/* As in client-go: whoever has something of its own needs no plugin. */
static bool
uses_plugin(const struct kube_user *u)
{
	return u->exec && !u->token && !u->token_path && !u->username && !u->password && !has_pair(u);
}

/* Until when it is good; a little less while there may be a better one. */
static bool
is_fresh(const struct plugin_runs *p, int64_t early_s)
{
	if (!p->have || p->refused)
		return false;
	return p->expires == CLOCK_UNKNOWN || clock_now() + early_s < p->expires ||
	       clock_ms() - p->given_ms < early_s * 1000;
}

static void
take_answer(struct credential *c, const struct plugin_answer *a)
{
	struct plugin_runs *p = &c->plugin;

	if (a->token)
		set_authorization(c, "Bearer", a->token, strlen(a->token));
	else
		secret_wipe(&c->authorization);
	set_pair(c, a->cert, a->key);
	c->serial++; /* even when it gave the same again */
	p->have = true;
	p->after_refusal = p->refused;
	p->refused = false;
	p->expires = a->expires;
	p->given_ms = clock_ms();
	p->failure.kind = ERR_NONE;
	p->pause_ms = 0;
	if (a->expires != CLOCK_UNKNOWN && a->expires <= clock_now())
		log_warn("user %s: plugin %s gave a credential that has expired", c->user->name,
			 c->user->exec->command);
}

static void
take_failure(struct plugin_runs *p, const struct err *e)
{
	p->failure = *e;
	p->pause_ms = p->pause_ms ? p->pause_ms * 2 : RETRY_MS;
	if (p->pause_ms > RETRY_MAX_MS)
		p->pause_ms = RETRY_MAX_MS;
	p->retry_ms = clock_ms() + p->pause_ms;
	log_warn("%s", e->msg);
}

/* While the old one is still good, a failure to get the next is none. */
static void
answer(struct credential *c, void (*fn)(void *ctx, const struct credential_state *s, const struct err *e),
       void *ctx)
{
	struct credential_state s = state(c);
	struct err e = c->plugin.failure;

	if (e.kind == ERR_NONE || is_fresh(&c->plugin, 0))
		fn(ctx, &s, NULL);
	else
		fn(ctx, NULL, &e);
}

/* fn may do anything: ask again, cancel others, free the credential. */
static void
answer_waits(struct credential *c, unsigned run)
{
	c->answering = true;
	while (c->waits && c->waits->run <= run) {
		struct credential_wait w = *c->waits;

		free(c->waits);
		c->waits = w.next;
		answer(c, w.fn, w.ctx);
	}
	c->answering = false;
	if (c->freed)
		credential_free(c);
}

static void run_plugin(struct credential *c, bool interactive);

static bool
has_terminal(const struct credential *c)
{
	return c->terminal.borrow && isatty(STDIN_FILENO);
}

static void
on_plugin(void *ctx, const struct plugin_answer *a, const struct err *e)
{
	struct credential *c = ctx;
	struct plugin_runs *p = &c->plugin;

	p->running = NULL;
	if (e && p->quietly) {
		run_plugin(c, true);
		return;
	}
	if (a)
		take_answer(c, a);
	else
		take_failure(p, e);
	answer_waits(c, p->run++);
}

static void
run_plugin(struct credential *c, bool interactive)
{
	struct plugin_args args = {
		.loop = c->loop,
		.exec = c->user->exec,
		.cluster = c->context->cluster,
		.user = c->user->name,
		.interactive = interactive,
		.terminal = c->terminal,
		.limit_ms = c->opt.plugin_limit_ms,
		.note = c->opt.note,
		.note_ctx = c->opt.note_ctx,
		.ctx = c,
		.done = on_plugin,
	};

	if (!args.limit_ms)
		args.limit_ms = interactive ? INTERACTIVE_MS : PLUGIN_MS;
	c->plugin.quietly = !interactive && has_terminal(c) && c->user->exec->interactive != KUBE_INTERACTIVE_NEVER;
	c->plugin.running = plugin_start(&args);
}

/*
 * A renewal of a plugin that can do without the terminal is tried without it, so that a console is not torn down every
 * quarter of an hour; when that fails, it gets it.
 */
static bool
start_plugin(struct credential *c, struct err *e)
{
	enum kube_interactive mode = c->user->exec->interactive;

	if (mode == KUBE_INTERACTIVE_ALWAYS && !has_terminal(c))
		return err_set(e, ERR_DENIED, 0,
			       "user %s: plugin %s needs a terminal (interactiveMode: Always), and there is none",
			       c->user->name, c->user->exec->command);
	run_plugin(c, mode == KUBE_INTERACTIVE_ALWAYS ||
			      (mode == KUBE_INTERACTIVE_IF_AVAILABLE && has_terminal(c) && !c->plugin.have &&
			       !c->opt.reluctant));
	return true;
}

static struct credential_wait *
add_wait(struct credential *c, void (*fn)(void *ctx, const struct credential_state *s, const struct err *e),
	 void *ctx)
{
	struct credential_wait *w = mem_alloc(sizeof(*w)), **last = &c->waits;

	*w = (struct credential_wait){.credential = c, .run = c->plugin.run, .fn = fn, .ctx = ctx};
	while (*last)
		last = &(*last)->next;
	*last = w;
	return w;
}

static struct credential_wait *
get_from_plugin(struct credential *c, void (*fn)(void *ctx, const struct credential_state *s, const struct err *e),
		void *ctx)
{
	struct plugin_runs *p = &c->plugin;
	struct err e = {0};

	if (!p->running && (is_fresh(p, EARLY_S) || (p->failure.kind != ERR_NONE && clock_ms() < p->retry_ms))) {
		answer(c, fn, ctx);
		return NULL;
	}
	if (!p->running && !start_plugin(c, &e)) {
		fn(ctx, NULL, &e);
		return NULL;
	}
	return add_wait(c, fn, ctx);
}

/* A second one that is refused as soon as it is there says that running the plugin once more does not help. */
static bool
refuse_plugins(struct plugin_runs *p)
{
	if (p->running || p->refused)
		return true;
	if (p->after_refusal && clock_ms() - p->given_ms < REFUSED_AGAIN_MS)
		return false;
	p->refused = true;
	return true;
}

/* ---- all of it */

static void
set_basic(struct credential *c)
{
	AUTO(secret) struct buf plain = {0};
	AUTO(secret) struct buf encoded = {0};

	buf_addf(&plain, "%s:%s", c->user->username ? c->user->username : "",
		 c->user->password ? c->user->password : "");
	secret_base64_encode(&encoded, plain.data, plain.len);
	set_authorization(c, "Basic", encoded.data, encoded.len);
}

static bool
check_user(const struct kube_user *u, struct err *e)
{
	if (u->auth_provider)
		return err_set(e, ERR_INPUT, 0,
			       "user %s: auth-provider %s is gone since Kubernetes 1.26: let your provider's tool "
			       "write the "
			       "kubeconfig anew, with an exec plugin (gke-gcloud-auth-plugin, kubelogin)",
			       u->name, u->auth_provider);
	return true;
}

struct credential *
credential_new(struct loop *l, const struct kube_context *context, const struct credential_options *opt,
	       struct err *e)
{
	const struct kube_user *u = context->user;
	struct credential *c;

	if (!check_user(u, e))
		return NULL;
	c = mem_alloc(sizeof(*c));
	c->loop = l;
	c->context = context;
	c->user = u;
	c->opt = *opt;
	if (opt->terminal)
		c->terminal = *opt->terminal;
	c->serial = c->tls_serial = 1;
	c->token_read_ms = -1;
	c->cert_file.path = u->cert_path;
	c->key_file.path = u->key_path;
	if (u->token && !u->token_path)
		set_authorization(c, "Bearer", u->token, strlen(u->token));
	else if ((u->username || u->password) && !u->token_path)
		set_basic(c);
	return c;
}

void
credential_free(struct credential *c)
{
	if (!c)
		return;
	plugin_free(c->plugin.running);
	c->plugin.running = NULL;
	while (c->waits)
		credential_wait_cancel(c->waits);
	c->freed = true;
	if (c->answering)
		return;
	secret_wipe(&c->authorization);
	secret_wipe(&c->cert);
	secret_wipe(&c->key);
	free(c);
}

struct credential_wait *
credential_get(struct credential *c, void (*fn)(void *ctx, const struct credential_state *s, const struct err *e),
	       void *ctx)
{
	struct credential_state s;
	struct err e = {0};
	bool ok;

	if (uses_plugin(c->user))
		return get_from_plugin(c, fn, ctx);
	ok = refresh_pair(c, &e) && refresh_token(c, &e);
	s = state(c);
	fn(ctx, ok ? &s : NULL, ok ? NULL : &e);
	return NULL;
}

void
credential_wait_cancel(struct credential_wait *w)
{
	struct credential_wait **at;

	if (!w)
		return;
	for (at = &w->credential->waits; *at != w; at = &(*at)->next)
		;
	*at = w->next;
	free(w);
}

bool
credential_refused(struct credential *c, unsigned serial)
{
	if (serial != c->serial)
		return true; /* it was renewed meanwhile */
	if (uses_plugin(c->user))
		return refuse_plugins(&c->plugin);
	c->token_read_ms = -1;
	refresh_pair(c, NULL);
	refresh_token(c, NULL);
	return serial != c->serial;
}
