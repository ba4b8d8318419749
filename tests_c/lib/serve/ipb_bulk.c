/* Sessions of bulk transfers; see ipb_bulk.h.  SPDX-License-Identifier: MIT */
#include "ipb_bulk.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "ipb_bulk_private.h"
#include "ipb_bulk_result.h"
#include "ipb_clock.h"
#include "ipb_sock.h"
#include "ipb_stream_socket.h"

/* Never 0; nobody outside can guess it. */
static uint64_t random_word(void)
{
	uint64_t word = 0;

	while (getrandom(&word, sizeof word, 0) != (ssize_t)sizeof word || word == 0)
		;
	return word;
}

struct bulk_session *ipb_bulk_find(struct ipb_bulk *b, uint64_t id)
{
	for (struct bulk_session *s = b->sessions; s != NULL; s = s->next)
		if (s->id == id)
			return s;
	return NULL;
}

/* What has moved since the last time, into the service's counts. */
static void count_bytes(struct bulk_session *s)
{
	const uint64_t in = ipb_pump_bytes(&s->pump, 0), out = ipb_pump_bytes(&s->pump, 1);

	s->bulk->received += in - s->counted_in;
	s->bulk->sent += out - s->counted_out;
	s->counted_in = in;
	s->counted_out = out;
}

static void end_session(struct bulk_session *s)
{
	struct ipb_bulk *b = s->bulk;

	if (s->pump.running)
		ipb_pump_stop(&s->pump);
	count_bytes(s);
	b->ended += s->state != BULK_TOLD;
	ipb_serve_unwatch(b->service.serve, &s->watch);
	close(s->watch.fd);
	b->streams -= s->pump.count;
	b->count--;
	*s->from = s->next;
	if (s->next != NULL)
		s->next->from = s->from;
	ipb_pump_free(&s->pump);
	free(s->joins);
	free(s->out);
	free(s);
}

/* Writes what waits; 0, or -1: the client is gone. */
static int flush(struct bulk_session *s)
{
	while (s->out_at < s->out_size) {
		const ssize_t n = send(s->watch.fd, s->out + s->out_at, s->out_size - s->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -1;
		if (n < 0)
			return ipb_serve_watch(s->bulk->service.serve, &s->watch, EPOLLOUT);
		s->out_at += (size_t)n;
	}
	free(s->out);
	s->out = NULL;
	s->out_size = s->out_at = 0;
	return ipb_serve_watch(s->bulk->service.serve, &s->watch, EPOLLIN);
}

static int tell(struct bulk_session *s, enum ipb_message_type type, uint64_t a, uint64_t b, const void *body, size_t size)
{
	const struct ipb_message m = { (uint8_t)type, a, b, 0 };
	uint8_t *more = realloc(s->out, s->out_size + IPB_MESSAGE_SIZE + size);

	if (more == NULL)
		return -1;
	s->out = more;
	ipb_message_encode(&m, s->out + s->out_size);
	if (size > 0)
		memcpy(s->out + s->out_size + IPB_MESSAGE_SIZE, body, size);
	s->out_size += IPB_MESSAGE_SIZE + size;
	return flush(s);
}

int ipb_bulk_add_stream(struct bulk_session *s, uint32_t index, int fd, struct ipb_error *err)
{
	struct ipb_stream *stream = &s->pump.streams[index];

	if (stream->fd >= 0 || s->state != BULK_JOINING)
		return ipb_error(err, "stream %u of this session is there already", index);
	stream->fd = fd;
	stream->sends = ipb_hello_way(&s->hello, index) == IPB_DOWN;
	s->joined++;
	s->bulk->all_streams++;
	return 0;
}

/* -1: that is the session's end. */
static int tell_failure(struct bulk_session *s, const struct ipb_error *err)
{
	const size_t size = strlen(ipb_error_text(err));

	tell(s, IPB_MESSAGE_FAILED, size, 0, ipb_error_text(err), size);
	return -1;
}

/* The client asks whether all its streams are there: then everything is made that a start needs. */
static int get_ready(struct bulk_session *s)
{
	struct ipb_error err = { 0 };

	if (s->state == BULK_JOINING && s->joined == s->pump.count && !s->pump.prepared && ipb_pump_prepare(&s->pump, &err) < 0)
		return tell_failure(s, &err);
	return tell(s, IPB_MESSAGE_READY, s->joined, 0, NULL, 0);
}

static int start(struct bulk_session *s, const struct ipb_message *m)
{
	const struct ipb_hello *h = &s->hello;
	struct ipb_error err = { 0 };
	const uint64_t now = ipb_now_ns(), begin = m->a < now ? now : m->a;

	if (s->state != BULK_JOINING || m->a > now + 10 * IPB_NS_PER_S || m->b < m->a || m->c < m->b ||
	    m->c - m->a > IPB_HELLO_LENGTH_MAX_NS)
		return -1;
	s->pump.config.begin_ns = begin;
	s->pump.config.window_start_ns = m->b;
	s->pump.config.window_end_ns = m->c;
	if (ipb_pump_start(&s->pump, &err) < 0)
		return tell_failure(s, &err);
	s->state = BULK_RUNNING;
	s->deadline_ns = begin + h->length_ns + s->bulk->idle_ns;
	return 0;
}

static int finish(struct bulk_session *s)
{
	struct ipb_bulk_result result;
	size_t size = 0;

	ipb_pump_stop(&s->pump);
	s->state = BULK_TOLD;
	s->deadline_ns = ipb_now_ns() + s->bulk->idle_ns;
	if (ipb_bulk_result_of(&result, &s->pump) < 0)
		return -1;
	uint8_t *bytes = ipb_bulk_result_write(&result, &size);
	const int status = bytes != NULL ? tell(s, IPB_MESSAGE_RESULT, size, 0, bytes, size) : -1;
	free(bytes);
	ipb_bulk_result_free(&result);
	return status;
}

static int obey(struct bulk_session *s, const struct ipb_message *m)
{
	if (s->state == BULK_JOINING)
		s->deadline_ns = ipb_now_ns() + s->bulk->idle_ns;
	switch (m->type) {
	case IPB_MESSAGE_PING:
		return tell(s, IPB_MESSAGE_PONG, m->a, ipb_now_ns(), NULL, 0);
	case IPB_MESSAGE_READY:
		return get_ready(s);
	case IPB_MESSAGE_GO:
		return start(s, m);
	case IPB_MESSAGE_END:
		if (s->state != BULK_RUNNING)
			return -1;
		ipb_pump_stop_sending(&s->pump);
		s->state = BULK_ENDING;
		s->end_ns = ipb_now_ns() + (m->a < IPB_BULK_DRAIN_MAX_NS ? m->a : IPB_BULK_DRAIN_MAX_NS);
		return 0;
	default:
		return -1;
	}
}

/* One message at a time; what comes while an answer waits stays in the socket. */
static void control_ready(struct ipb_serve_watch *w, uint32_t events)
{
	struct bulk_session *s = (struct bulk_session *)w;
	struct ipb_message m;

	(void)events;
	if (s->out != NULL) {
		if (flush(s) < 0)
			end_session(s);
		return;
	}
	const ssize_t n = recv(w->fd, s->in + s->got, sizeof s->in - s->got, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && (s->got += (uint32_t)n) < sizeof s->in)
		return;
	s->got = 0;
	if (n <= 0 || ipb_message_decode(&m, s->in) < 0 || obey(s, &m) < 0)
		end_session(s);
}

static int say(struct ipb_welcome *w, enum ipb_welcome_code code, const char *text)
{
	w->code = (uint8_t)code;
	snprintf(w->text, sizeof w->text, "%s", text);
	return -1;
}

static void send_welcome(int fd, const struct bulk_session *s)
{
	const struct ipb_welcome w = { .code = IPB_WELCOME_OK, .session = s->id, .token = s->token, .now_ns = ipb_now_ns(),
		                       .streams_max = IPB_HELLO_STREAMS_MAX };
	uint8_t bytes[IPB_WELCOME_SIZE];

	ipb_welcome_encode(&w, bytes);
	send(fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static struct ipb_stream_options options_of(const struct ipb_hello *h)
{
	return (struct ipb_stream_options){ .udp = h->udp, .cc = h->cc, .mss = h->mss, .rcvbuf = h->rcvbuf, .sndbuf = h->sndbuf,
		                            .dscp = h->dscp == 255 ? -1 : h->dscp };
}

/* A stream of a session that is there. */
static int take_stream(struct ipb_bulk *b, int fd, const struct ipb_hello *h, struct ipb_welcome *welcome)
{
	struct bulk_session *s = ipb_bulk_find(b, h->session);
	struct ipb_error err = { 0 };

	if (s == NULL || s->token != h->token || s->hello.udp || h->index >= s->pump.count)
		return say(welcome, IPB_WELCOME_UNKNOWN, "no such session");
	struct ipb_stream_options o = options_of(&s->hello);
	o.mss = 0; /* it holds from the beginning or not at all: the client's is enough */
	if (ipb_stream_prepare(fd, &o, &err) < 0 || ipb_bulk_add_stream(s, h->index, fd, &err) < 0)
		return say(welcome, IPB_WELCOME_REFUSED, ipb_error_text(&err));
	send_welcome(fd, s);
	return 0;
}

static struct bulk_session *new_session(struct ipb_bulk *b, int fd, const struct sockaddr_storage *peer, const struct ipb_hello *h)
{
	struct bulk_session *s = calloc(1, sizeof *s);
	const uint32_t streams = ipb_hello_streams(h);

	if (s == NULL)
		return NULL;
	s->watch = (struct ipb_serve_watch){ fd, control_ready };
	s->bulk = b;
	s->peer = *peer;
	s->hello = *h;
	s->id = random_word();
	s->token = random_word();
	s->deadline_ns = ipb_now_ns() + b->idle_ns;
	s->joins = h->udp ? calloc(streams, sizeof *s->joins) : NULL;
	if ((h->udp && s->joins == NULL) || ipb_pump_init(&s->pump, streams, NULL) < 0 ||
	    ipb_serve_watch(b->service.serve, &s->watch, EPOLLIN) < 0) {
		ipb_pump_free(&s->pump);
		free(s->joins);
		free(s);
		return NULL;
	}
	s->pump.config = (struct ipb_pump_config){
		.udp = h->udp, .copy = h->copy, .zerocopy = (enum ipb_zerocopy)h->zerocopy, .size = h->size,
		.bps = (double)h->bps / h->streams, .session = s->id, .length_ns = h->length_ns, .threads = b->threads,
		.cpu_count = b->cpu_count,
	};
	memcpy(s->pump.config.cpus, b->cpus, sizeof b->cpus);
	for (uint32_t i = 0; i < streams; i++)
		s->pump.streams[i].sends = ipb_hello_way(h, i) == IPB_DOWN;
	ipb_sock_watch_peer(fd, 10, 5, 4);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	for (uint32_t i = 0; h->udp && i < streams; i++)
		s->joins[i].cookie = random_word();
	s->next = b->sessions;
	s->from = &b->sessions;
	if (s->next != NULL)
		s->next->from = &s->next;
	b->sessions = s;
	b->count++;
	b->streams += streams;
	b->all_sessions++;
	return s;
}

/* Sessions of a host, or their streams. */
static uint32_t has(const struct ipb_bulk *b, uint64_t host, int streams)
{
	uint32_t n = 0;

	for (const struct bulk_session *s = b->sessions; s != NULL; s = s->next)
		if (ipb_sock_host(&s->peer) == host)
			n += streams ? ipb_hello_streams(&s->hello) : 1;
	return n;
}

/* The host that has the most of what there is no room for loses its oldest session that has not begun, unless this host would then
 * be the one with the most. 1: it has; 0: nobody makes room. */
static int make_room(struct ipb_bulk *b, const struct sockaddr_storage *peer, uint32_t streams)
{
	const int by_streams = b->count < IPB_BULK_SESSIONS_MAX;
	const uint32_t mine = has(b, ipb_sock_host(peer), by_streams) + (by_streams ? streams : 1);
	struct bulk_session *oldest = NULL;
	uint32_t most = 0;

	for (struct bulk_session *s = b->sessions; s != NULL; s = s->next) {
		const uint32_t n = s->state == BULK_JOINING ? has(b, ipb_sock_host(&s->peer), by_streams) : 0;
		if (n <= mine || n < most)
			continue;
		most = n;
		oldest = s;
	}
	if (oldest != NULL)
		end_session(oldest);
	return oldest != NULL;
}

static int is_full(const struct ipb_bulk *b, uint32_t streams)
{
	return b->count >= IPB_BULK_SESSIONS_MAX || b->streams + streams > IPB_BULK_STREAMS_ALL;
}

static int take_session(struct ipb_bulk *b, int fd, const struct sockaddr_storage *peer, const struct ipb_hello *h,
                        struct ipb_welcome *welcome)
{
	const uint32_t streams = ipb_hello_streams(h);
	struct ipb_error err = { 0 };
	const struct ipb_stream_options cc = { .cc = h->cc, .dscp = -1 };

	if (h->udp && h->size < IPB_PUMP_DATAGRAM_HEADER)
		return say(welcome, IPB_WELCOME_REFUSED, "a datagram has at least 32 bytes");
	while (is_full(b, streams) && make_room(b, peer, streams))
		continue;
	if (is_full(b, streams) || !ipb_serve_has_room(b->service.serve, fd + (int)streams))
		return say(welcome, IPB_WELCOME_BUSY,
		           "the target has no room for so many streams (raise \"ulimit -n\" there, or ask for fewer)");
	if (ipb_stream_prepare(fd, &cc, &err) < 0)
		return say(welcome, IPB_WELCOME_REFUSED, ipb_error_text(&err));
	const struct bulk_session *s = new_session(b, fd, peer, h);
	if (s == NULL)
		return say(welcome, IPB_WELCOME_BUSY, "the target has no memory for one more session");
	send_welcome(fd, s);
	return 0;
}

static uint64_t tick(struct ipb_service *service, uint64_t now_ns)
{
	struct ipb_bulk *b = service->context;
	uint64_t next = UINT64_MAX;

	for (struct bulk_session *s = b->sessions, *after; s != NULL; s = after) {
		after = s->next;
		uint64_t wanted = s->deadline_ns;
		if (s->pump.running) {
			wanted = ipb_pump_watch(&s->pump, now_ns);
			count_bytes(s);
		}
		if (s->state == BULK_ENDING && s->end_ns < wanted)
			wanted = s->end_ns;
		if (now_ns >= s->deadline_ns || (s->state == BULK_ENDING && now_ns >= s->end_ns && finish(s) < 0))
			end_session(s);
		else if (wanted < next)
			next = wanted;
	}
	return next;
}

static void end(struct ipb_service *service)
{
	struct ipb_bulk *b = service->context;

	while (b->sessions != NULL)
		end_session(b->sessions);
}

static int take(struct ipb_service *service, int fd, const struct sockaddr_storage *peer, const struct ipb_hello *h,
                struct ipb_welcome *welcome)
{
	return h->kind == IPB_HELLO_STREAM ? take_stream(service->context, fd, h, welcome)
	                                   : take_session(service->context, fd, peer, h, welcome);
}

struct ipb_bulk *ipb_bulk_new(uint32_t idle_ms)
{
	struct ipb_bulk *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	b->idle_ns = (idle_ms > 0 ? idle_ms : IPB_BULK_IDLE_MS) * 1000000ull;
	b->service = (struct ipb_service){ .kinds = 1u << IPB_HELLO_BULK | 1u << IPB_HELLO_STREAM, .context = b, .take = take,
		                           .join = ipb_bulk_join, .tick = tick, .end = end };
	return b;
}

void ipb_bulk_use_threads(struct ipb_bulk *b, uint32_t threads, const int *cpus, uint32_t cpu_count)
{
	b->threads = threads;
	b->cpu_count = cpu_count < IPB_PUMP_WORKERS_MAX ? cpu_count : IPB_PUMP_WORKERS_MAX;
	memcpy(b->cpus, cpus, b->cpu_count * sizeof *cpus);
}

struct ipb_service *ipb_bulk_service(struct ipb_bulk *b) { return &b->service; }

void ipb_bulk_free(struct ipb_bulk *b) { free(b); }

void ipb_bulk_counts(struct ipb_bulk *b, struct ipb_bulk_counts *c)
{
	*c = (struct ipb_bulk_counts){ b->all_sessions, b->all_streams, b->received, b->sent, b->ended };
}
