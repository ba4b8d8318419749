/* What the tester's own link does not carry: UDP and raw packets wait in the socket's send queue while the queueing
 * discipline or the interface is busy, and when that is full the sender waits, too. No processor is to blame, and no
 * target.  SPDX-License-Identifier: MIT */
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "ipb_engine_private.h"

#define HEADERS 400u       /* beside a packet's bytes in the kernel's buffer: headers, and what it needs at the end */
#define BUFFER_HEAD 256u   /* of the kernel's record of a buffer */
#define QUEUE_SHARE 0.0025 /* of the phase's packets that may be more in the queue at its end than at its beginning */
#define QUEUE_FEW 2u       /* packets that may be under way at any instant */

/* What a packet counts for in the send queue: its buffer is a power of two. At most so much. */
static uint64_t footprint(const struct ipb_engine *e)
{
	uint64_t size = 512;

	while ((double)size < e->config.sizes.mean + HEADERS)
		size *= 2;
	return size + BUFFER_HEAD;
}

uint64_t ipb_engine_queued(const struct ipb_engine *e)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < e->config.flows && e->config.proto != IPB_TCP; i++) {
		int one = 0;
		if (ioctl(e->fds[i], SIOCOUTQ, &one) == 0 && one > 0)
			bytes += (uint64_t)one;
	}
	return bytes / footprint(e);
}

uint64_t ipb_engine_held(const struct ipb_engine *e)
{
	return e->queued_end > e->queued_start ? e->queued_end - e->queued_start : 0;
}

int ipb_engine_judge_link(struct ipb_engine *e, double seconds, uint64_t allowed_ns, double slack)
{
	const struct ipb_limits *l = &e->config.limits;
	const uint64_t p99 = ipb_hist_percentile(&e->lateness, 99), held = ipb_engine_held(e);
	const double few = (double)(QUEUE_FEW + e->config.burst), sent = (double)e->track.counts.sent;
	const double missing = 1 - e->window_sent_bytes * 8 / (e->config.rate_bps * seconds);
	const int blocked = e->excused.count + e->unaccepted > 0;
	/* What a standstill has made late leaves in a rush, which fills the link for a moment. */
	const int late = blocked && !ipb_engine_stood_still(e, seconds);

	if (e->config.proto == IPB_TCP)
		return 0;
	if ((double)held <= few + QUEUE_SHARE * sent && e->unaccepted == 0 &&
	    !(late && p99 > l->lateness_p99_suspect_ns + allowed_ns) && !(blocked && missing > l->rate_suspect + slack))
		return 0;
	const int invalid = e->unaccepted > 0 || (double)held > few + l->rate_invalid * sent ||
	                    (late && p99 > l->lateness_p99_invalid_ns + allowed_ns) ||
	                    (blocked && missing > l->rate_invalid + slack);
	ipb_engine_reason(e, invalid, "link-full",
	                  "the tester's own link (%s) carried about %.0f of %.0f bit/s: it took nothing for %.3f s, %llu packets "
	                  "left late for that, %llu never, and %llu more were in its queue at the end than at the beginning",
	                  *e->link != '\0' ? e->link : "interface unknown",
	                  (e->window_sent_bytes - (double)held * e->config.sizes.mean) * 8 / seconds, e->config.rate_bps,
	                  (double)e->blocked_ns / 1e9, (unsigned long long)e->excused.count, (unsigned long long)e->unaccepted,
	                  (unsigned long long)held);
	return 1;
}
