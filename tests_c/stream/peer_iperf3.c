/*
 * peer=iperf3: an unchanged "iperf3 -s", versions 3.9 to 3.21 (lib/iperf/iperf3.h).  SPDX-License-Identifier: MIT
 *
 * `open` takes the server: from then on it refuses other clients. The streams open in `go`, since the server runs, and sends,
 * as soon as they stand. Where the warm-up is a whole number of seconds the server leaves it out, too (iperf3's omit), so
 * that its interval is the measured phase, and what it takes to end the test.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "iperf3_client.h"
#include "told.h"

#define GRACE_S 1               /* that the server is given beyond our duration: the end is ours to set */
#define FAST_DATAGRAMS 20e6     /* a second at most, where there is no rate: for the width of the counters */
#define DRAIN_NS 300000000ull   /* what the server has sent may take so long */
#define STOP_MS 2               /* until a sender that was in its last call has come back */

/* One test runs in a process at a time. */
static struct iperf3_client client = { .control = -1 };
static struct iperf3_udp accounts[IPERF3_ALL_STREAMS_MAX];
static struct iperf3_results mine, theirs;
static struct stream_told told;
static const struct stream_test *running;

static uint32_t whole_seconds(uint64_t ns) { return (uint32_t)((ns + IPB_NS_PER_S - 1) / IPB_NS_PER_S); }

static int params_of(const struct stream_config *c, struct iperf3_params *p, struct ipb_error *err)
{
	const double datagrams = (c->bps > 0 ? c->bps / 8 / c->size : FAST_DATAGRAMS) * (double)(c->warmup_ns + c->duration_ns) / 1e9;

	if (c->streams > IPERF3_STREAMS_MAX)
		return ipb_error(err, "argument streams: iperf3 takes at most %d in a direction, not %u", IPERF3_STREAMS_MAX, c->streams);
	if (!c->udp && c->size > IPERF3_BLOCK_MAX)
		return ipb_error(err, "argument size: iperf3 takes writes of at most 1 MiB, not of %u bytes", c->size);
	if (c->warmup_ns + c->duration_ns > (IPERF3_SECONDS_MAX - GRACE_S) * IPB_NS_PER_S)
		return ipb_error(err, "argument duration: iperf3 runs for at most a day, with the warm-up");
	*p = (struct iperf3_params){
		.udp = c->udp, .reverse = c->direction == IPB_DOWN, .bidirectional = c->direction == IPB_BOTH, .mptcp = c->mptcp,
		.wide = datagrams > (double)INT32_MAX, .no_copy = !c->udp && !c->copy, .streams = c->streams,
		.seconds = whole_seconds(c->warmup_ns + c->duration_ns) + GRACE_S, .block = c->size,
		.rate = (uint64_t)(c->bps / c->streams), .mss = c->mss, .tos = c->dscp >= 0 ? (uint32_t)c->dscp << 2 : 0,
		.window = c->rcvbuf > c->sndbuf ? c->rcvbuf : c->sndbuf, .version = "3.21",
	};
	if (c->warmup_ns % IPB_NS_PER_S == 0 && c->warmup_ns <= IPERF3_OMIT_MAX * IPB_NS_PER_S)
		p->omit = (uint32_t)(c->warmup_ns / IPB_NS_PER_S);
	if (p->window > IPERF3_WINDOW_MAX)
		return ipb_error(err, "argument rcvbuf: iperf3 takes socket buffers of at most 512 MiB");
	if (strlen(c->cc) >= sizeof p->congestion)
		return ipb_error(err, "argument cc: \"%.40s\" is too long for iperf3", c->cc);
	strcpy(p->congestion, c->cc);
	return 0;
}

static void write_header(const struct ipb_stream *s, uint8_t *to, uint64_t number, uint64_t now_ns, int measured)
{
	(void)s, (void)now_ns, (void)measured;
	iperf3_stamp(to, number + 1, ipb_clock_gettime_ns(CLOCK_REALTIME), client.params.wide);
}

/* Which of the server's datagrams are of the measured phase is not known: those that arrive in it count. */
static int read_header(const struct ipb_stream *s, const uint8_t *from, uint64_t *number, uint64_t *sent_ns, int *measured)
{
	const uint64_t now = ipb_now_ns();

	iperf3_udp_take(&accounts[s->index], from, IPERF3_STAMP_MAX, client.params.block, ipb_clock_gettime_ns(CLOCK_REALTIME),
	                client.params.wide);
	*number = ipb_get_be(from + 8, client.params.wide ? 8 : 4);
	*sent_ns = ipb_get_be(from, 4) * IPB_NS_PER_S + ipb_get_be(from + 4, 4) * 1000;
	*measured = now >= running->window_start_ns && now < running->window_end_ns;
	return 0;
}

static const struct ipb_pump_format format = { .header = IPERF3_STAMP_MAX, .write = write_header, .read = read_header };

static int open_server(struct stream_test *t, struct ipb_error *err)
{
	const struct stream_config *c = &t->config;
	struct iperf3_params p;

	memset(accounts, 0, sizeof accounts);
	memset(&told, 0, sizeof told);
	memset(&mine, 0, sizeof mine);
	iperf3_client_init(&client);
	if (params_of(c, &p, err) < 0 || iperf3_client_connect(&client, c->host, c->port, &p, NULL, &t->stopping, err) < 0) {
		iperf3_client_close(&client);
		return -1;
	}
	running = t;
	t->control = client.control;
	t->address.size = sizeof t->address.storage;
	if (getpeername(client.control, (struct sockaddr *)&t->address.storage, &t->address.size) < 0)
		return ipb_error_errno(err, errno, "the connection to %s broke", c->host);
	ipb_sock_name((const struct sockaddr *)&t->address.storage, t->address.size, t->target_name, sizeof t->target_name);
	if (ipb_pump_init(&t->pump, c->direction == IPB_BOTH ? 2 * c->streams : c->streams, err) < 0)
		return -1;
	for (uint32_t i = 0; i < t->pump.count; i++)
		t->pump.streams[i].sends = iperf3_client_sends(&client, i);
	t->pump.config.format = c->udp ? &format : NULL;
	return 0;
}

/* A socket for the next stream, with the options of the test; for iperf3_client_streams. */
static int next_stream(void *context, struct ipb_error *err)
{
	struct stream_test *t = context;
	int fd = -1;

	if (t->config.udp)
		return stream_udp_socket(t, err);
	return stream_connect_all(t, &fd, 1, err) < 0 ? -1 : fd;
}

static int go(struct stream_test *t, struct ipb_error *err)
{
	if (iperf3_client_streams(&client, next_stream, t, &t->stopping, err) < 0)
		return -1;
	for (uint32_t i = 0; i < t->pump.count; i++)
		t->pump.streams[i].fd = client.fds[i];
	iperf3_client_give(&client); /* the pump closes them */
	return 0;
}

static int turn(struct stream_test *t, uint64_t until_ns, struct ipb_error *err)
{
	struct pollfd p[2] = { { .fd = client.control, .events = POLLIN }, { .fd = t->stopping.event, .events = POLLIN } };
	const uint64_t now = ipb_now_ns();

	if (now >= until_ns)
		return 0;
	poll(p, 2, (int)((until_ns - now + 999999) / 1000000));
	return p[0].revents == 0 ? 0 : iperf3_client_check(&client, err);
}

/* Waits for what the server has sent: over TCP to the end of file, over UDP until nothing more comes. */
static void drain(struct stream_test *t)
{
	const uint64_t deadline = ipb_now_ns() + DRAIN_NS;
	uint64_t before = UINT64_MAX, now = 0;

	while (ipb_now_ns() < deadline && t->config.direction != IPB_UP) {
		uint32_t open = 0;
		now = ipb_pump_bytes(&t->pump, 0);
		for (uint32_t i = 0; i < t->pump.count; i++)
			open += !t->pump.streams[i].sends &&
			        atomic_load_explicit(&t->pump.streams[i].over, memory_order_acquire) == IPB_PUMP_RUNS;
		if (open == 0 || (t->config.udp && now == before))
			return;
		before = now;
		poll(NULL, 0, t->config.udp ? 20 : 1);
	}
}

static void account(const struct stream_test *t, uint32_t i)
{
	const struct ipb_stream *s = &t->pump.streams[i];
	struct iperf3_stream_result *r = &mine.streams[i];

	r->bytes = atomic_load_explicit(&s->bytes, memory_order_relaxed);
	r->retransmits = -1;
	r->seconds = (double)(ipb_now_ns() - t->begin_ns) / 1e9;
	if (!t->config.udp)
		return;
	r->packets = s->sends ? s->udp.numbers : accounts[i].highest;
	r->errors = (int64_t)accounts[i].errors;
	r->jitter = accounts[i].jitter;
}

/* What the server reports of stream i, and for UDP streams from it what became of those that it sent. */
static void take(const struct stream_test *t, uint32_t i)
{
	const struct iperf3_stream_result *r = &theirs.streams[i];
	const struct iperf3_udp *u = &accounts[i];
	const int omitted = r->omitted_packets > 0 && r->omitted_errors >= 0;

	told.told[i] = 1;
	told.bytes[i] = r->bytes;
	told.seconds[i] = r->seconds;
	told.retransmits[i] = t->pump.streams[i].sends ? -1 : r->retransmits;
	if (!t->config.udp)
		return;
	if (t->pump.streams[i].sends) {
		told.packets[i] = r->packets - (omitted ? (uint64_t)r->omitted_packets : 0);
		told.lost[i] = r->errors - (omitted ? r->omitted_errors : 0);
		told.jitter_s[i] = r->jitter;
		return;
	}
	/* All that it sent, warm-up and all: the end of a gap may be what it sent last. */
	told.packets[i] = r->packets;
	told.lost[i] = (int64_t)(u->errors + (r->packets > u->highest ? r->packets - u->highest : 0));
	told.jitter_s[i] = u->jitter;
}

static int end(struct stream_test *t, struct ipb_error *err)
{
	poll(NULL, 0, STOP_MS);
	if (iperf3_client_end(&client, &t->stopping, err) < 0)
		return -1;
	drain(t);
	for (uint32_t i = 0; i < t->pump.count; i++)
		account(t, i);
	if (iperf3_client_results(&client, &mine, &theirs, &t->stopping, err) < 0)
		return -1;
	for (uint32_t i = 0; i < t->pump.count; i++)
		take(t, i);
	told.known = 1;
	return 0;
}

static void close_server(struct stream_test *t)
{
	iperf3_client_close(&client);
	t->control = -1;
}

static double received(const struct stream_test *t, uint32_t index) { return stream_told_bytes(t, &told, index); }
static void metrics(const struct stream_test *t, struct ipb_json *j) { stream_told_metrics(t, &told, j); }

const struct stream_peer stream_peer_iperf3 = {
	.name = "iperf3", .directions = IPB_BOTH, .udp = 1, .port = IPERF3_PORT, .open = open_server, .go = go, .turn = turn,
	.end = end, .close = close_server, .received = received, .metrics = metrics,
};
