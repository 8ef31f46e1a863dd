/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes back on an upgraded connection: handshake and frames, frames alone, an HTTP answer as a
 * port-forward brings it, the status of an exec. Every input is taken for each of them; in pieces of any size
 * it means the same.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/exec_status.h"
#include "kube/frames.h"
#include "kube/http1.h"
#include "tests/fuzz/fuzz.h"

#define SWITCHED                                                                            \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n"

static const char *const protocols[] = {"v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io"};

static void
wrong(const char *what, const char *a, const char *b)
{
	fprintf(stderr, "%s:\n%s\n%s\n", what, a, b);
	abort();
}

static void
on_opened(void *ctx, const char *protocol)
{
	buf_addf(ctx, "%s\n", protocol);
}

static bool
on_message(void *ctx, unsigned channel, const char *data, size_t len, struct err *e)
{
	buf_addf(ctx, "%u: %zu bytes, %016" PRIx64 "\n", channel, len, str_hash(data, len));
	return channel != 200 || err_set(e, ERR_SOURCE, 0, "channel 200");
}

static void
keep_messages(struct buf *out)
{
	char *end = strstr(buf_str(out), "error: ");

	if (!end)
		end = strstr(buf_str(out), "state ");
	if (end) {
		*end = '\0';
		out->len = (size_t)(end - out->data);
	}
}

/*
 * Whether libwslay takes a close frame with a reason that is not ASCII depends on the pieces: it checks the
 * characters of each piece less its first two bytes. So where there may be one, how it ends is not compared.
 */
static bool
may_close(const char *data, size_t len)
{
	return len && memchr(data, 0x88, len);
}

static void
feed(struct frames *f, const char *data, size_t len, size_t step, struct buf *out)
{
	struct err e = {0};
	const char *body;
	size_t body_len;
	int status;

	for (size_t at = 0; at < len; at += step)
		if (!frames_feed(f, data + at, len - at < step ? len - at : step, &e)) {
			buf_addf(out, "error: %s\n", e.msg);
			return;
		}
	status = frames_refusal(f, &body, &body_len);
	buf_addf(out, "state %d, status %d, body %zu, close %d \"%s\"\n", frames_state(f), status, body_len,
		 frames_close_code(f), frames_close_reason(f));
	if (!frames_end(f, &e))
		buf_addf(out, "end: %s\n", e.msg);
}

static void
drain(struct frames *f)
{
	size_t len;

	while (frames_output(f, &len), len)
		frames_sent(f, len);
}

/* open: the handshake is over. */
static void
read_frames(const char *data, size_t len, size_t step, bool open, struct buf *out)
{
	struct frames *f = frames_new(&(struct frames_args){.target = "/",
							    .headers = "",
							    .protocols = protocols,
							    .n_protocols = COUNT_OF(protocols),
							    .recorded = true,
							    .ctx = out,
							    .opened = on_opened,
							    .message = on_message});

	drain(f);
	if (open && !frames_feed(f, SWITCHED, strlen(SWITCHED), NULL))
		abort();
	feed(f, data, len, step, out);
	if (may_close(data, len) && frames_state(f) != FRAMES_HANDSHAKE)
		keep_messages(out);
	if (frames_state(f) != FRAMES_HANDSHAKE) {
		frames_send(f, 0, "late", 4);
		frames_close(f);
	}
	drain(f);
	frames_free(f);
}

static void
read_http(const char *data, size_t len, size_t step, bool open, struct buf *out)
{
	struct http1 h = {.body_limit = 100};
	size_t at = 0, used = 0;
	struct err e = {0};
	bool good = true;

	(void)open;
	while (good && at < len && !h.done) {
		good = http1_feed(&h, data + at, len - at < step ? len - at : step, &used, &e);
		at += used;
	}
	if (good && !h.done)
		good = http1_end(&h, &e);
	if (h.body.len > h.body_limit || (good && !h.done))
		abort();
	buf_addf(out, "%d, %zu bytes%s, %016" PRIx64 ", %s\n", h.status, h.body.len, h.cut ? " and more" : "",
		 str_hash(buf_str(&h.body), h.body.len), good ? "good" : e.msg);
	if (http1_header_has(&h, "Connection", "close"))
		buf_adds(out, "to be closed\n");
	http1_free(&h);
}

static void
in_pieces(void (*read)(const char *data, size_t len, size_t step, bool open, struct buf *out), bool open,
	  const char *data, size_t len)
{
	AUTO(buf) struct buf whole = {0};

	read(data, len, len + 1, open, &whole);
	for (size_t step = 1; step <= 1 + len % 64; step += len % 64 ? len % 64 : 1) {
		AUTO(buf) struct buf pieces = {0};

		read(data, len, step, open, &pieces);
		if (!str_eq(buf_str(&whole), buf_str(&pieces)))
			wrong("pieces change the meaning", buf_str(&whole), buf_str(&pieces));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	int code = -1;
	struct err e = {0};

	in_pieces(read_frames, false, text, size);
	in_pieces(read_frames, true, text, size);
	in_pieces(read_http, false, text, size);
	if (exec_status(text, size, &code, &e) ? code < 0 : e.kind != ERR_INPUT && e.kind != ERR_SOURCE)
		wrong("a status", e.msg, "");
	return 0;
}
