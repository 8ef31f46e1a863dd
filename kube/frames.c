/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/frames.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wslay/wslay.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/http1.h"

#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */
#define REFUSAL_MAX (64 * 1024)
#define OUTPUT_MAX (64 * 1024) /* framed ahead of what the connection takes */
#define PINGS_MAX 100 /* answers that wait for a server which pings and does not read them */

struct frames {
	struct frames_args args;
	char key[32];
	enum frames_state state;
	struct http1 answer;
	wslay_event_context_ptr ws;
	const char *in; /* of the feed under way */
	size_t in_len;
	struct buf message; /* as far as its fragments came */
	bool is_control; /* the frame whose payload is coming */
	size_t pings; /* that came since everything queued was taken */
	bool failed;
	struct err err;
	struct buf out;
	size_t out_at;
	struct buf reason; /* of the close frame */
};

static bool
fail(struct frames *f, const char *why)
{
	if (!f->failed)
		err_set(&f->err, ERR_SOURCE, 0, "%s", why);
	f->failed = true;
	wslay_event_shutdown_read(f->ws);
	return false;
}

/*
 * libwslay's callbacks. It keeps no messages: these put the fragments together, in one buffer with a limit. A
 * close frame with a reason that is not ASCII may be an error to it when it comes in pieces (1.1.1): no server
 * sends one, and the stream ends anyway.
 */

static ssize_t
on_recv(wslay_event_context_ptr ws, uint8_t *data, size_t len, int flags, void *ctx)
{
	struct frames *f = ctx;
	size_t n = len < f->in_len ? len : f->in_len;

	(void)flags;
	if (!n) {
		wslay_event_set_error(ws, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(data, f->in, n);
	f->in += n;
	f->in_len -= n;
	return (ssize_t)n;
}

static ssize_t
on_send(wslay_event_context_ptr ws, const uint8_t *data, size_t len, int flags, void *ctx)
{
	struct frames *f = ctx;

	(void)flags;
	if (f->out.len >= OUTPUT_MAX) {
		wslay_event_set_error(ws, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	buf_add(&f->out, data, len);
	return (ssize_t)len;
}

static int
on_mask(wslay_event_context_ptr ws, uint8_t *data, size_t len, void *ctx)
{
	(void)ws, (void)ctx;
	if (getentropy(data, len) != 0)
		die("the system gives no random bytes");
	return 0;
}

static void
on_frame(wslay_event_context_ptr ws, const struct wslay_event_on_frame_recv_start_arg *frame, void *ctx)
{
	struct frames *f = ctx;

	(void)ws;
	f->is_control = wslay_is_ctrl_frame(frame->opcode);
	if (f->is_control)
		return;
	if (frame->opcode != WSLAY_CONTINUATION_FRAME)
		buf_clear(&f->message);
	if (frame->payload_length > FRAMES_MESSAGE_MAX - f->message.len)
		fail(f, "the server sent a message that is too long");
}

static void
on_chunk(wslay_event_context_ptr ws, const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *ctx)
{
	struct frames *f = ctx;

	(void)ws;
	if (!f->is_control && !f->failed)
		buf_add(&f->message, chunk->data, chunk->data_length);
}

static void
on_data(struct frames *f)
{
	const char *data = f->message.data;

	if (!f->message.len) {
		fail(f, "the server sent a message without a channel");
		return;
	}
	if (!f->args.message(f->args.ctx, (unsigned char)data[0], data + 1, f->message.len - 1, &f->err)) {
		f->failed = true;
		wslay_event_shutdown_read(f->ws);
	}
}

static void
on_message(wslay_event_context_ptr ws, const struct wslay_event_on_msg_recv_arg *message, void *ctx)
{
	struct frames *f = ctx;

	(void)ws;
	if (f->failed)
		return;
	switch (message->opcode) {
	case WSLAY_BINARY_FRAME:
		on_data(f);
		break;
	case WSLAY_TEXT_FRAME:
		fail(f, "the server sent text where messages have channels");
		break;
	case WSLAY_PING:
		if (++f->pings > PINGS_MAX)
			fail(f, "the server sends pings and takes no answers");
		break;
	case WSLAY_CONNECTION_CLOSE:
		f->state = FRAMES_CLOSED;
		if (message->msg_length > 2)
			buf_add(&f->reason, message->msg + 2, message->msg_length - 2);
		break;
	}
}

static const struct wslay_event_callbacks callbacks = {
	.recv_callback = on_recv,
	.send_callback = on_send,
	.genmask_callback = on_mask,
	.on_frame_recv_start_callback = on_frame,
	.on_frame_recv_chunk_callback = on_chunk,
	.on_msg_recv_callback = on_message,
};

/* The handshake. */

static void
random_key(char out[32])
{
	unsigned char nonce[16];

	if (getentropy(nonce, sizeof(nonce)) != 0)
		die("the system gives no random bytes");
	EVP_EncodeBlock((unsigned char *)out, nonce, sizeof(nonce));
}

static void
accept_of(const char *key, char out[32])
{
	AUTO(free) char *text = mem_printf("%s" ACCEPT_GUID, key);
	unsigned char hash[20];

	if (!EVP_Digest(text, strlen(text), hash, NULL, EVP_sha1(), NULL))
		die("libcrypto gives no SHA-1, which a WebSocket handshake needs");
	EVP_EncodeBlock((unsigned char *)out, hash, sizeof(hash));
}

static void
add_request(struct frames *f)
{
	buf_addf(&f->out, "GET %s HTTP/1.1\r\n%s", f->args.target, f->args.headers);
	buf_adds(&f->out, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
	buf_addf(&f->out, "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: ", f->key);
	for (size_t i = 0; i < f->args.n_protocols; i++)
		buf_addf(&f->out, "%s%s", i ? ", " : "", f->args.protocols[i]);
	buf_adds(&f->out, "\r\n\r\n");
}

/* The protocol that the server chose, as we have it; NULL: none of ours. */
static const char *
chosen_protocol(const struct frames *f)
{
	const char *chosen = http1_header(&f->answer, "Sec-WebSocket-Protocol");

	for (size_t i = 0; i < f->args.n_protocols; i++)
		if (str_eq(f->args.protocols[i], chosen))
			return f->args.protocols[i];
	return NULL;
}

static bool
begin(struct frames *f, struct err *e)
{
	const char *accept = http1_header(&f->answer, "Sec-WebSocket-Accept"), *protocol = chosen_protocol(f);
	char wanted[32];

	accept_of(f->key, wanted);
	if (!http1_header_has(&f->answer, "Upgrade", "websocket") ||
	    !http1_header_has(&f->answer, "Connection", "upgrade") || !accept)
		return err_set(e, ERR_SOURCE, 0, "the server switched to something that is no WebSocket");
	if (!f->args.recorded && !str_eq(accept, wanted))
		return err_set(e, ERR_SOURCE, 0,
			       "the server's WebSocket handshake answers another request: is there a cache "
			       "or proxy in between?");
	if (!protocol)
		return err_set(e, ERR_SOURCE, 0, "the server chose a protocol that was not offered: \"%.60s\"",
			       http1_header(&f->answer, "Sec-WebSocket-Protocol") ?: "");
	if (http1_header(&f->answer, "Sec-WebSocket-Extensions"))
		return err_set(e, ERR_SOURCE, 0, "the server uses a WebSocket extension that was not offered");
	f->state = FRAMES_OPEN;
	if (f->args.opened)
		f->args.opened(f->args.ctx, protocol);
	return true;
}

static bool
feed_answer(struct frames *f, const char **data, size_t *len, struct err *e)
{
	size_t used;

	if (!http1_feed(&f->answer, *data, *len, &used, e))
		return false;
	*data += used;
	*len -= used;
	if (!f->answer.done)
		return true;
	if (f->answer.status == 101)
		return begin(f, e);
	f->state = FRAMES_REFUSED;
	return true;
}

static bool
feed_frames(struct frames *f, const char *data, size_t len)
{
	f->in = data;
	f->in_len = len;
	if (wslay_event_recv(f->ws) != 0)
		fail(f, "the server's WebSocket frames cannot be read");
	f->in_len = 0;
	/* It stops reading after a close frame; otherwise because of what it read. */
	if (f->state == FRAMES_OPEN && !wslay_event_get_read_enabled(f->ws))
		fail(f, "the server sent what is no WebSocket frame");
	return !f->failed;
}

struct frames *
frames_new(const struct frames_args *args)
{
	struct frames *f = mem_alloc(sizeof(*f));

	f->args = *args;
	f->answer.body_limit = REFUSAL_MAX;
	if (wslay_event_context_client_init(&f->ws, &callbacks, f) != 0)
		die("out of memory");
	wslay_event_config_set_no_buffering(f->ws, 1);
	if (args->key)
		strncat(f->key, args->key, sizeof(f->key) - 1);
	else
		random_key(f->key);
	add_request(f);
	f->args.target = f->args.headers = f->args.key = NULL;
	return f;
}

void
frames_free(struct frames *f)
{
	if (!f)
		return;
	wslay_event_context_free(f->ws);
	http1_free(&f->answer);
	buf_free(&f->message);
	buf_free(&f->out);
	buf_free(&f->reason);
	free(f);
}

bool
frames_feed(struct frames *f, const char *data, size_t len, struct err *e)
{
	if (f->state == FRAMES_HANDSHAKE && !feed_answer(f, &data, &len, e))
		return false;
	if (f->state != FRAMES_OPEN || !len || feed_frames(f, data, len))
		return true;
	if (e)
		*e = f->err;
	return false;
}

bool
frames_end(struct frames *f, struct err *e)
{
	if (f->state == FRAMES_OPEN)
		return err_set(e, ERR_SOURCE, 0, "the connection was cut");
	/* The head says that it was refused, whatever is missing of its words. */
	if (f->state == FRAMES_HANDSHAKE && !f->answer.status)
		return http1_end(&f->answer, e);
	if (f->state == FRAMES_HANDSHAKE)
		f->state = FRAMES_REFUSED;
	return true;
}

enum frames_state
frames_state(const struct frames *f)
{
	return f->state;
}

int
frames_refusal(const struct frames *f, const char **body, size_t *len)
{
	*body = buf_str(&f->answer.body);
	*len = f->answer.body.len;
	return f->answer.status;
}

int
frames_close_code(const struct frames *f)
{
	return wslay_event_get_status_code_received(f->ws);
}

const char *
frames_close_reason(const struct frames *f)
{
	return buf_str(&f->reason);
}

static void
queue(struct frames *f, const struct wslay_event_msg *message)
{
	if (wslay_event_queue_msg(f->ws, message) == WSLAY_ERR_NOMEM)
		die("out of memory");
}

void
frames_send(struct frames *f, unsigned channel, const void *data, size_t len)
{
	AUTO(buf) struct buf message = {0};

	assert(f->state != FRAMES_HANDSHAKE && channel < 256);
	buf_addc(&message, (char)channel);
	buf_add(&message, data, len);
	queue(f, &(struct wslay_event_msg){.opcode = WSLAY_BINARY_FRAME,
					   .msg = (const uint8_t *)message.data,
					   .msg_length = message.len});
}

void
frames_ping(struct frames *f)
{
	queue(f, &(struct wslay_event_msg){.opcode = WSLAY_PING});
}

void
frames_close(struct frames *f)
{
	if (wslay_event_queue_close(f->ws, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0) == WSLAY_ERR_NOMEM)
		die("out of memory");
}

size_t
frames_queued(const struct frames *f)
{
	return wslay_event_get_queued_msg_length(f->ws) + f->out.len - f->out_at;
}

const char *
frames_output(struct frames *f, size_t *len)
{
	if (f->out_at == f->out.len) {
		buf_clear(&f->out);
		f->out_at = 0;
		if (f->state != FRAMES_HANDSHAKE && wslay_event_send(f->ws) == WSLAY_ERR_NOMEM)
			die("out of memory");
	}
	*len = f->out.len - f->out_at;
	if (!*len)
		f->pings = 0;
	return *len ? f->out.data + f->out_at : "";
}

void
frames_sent(struct frames *f, size_t n)
{
	assert(n <= f->out.len - f->out_at);
	f->out_at += n;
}
