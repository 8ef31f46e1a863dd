/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as what a credential plugin printed: an answer that can be used, or an error in
 * words of our own: a token that was printed is not to be seen in it.
 */
#include <string.h>

#include "base/str.h"
#include "kube/plugin.h"
#include "kube/secret.h"
#include "tests/fuzz/fuzz.h"

static void
check_answer(const struct plugin_answer *out)
{
	check(out->token || out->cert.data);
	check(!out->token || (*out->token && secret_fits_header(out->token, strlen(out->token))));
	check(!out->cert.data == !out->key.data);
	check(!out->cert.data || !secret_pair_problem(out->cert, out->key));
}

/* The words an error may be made of; all of them are ours. */
static bool
is_ours(const char *msg)
{
	static const char *const beginnings[] = {
		"printed something that is neither JSON nor YAML",
		"printed nothing",
		"printed no ExecCredential",
		"answers in another apiVersion than the kubeconfig says",
		"printed a status.",
		"printed an ExecCredential without a status",
		"printed a certificate ",
		"printed a key without its certificate",
		"printed neither a token nor a certificate",
		"printed a token with a control character",
	};

	for (size_t i = 0; i < COUNT_OF(beginnings); i++)
		if (str_starts(msg, beginnings[i]))
			return true;
	return false;
}

static bool
parse_as(const char *api_version, const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a = {0};
	struct plugin_answer out;
	struct err e = {0};
	bool ok = plugin_parse(&a, api_version, (const char *)data, size, &out, &e);

	if (ok)
		check_answer(&out);
	else
		check(e.kind == ERR_DENIED && is_ours(e.msg));
	return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool v1 = parse_as("client.authentication.k8s.io/v1", data, size);
	bool v1beta1 = parse_as("client.authentication.k8s.io/v1beta1", data, size);

	check(!v1 || !v1beta1); /* it says one apiVersion */
	return 0;
}
