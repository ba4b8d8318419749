/* Which of the target's addresses is measured, and by which way.  SPDX-License-Identifier: MIT */
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ipb_engine_private.h"
#include "ipb_json.h"

#define PROBE_MIN_NS 10000000ull /* an address that cannot be given so long is not probed */
#define PROBES 2                 /* packets to each address, one after half of its time */
#define NAME_MAX_TEXT 80
#define NS_PER_MS 1000000ull

/* Sends probes to the address that the engine's sockets are connected to: packets of the test's size, but of another run,
 * so that no late answer to one is taken for a reply. Non-zero when one was answered within that time. */
int ipb_engine_probe(struct ipb_engine *e, uint32_t flow, uint64_t within_ns)
{
	struct ipb_header other = e->header;
	uint8_t *packet = e->slots[0].packet, in[64];
	const uint32_t size = e->config.sizes.smallest;
	const uint64_t start = ipb_clock_now(&e->clock);

	other.run = ~other.run;
	other.base = ~other.base;
	if (e->config.format == NULL)
		ipb_header_write(&other, packet, size, 0, e->config.flow_base);
	for (int i = 0; i < PROBES; i++) {
		struct pollfd p = { .fd = e->fds[flow], .events = POLLIN };
		const uint64_t until = start + within_ns * (uint64_t)(i + 1) / PROBES;
		uint64_t now;
		if (e->config.format != NULL) { /* a packet that counts for its session, as the first one lost */
			e->config.format->write(e->config.format_state, packet, size, 0, 0);
			e->config.format->depart(e->config.format_state, packet, size, 0, 0, ipb_clock_now(&e->clock));
		}
		(void)!send(e->fds[flow], packet, size, MSG_DONTWAIT | MSG_NOSIGNAL); /* what fails shows as no answer */
		while ((now = ipb_clock_now(&e->clock)) < until) {
			poll(&p, 1, (int)((until - now) / NS_PER_MS) + 1);
			if (recv(e->fds[flow], in, sizeof in, MSG_DONTWAIT) >= 0)
				return 1;
			if (p.revents & POLLERR && ipb_engine_read_errors(e, flow) > 0)
				return 0; /* it was rejected */
		}
	}
	return 0;
}

int ipb_engine_reopen(struct ipb_engine *e, int address, struct ipb_error *err)
{
	e->x->close(e);
	ipb_fds_close(e);
	e->address = address;
	if (ipb_xport_open(e, err) < 0)
		return -1;
	ipb_layers_reopen(e);
	ipb_engine_find_link(e);
	return 0;
}

/* The probes' errors and packets are none of the run's. */
void ipb_engine_forget_probes(struct ipb_engine *e)
{
	e->troubles = (struct ipb_troubles){ 0 };
	e->icmp_since_reply = 0;
	ipb_engine_write(e, e->slots[0].packet, e->config.sizes.smallest, 0, 0);
}

int ipb_engine_choose_address(struct ipb_engine *e)
{
	struct ipb_error none = { 0 };
	const int first = e->address, n = e->address_count - first;
	uint64_t each = (e->config.rampup_ns + e->config.warmup_ns) / 2 / (uint64_t)n;

	each = each < e->config.drain_ns ? each : e->config.drain_ns;
	if (each < PROBE_MIN_NS) {
		snprintf(e->address_why, sizeof e->address_why, "the first of %d that has a route: there is no warm-up in which to try them",
		         e->address_count);
		return 0;
	}
	for (int i = first; i < e->address_count; i++) {
		if (i != first && ipb_engine_reopen(e, i, &none) < 0)
			continue; /* there is no route to this one */
		if (ipb_engine_probe(e, 0, each)) {
			ipb_engine_forget_probes(e);
			snprintf(e->address_why, sizeof e->address_why, "the first of %d that answered a probe, each within %.0f ms",
			         e->address_count, (double)each / 1e6);
			return 0;
		}
	}
	ipb_engine_forget_probes(e);
	snprintf(e->address_why, sizeof e->address_why, "the first of %d that has a route: none answered a probe within %.0f ms",
	         e->address_count, (double)each / 1e6);
	return ipb_engine_reopen(e, first, &none) < 0 ? ipb_engine_fail(e, "socket-error", "%s", ipb_error_text(&none)) : 0;
}

static int path_mtu(const struct ipb_engine *e, int family)
{
	int mtu = 0;
	socklen_t size = sizeof mtu;

	if (family == AF_INET6)
		return getsockopt(e->fds[0], IPPROTO_IPV6, IPV6_MTU, &mtu, &size) == 0 ? mtu : 0;
	return getsockopt(e->fds[0], IPPROTO_IP, IP_MTU, &mtu, &size) == 0 ? mtu : 0;
}

void ipb_engine_network(const struct ipb_engine *e, struct ipb_json *j)
{
	const struct ipb_address *to = &e->addresses[e->address];
	struct sockaddr_storage own = { 0 };
	socklen_t size = sizeof own;
	char text[NAME_MAX_TEXT], link[IF_NAMESIZE] = "";
	const int raw = e->config.proto == IPB_RAW, family = to->storage.ss_family;

	if (e->fds == NULL || (!raw && e->address_count == 0))
		return;
	ipb_json_object(j, "network");
	if (raw) {
		ipb_json_string(j, "family", "ethernet");
		ipb_json_string(j, "target_address", e->config.host);
		snprintf(link, sizeof link, "%s", e->config.iface);
	} else {
		ipb_json_string(j, "family", family == AF_INET6 ? "ipv6" : "ipv4");
		ipb_sock_name((const struct sockaddr *)&to->storage, to->size, text, sizeof text);
		ipb_json_string(j, "target_address", text);
		if (getsockname(e->fds[0], (struct sockaddr *)&own, &size) == 0) {
			ipb_sock_name((const struct sockaddr *)&own, size, text, sizeof text);
			ipb_json_string(j, "local_address", text);
		}
		ipb_link_of(e->fds[0], &to->storage, link);
	}
	ipb_json_string(j, "interface", link[0] != '\0' ? link : NULL);
	const uint32_t mtu = ipb_link_mtu(link);
	if (mtu > 0)
		ipb_json_uint(j, "mtu", mtu);
	if (!raw && path_mtu(e, family) > 0)
		ipb_json_int(j, "path_mtu", path_mtu(e, family));
	if (e->config.sock.dscp >= 0) {
		ipb_json_int(j, "dscp", e->config.sock.dscp);
		ipb_json_string(j, "dscp_note", "of what the tester sent; replies have the target's own, which is best effort (0) unless it "
		                "reflects what came (ipbench echo --reflect-dscp)");
	}
	if (e->address_count > 1) {
		ipb_json_int(j, "addresses", e->address_count);
		ipb_json_string(j, "chosen", e->config.proto == IPB_TCP ? "the first that a connection stood to" : e->address_why);
	}
	ipb_json_end_object(j);
}
