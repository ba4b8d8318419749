/* A sender's sessions: what is in its packets, and what their answers mean (RFC 8762, section 4.2).  SPDX-License-Identifier: MIT */
#include "stamp.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_engine_private.h"

int stamp_session_open(struct stamp_session *s, const struct stamp_settings *settings, const struct ipb_engine_config *config,
                       struct ipb_error *err)
{
	const double pps = config->rate_bps / 8 / config->sizes.mean;
	const double packets = (double)ipb_engine_duration_ns(config) / 1e9 * pps * 1.05 + 1024;

	memset(s, 0, sizeof *s);
	s->settings = *settings;
	s->config = config;
	s->base = ipb_stamp_base(settings->authenticated);
	s->heard.dscp2 = s->heard.ecn2 = s->heard.reverse_refused = -1;
	s->ttl_least = UINT8_MAX;
	s->stateless = settings->kind == STAMP_AUTO ? -1 : settings->kind == STAMP_STATELESS;
	if (settings->key_size > 0 && (s->key = ipb_hmac_open(settings->key, settings->key_size, 0, err)) == NULL)
		goto fail;
	if (directions_open(&s->directions, packets < 1e15 ? (uint64_t)packets : UINT64_MAX, config->flows, err) < 0)
		goto fail;
	s->pattern = malloc(IPB_STAMP_SIZE_MAX);
	s->echo = calloc(STAMP_ECHO_RING, sizeof *s->echo);
	s->last = calloc(config->flows, sizeof *s->last);
	if (s->pattern == NULL || s->echo == NULL || s->last == NULL || ipb_oneway_init(&s->forward) < 0 ||
	    ipb_oneway_init(&s->backward) < 0 || ipb_hist_init(&s->forward_jitter.size) < 0 ||
	    ipb_hist_init(&s->backward_jitter.size) < 0 || ipb_hist_init(&s->turnaround) < 0) {
		ipb_error(err, "no memory for the delays of each way");
		goto fail;
	}
	ipb_header_pattern(s->pattern, IPB_STAMP_SIZE_MAX);
	return 0;
fail:
	stamp_session_close(s);
	return -1;
}

void stamp_session_close(struct stamp_session *s)
{
	ipb_hmac_close(s->key);
	directions_close(&s->directions);
	ipb_oneway_free(&s->forward);
	ipb_oneway_free(&s->backward);
	ipb_hist_free(&s->forward_jitter.size);
	ipb_hist_free(&s->backward_jitter.size);
	ipb_hist_free(&s->turnaround);
	free(s->pattern);
	free(s->echo);
	free(s->last);
	explicit_bzero(s, sizeof *s);
}

static void session_begin(void *state, const struct ipb_clock *clock, int kernel)
{
	struct stamp_session *s = state;

	s->clock = clock;
	s->kernel = kernel;
	ipb_sync_read(&s->sync);
	s->format = (struct ipb_stamp_format){ s->settings.ptp, s->sync.tai_s };
	s->anchor_ns = ipb_clock_realtime_offset_ns(clock, &s->anchor_error_ns);
	s->estimate = ipb_stamp_estimate(s->sync.synchronized, s->settings.ptp, s->sync.error_ns + s->anchor_error_ns);
}

static void session_write(void *state, uint8_t *packet, uint32_t size, uint64_t number, uint32_t flow)
{
	struct stamp_session *s = state;

	(void)flow;
	ipb_stamp_write(packet, s->settings.authenticated, (uint32_t)(number / s->config->flows), s->estimate, s->settings.ssid);
	if (size <= s->base)
		return;
	if (s->settings.plain_padding)
		memset(packet + s->base, 0, size - s->base);
	else
		ipb_stamp_tlvs_write(packet + s->base, size - s->base, &s->settings.wanted, s->pattern);
}

static void session_depart(void *state, uint8_t *packet, uint32_t size, uint64_t number, uint32_t flow, uint64_t now_ns)
{
	struct stamp_session *s = state;
	const uint64_t stamp = ipb_stamp_time(&s->format, (int64_t)now_ns + s->anchor_ns);

	(void)flow;
	s->echo[number & (STAMP_ECHO_RING - 1)] = (uint32_t)stamp;
	if (size > s->base && !s->settings.plain_padding)
		ipb_stamp_tlvs_depart(packet, s->base, &s->settings.wanted, (uint32_t)(number / s->config->flows) + 1, s->key);
	ipb_stamp_depart(packet, s->settings.authenticated ? s->key : NULL, stamp);
}

static enum ipb_reply session_read(void *state, const uint8_t *packet, uint32_t got, uint32_t flow, uint64_t next,
                                   uint64_t *number)
{
	struct stamp_session *s = state;
	const uint32_t flows = s->config->flows;

	switch (ipb_stamp_read(packet, got, s->settings.authenticated ? s->key : NULL, &s->now)) {
	case IPB_STAMP_SHORT:
		return IPB_REPLY_STRAY;
	case IPB_STAMP_FORGED: /* nothing of it is used (RFC 8762, section 4.4) */
		s->forged++;
		return IPB_REPLY_UNKNOWN;
	default:
		break;
	}
	if (s->now.ssid != s->settings.ssid && s->now.ssid != 0) {
		s->other_ssid++;
		return IPB_REPLY_STRAY;
	}
	/* The number that is not sent yet and is the next of this flow; numbers wrap at 2^32. */
	const uint64_t following = next > flow ? (next - flow + flows - 1) / flows : 0;
	const uint32_t back = (uint32_t)following - s->now.sender_sequence;
	if (back == 0 || back > following)
		return IPB_REPLY_STRAY;
	*number = (following - back) * flows + flow;
	if (next - *number <= STAMP_ECHO_RING && s->echo[*number & (STAMP_ECHO_RING - 1)] != (uint32_t)s->now.sender_stamp) {
		s->changed++;
		/* Under a right HMAC nothing is damaged: it answers a packet of another run, and was sent again. */
		return s->settings.authenticated ? IPB_REPLY_STRAY : IPB_REPLY_CORRUPT;
	}
	return IPB_REPLY_OK;
}

static void jitter(struct stamp_jitter *j, int64_t change)
{
	j->negative += change < 0;
	ipb_hist_record(&j->size, (uint64_t)(change < 0 ? -change : change));
}

/* One-way figures of a packet of the measured phase. */
static void record_ways(struct stamp_session *s, uint64_t number, int64_t forward, int64_t backward)
{
	struct stamp_last *last = &s->last[number % s->config->flows];

	ipb_oneway_record(&s->forward, forward);
	ipb_oneway_record(&s->backward, backward);
	stamp_steps_add(&s->steps, forward, backward);
	if (last->known && number == last->number + s->config->flows) {
		jitter(&s->forward_jitter, forward - last->forward);
		jitter(&s->backward_jitter, backward - last->backward);
	}
	if (!last->known || number > last->number)
		*last = (struct stamp_last){ number, forward, backward, 1 };
}

static void note_far_end(struct stamp_session *s, const struct ipb_format_reply *r)
{
	const uint64_t error = ipb_stamp_estimate_ns(s->now.estimate);

	s->replies++;
	s->zero_ssid += s->now.ssid == 0 && s->settings.ssid != 0;
	if (s->zero_ssid > 0 && s->settings.zero_ssid_ends)
		ipb_engine_stop(s->engine);
	s->far_ptp |= ipb_stamp_is_ptp(s->now.estimate);
	if (error == UINT64_MAX)
		s->bad_estimate++;
	else if (!ipb_stamp_is_synchronized(s->now.estimate))
		s->unsynchronized++;
	else if (error > s->far_error_ns)
		s->far_error_ns = error;
	s->ttl_least = s->now.ttl < s->ttl_least ? s->now.ttl : s->ttl_least;
	s->ttl_most = s->now.ttl > s->ttl_most ? s->now.ttl : s->ttl_most;
	s->asymmetric += s->config->sizes.count == 1 && r->size != s->config->sizes.largest;
	if (r->size > s->base && !s->settings.plain_padding)
		ipb_stamp_tlvs_read(r->packet, r->size, s->base, s->settings.wanted.hmac ? s->key : NULL, &s->heard);
}

static uint64_t session_reply(void *state, const struct ipb_format_reply *r)
{
	struct stamp_session *s = state;
	const int damaged = r->verdict == IPB_TRACK_CORRUPT;

	directions_answer(&s->directions, r->flow, r->number / s->config->flows, s->now.sequence, damaged);
	if (damaged || r->verdict == IPB_TRACK_DUPLICATE || !r->held)
		return 0;
	note_far_end(s, r);
	const int64_t sent = (int64_t)r->sent_ns + s->anchor_ns, read = (int64_t)r->now_ns + s->anchor_ns;
	const int ptp = ipb_stamp_is_ptp(s->now.estimate);
	const int64_t far_in = ipb_stamp_untime(&s->format, ptp, s->now.received, sent);
	const int64_t far_out = ipb_stamp_untime(&s->format, ptp, s->now.sent, read);
	int64_t held = far_out - far_in;
	if (held < 0 || held > read - sent) {
		s->implausible++;
		held = 0;
	}
	if (r->verdict == IPB_TRACK_UNMEASURED) {
		ipb_oneway_learn(&s->forward, far_in - sent);
		ipb_oneway_learn(&s->backward, read - far_out);
	}
	if (r->verdict != IPB_TRACK_SAMPLE)
		return (uint64_t)held;
	ipb_hist_record(&s->turnaround, (uint64_t)held);
	if (!s->kernel)
		record_ways(s, r->number, far_in - sent, read - far_out);
	else if (r->stamped)
		s->far[r->number & (IPB_LAYERS_PENDING - 1)] = (struct stamp_far){ r->number, far_in, far_out };
	return (uint64_t)held;
}

static void session_stamped(void *state, uint64_t number, uint64_t out_ns, uint64_t in_ns)
{
	struct stamp_session *s = state;
	const struct stamp_far *far = &s->far[number & (IPB_LAYERS_PENDING - 1)];

	if (far->number == number && far->received != 0)
		record_ways(s, number, far->received - ((int64_t)out_ns + s->anchor_ns), (int64_t)in_ns + s->anchor_ns - far->sent);
}

const struct ipb_format stamp_format = { "stamp", session_begin, session_write, session_depart, session_read, session_reply,
	                                 session_stamped, stamp_report };

/* One packet of a new session, which begins with number 7: a reflector that keeps no state answers with that, one that does
 * with 0, as if the first seven had been lost. */
static int ask(struct stamp_session *s, int fd, struct ipb_stamp_reply *r)
{
	uint8_t packet[IPB_STAMP_BASE_AUTH], in[IPB_STAMP_BASE_AUTH + 64];
	struct ipb_hmac *key = s->settings.authenticated ? s->key : NULL;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ipb_stamp_write(packet, s->settings.authenticated, 7, s->estimate, s->settings.ssid);
	if (ipb_stamp_depart(packet, key, ipb_stamp_time(&s->format, (int64_t)ipb_clock_now(s->clock) + s->anchor_ns)) < 0)
		return 0;
	if (send(fd, packet, s->base, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 || poll(&p, 1, STAMP_PROBE_MS) <= 0)
		return 0;
	const ssize_t n = recv(fd, in, sizeof in, MSG_DONTWAIT);
	return n > 0 && ipb_stamp_read(in, (uint32_t)n, key, r) == IPB_STAMP_OK && r->sender_sequence == 7;
}

void stamp_judge(struct stamp_session *s)
{
	struct ipb_engine *e = s->engine;

	if (s->forged > 0)
		ipb_engine_reason(e, 0, "stamp-hmac", "%llu answers had a wrong HMAC, and nothing of them was used: has the reflector "
		                  "the same key?", (unsigned long long)s->forged);
	if (s->settings.authenticated && s->changed > 0)
		ipb_engine_reason(e, 0, "stamp-replay", "%llu answers with a right HMAC do not have the time stamp of the packet with their "
		                  "number, and nothing of them was used: somebody sends answers of earlier runs again, or the reflector does not "
		                  "repeat time stamps", (unsigned long long)s->changed);
	if (s->implausible > 0)
		ipb_engine_reason(e, 0, "stamp-turnaround", "%llu answers say that the reflector had their packet for longer than the "
		                  "round trip, or for less than nothing: their time there was not subtracted", (unsigned long long)s->implausible);
	if (s->unsynchronized == 0 && (uint64_t)llabs(s->steps.moved_ns) > e->config.limits.clock_step_ns)
		ipb_engine_reason(e, 0, "clock-step", "the reflector's clock was moved by %.3f ms during the run: so much longer were all "
		                  "packets on one way, and so much shorter on the other", (double)s->steps.moved_ns / 1e6);
	if (s->zero_ssid > 0 && s->settings.zero_ssid_ends)
		ipb_engine_reason(e, 1, "stamp-zero-ssid", "the reflector does not know session identifiers, and zero_ssid=end was asked for");
	if (s->heard.integrity + s->heard.forged > 0)
		ipb_engine_reason(e, 0, "stamp-tlv-hmac", "the TLVs of %llu packets or answers could not be verified, and nothing of them "
		                  "was used", (unsigned long long)s->heard.integrity + s->heard.forged);
	if (s->bad_estimate > 0)
		ipb_engine_reason(e, 0, "stamp-estimate", "%llu answers have an error estimate of 0, which is not allowed (RFC 4656, section "
		                  "4.1.2)", (unsigned long long)s->bad_estimate);
}

void stamp_find_kind(struct stamp_session *s)
{
	const struct ipb_address *to = &s->engine->addresses[s->engine->address];
	struct ipb_sock_options options = s->config->sock;
	struct ipb_stamp_reply r;

	ipb_sync_read(&s->sync_after);
	s->moved_ns = ipb_clock_realtime_offset_ns(s->clock, NULL) - s->anchor_ns;
	if (s->stateless >= 0) {
		snprintf(s->kind_why, sizeof s->kind_why, "as argument reflector says");
		return;
	}
	if (!directions_are_equal(&s->directions)) {
		s->stateless = s->directions.answers > 0 ? 0 : -1;
		snprintf(s->kind_why, sizeof s->kind_why, s->stateless == 0 ? "its answers have numbers of their own" : "nothing was answered");
		return;
	}
	options.bind_port = 0;
	const int fd = ipb_sock_connect_to(to, 1, s->config->host, s->config->port, SOCK_DGRAM, &options, NULL, NULL);
	for (int i = 0; fd >= 0 && i < STAMP_PROBE_TRIES && s->stateless < 0; i++)
		if (ask(s, fd, &r))
			s->stateless = r.sequence >= 7;
	if (fd >= 0)
		close(fd);
	snprintf(s->kind_why, sizeof s->kind_why, s->stateless < 0 ? "all answers had their packets' numbers, and a packet that "
	         "would have told whether the reflector counts itself was not answered" : "a packet of a session that begins with "
	         "number 7 was answered with number %u", s->stateless < 0 ? 0 : r.sequence);
}
