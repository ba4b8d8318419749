/* What becomes of a reply: which packet it answers, whether it counts, what is recorded; see ipb_engine.h.
 * SPDX-License-Identifier: MIT */
#include "ipb_engine_private.h"

#include <string.h>

/* held_ns: how long the far end kept the packet, by its own account. */
static void record_sample(struct ipb_engine *e, const struct ipb_record *r, uint64_t now_ns, uint64_t held_ns)
{
	now_ns -= held_ns < now_ns - r->sent_ns ? held_ns : now_ns - r->sent_ns;
	uint64_t response = now_ns - r->due_ns, service = now_ns - r->sent_ns;

	ipb_engine_record(e, r->due_ns, response);
	ipb_hist_record(&e->service, service);
	if (e->samples_kept < e->samples_room)
		e->samples[e->samples_kept++] = e->config.keep_response ? response : service;
	if (r->sent_ns < e->end_ns) {
		e->ok_in_window++;
		e->window_ok_bytes += r->size;
	}
}

/* A reply that came late or damaged, to a packet of the measured phase. When its packet is not in the rings any more, the
 * interval is found by how many left in each, as packets are numbered in the order in which they are due. */
static void record_bad(struct ipb_engine *e, uint64_t number)
{
	uint64_t left = number - e->track.first;
	uint32_t i = 0;

	if (ipb_track_holds(&e->track, number)) {
		ipb_engine_interval(e, ipb_track_record(&e->track, number).due_ns)->bad++;
		return;
	}
	while (i + 1 < e->interval_count && left >= e->intervals[i].sent)
		left -= e->intervals[i++].sent;
	e->intervals[i].bad++;
}

/* The shortest round trip of the warm-up. */
static void learn(struct ipb_engine *e, uint64_t number, uint64_t now_ns, uint64_t held_ns)
{
	if (!ipb_track_holds(&e->track, number))
		return;
	const struct ipb_record r = ipb_track_record(&e->track, number);
	const uint64_t response = now_ns - (held_ns < now_ns - r.sent_ns ? held_ns : now_ns - r.sent_ns) - r.due_ns;
	e->least_ns = response < e->least_ns ? response : e->least_ns;
}

/* latency-check: every first answer to a measured packet has to hold the packet's first word + 1, in whatever state it is. */
static void check_word(struct ipb_engine *e, const uint8_t *packet, uint32_t got)
{
	uint64_t word0, word1, before = 0;

	e->checked++;
	if (got < 16) {
		e->bad++;
		return;
	}
	memcpy(&word0, packet, 8);
	memcpy(&word1, packet + 8, 8);
	if (!e->header.full)
		memcpy(&before, e->pattern + 8, 8);
	e->bad += word1 != word0 + 1;
	e->untouched += word1 == before;
}

/* The size of the packet that a reply answers; 0 when it is not known, or the packet carries it itself. */
static uint32_t expected_size(const struct ipb_engine *e, const uint8_t *packet, uint32_t got)
{
	uint64_t number;

	if (e->expected != 0 || e->header.full ||
	    ipb_header_read_number(&e->header, packet, got, e->track.next, &number) != IPB_REPLY_OK ||
	    !ipb_track_holds(&e->track, number))
		return e->expected;
	return ipb_track_train(&e->track, number)->size - e->offset;
}

/* What a reply is. numbered: it is more than its number that is wrong with it. */
static enum ipb_reply judge_reply(struct ipb_engine *e, const uint8_t *packet, uint32_t got, uint64_t *number, int *numbered)
{
	enum ipb_reply kind = ipb_header_read(&e->header, packet, got, expected_size(e, packet, got), e->track.next, number);
	uint64_t plain;

	*numbered = kind != IPB_REPLY_OK &&
	            ipb_header_read_number(&e->header, packet, got, e->track.next, &plain) == IPB_REPLY_OK;
	if (!*numbered || !e->config.by_number)
		return kind;
	*number = plain;
	return IPB_REPLY_OK;
}

static uint64_t tell_format(struct ipb_engine *e, uint32_t flow, const uint8_t *packet, uint32_t got, uint64_t number,
                            enum ipb_verdict_reply v, uint64_t now_ns)
{
	const int held = ipb_track_holds(&e->track, number);
	const struct ipb_record r = held ? ipb_track_record(&e->track, number) : (struct ipb_record){ 0 };
	const struct ipb_format_reply reply = { packet, got, flow, number, v, held, r.sent_ns, now_ns, r.stamp != 0 };

	return e->config.format->reply(e->config.format_state, &reply);
}

void ipb_engine_reply(struct ipb_engine *e, uint32_t flow, const uint8_t *packet, uint32_t got, uint64_t now_ns,
                      uint64_t stamp_ns)
{
	uint64_t number = 0;
	int numbered;
	const struct ipb_format *f = e->config.format;
	enum ipb_reply kind;

	if (f != NULL) {
		kind = f->read(e->config.format_state, packet, got, flow, e->track.next, &number);
		numbered = 0;
	} else {
		kind = judge_reply(e, packet, got, &number, &numbered);
	}

	e->numbered += (uint64_t)(numbered && kind != IPB_REPLY_OK);
	if ((kind == IPB_REPLY_OK || kind == IPB_REPLY_CORRUPT) && e->config.flows > 1 && number % e->config.flows != flow)
		kind = IPB_REPLY_STRAY;
	if (kind == IPB_REPLY_STRAY) {
		e->stray++;
		return;
	}
	e->sends_since_reply = e->icmp_since_reply = e->refused_since_reply = 0;
	if (e->config.proto == IPB_TCP)
		ipb_engine_note_reply(e, now_ns);
	e->last_reply_ns = now_ns;
	e->received_all++;
	if (kind == IPB_REPLY_UNKNOWN) {
		ipb_track_unknown(&e->track, flow, now_ns);
		return;
	}
	enum ipb_verdict_reply v = ipb_track_reply(&e->track, number, flow, kind == IPB_REPLY_CORRUPT, now_ns);
	if (e->config.check && v != IPB_TRACK_UNMEASURED && v != IPB_TRACK_DUPLICATE)
		check_word(e, packet, got);
	const uint64_t kept_ns = f != NULL ? tell_format(e, flow, packet, got, number, v, now_ns) : 0;
	if (v == IPB_TRACK_LATE || v == IPB_TRACK_CORRUPT)
		record_bad(e, number);
	if (v != IPB_TRACK_SAMPLE) {
		if (e->phase == IPBENCH_PHASE_WARMUP)
			learn(e, number, now_ns, kept_ns);
		return;
	}
	const struct ipb_record r = ipb_track_record(&e->track, number);
	record_sample(e, &r, now_ns, kept_ns);
	e->by_number += (uint64_t)numbered;
	if (r.stamp != 0)
		ipb_layers_reply(e, r.stamp, number, stamp_ns, now_ns);
}
