/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/rules/fetch.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "audit/rules/tools.h"
#include "base/buf.h"
#include "base/cidr.h"
#include "base/str.h"
#include "fleet/env.h"
#include "fleet/image.h"
#include "fleet/mounted_file.h"
#include "fleet/proxy.h"
#include "fleet/top_level.h"

/*
 * Places
 */

enum place { PLACE_NONE, PLACE_INSIDE, PLACE_OUTSIDE, PLACE_UNKNOWN };

struct address {
	enum place place;
	bool http; /* the scheme is http, not https */
	bool direct; /* ssh: no proxy variable changes its way */
	const char *host; /* PLACE_OUTSIDE */
};

/* What is asked while one program is looked at. */
struct question {
	const struct fetch_view *view;
	const struct shell *sh;
	const struct shell_command *cmd;
	const struct tool *tool;
	size_t first; /* the first operand behind the verb */
	struct fetch *out;
};

static bool
known_namespace(const struct fleet *f, const char *name)
{
	size_t n = 0;

	fleet_namespace(f, name, &n);
	for (size_t i = 0; i < f->n_services && n == 0; i++)
		n += strcmp(f->services[i]->object.namespace, name) == 0;
	for (size_t i = 0; i < f->n_namespaces && n == 0; i++)
		n += strcmp(f->namespaces[i]->name, name) == 0;
	return n > 0;
}

/* Names that the cluster's own DNS answers: svc.cluster.local, name.ns.svc, name.ns.svc.some.domain. */
static bool
cluster_name(const struct fleet *f, const char *host)
{
	const char *dot = strchr(host, '.');

	if (str_ends(host, ".svc") || str_ends(host, ".cluster.local") || str_ends(host, ".localhost") ||
	    str_has(host, ".svc."))
		return true;
	return dot && !strchr(dot + 1, '.') && known_namespace(f, dot + 1);
}

/* *shown becomes the outside name that a Service of type ExternalName stands for. */
static enum place
judge_host(const struct fetch_view *v, const char **shown)
{
	const char *host = *shown;
	const struct service *s = fleet_resolve_host(v->fleet, v->workload->namespace, host);
	enum ip_family family;
	struct ip ip;

	if (s && s->external_name) {
		*shown = s->external_name;
		return cluster_name(v->fleet, s->external_name) ? PLACE_INSIDE : PLACE_OUTSIDE;
	}
	if (s || cluster_name(v->fleet, host))
		return PLACE_INSIDE;
	if (strchr(host, SHELL_UNKNOWN))
		return PLACE_UNKNOWN;
	if (ip_parse(host, &family, &ip))
		return ip_is_public(family, ip) ? PLACE_OUTSIDE : PLACE_INSIDE;
	if (top_level_missing(host)) /* name.namespace, whether or not the namespace is in the source */
		return PLACE_INSIDE;
	return strchr(host, '.') ? PLACE_OUTSIDE : PLACE_INSIDE;
}

/* The host of "user:password@host:port/path": lower case, brackets and a final dot taken off. */
static char *
host_of(struct arena *a, const char *s)
{
	size_t n = strcspn(s, "/?#\\\"' \t\n)},;");
	const char *at = memrchr(s, '@', n), *end = s + n;
	char *host;

	if (at)
		s = at + 1;
	if (*s == '[') {
		s++;
		n = strcspn(s, "]");
	} else {
		n = strcspn(s, ":");
	}
	if (s + n > end)
		n = (size_t)(end - s);
	if (n > 0 && s[n - 1] == '.')
		n--;
	host = arena_strndup(a, s, n);
	for (char *c = host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return host;
}

/* A word as a URL; `bare` takes one without a scheme for a host too. */
static struct address
judge_url(const struct fetch_view *v, const char *word, bool bare)
{
	struct address a = {.place = PLACE_NONE};
	const char *scheme = strstr(word, "://"), *rest = scheme ? scheme + 3 : word;
	const char *host;

	if (strncasecmp(word, "file:", 5) == 0 || (!scheme && (!bare || *word == '/' || *word == '.' || !*word)))
		return a;
	host = host_of(v->arena, rest);
	if (!*host)
		return a;
	a.http = scheme ? strncasecmp(word, "http:", 5) == 0 : true;
	a.direct = strncasecmp(word, "ssh:", 4) == 0;
	a.host = host;
	a.place = judge_host(v, &a.host);
	if (scheme && (strncasecmp(word, "s3:", 3) == 0 || strncasecmp(word, "gs:", 3) == 0)) {
		a.host = arena_printf(v->arena, "bucket %s", host);
		a.place = PLACE_OUTSIDE;
	}
	return a;
}

/* host:path or user@host:path, as git, scp and rsync have it; what has no colon before a slash is a file. */
static struct address
judge_remote(const struct fetch_view *v, const char *word)
{
	struct address a = {.place = PLACE_NONE};
	size_t n = strcspn(word, ":/");

	if (strstr(word, "://"))
		return judge_url(v, word, false);
	if (word[0] == SHELL_UNKNOWN)
		a.place = PLACE_UNKNOWN;
	else if (word[n] == ':' && n > 0) {
		a.host = host_of(v->arena, word);
		a.place = judge_host(v, &a.host);
		a.direct = true;
	}
	return a;
}

/*
 * Through the companion
 */

/* Is host this name, or inside this domain? ".example.com", "*.example.com" and "example.com" are the same here. */
static bool
in_domain(const char *host, const char *entry, size_t len)
{
	size_t n = strlen(host);

	while (len > 0 && (*entry == '*' || *entry == '.')) {
		entry++;
		len--;
	}
	return len <= n && strncasecmp(host + n - len, entry, len) == 0 &&
	       (len == n || len == 0 || host[n - len - 1] == '.');
}

/* Does a NO_PROXY list send this host past the proxy? Of a host that is not known ("") only "*" is sure to. */
static bool
in_no_proxy(const char *list, const char *host)
{
	while (list && *list) {
		size_t n = strcspn(list, ", ");

		if (n > 0 && in_domain(host, list, n))
			return true;
		list += n;
		list += strspn(list, ", ");
	}
	return false;
}

static const char *
first_variable(const struct shell *sh, const char *a, const char *b)
{
	const char *value = shell_variable(sh, a);

	return (!value || !*value) && b ? shell_variable(sh, b) : value;
}

/* The value of an option ("--proxy URL", "--proxy=URL", "-x URL"), names without dashes; NULL. */
static const char *
option_value(const struct shell_command *cmd, const char *names)
{
	for (size_t i = 1; i < cmd->n_words; i++) {
		const char *word = cmd->words[i];
		size_t dashes = strspn(word, "-"), n;
		AUTO(buf) struct buf name = {0};

		if (dashes == 0 || dashes > 2)
			continue;
		n = strcspn(word + dashes, "=");
		buf_add(&name, word + dashes, n);
		if (!n || !str_in_list(names, buf_str(&name)))
			continue;
		if (word[dashes + n] == '=')
			return word + dashes + n + 1;
		return i + 1 < cmd->n_words ? cmd->words[i + 1] : NULL;
	}
	return NULL;
}

static bool
has_word(const struct shell_command *cmd, const char *list)
{
	for (size_t i = 1; list && i < cmd->n_words; i++)
		if (*cmd->words[i] && str_in_list(list, cmd->words[i]))
			return true;
	return false;
}

/* true without a beginning to look for. */
static bool
has_beginning(const struct shell_command *cmd, const char *beginning)
{
	for (size_t i = 1; beginning && i < cmd->n_words; i++)
		if (str_starts(cmd->words[i], beginning))
			return true;
	return !beginning;
}

static const char *
proxy_of(const struct question *q, bool http)
{
	const char *given = option_value(q->cmd, q->tool->form == FORM_URLS ? "proxy x" : "proxy");

	if (given)
		return given;
	switch (q->tool->proxied) {
	case PROXIED_NOT:
		return NULL;
	case PROXIED_LOWER:
		return shell_variable(q->sh, http ? "http_proxy" : "https_proxy");
	case PROXIED_CURL:
		return http ? shell_variable(q->sh, "http_proxy")
			    : first_variable(q->sh, "https_proxy", "HTTPS_PROXY");
	case PROXIED_EITHER:
		break;
	}
	return http ? first_variable(q->sh, "http_proxy", "HTTP_PROXY")
		    : first_variable(q->sh, "https_proxy", "HTTPS_PROXY");
}

static bool
is_companion(void *ctx, struct workload *w)
{
	const struct workload **companion = ctx;

	if (w != *companion)
		return true;
	*companion = NULL;
	return false;
}

/* Does a proxy variable that this program reads lead to the workload's companion? host "": not known. */
static bool
through_companion(const struct question *q, bool http, const char *host)
{
	const struct workload *w = q->view->workload, *companion = w->companion;
	const char *value = proxy_of(q, http), *none = first_variable(q->sh, "no_proxy", "NO_PROXY");
	const struct service *s;
	struct proxy_url url;

	if (!companion || !value || !*value || has_word(q->cmd, "--no-proxy --noproxy"))
		return false;
	/* BusyBox's wget knows no CONNECT: an https URL does not pass a proxy */
	if (!http && strcmp(shell_program(q->cmd->words[0]), "wget") == 0 &&
	    (image_is(q->view->container->image, "busybox") || image_is(q->view->container->image, "alpine")))
		return false;
	url = proxy_url_parse(q->view->arena, value);
	s = url.valid ? fleet_resolve_host(q->view->fleet, w->namespace, url.host) : NULL;
	if (!s || in_no_proxy(none, host))
		return false;
	if (s == w->service)
		return true;
	fleet_selected(q->view->fleet, s, is_companion, &companion);
	return companion == NULL;
}

/*
 * Verdicts
 */

/* The name of the first variable in a word of the script: "$URL"; NULL. */
static const char *
variable_in(struct arena *a, const char *raw)
{
	for (const char *s = strchr(raw, '$'); s; s = strchr(s + 1, '$')) {
		const char *name = s + 1 + (s[1] == '{');
		size_t n = 0;

		while (isalnum((unsigned char)name[n]) || name[n] == '_')
			n++;
		if (n > 0)
			return arena_printf(a, "$%.*s", (int)n, name);
	}
	return NULL;
}

static bool
report(const struct question *q, const char *from)
{
	q->out->from = from;
	for (size_t i = 0; i < q->cmd->n_words; i++)
		q->out->pipelock |= str_has(q->cmd->words[i], "pipelock");
	return true;
}

static bool
report_unknown(const struct question *q, const char *raw)
{
	const char *name = raw ? variable_in(q->view->arena, raw) : NULL;

	if (through_companion(q, false, "") && through_companion(q, true, ""))
		return false;
	return report(q, name ? arena_printf(q->view->arena, "an address in %s that is not known here", name)
			      : "an address that is not known here");
}

/* One address of a program: true when it is a fetch. */
static bool
judge(const struct question *q, struct address a, const char *raw)
{
	if (a.place == PLACE_UNKNOWN)
		return report_unknown(q, raw);
	if (a.place != PLACE_OUTSIDE || (!a.direct && through_companion(q, a.http, a.host)))
		return false;
	return report(q, a.host);
}

/*
 * The words that say what a program is to do, "mod download" being one verb; NULL when they are none that fetches. A
 * list of verbs that begins with a comma has the empty one.
 */
static const char *
verb_of(const struct question *q, const size_t *operands, size_t n)
{
	const struct shell_command *cmd = q->cmd;
	AUTO(buf) struct buf two = {0};

	if (n == 0)
		return *q->tool->verbs == ',' ? "" : NULL;
	buf_addf(&two, "%s %s", cmd->words[operands[0]], n > 1 ? cmd->words[operands[1]] : "");
	for (const char *s = q->tool->verbs; s && *s;) {
		size_t len = strcspn(s, ",");
		bool pair = memchr(s, ' ', len) != NULL;
		const char *have = pair ? buf_str(&two) : cmd->words[operands[0]];

		if (strlen(have) == len && memcmp(s, have, len) == 0)
			return arena_strndup(q->view->arena, s, len);
		s += len + (s[len] == ',');
	}
	return NULL;
}

/* Is the word behind this option its value? */
static bool
takes_value(const struct tool *t, const char *word)
{
	const char *s;

	if (word[1] == '-')
		return t->options && str_in_list(t->options, word + 2);
	for (s = word + 1; *s; s++)
		if (t->letters && strchr(t->letters, *s))
			return s[1] == '\0';
	return false;
}

/* Positions of words that are neither options nor their values. */
static size_t
find_operands(const struct question *q, size_t *out)
{
	const struct shell_command *cmd = q->cmd;
	size_t n = 0;
	bool options = true;

	for (size_t i = 1; i < cmd->n_words; i++) {
		const char *word = cmd->words[i];

		if (options && strcmp(word, "--") == 0)
			options = false;
		else if (!options || word[0] != '-' || !word[1])
			out[n++] = i;
		else if (takes_value(q->tool, word) || (q->tool->elsewhere && !strchr(word, '=') &&
							str_in_list(q->tool->elsewhere, word + strspn(word, "-"))))
			i++;
	}
	return n;
}

static bool
judge_urls(const struct question *q, const size_t *operands, size_t n)
{
	const struct shell_command *cmd = q->cmd;
	const char *named = option_value(cmd, "url");

	if (named && judge(q, judge_url(q->view, named, true), NULL))
		return true;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(cmd->words[operands[i]], "-") != 0 &&
		    judge(q, judge_url(q->view, cmd->words[operands[i]], true), cmd->raw[operands[i]]))
			return true;
	}
	return n == 0 && !named && report_unknown(q, NULL); /* from a list, from xargs */
}

static bool
judge_schemes(const struct question *q)
{
	for (size_t i = 1; i < q->cmd->n_words; i++)
		if (judge(q, judge_url(q->view, q->cmd->words[i], false), q->cmd->raw[i]))
			return true;
	return false;
}

static bool
judge_git(const struct question *q, const size_t *operands, size_t n)
{
	const char *word = n > q->first ? q->cmd->words[operands[q->first]] : NULL;
	struct address a = {.place = PLACE_UNKNOWN};

	/* a name without a colon or a slash is a remote that the repository knows */
	if (word && (strpbrk(word, ":/") || word[0] == '.' || word[0] == SHELL_UNKNOWN))
		a = judge_remote(q->view, word);
	if (a.place == PLACE_UNKNOWN && !(word && word[0] == SHELL_UNKNOWN))
		return !through_companion(q, false, "") && report(q, "the remote that the repository names");
	return judge(q, a, word ? q->cmd->raw[operands[q->first]] : NULL);
}

static bool
all_local(const struct question *q, const size_t *operands, size_t n)
{
	for (size_t i = q->first; i < n; i++)
		if (!strchr("./", q->cmd->words[operands[i]][0]))
			return false;
	return n > q->first;
}

/* Where an option or a variable sends it; NULL: to its own place. */
static const char *
named_place(const struct question *q)
{
	const char *value = q->tool->elsewhere ? option_value(q->cmd, q->tool->elsewhere) : NULL;
	const char *s = q->tool->variables;

	while (!value && s && *s) {
		size_t n = strcspn(s, " ");

		value = shell_variable(q->sh, arena_strndup(q->view->arena, s, n));
		s += n + (s[n] == ' ');
	}
	return value && *value && strcmp(value, "direct") != 0 ? value : NULL;
}

static bool
judge_index(const struct question *q, const size_t *operands, size_t n)
{
	const char *named = named_place(q);
	size_t inside = 0;

	if (named) /* what is no address is a folder, or GOPROXY=off */
		return judge(q, judge_remote(q->view, named), NULL);
	for (size_t i = 0; i < n; i++) {
		struct address a = judge_url(q->view, q->cmd->words[operands[i]], false);

		if (judge(q, a, q->cmd->raw[operands[i]]))
			return true;
		inside += a.place != PLACE_NONE;
	}
	if (inside > 0 || (has_word(q->cmd, "--no-deps") && all_local(q, operands, n)))
		return false;
	return !through_companion(q, q->tool->proxied == PROXIED_LOWER, "") && report(q, q->tool->place);
}

/* The registry of an image reference; "docker.io" when it names none. */
static struct address
judge_image(const struct fetch_view *v, const char *image)
{
	static const char *const local[] = {"/", "./", "dir:", "oci:", "docker-archive:", "oci-archive:"};
	const char *scheme = strstr(image, "://"), *s = scheme ? scheme + 3 : image;
	size_t n = strcspn(s, "/");
	struct address a = {.place = PLACE_OUTSIDE, .host = "docker.io"};

	for (size_t i = 0; i < COUNT_OF(local); i++)
		if (str_starts(image, local[i]))
			return (struct address){.place = PLACE_NONE};
	if (image[0] == SHELL_UNKNOWN)
		a.place = PLACE_UNKNOWN;
	else if (s[n] == '/' && (memchr(s, '.', n) || memchr(s, ':', n) || strncmp(s, "localhost", n) == 0)) {
		a.host = host_of(v->arena, s);
		a.place = judge_host(v, &a.host);
	}
	return a;
}

static bool
judge_images(const struct question *q, const size_t *operands, size_t n)
{
	size_t i = q->first;

	return n > i && judge(q, judge_image(q->view, q->cmd->words[operands[i]]), q->cmd->raw[operands[i]]);
}

static bool
judge_copies(const struct question *q, const size_t *operands, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (judge(q, judge_remote(q->view, q->cmd->words[operands[i]]), q->cmd->raw[operands[i]]))
			return true;
	return false;
}

static bool
judge_first_host(const struct question *q, const size_t *operands, size_t n)
{
	const char *named = q->tool->elsewhere ? option_value(q->cmd, q->tool->elsewhere) : NULL;
	size_t i = q->first;

	if (named)
		return judge(q, judge_url(q->view, named, true), NULL);
	return n > i && judge(q, judge_url(q->view, q->cmd->words[operands[i]], true), q->cmd->raw[operands[i]]);
}

/*
 * Code: a few words tell that it goes to the network, URLs in it where to.
 */

static const char *const network_words[] = {
	"urllib",
	"urlopen",
	"urlretrieve",
	"requests.",
	"httpx",
	"aiohttp",
	"http.client",
	"wget.download",
	"huggingface_hub",
	"snapshot_download",
	"boto3",
	"create_connection(",
	".connect((",
	"fetch(",
	"https.get",
	"http.get",
	"http.request",
	"https.request",
	"axios",
	"-MLWP",
	"use LWP",
	"LWP::",
	"getstore(",
	"HTTP::Tiny",
	"Net::HTTP",
	"open-uri",
	"URI.open",
	"nltk.download",
	"from_pretrained(",
};

/* A word counts where it is not the tail of another: conn.fetch( asks a database. */
static bool
uses_network(const char *code)
{
	for (size_t i = 0; i < COUNT_OF(network_words); i++) {
		const char *word = network_words[i];

		for (const char *s = strstr(code, word); s; s = strstr(s + 1, word))
			if (*word == '.' || s == code || !(isalnum((unsigned char)s[-1]) || strchr("._", s[-1])))
				return true;
	}
	return false;
}

/* What stands in quotes behind `before`, judged as a host. *found counts those seen. */
static bool
judge_in_code(const struct question *q, const char *code, const char *before, size_t *found)
{
	for (const char *s = strstr(code, before); s; s = strstr(s + 1, before)) {
		const char *at = s + strlen(before);
		struct address a = {.http = str_ends(before, "http://")};

		at += strspn(at, " \"'");
		a.host = host_of(q->view->arena, at);
		a.place = strpbrk(a.host, "{$%+") || !*a.host ? PLACE_UNKNOWN : judge_host(q->view, &a.host);
		++*found;
		if (judge(q, a, NULL))
			return true;
	}
	return false;
}

static bool
judge_code(const struct question *q)
{
	static const char *const before[] = {"https://", "http://", "create_connection((", ".connect(("};
	AUTO(buf) struct buf code = {0};
	size_t found = 0;

	for (size_t i = 1; i < q->cmd->n_words; i++)
		buf_addf(&code, "%s\n", q->cmd->words[i]);
	buf_adds(&code, q->cmd->script ? q->cmd->script : "");
	if (!uses_network(buf_str(&code)))
		return false;
	for (size_t i = 0; i < COUNT_OF(before); i++)
		if (judge_in_code(q, buf_str(&code), before[i], &found))
			return true;
	return found == 0 && report_unknown(q, NULL);
}

/* python -m pip install: the module is the program. */
static bool
module_command(const struct shell_command *cmd, struct shell_command *out)
{
	for (size_t i = 1; i + 1 < cmd->n_words && cmd->words[i][0] == '-'; i++) {
		if (strcmp(cmd->words[i], "-m") != 0)
			continue;
		*out = (struct shell_command){cmd->words + i + 1, cmd->raw + i + 1, cmd->n_words - i - 1,
					      cmd->script};
		return true;
	}
	return false;
}

static bool
dispatch(const struct question *q, const size_t *operands, size_t n)
{
	switch (q->tool->form) {
	case FORM_URLS:
		return judge_urls(q, operands, n);
	case FORM_SCHEME:
		return judge_schemes(q);
	case FORM_INDEX:
		return judge_index(q, operands, n);
	case FORM_GIT:
		return judge_git(q, operands, n);
	case FORM_IMAGES:
		return judge_images(q, operands, n);
	case FORM_COPY:
		return judge_copies(q, operands, n);
	case FORM_HOST:
		return judge_first_host(q, operands, n);
	case FORM_CODE:
		return judge_code(q);
	}
	return false;
}

bool
fetch_find(const struct fetch_view *v, const struct shell *sh, const struct shell_command *cmd, struct fetch *out)
{
	struct question q = {.view = v, .sh = sh, .cmd = cmd, .out = out};
	const char *program = shell_program(cmd->words[0]), *verb = NULL;
	struct shell_command module;
	size_t *operands, n;

	q.tool = tool_find(program);
	if (!q.tool)
		return false;
	if (q.tool->form == FORM_CODE && module_command(cmd, &module))
		return fetch_find(v, sh, &module, out);
	if (has_word(cmd, q.tool->offline) || !has_beginning(cmd, q.tool->asks))
		return false;
	operands = ARENA_ARRAY(v->arena, size_t, cmd->n_words);
	n = find_operands(&q, operands);
	if (q.tool->verbs) {
		verb = verb_of(&q, operands, n);
		if (!verb)
			return false;
		q.first = !*verb ? 0 : strchr(verb, ' ') ? 2 : 1;
	}
	*out = (struct fetch){
		.what = verb && *verb ? arena_printf(v->arena, "%s %s", program, verb)
				      : arena_strdup(v->arena, program),
	};
	return dispatch(&q, operands, n);
}

/*
 * The container
 */

_Static_assert(ENV_MASK == SHELL_UNKNOWN, "what env_lookup masks is what the shell does not know");

/*
 * What a variable holds, as far as the spec tells: parts from a Secret are SHELL_UNKNOWN, a Service that has no address
 * yet is its name. A Service's variables and the pod's own fields are in-cluster.
 */
static const char *
variable(const struct fetch_view *v, const char *name)
{
	const struct container *c = v->container;
	struct env_value value = env_lookup(v->fleet, v->workload->namespace, c, name, v->arena);

	if (value.state == ENV_SET)
		return value.value;
	if (value.state != ENV_ABSENT && value.known)
		return value.known;
	for (size_t i = 0; i < c->n_env; i++)
		if (c->env[i].source == ENV_FIELD && strcmp(c->env[i].name, name) == 0)
			return "field";
	if (value.state == ENV_ABSENT && str_ends(name, "_SERVICE_HOST"))
		return "service";
	return NULL;
}

static const char *
mounted_text(const struct fetch_view *v, const char *path)
{
	struct mounted_file file = mounted_file_find(v->fleet, v->workload->namespace, &v->workload->template->spec,
						     v->container, path, v->arena);
	size_t len;

	return mounted_file_text(v->fleet, v->workload->namespace, &file, &len);
}

/* $(NAME) as the kubelet puts it in; what is set but not known becomes SHELL_UNKNOWN, what is not set stays. */
static const char *
expand(const struct fetch_view *v, const char *s)
{
	AUTO(buf) struct buf out = {0};

	while (*s) {
		const char *close = s[0] == '$' && s[1] == '(' ? strchr(s, ')') : NULL;
		const char *name = close ? arena_strndup(v->arena, s + 2, (size_t)(close - s - 2)) : "";

		if (s[0] == '$' && s[1] == '$') {
			buf_addc(&out, '$');
			s += 2;
		} else if (!*name ||
			   env_lookup(v->fleet, v->workload->namespace, v->container, name, v->arena).state ==
				   ENV_ABSENT) {
			buf_addc(&out, *s++);
		} else {
			const char *value = variable(v, name);

			if (value)
				buf_adds(&out, value);
			else
				buf_addc(&out, SHELL_UNKNOWN);
			s = close + 1;
		}
	}
	return arena_strdup(v->arena, buf_str(&out));
}

/* Images whose entrypoint is a program that fetches: args alone are its arguments. */
static const struct {
	const char *image, *program;
} entrypoints[] = {
	{"git", "git"},	      {"curl", "curl"}, {"aws-cli", "aws"}, {"helm", "helm"}, {"git-sync", "git-sync"},
	{"rclone", "rclone"}, {"mc", "mc"},	{"crane", "crane"}, {"oras", "oras"}, {"kubectl", "kubectl"},
};

/* NULL: the args name the program, or nothing does. */
static const char *
entrypoint(const struct container *c)
{
	const char *first = c->n_args ? shell_program(c->args[0]) : "";

	if (c->n_command || tool_find(first) || str_in_list("sh bash ash", *first ? first : "-"))
		return NULL;
	for (size_t i = 0; i < COUNT_OF(entrypoints); i++)
		if (image_is(c->image, entrypoints[i].image))
			return entrypoints[i].program;
	return NULL;
}

static const char *const *
argv_of(const struct fetch_view *v, size_t *n)
{
	const struct container *c = v->container;
	const char *program = entrypoint(c);
	const char **argv = ARENA_ARRAY(v->arena, const char *, c->n_command + c->n_args + 1);

	*n = 0;
	if (program)
		argv[(*n)++] = program;
	for (size_t i = 0; i < c->n_command; i++)
		argv[(*n)++] = expand(v, c->command[i]);
	for (size_t i = 0; i < c->n_args; i++)
		argv[(*n)++] = expand(v, c->args[i]);
	return argv;
}

/* What the shell's reader calls back with. */
struct reading {
	const struct fetch_view *view;
	void *ctx;
	void (*fn)(void *ctx, const struct shell *sh, const struct shell_command *cmd);
};

static const char *
read_variable(void *ctx, const char *name)
{
	return variable(((struct reading *)ctx)->view, name);
}

static const char *
read_file(void *ctx, const char *path)
{
	return mounted_text(((struct reading *)ctx)->view, path);
}

static void
read_command(void *ctx, const struct shell *sh, const struct shell_command *cmd)
{
	struct reading *r = ctx;

	r->fn(r->ctx, sh, cmd);
}

bool
fetch_programs(const struct fetch_view *v, void *ctx,
	       void (*fn)(void *ctx, const struct shell *sh, const struct shell_command *cmd))
{
	struct reading r = {v, ctx, fn};
	struct shell_host host = {&r, read_variable, read_file, read_command};
	size_t n;
	const char *const *argv = argv_of(v, &n);

	return shell_read(v->arena, argv, n, &host);
}
