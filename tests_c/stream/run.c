/* The course of one test; see stream.h.  SPDX-License-Identifier: MIT */
#include <poll.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "ipb_descriptors.h"
#include "ipb_link.h"
#include "stream.h"

#define PROGRESS_NS 200000000ull

static void fail(struct stream_test *t, const char *code, const char *text)
{
	if (*t->failure_code != '\0')
		return;
	snprintf(t->failure_code, sizeof t->failure_code, "%s", code);
	snprintf(t->failure, sizeof t->failure, "%s", text);
}

/* What the pump is to do with the streams, but for the times. */
static void configure_pump(struct stream_test *t)
{
	const struct stream_config *c = &t->config;

	struct ipb_pump_config *p = &t->pump.config; /* what the peer has put there stays */

	p->udp = c->udp;
	p->copy = c->copy;
	p->zerocopy = c->zerocopy;
	p->size = c->size;
	p->bps = c->bps / c->streams;
	p->threads = c->threads;
	p->cpu_count = c->cpu_count;
	memcpy(p->cpus, c->cpus, sizeof p->cpus);
	p->length_ns = c->warmup_ns + c->duration_ns + 2 * IPB_NS_PER_S;
}

int stream_open(struct stream_test *t, struct ipb_error *err)
{
	struct sockaddr_storage own = { 0 };
	socklen_t size = sizeof own;

	t->control = -1;
	t->peer = stream_peers[t->config.peer];
	if (ipb_stop_open(&t->stopping) < 0)
		return ipb_error_errno(err, errno, "cannot make an event");
	ipb_raise_descriptors(STREAM_STREAMS_MAX + 64);
	if (t->peer->open(t, err) < 0)
		return -1;
	configure_pump(t);
	if (ipb_pump_prepare(&t->pump, err) < 0)
		return -1;
	const int fd = t->pump.streams[0].fd >= 0 ? t->pump.streams[0].fd : t->control; /* streams that open later */
	if (getsockname(fd, (struct sockaddr *)&own, &size) == 0)
		ipb_sock_name((const struct sockaddr *)&own, size, t->own_name, sizeof t->own_name);
	ipb_link_of(fd, &t->address.storage, t->link);
	return 0;
}

void stream_close(struct stream_test *t)
{
	if (t->peer != NULL)
		t->peer->close(t);
	ipb_pump_free(&t->pump);
	ipb_bulk_result_free(&t->own);
	ipb_bulk_result_free(&t->theirs);
	if (t->stopping.event > 0)
		close(t->stopping.event);
	memset(t, 0, sizeof *t);
	t->control = -1;
}

static void report(const struct stream_test *t, struct ipbench_progress *p, uint64_t now_ns)
{
	static uint64_t last_ns, last_in, last_out; /* one test runs in a process */
	const uint64_t in = ipb_pump_bytes(&t->pump, 0), out = ipb_pump_bytes(&t->pump, 1);
	/* What arrives at the target, and what it sends, is known when it has reported at the end. */
	uint64_t unknown = IPBENCH_UNKNOWN_COUNTS | (t->config.direction & IPB_DOWN ? 0 : IPBENCH_UNKNOWN_RATE) |
	                   (t->config.direction & IPB_UP ? 0 : IPBENCH_UNKNOWN_SENT_RATE);

	if (p == NULL)
		return;
	IPBENCH_PROGRESS_SET(p, phase, now_ns < t->window_start_ns ? IPBENCH_PHASE_WARMUP : IPBENCH_PHASE_MEASURE);
	IPBENCH_PROGRESS_SET(p, elapsed_ns, now_ns - t->begin_ns);
	IPBENCH_PROGRESS_SET(p, expected_ns, t->window_end_ns - t->begin_ns);
	if (last_ns >= t->begin_ns && now_ns > last_ns) {
		const double seconds = (double)(now_ns - last_ns) / 1e9;
		IPBENCH_PROGRESS_SET(p, rate_bps, (uint64_t)((double)(in - last_in) * 8 / seconds));
		IPBENCH_PROGRESS_SET(p, sent_bps, (uint64_t)((double)(out - last_out) * 8 / seconds));
	} else {
		unknown |= IPBENCH_UNKNOWN_RATE | IPBENCH_UNKNOWN_SENT_RATE;
	}
	IPBENCH_PROGRESS_SET(p, unknown, unknown);
	last_ns = now_ns;
	last_in = in;
	last_out = out;
	IPBENCH_PROGRESS_SET(p, updates, p->updates + 1);
}

/* A stream that ended before its time ends the test. */
static int is_whole(struct stream_test *t)
{
	for (uint32_t i = 0; i < t->pump.count; i++) {
		const struct ipb_stream *s = &t->pump.streams[i];
		const int over = atomic_load_explicit(&s->over, memory_order_acquire);
		char text[STREAM_FAILURE_TEXT];
		if (over == IPB_PUMP_RUNS)
			continue;
		snprintf(text, sizeof text, "%s %s stream %u of %u %.3f s before the end of the measured phase%s%s", t->target_name,
		         over == IPB_PUMP_CLOSED ? "closed" : "broke", i, t->pump.count,
		         s->over_ns < t->window_end_ns ? (double)(t->window_end_ns - s->over_ns) / 1e9 : 0,
		         s->error != 0 ? ": " : "", s->error != 0 ? strerror(s->error) : "");
		fail(t, over == IPB_PUMP_CLOSED ? "target-closed" : s->error == ECONNRESET || s->error == EPIPE ? "target-reset"
		                                                                                     : "target-unreachable", text);
		return 0;
	}
	return 1;
}

/* While they still stand: which are Multipath TCP, and of how many subflows. */
static void count_subflows(struct stream_test *t)
{
	t->plain = 0;
	for (uint32_t i = 0; t->config.mptcp && i < t->pump.count; i++)
		if (t->pump.streams[i].fd >= 0) {
			t->pump.streams[i].subflows = ipb_mptcp_subflows(t->pump.streams[i].fd);
			t->plain += t->pump.streams[i].subflows == 0;
		}
}

/* The peer's turn; with one that sends nothing, a wait. */
static int take_turn(struct stream_test *t, uint64_t until_ns, struct ipb_error *err)
{
	struct pollfd p = { .fd = t->stopping.event, .events = POLLIN };
	const uint64_t now = ipb_now_ns();

	if (t->peer->turn != NULL)
		return t->peer->turn(t, until_ns, err);
	if (now < until_ns)
		poll(&p, 1, (int)((until_ns - now + 999999) / 1000000));
	return 0;
}

static void watch(struct stream_test *t, struct ipbench_progress *progress, struct ipb_error *err)
{
	uint64_t reported = 0;

	for (uint64_t now = ipb_now_ns(); ; now = ipb_now_ns()) {
		uint64_t next = ipb_pump_watch(&t->pump, now);
		if (now >= reported + PROGRESS_NS) {
			report(t, progress, now);
			reported = now;
		}
		if (now >= t->window_end_ns || !is_whole(t))
			return;
		if (ipb_stop_asked(&t->stopping)) {
			fail(t, "stopped", "the test was stopped before its end");
			return;
		}
		if (next > t->window_end_ns)
			next = t->window_end_ns;
		if (take_turn(t, next, err) < 0) {
			is_whole(t); /* what the streams have of it is more exact */
			fail(t, "target-failed", ipb_error_text(err));
			return;
		}
	}
}

/* What is divided by the phase's length is divided by that of which there is something. */
static void end_early(struct stream_test *t, uint64_t now_ns)
{
	for (uint32_t i = 0; i < t->pump.count; i++) {
		const struct ipb_stream *s = &t->pump.streams[i];
		if (atomic_load_explicit(&s->over, memory_order_acquire) != IPB_PUMP_RUNS && s->over_ns < now_ns)
			now_ns = s->over_ns;
	}
	if (now_ns < t->window_start_ns)
		now_ns = t->window_start_ns;
	if (now_ns < t->window_end_ns)
		t->window_end_ns = now_ns;
}

int stream_run(struct stream_test *t, struct ipbench_progress *progress)
{
	struct ipb_error err = { 0 };

	ipb_sysmon_read(&t->before, t->link);
	t->begin_ns = ipb_now_ns();
	t->window_start_ns = t->begin_ns + t->config.warmup_ns;
	t->window_end_ns = t->window_start_ns + t->config.duration_ns;
	t->pump.config.begin_ns = t->begin_ns;
	t->pump.config.window_start_ns = t->window_start_ns;
	t->pump.config.window_end_ns = t->window_end_ns;
	if ((t->peer->go != NULL && t->peer->go(t, &err) < 0) || ipb_pump_start(&t->pump, &err) < 0)
		fail(t, "target-failed", ipb_error_text(&err));
	else
		watch(t, progress, &err);
	if (*t->failure_code != '\0')
		end_early(t, ipb_now_ns());
	count_subflows(t);
	ipb_sysmon_read(&t->after, t->link);
	ipb_pump_stop_sending(&t->pump);
	if (*t->failure_code == '\0' && t->peer->end != NULL && t->peer->end(t, &err) < 0)
		fail(t, "target-failed", ipb_error_text(&err));
	ipb_pump_stop(&t->pump);
	t->pump.config.window_end_ns = t->window_end_ns;
	t->has_own = ipb_bulk_result_of(&t->own, &t->pump) == 0;
	if (!t->has_own)
		fail(t, "no-memory", "no memory for the result");
	t->ran = 1;
	t->peer->close(t);
	if (progress != NULL)
		IPBENCH_PROGRESS_SET(progress, phase, IPBENCH_PHASE_DONE);
	return 0;
}
