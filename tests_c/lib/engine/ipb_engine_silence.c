/* Has the target died? One that answers nothing ends the run, with a name for how.  SPDX-License-Identifier: MIT */
#include "ipb_engine_private.h"

#define LAST_LOOKS 64 /* for a reply, before a target is called dead */

/* The target is dead: reports how. silent_ns: for how long it has sent nothing. Returns -1. */
static int fail_dead(struct ipb_engine *e, uint64_t silent_ns)
{
	double s = (double)silent_ns / 1e9;
	char kinds[IPB_TROUBLE_TEXT];

	if (e->refused_since_reply > 0 && e->refused_since_reply == e->sends_since_reply) {
		ipb_trouble_text(&e->troubles, 1, kinds, sizeof kinds);
		return ipb_engine_fail(e, "cannot-send", "this machine sent nothing for %.1f s, since its kernel refused each packet: %s",
		                       s, kinds);
	}
	if (e->icmp_since_reply > 0) {
		ipb_trouble_text(&e->troubles, 0, kinds, sizeof kinds);
		if (ipb_trouble_is_mtu(&e->troubles))
			return ipb_engine_fail(e, "target-unreachable", "no answer for %.1f s, and packets of %u bytes are said not to fit the path: "
			                       "%s (give a smaller size, or leave df out, so that there are fragments)", s,
			                       e->config.sizes.largest, kinds);
		return ipb_engine_fail(e, "target-unreachable", "the target was unreachable: no answer for %.1f s, and %s: is something "
		                       "listening on %s port %u?", s, kinds, e->config.host, e->config.port);
	}
	if (e->last_reply_ns == 0)
		return ipb_engine_fail(e, "target-silent", "the target never answered: %llu packets sent in %.1f s",
		                       (unsigned long long)e->track.next, s);
	return ipb_engine_fail(e, "target-died", "the target stopped answering: nothing for %.1f s, after %llu round trips "
	                       "(max_outage= lets a run wait longer for it)", s, (unsigned long long)e->track.counts.ok);
}

/* Whether that many packets without an answer, sent from first_ns to last_ns, are more than a loss. One loss at a low
 * rate is not, or the end of a burst that found no room, or one packet that was rejected. */
static int is_dead(const struct ipb_engine *e, uint64_t packets, uint64_t first_ns, uint64_t last_ns)
{
	const int blocked = e->config.proto == IPB_TCP && (e->blocked_since_ns != 0 || e->blocked_flows == e->config.flows);

	return packets > 0 && (e->icmp_since_reply >= IPB_ENGINE_REJECTED_PACKETS || blocked ||
	                       (packets >= IPB_ENGINE_SILENT_PACKETS && last_ns >= first_ns + IPB_ENGINE_SILENT_SPAN_NS));
}

int ipb_engine_check_end(struct ipb_engine *e, uint64_t now_ns)
{
	const uint64_t answered = ipb_track_answered(&e->track), due_ns = now_ns - e->config.drain_ns;

	if (e->config.one_way != NULL || answered == e->track.next || e->last_reply_ns > due_ns)
		return 0;
	if (now_ns - (e->last_reply_ns != 0 ? e->last_reply_ns : e->start_ns) < e->config.max_outage_ns)
		return 0;
	/* What is not in the ring any more was sent long before. */
	const uint64_t first_ns = ipb_track_holds(&e->track, answered) ? ipb_track_train(&e->track, answered)->sent_ns : 0;
	if (!is_dead(e, e->track.next - answered, first_ns,
	             e->last_send_ns < due_ns ? e->last_send_ns : due_ns))
		return 0;
	return fail_dead(e, now_ns - (e->last_reply_ns != 0 ? e->last_reply_ns : e->start_ns));
}

int ipb_engine_is_silent(const struct ipb_engine *e, uint64_t now_ns)
{
	return e->config.one_way == NULL && e->sends_since_reply > 0 && now_ns - e->silent_since_ns >= e->silence_ns;
}

int ipb_engine_check_silence(struct ipb_engine *e, uint64_t now_ns)
{
	if (!ipb_engine_is_silent(e, now_ns) || e->phase == IPBENCH_PHASE_DRAIN)
		return 0;
	/* A tester that stood still finds the replies only now. */
	for (int left = LAST_LOOKS, got = 1; left > 0 && got > 0 && e->sends_since_reply > 0; left--)
		if ((got = e->x->receive(e)) < 0)
			return -1;
	if (!is_dead(e, e->sends_since_reply, e->silent_since_ns, e->last_send_ns))
		return 0;
	return fail_dead(e, now_ns - e->silent_since_ns);
}
