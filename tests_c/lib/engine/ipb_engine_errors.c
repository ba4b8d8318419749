/* Packets that do not get through: each is lost or refused, is counted by kind, and the run goes on.
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "ipb_engine_private.h"

#define DOUBT 2u /* a packet is refused when so many calls in a row failed with it, and no ICMP error was the cause */

/* Errors that no packet causes, and the next one would meet as well: there is a fault in the program. */
static int is_own_fault(int error)
{
	return error == EBADF || error == ENOTSOCK || error == EFAULT || error == ENOTCONN || error == EDESTADDRREQ;
}

static int passes(int error) { return error == EAGAIN || error == EINTR || error == ENOBUFS; }

int ipb_engine_read_errors(struct ipb_engine *e, uint32_t flow)
{
	struct ipb_trouble_message m;
	int icmp = 0;

	for (int i = 0; i < IPB_TROUBLE_READ_MAX && ipb_trouble_read(e->fds[flow], &m); i++) {
		if (m.mtu != 0 && !m.is_icmp)
			e->path_mtu = m.mtu;
		if (m.is_stamp)
			ipb_layers_left(e, flow, m.stamp_id, m.stamps);
		if (!m.is_icmp)
			continue;
		ipb_trouble_add(&e->troubles, &m.trouble);
		icmp++;
	}
	e->icmp_since_reply += (uint64_t)icmp;
	return icmp;
}

/* The next ready slot's packet never leaves. */
static void refuse(struct ipb_engine *e, int error)
{
	const uint64_t now_ns = ipb_clock_now(&e->clock), due_ns = ipb_engine_due(e, e->ready_from);
	const int measured = ipb_engine_measures(e, due_ns);

	ipb_trouble_refused(&e->troubles, error);
	if (e->sends_since_reply == 0)
		e->silent_since_ns = now_ns;
	e->sends_since_reply++;
	e->refused_since_reply++;
	e->last_send_ns = now_ns;
	if (measured && ipb_track_room(&e->track) == 0) {
		ipb_engine_fail(e, "too-many-packets", "the measured phase had more packets than there was room for");
		return;
	}
	if (measured) {
		ipb_engine_note_first(e, due_ns, 0);
		ipb_engine_note_late(e, due_ns, now_ns);
		ipb_trouble_refused(&e->refusals, error);
	}
	ipb_track_refused(&e->track, due_ns, e->slots[e->ready_from].size, now_ns, measured);
	e->ready_from++;
}

int ipb_engine_is_refused(struct ipb_engine *e)
{
	if (ipb_engine_read_errors(e, e->slots[e->ready_from].flow) > 0) {
		e->send_failures = 0;
		return 0;
	}
	/* An error queue that is full has lost the message: the second call shows it. */
	if (++e->send_failures < DOUBT)
		return 0;
	e->send_failures = 0;
	return 1;
}

int ipb_engine_send_error(struct ipb_engine *e, int error, const char *what)
{
	e->not_accepted = error == EAGAIN || error == ENOBUFS;
	if (passes(error) || is_own_fault(error))
		return ipb_engine_io_error(e, error, what);
	if (!ipb_engine_is_refused(e))
		return 0;
	refuse(e, error);
	return e->failed ? -1 : 0;
}

int ipb_engine_receive_error(struct ipb_engine *e, uint32_t flow, int error, const char *what)
{
	if (passes(error) || is_own_fault(error))
		return ipb_engine_io_error(e, error, what);
	ipb_engine_read_errors(e, flow);
	return 0;
}
