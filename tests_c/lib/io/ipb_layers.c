/* Kernel and hardware time stamps; see ipb_layers.h.  SPDX-License-Identifier: MIT */
#include "ipb_layers.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ipb_engine_private.h"
#include "ipb_json.h"

#define REAL_NS 20000000ull /* how often the offset of the real-time clock is read again */
#define POLL_FLOWS 4u       /* flows asked for stamps at once, in turn */

/* What the interface's hardware can stamp, as SOF_TIMESTAMPING flags; 0: nothing. Switches it on. */
static unsigned hardware(int fd, const char *iface)
{
	struct ethtool_ts_info info = { .cmd = ETHTOOL_GET_TS_INFO };
	struct hwtstamp_config config = { .tx_type = HWTSTAMP_TX_ON, .rx_filter = HWTSTAMP_FILTER_ALL };
	struct ifreq request = { 0 };
	unsigned need = SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;

	if (iface == NULL || *iface == '\0' || strlen(iface) >= sizeof request.ifr_name)
		return 0;
	memcpy(request.ifr_name, iface, strlen(iface));
	request.ifr_data = (void *)&info;
	if (ioctl(fd, SIOCETHTOOL, &request) < 0 || (info.so_timestamping & need) != need)
		return 0;
	request.ifr_data = (void *)&config;
	return ioctl(fd, SIOCSHWTSTAMP, &request) < 0 ? 0 : need;
}

static int enable(struct ipb_engine *e, unsigned flags)
{
	flags |= SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;
	for (uint32_t i = 0; i < e->config.flows; i++)
		if (setsockopt(e->fds[i], SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) < 0)
			return -1;
	return 0;
}

static void choose(struct ipb_engine *e, const char *iface)
{
	struct ipb_layers *l = &e->layers;

	if (e->config.proto == IPB_TCP || e->config.io == IPB_IO_RING || e->config.io == IPB_IO_GSO) {
		snprintf(l->why, sizeof l->why, "user-space stamps were used instead: a TCP stream, a packet ring and GSO have no "
		         "stamp for each packet");
		return;
	}
	if (e->config.io == IPB_IO_XDP) {
		snprintf(l->why, sizeof l->why, "user-space stamps were used instead: a driver gives the stamps of XDP frames to programs "
		         "that are bound to it by the kernel's BTF alone, and ipbench's are made without");
		return;
	}
	if (l->wanted == IPB_STAMPS_HARDWARE) {
		unsigned flags = hardware(e->fds[0], *iface ? iface : e->config.sock.device);
		if (flags != 0 && enable(e, SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE) == 0) {
			l->used = IPB_STAMPS_HARDWARE;
			snprintf(l->why, sizeof l->why, "stamped by the network card");
			return;
		}
	}
	if (enable(e, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE) == 0) {
		l->used = IPB_STAMPS_KERNEL;
		snprintf(l->why, sizeof l->why, l->wanted == IPB_STAMPS_HARDWARE
		         ? "kernel stamps were used instead: the interface (give iface= or device=) does not stamp all packets"
		         : "stamped by the kernel");
		return;
	}
	snprintf(l->why, sizeof l->why, "user-space stamps were used instead: SO_TIMESTAMPING failed: %s", strerror(errno));
}

static unsigned out_flag(const struct ipb_layers *l)
{
	return l->used == IPB_STAMPS_HARDWARE ? SOF_TIMESTAMPING_TX_HARDWARE : SOF_TIMESTAMPING_TX_SOFTWARE;
}

ssize_t ipb_layers_send(struct ipb_engine *e, int fd, const void *packet, uint32_t size)
{
	union {
		char bytes[CMSG_SPACE(sizeof(uint32_t))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)packet, size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
	                    .msg_controllen = sizeof control.bytes };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	uint32_t flags = out_flag(&e->layers);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SO_TIMESTAMPING;
	c->cmsg_len = CMSG_LEN(sizeof flags);
	memcpy(CMSG_DATA(c), &flags, sizeof flags);
	ssize_t sent = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* A filter and the queueing discipline turn away a packet that has its id already. */
	if (sent < 0 && (errno == EPERM || errno == ENOBUFS))
		e->layers.ids[e->slots[e->ready_from].flow]++;
	return sent;
}

int ipb_layers_open(struct ipb_engine *e, const char *iface)
{
	struct ipb_layers *l = &e->layers;
	double pps = e->config.rate_bps / 8 / e->config.sizes.mean;

	l->wanted = e->config.stamps;
	l->used = IPB_STAMPS_USER;
	if (l->wanted == IPB_STAMPS_USER)
		return 0;
	choose(e, iface != NULL ? iface : "");
	if (l->used == IPB_STAMPS_USER)
		return 0;
	l->every = pps > IPB_LAYERS_RATE ? (uint32_t)(pps / IPB_LAYERS_RATE) + 1 : 1;
	ipb_rng_seed(&l->rng, e->config.seed ^ 0x7374616d7073ull);
	l->stamp_next = ipb_rng_below(&l->rng, l->every);
	l->ids = ipb_apart_array(e->config.flows, sizeof *l->ids);
	l->entries = ipb_apart_array(IPB_LAYERS_PENDING, sizeof *l->entries);
	if (l->ids == NULL || l->entries == NULL || ipb_hist_init(&l->send_path) < 0 || ipb_hist_init(&l->wire) < 0 ||
	    ipb_hist_init(&l->receive_path) < 0 || ipb_hist_init(&l->user) < 0)
		return -1;
	ipb_layers_cost(l);
	return 0;
}

void ipb_layers_reopen(struct ipb_engine *e)
{
	if (e->layers.used != IPB_STAMPS_USER) {
		e->layers.used = IPB_STAMPS_USER;
		choose(e, e->config.iface != NULL ? e->config.iface : "");
	}
}

void ipb_layers_close(struct ipb_engine *e)
{
	struct ipb_layers *l = &e->layers;

	free(l->ids);
	free(l->entries);
	ipb_hist_free(&l->send_path);
	ipb_hist_free(&l->wire);
	ipb_hist_free(&l->receive_path);
	ipb_hist_free(&l->user);
}

int ipb_layers_wants(const struct ipb_engine *e)
{
	return e->track.next >= e->layers.stamp_next;
}

uint32_t ipb_layers_limit(const struct ipb_engine *e, uint32_t limit)
{
	if (ipb_layers_wants(e))
		return 1;
	uint64_t before = e->layers.stamp_next - e->track.next;
	return before < limit ? (uint32_t)before : limit;
}

void ipb_layers_sent(struct ipb_engine *e, uint64_t number, uint32_t flow, uint64_t sent_ns)
{
	struct ipb_layers *l = &e->layers;
	uint32_t index = l->next++ & (IPB_LAYERS_PENDING - 1);
	struct ipb_layers_entry *entry = &l->entries[index];

	l->missed += entry->sent_ns != 0;
	*entry = (struct ipb_layers_entry){ .number = number, .sent_ns = sent_ns, .flow = flow, .id = l->ids[flow]++ };
	l->stamp_next = number + 1 + ipb_rng_below(&l->rng, 2 * l->every - 1);
	l->asked++;
	l->waiting++;
	ipb_track_train(&e->track, number)->stamp = index + 1;
}

/* Both stamps are there: the parts of the round trip. */
static void complete(struct ipb_engine *e, struct ipb_layers_entry *entry)
{
	struct ipb_layers *l = &e->layers;

	if (entry->out_ns == 0 || entry->in_ns == 0 || entry->read_ns == 0)
		return;
	uint64_t user = entry->read_ns - entry->sent_ns, wire = entry->in_ns - entry->out_ns;
	if (e->config.format != NULL && l->used == IPB_STAMPS_KERNEL)
		e->config.format->stamped(e->config.format_state, entry->number, entry->out_ns, entry->in_ns);
	if (l->used == IPB_STAMPS_HARDWARE) { /* the card's clock measures the wire; the two paths are known only together */
		if (entry->in_ns >= entry->out_ns && wire <= user) {
			ipb_hist_record(&l->wire, wire);
			ipb_hist_record(&l->user, user);
			ipb_hist_record(&l->receive_path, user - wire);
			l->complete++;
		}
	} else if (entry->out_ns >= entry->sent_ns && entry->in_ns >= entry->out_ns && entry->read_ns >= entry->in_ns) {
		ipb_hist_record(&l->send_path, entry->out_ns - entry->sent_ns);
		ipb_hist_record(&l->wire, wire);
		ipb_hist_record(&l->receive_path, entry->read_ns - entry->in_ns);
		ipb_hist_record(&l->user, user);
		l->complete++;
	} else {
		l->missed++;
	}
	entry->sent_ns = 0;
}

void ipb_layers_reply(struct ipb_engine *e, uint32_t stamp, uint64_t number, uint64_t in_ns, uint64_t read_ns)
{
	struct ipb_layers_entry *entry = &e->layers.entries[(stamp - 1) & (IPB_LAYERS_PENDING - 1)];

	if (entry->number != number || entry->sent_ns == 0 || in_ns == 0)
		return;
	entry->in_ns = in_ns;
	entry->read_ns = read_ns;
	complete(e, entry);
}

static uint64_t to_engine_ns(const struct ipb_layers *l, const struct timespec stamps[3])
{
	if (l->used == IPB_STAMPS_HARDWARE)
		return (uint64_t)stamps[2].tv_sec * IPB_NS_PER_S + (uint64_t)stamps[2].tv_nsec;
	if (stamps[0].tv_sec == 0)
		return 0;
	return (uint64_t)((int64_t)((uint64_t)stamps[0].tv_sec * IPB_NS_PER_S + (uint64_t)stamps[0].tv_nsec) -
	                  l->real_offset_ns);
}

uint64_t ipb_layers_stamp(struct ipb_engine *e, struct msghdr *m)
{
	uint64_t ns = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SO_TIMESTAMPING && c->cmsg_len >= CMSG_LEN(sizeof(struct timespec[3]))) {
			struct timespec stamps[3];
			memcpy(stamps, CMSG_DATA(c), sizeof stamps);
			ns = to_engine_ns(&e->layers, stamps);
		}
	}
	return ns;
}

void ipb_layers_left(struct ipb_engine *e, uint32_t flow, uint32_t id, const struct timespec stamps[3])
{
	struct ipb_layers *l = &e->layers;

	if (l->used == IPB_STAMPS_USER)
		return;
	l->waiting -= l->waiting > 0;
	for (uint32_t back = 1; back <= IPB_LAYERS_PENDING && back <= l->next; back++) {
		struct ipb_layers_entry *entry = &l->entries[(l->next - back) & (IPB_LAYERS_PENDING - 1)];
		if (entry->flow == flow && entry->id == id && entry->sent_ns != 0) {
			entry->out_ns = to_engine_ns(l, stamps);
			complete(e, entry);
			break;
		}
		if (entry->flow == flow && entry->id + 1 < id)
			break;
	}
}

void ipb_layers_poll(struct ipb_engine *e, uint64_t now_ns)
{
	struct ipb_layers *l = &e->layers;

	if (now_ns >= l->real_due_ns) {
		l->real_offset_ns = ipb_clock_realtime_offset_ns(&e->clock, NULL);
		l->real_due_ns = now_ns + REAL_NS;
	}
	for (uint32_t i = 0; l->waiting > 0 && i < e->config.flows && i < POLL_FLOWS; i++) {
		ipb_engine_read_errors(e, l->poll_at);
		l->poll_at = (l->poll_at + 1) % e->config.flows;
	}
}
