/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that fetch from the network, and how their command lines say so. */
#ifndef AUDIT_RULES_TOOLS_H
#define AUDIT_RULES_TOOLS_H

/* How a program says where it goes. */
enum form {
	FORM_URLS, /* operands are URLs, the scheme may be missing */
	FORM_SCHEME, /* only words with a scheme are */
	FORM_INDEX, /* a place of its own, unless an option, a variable or a URL names another */
	FORM_GIT,
	FORM_IMAGES, /* operands are image references */
	FORM_COPY, /* operands with a colon are remote: scp, rsync */
	FORM_HOST, /* the first operand is a host, or what an option (elsewhere) says */
	FORM_CODE, /* an interpreter: its code tells */
};

/* Which proxy variables it reads. */
enum proxied {
	PROXIED_NOT,
	PROXIED_EITHER, /* both spellings */
	PROXIED_LOWER, /* lower case alone: GNU wget, apt */
	PROXIED_CURL, /* both for https, lower case alone for http: curl, and git through it */
};

struct tool {
	const char *names; /* of the program, globs, separated by spaces */
	enum form form;
	enum proxied proxied;
	const char *verbs; /* sub-commands that fetch, separated by commas; NULL: it always does */
	const char *letters; /* short options that take a value */
	const char *options; /* long options that take a value in the next word, without dashes */
	const char *asks; /* how an option begins that makes it fetch; NULL: it needs none */
	const char *offline; /* words that keep it at home */
	const char *elsewhere; /* options that name another place, without dashes */
	const char *variables; /* and variables that do */
	const char *place; /* FORM_INDEX: where it goes by itself */
};

/* NULL for a program that fetches nothing, as far as is known. */
const struct tool *tool_find(const char *program);

#endif
