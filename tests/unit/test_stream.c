/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames and HTTP/1.1 answers, without a network: what a real server sent, and what a bad one might. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"
#include "kube/frames.h"
#include "kube/http1.h"
#include "tests/source.h"
#include "tests/tree.h"

static const char *const protocols[] = {"v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io"};

/* RFC 6455, 1.3. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define SWITCH                                                                              \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n"

/* What came out of the frames. */
struct seen {
	const char *protocol;
	struct buf channel[6];
	size_t messages, longest;
	const char *stop; /* message() ends it with that error */
};

static void
opened(void *ctx, const char *protocol)
{
	((struct seen *)ctx)->protocol = protocol;
}

static bool
message(void *ctx, unsigned channel, const char *data, size_t len, struct err *e)
{
	struct seen *seen = ctx;

	assert_true(channel < COUNT_OF(seen->channel));
	buf_add(&seen->channel[channel], data, len);
	seen->messages++;
	if (len > seen->longest)
		seen->longest = len;
	return !seen->stop || err_set(e, ERR_SOURCE, 0, "%s", seen->stop);
}

static void
seen_free(struct seen *seen)
{
	for (size_t i = 0; i < COUNT_OF(seen->channel); i++)
		buf_free(&seen->channel[i]);
	*seen = (struct seen){0};
}

static struct frames *
start(struct seen *seen, bool recorded)
{
	return frames_new(&(struct frames_args){.target = "/exec?command=x",
						.headers = "Host: h\r\n",
						.protocols = protocols,
						.n_protocols = COUNT_OF(protocols),
						.key = KEY,
						.recorded = recorded,
						.ctx = seen,
						.opened = opened,
						.message = message});
}

static void
capture(struct buf *out, const char *name)
{
	AUTO(free) char *file = mem_printf("tests/kube/exec-captures/%s.bin", name);
	AUTO(free) char *path = source_path(file);

	assert_true(tree_file(out, path));
}

struct expected {
	const char *name, *protocol, *out, *errors, *status; /* of the status a part */
	size_t longest;
};

static const struct expected captures[] = {
	{"v1-exit7", "channel.k8s.io", "x\n", "", "exit code 7", 0},
	{"v4-exit7", "v4.channel.k8s.io", "", "", "\"message\":\"7\"", 0},
	{"v5-exit0", "v5.channel.k8s.io", "out\n", "err\n", "\"Success\"", 0},
	{"v5-exit7", "v5.channel.k8s.io", "", "", "\"message\":\"7\"", 0},
	{"v5-noprog", "v5.channel.k8s.io", "", "", "executable file not found in $PATH", 0},
	{"v5-sig", "v5.channel.k8s.io", "", "", "\"message\":\"137\"", 0},
	{"v5-stdin", "v5.channel.k8s.io", "abc", "", "\"Success\"", 0},
};

static void
check_capture(const struct expected *want, struct frames *f, struct seen *seen)
{
	assert_int_equal(frames_state(f), FRAMES_CLOSED);
	assert_int_equal(frames_close_code(f), 1000);
	assert_string_equal(frames_close_reason(f), "");
	assert_string_equal(seen->protocol, want->protocol);
	assert_string_equal(buf_str(&seen->channel[1]), want->out);
	assert_true(strstr(buf_str(&seen->channel[3]), want->status) != NULL);
	assert_string_equal(buf_str(&seen->channel[2]), want->errors);
	assert_true(frames_end(f, NULL));
}

static void
feed_by(struct frames *f, const struct buf *bytes, size_t step)
{
	struct err e;

	for (size_t at = 0; at < bytes->len; at += step)
		assert_true(frames_feed(f, bytes->data + at, bytes->len - at < step ? bytes->len - at : step, &e));
}

static void
replay_by(size_t step)
{
	for (size_t i = 0; i < COUNT_OF(captures); i++) {
		AUTO(buf) struct buf bytes = {0};
		struct seen seen = {0};
		struct frames *f = start(&seen, true);

		capture(&bytes, captures[i].name);
		feed_by(f, &bytes, step);
		check_capture(&captures[i], f, &seen);
		frames_free(f);
		seen_free(&seen);
	}
}

static void
replay_whole(void **state)
{
	(void)state;
	replay_by(1 << 20);
}

/* In two parts at every byte; and the first part alone is a connection that was cut. */
static void
replay_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(captures); i++) {
		AUTO(buf) struct buf bytes = {0};

		capture(&bytes, captures[i].name);
		for (size_t cut = 0; cut < bytes.len; cut++) {
			struct seen seen = {0};
			struct frames *f = start(&seen, true);
			struct err e;

			assert_true(frames_feed(f, bytes.data, cut, &e));
			assert_int_not_equal(frames_state(f), FRAMES_CLOSED);
			assert_false(frames_end(f, &e));
			assert_int_equal(e.kind, ERR_SOURCE);
			assert_true(frames_feed(f, bytes.data + cut, bytes.len - cut, &e));
			check_capture(&captures[i], f, &seen);
			frames_free(f);
			seen_free(&seen);
		}
	}
}

static void
replay_bytewise(void **state)
{
	(void)state;
	replay_by(1);
}

static void
replay_big(void **state)
{
	static const size_t steps[] = {1, 7, 4096, 16384, 1 << 20};
	AUTO(buf) struct buf bytes = {0};

	(void)state;
	capture(&bytes, "v5-big");
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		struct seen seen = {0};
		struct frames *f = start(&seen, true);

		feed_by(f, &bytes, steps[i]);
		assert_int_equal(frames_state(f), FRAMES_CLOSED);
		assert_int_equal(seen.channel[1].len, 200000);
		assert_int_equal(strspn(seen.channel[1].data, "x"), 200000);
		assert_int_equal(seen.longest, 32768);
		assert_true(strstr(seen.channel[3].data, "Success") != NULL);
		frames_free(f);
		seen_free(&seen);
	}
}

/* What the frames have for the server, all of it. */
static void
output(struct frames *f, struct buf *out)
{
	const char *data;
	size_t len;

	buf_clear(out);
	while ((data = frames_output(f, &len)), len) {
		size_t some = len > 3 ? len / 2 : len;

		buf_add(out, data, some);
		frames_sent(f, some);
	}
}

static void
the_request(void **state)
{
	AUTO(buf) struct buf out = {0};
	struct seen seen = {0};
	struct frames *f = start(&seen, false);

	(void)state;
	output(f, &out);
	assert_string_equal(buf_str(&out),
			    "GET /exec?command=x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
			    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY
			    "\r\nSec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io, "
			    "channel.k8s.io\r\n\r\n");
	frames_free(f);
}

/* Two keys are never the same, and have 16 bytes. */
static void
random_keys(void **state)
{
	struct buf out[2] = {{0}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct frames *f = frames_new(&(struct frames_args){.target = "/", .headers = ""});
		const char *key;

		output(f, &out[i]);
		key = strstr(buf_str(&out[i]), "Sec-WebSocket-Key: ");
		assert_non_null(key);
		assert_int_equal(strcspn(key + 19, "\r"), 24);
		frames_free(f);
	}
	assert_string_not_equal(buf_str(&out[0]), buf_str(&out[1]));
	buf_free(&out[0]);
	buf_free(&out[1]);
}

static void
unmask(struct buf *frame, size_t at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		frame->data[at + 4 + i] ^= frame->data[at + (i & 3)];
}

static struct frames *
open_frames(struct seen *seen, struct buf *out)
{
	struct frames *f = start(seen, false);
	struct err e;

	output(f, out);
	assert_true(frames_feed(f, SWITCH "\r\n", strlen(SWITCH "\r\n"), &e));
	assert_int_equal(frames_state(f), FRAMES_OPEN);
	assert_string_equal(seen->protocol, "v5.channel.k8s.io");
	return f;
}

static void
what_is_sent(void **state)
{
	AUTO(buf) struct buf out = {0};
	AUTO(free) char *large = mem_alloc(200000);
	struct seen seen = {0};
	struct frames *f = open_frames(&seen, &out);

	(void)state;
	frames_send(f, 0, "abc", 3);
	assert_int_equal(frames_queued(f), 4);
	output(f, &out);
	assert_int_equal(frames_queued(f), 0);
	assert_int_equal(out.len, 2 + 4 + 4);
	assert_memory_equal(out.data, "\x82\x84", 2); /* whole, binary; masked */
	unmask(&out, 2, 4);
	assert_memory_equal(out.data + 6, "\0abc", 4);

	frames_send(f, 255, "", 1);
	output(f, &out);
	unmask(&out, 2, 2);
	assert_memory_equal(out.data + 6, "\xff\0", 2);

	frames_ping(f);
	output(f, &out);
	assert_int_equal(out.len, 6);
	assert_memory_equal(out.data, "\x89\x80", 2);

	frames_send(f, 0, large, 200000);
	assert_int_equal(frames_queued(f), 200001);
	output(f, &out);
	assert_int_equal(out.len, 2 + 8 + 4 + 200001);

	frames_close(f);
	frames_send(f, 0, "late", 4);
	output(f, &out);
	assert_int_equal(out.len, 2 + 4 + 2);
	unmask(&out, 2, 2);
	assert_memory_equal(out.data + 6, "\x03\xe8", 2);
	frames_free(f);
}

/* Two masks are never the same: with one, a page of zeros would show it. */
static void
masks(void **state)
{
	AUTO(buf) struct buf out = {0};
	struct seen seen = {0};
	struct frames *f = open_frames(&seen, &out);
	char first[4];

	(void)state;
	frames_ping(f);
	output(f, &out);
	memcpy(first, out.data + 2, 4);
	frames_ping(f);
	output(f, &out);
	assert_memory_not_equal(first, out.data + 2, 4);
	frames_free(f);
}

static void
fragments_and_pings(void **state)
{
	static const char bytes[] = "\x02\x02\x01"
				    "a\x89\x02hi\x00\x00\x00\x01"
				    "b\x80\x01"
				    "c";
	AUTO(buf) struct buf out = {0};
	struct seen seen = {0};
	struct frames *f = open_frames(&seen, &out);
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) - 1; i++)
		assert_true(frames_feed(f, bytes + i, 1, &e));
	assert_int_equal(seen.messages, 1);
	assert_string_equal(buf_str(&seen.channel[1]), "abc");
	output(f, &out);
	assert_int_equal(out.len, 2 + 4 + 2);
	assert_memory_equal(out.data, "\x8a\x82", 2); /* the ping is answered with its own bytes */
	unmask(&out, 2, 2);
	assert_memory_equal(out.data + 6, "hi", 2);
	seen_free(&seen);
	frames_free(f);
}

struct hostile {
	const char *bytes;
	size_t len;
	const char *error;
};
#define HOSTILE(bytes, error)                   \
	{                                       \
		bytes, sizeof(bytes) - 1, error \
	}

static const struct hostile bad_frames[] = {
	HOSTILE("\x81\x02\x01x", "sent text"),
	HOSTILE("\x82\x00", "without a channel"),
	HOSTILE("\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x01"
		"x",
		"too long"), /* a byte more than the limit */
	HOSTILE("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"
		"x",
		"WebSocket frame"),
	HOSTILE("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "WebSocket frame"),
	HOSTILE("\x80\x01x", "no WebSocket frame"), /* a continuation of nothing */
	HOSTILE("\x02\x01\x01\x82\x01\x01", "no WebSocket frame"), /* a message inside another */
	HOSTILE("\x83\x01x", "no WebSocket frame"), /* an opcode that nobody has given a meaning */
	HOSTILE("\xc2\x02\x01x", "no WebSocket frame"), /* compressed, without having been asked */
	HOSTILE("\x82\x82\0\0\0\0\x01x", "no WebSocket frame"), /* masked: only clients do that */
	HOSTILE("\x89\x7e\x00\x7e", "WebSocket frame"), /* a ping too long */
	HOSTILE("\x09\x00", "WebSocket frame"), /* a ping in fragments */
	HOSTILE("HTTP/1.1 200 OK\r\n\r\n", "WebSocket frame"),
};

static void
hostile_frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_frames); i++) {
		AUTO(buf) struct buf out = {0};
		struct seen seen = {0};
		struct frames *f = open_frames(&seen, &out);
		struct err e = {0};

		if (frames_feed(f, bad_frames[i].bytes, bad_frames[i].len, &e))
			fail_msg("frame %zu is taken", i);
		if (!strstr(e.msg, bad_frames[i].error))
			fail_msg("frame %zu: %s", i, e.msg);
		seen_free(&seen);
		frames_free(f);
	}
}

/* Fragments that together are too long, and pings whose answers nobody takes. */
static void
hostile_sums(void **state)
{
	AUTO(buf) struct buf out = {0};
	AUTO(free) char *part = mem_alloc(4 + 60000);
	struct seen seen = {0};
	struct frames *f = open_frames(&seen, &out);
	struct err e = {0};
	int n;

	(void)state;
	memcpy(part, "\x02\x7e\xea\x60", 4);
	for (n = 0; n < 100 && frames_feed(f, part, 4 + 60000, &e); n++)
		part[0] = 0;
	assert_int_equal(n, FRAMES_MESSAGE_MAX / 60000);
	assert_true(strstr(e.msg, "too long") != NULL);
	frames_free(f);

	f = open_frames(&seen, &out);
	for (n = 0; n < 1000 && frames_feed(f, "\x89\x00", 2, &e); n++)
		;
	assert_int_equal(n, 100);
	assert_true(strstr(e.msg, "takes no answers") != NULL);
	frames_free(f);
	f = open_frames(&seen, &out);
	for (n = 0; n < 1000; n++) {
		assert_true(frames_feed(f, "\x89\x00", 2, &e));
		output(f, &out);
	}
	frames_free(f);
}

static void
close_frames(void **state)
{
	static const char with_reason[] = "\x88\x07\x03\xf3why?!";
	AUTO(buf) struct buf out = {0};
	struct seen seen = {0};
	struct frames *f = open_frames(&seen, &out);
	struct err e;

	(void)state;
	assert_int_equal(frames_close_code(f), 1006);
	assert_true(frames_feed(f, with_reason, sizeof(with_reason) - 1, &e));
	assert_int_equal(frames_state(f), FRAMES_CLOSED);
	assert_int_equal(frames_close_code(f), 1011);
	assert_string_equal(frames_close_reason(f), "why?!");
	assert_true(frames_feed(f, "anything", 8, &e));
	output(f, &out);
	assert_memory_equal(out.data, "\x88", 1); /* answered */
	frames_free(f);

	f = open_frames(&seen, &out);
	assert_true(frames_feed(f, "\x88\x00", 2, &e));
	assert_int_equal(frames_close_code(f), 1005);
	frames_free(f);
}

static void
ended_by_the_reader(void **state)
{
	AUTO(buf) struct buf out = {0};
	struct seen seen = {.stop = "enough"};
	struct frames *f = open_frames(&seen, &out);
	struct err e;

	(void)state;
	assert_false(frames_feed(f, "\x82\x02\x01x\x82\x02\x01y", 8, &e));
	assert_string_equal(e.msg, "enough");
	assert_int_equal(seen.messages, 1);
	seen_free(&seen);
	frames_free(f);
}

#define UPGRADE "HTTP/1.1 101 x\r\nUpgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define CHOSEN "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n"

static const struct hostile bad_handshakes[] = {
	HOSTILE("HTTP/1.1 101 x\r\nConnection: Upgrade\r\n" ACCEPT CHOSEN "\r\n", "no WebSocket"),
	HOSTILE("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n" ACCEPT CHOSEN "\r\n", "no WebSocket"),
	HOSTILE("HTTP/1.1 101 x\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n" ACCEPT CHOSEN "\r\n",
		"no WebSocket"),
	HOSTILE(UPGRADE CHOSEN "\r\n", "no WebSocket"),
	HOSTILE(UPGRADE CHOSEN "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n\r\n", "another request"),
	HOSTILE(UPGRADE ACCEPT "\r\n", "not offered"),
	HOSTILE(UPGRADE ACCEPT "Sec-WebSocket-Protocol: v3.channel.k8s.io\r\n\r\n", "\"v3.channel.k8s.io\""),
	HOSTILE(UPGRADE ACCEPT "Sec-WebSocket-Protocol: \x1b[2J\r\n\r\n", "\\x1b[2J"),
	HOSTILE(UPGRADE ACCEPT CHOSEN "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "extension"),
	HOSTILE("SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP/1.1: \"SSH-2.0"),
	HOSTILE("HTTP/2 101\r\n", "does not speak"),
	HOSTILE("HTTP/1.1 1010 x\r\n", "does not speak"),
	HOSTILE("HTTP/1.1 99\r\n", "does not speak"),
	HOSTILE("HTTP/1.1 x\r\n", "does not speak"),
	HOSTILE("HTTP/1.1 101\r\nno header\r\n", "no header"),
	HOSTILE("HTTP/1.1 101\r\n: x\r\n", "no header"),
	HOSTILE("HTTP/1.1 101\r\nUpgrade: websocket\r\n folded: x\r\n", "no header"),
	HOSTILE("HTTP/1.1 101\r\nUpgrade : websocket\r\n", "no header"),
	HOSTILE("HTTP/1.1 101\r\nUpgrade: web\0socket\r\n", "NUL"),
};

static void
hostile_handshakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_handshakes); i++) {
		struct seen seen = {0};
		struct frames *f = start(&seen, false);
		struct err e = {0};

		if (frames_feed(f, bad_handshakes[i].bytes, bad_handshakes[i].len, &e))
			fail_msg("handshake %zu is taken", i);
		if (!strstr(e.msg, bad_handshakes[i].error))
			fail_msg("handshake %zu: %s", i, e.msg);
		assert_null(seen.protocol);
		frames_free(f);
	}
}

static void
good_handshakes(void **state)
{
	static const char lines[] = "HTTP/1.1 100 Continue\nX: y\n\n" UPGRADE ACCEPT CHOSEN "\r\n";
	struct seen seen = {0};
	struct frames *f = start(&seen, false);
	struct err e;

	(void)state;
	assert_true(frames_feed(f, lines, strlen(lines), &e));
	assert_string_equal(seen.protocol, "v4.channel.k8s.io");
	frames_free(f);
}

/* A head without an end, in one line or in many, is given up. */
static void
endless_heads(void **state)
{
	static const char *const parts[] = {"x", "X: y\r\n", "HTTP/1.1 100 x\r\n\r\n"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		struct seen seen = {0};
		struct frames *f = start(&seen, false);
		struct err e = {0};
		size_t fed = 0;
		bool more = i == 2 || frames_feed(f, "HTTP/1.1 101 x\r\n", 16, &e);

		while (more && fed < 1000000) {
			more = frames_feed(f, parts[i], strlen(parts[i]), &e);
			fed += strlen(parts[i]);
		}
		assert_false(more);
		assert_true(fed < 70000);
		assert_true(strstr(e.msg, "more than 8192") || strstr(e.msg, "longer than 65536"));
		frames_free(f);
	}
}

static void
refusals(void **state)
{
	static const char status[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nno ";
	struct seen seen = {0};
	struct frames *f = start(&seen, false);
	const char *body;
	struct err e;
	size_t len;

	(void)state;
	assert_true(frames_feed(f, status, strlen(status), &e));
	assert_int_equal(frames_state(f), FRAMES_HANDSHAKE);
	assert_int_equal(frames_refusal(f, &body, &len), 404);
	assert_true(frames_feed(f, "pods and more", 13, &e));
	assert_int_equal(frames_state(f), FRAMES_REFUSED);
	assert_int_equal(frames_refusal(f, &body, &len), 404);
	assert_int_equal(len, 4);
	assert_string_equal(body, "no p");
	frames_free(f);

	f = start(&seen, false); /* its body is cut */
	assert_true(frames_feed(f, status, strlen(status), &e));
	assert_true(frames_end(f, &e));
	assert_int_equal(frames_state(f), FRAMES_REFUSED);
	assert_int_equal(frames_refusal(f, &body, &len), 404);
	assert_string_equal(body, "no ");
	frames_free(f);

	f = start(&seen, false); /* nothing came */
	assert_false(frames_end(f, &e));
	assert_true(strstr(e.msg, "without an answer") != NULL);
	frames_free(f);
}

/* An HTTP answer that a port-forward may bring; `ends` by the end of the connection. */
struct http_case {
	const char *bytes;
	int status;
	const char *body;
	bool ends, cut;
	const char *error;
	size_t rest; /* bytes behind it */
};

static const struct http_case http_cases[] = {
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false, false, NULL, 0},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP", 200, "hello", false, false, NULL, 4},
	{"HTTP/1.0 200 OK\r\n\r\nhello", 200, "hello", true, false, NULL, 0},
	{"HTTP/1.1 503\r\nContent-length:0\r\n\r\n", 503, "", false, false, NULL, 0},
	{"HTTP/1.1 204 No\r\n\r\n", 204, "", false, false, NULL, 0},
	{"HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 2\n\nhi", 200, "hi", false, false, NULL, 0},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: "
	 "1\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n"
	 "0\r\nTrailer: x\r\n\r\n",
	 200, "abc0123456789", false, false, NULL, 0},
	{"HTTP/1.1 200 OK\r\n\r\n01234567890123456789", 200, "0123456789012345", false, true, NULL, 4},
	{"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n01234567890123456", 200, "0123456789012345", false, true,
	 NULL, 1},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", 200, "hell", false, false, "middle of the answer", 0},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200, "hello", false, false,
	 "middle of the answer", 0},
	{"HTTP/1.1 200 OK\r\nContent-", 0, "", false, false, "middle of the answer", 0},
	{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 200, "", false, false, "Content-Length: \"-1\"", 0},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", 200, "", false, false, "Content-Length", 0},
	{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", 200, "", false, false, "Content-Length",
	 0},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 200, "", false, false,
	 "Content-Length", 0},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 200, "", false, false, "gzip, chunked", 0},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 200, "", false, false, "without a size", 0},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n123456789\r\n", 200, "", false, false,
	 "without a size", 0},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 200, "a", false, false,
	 "longer than its", 0},
};

static void
check_http(const struct http_case *want, size_t step)
{
	struct http1 h = {.body_limit = 16};
	size_t at = 0, len = strlen(want->bytes), used = 0;
	struct err e = {0};
	bool good = true;

	while (at < len && good && !h.done) {
		good = http1_feed(&h, want->bytes + at, len - at < step ? len - at : step, &used, &e);
		at += good ? used : 0;
	}
	if (good && !h.done && want->ends)
		assert_false(h.done);
	if (good && !h.done)
		good = http1_end(&h, &e);
	if (want->error && (good || !strstr(e.msg, want->error)))
		fail_msg("%s\nby %zu: %s", want->bytes, step, good ? "taken" : e.msg);
	if (!want->error && !good)
		fail_msg("%s\nby %zu: %s", want->bytes, step, e.msg);
	assert_int_equal(h.status, want->status);
	assert_string_equal(buf_str(&h.body), want->body);
	assert_int_equal(h.cut, want->cut);
	if (good)
		assert_int_equal(len - at, want->rest);
	http1_free(&h);
}

static void
http_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(http_cases); i++)
		for (size_t step = 1; step < 100; step += step < 20 ? 1 : 79)
			check_http(&http_cases[i], step);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replay_whole),
		cmocka_unit_test(replay_cut),
		cmocka_unit_test(replay_bytewise),
		cmocka_unit_test(replay_big),
		cmocka_unit_test(the_request),
		cmocka_unit_test(random_keys),
		cmocka_unit_test(what_is_sent),
		cmocka_unit_test(masks),
		cmocka_unit_test(fragments_and_pings),
		cmocka_unit_test(hostile_frames),
		cmocka_unit_test(hostile_sums),
		cmocka_unit_test(close_frames),
		cmocka_unit_test(ended_by_the_reader),
		cmocka_unit_test(hostile_handshakes),
		cmocka_unit_test(good_handshakes),
		cmocka_unit_test(endless_heads),
		cmocka_unit_test(refusals),
		cmocka_unit_test(http_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
