/* Arguments of forward.  SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forward.h"
#include "ipb_bytes.h"
#include "ipb_engine_args.h"
#include "ipb_limits.h"
#include "ipb_rng.h"
#include "packet.h"

#define S(name, type, unit, dflt, range, help) { name, type, unit, dflt, range, help, 0, 0 }
#define FRAME_LEAST 60u /* shorter ones are padded on their way */
#define SLACK_NS 100000000ull /* beyond what a sender takes: start and end of two machines */

const struct ipbench_option forward_options[] = {
	S("bps", "rate", "bit/s", "10000000", "1..1T", "Rate to attempt, for each tester that sends."),
	S("size", "size", "byte", "64", "18..65507", "Bytes in a packet: UDP payload, or the whole Ethernet frame without its checksum (raw, 60..1514)."),
	S("sizes", "string", "byte", "", "", "Several sizes instead, \"64:7,512:4,1472:1\" (size:weight, in double quotes) or IMIX."),
	S("duration", "time", "s", "10", "0.001..86400", "Length of the measured phase."),
	IPB_RAMP_OPTIONS,
	S("warmup", "time", "s", "1", "0..86400", "Phase before the measured one, at the same rate, not counted."),
	S("cooldown", "time", "s", "0", "0..86400", "Phase after it, at the same rate, not counted."),
	S("learn", "time", "s", "0.2", "0.02..60", "Phase before all, in which frames show the device where the addresses are."),
	S("drain", "time", "s", "1", "0.001..60", "How long a packet may take, and is waited for; what takes longer is late."),
	S("socktype", "enum", "", "udp", "udp|raw", "UDP, or Ethernet frames of type 0x6008 by interface iface."),
	S("iface", "string", "", "", "", "raw: the interface."),
	S("vlan", "string", "", "", "", "raw: tags of each frame, \"100\" or \"200.100\" (outer.inner); \"100p5\" is one of priority 5."),
	IPB_ARRIVAL_OPTIONS,
	S("flows", "int", "", "1", "1..1024", "UDP source ports, used in turn; each is counted by itself."),
	S("seed", "int", "", "1", "0..4294967295", "Of random arrivals and sizes: the same seed gives the same packets."),
	S("engine", "enum", "", "auto", "auto|socket|mmsg|gso|ring", "How to send; gso: UDP, packets in trains; ring: raw only."),
	S("timestamps", "enum", "", "kernel", "kernel|user", "When a packet has come: when the kernel got it, or when the tester read it."),
	S("cpu", "int", "", "-1", "-1..1023", "Processor to send on; -1: any."),
	S("rt", "int", "", "0", "0..99", "SCHED_FIFO priority of what sends; 0: off. A spinning thread: leave the system a processor."),
	IPB_BUFFER_OPTIONS,
	S("dscp", "int", "", "-1", "-1..63", "Differentiated services code point; -1: the system's."),
	S("ttl", "int", "", "0", "0..255", "Time to live or hop limit; 0: the system's."),
	S("df", "bool", "", "0", "", "Do not fragment; 0: UDP packets longer than the path's MTU become fragments."),
	S("bind", "string", "", "", "", "Local address, of what is sent and for what is received."),
	S("bind_port", "int", "", "0", "0..65535", "Local port of the first flow, the others have those after it; 0: any."),
	IPB_HOST_OPTIONS,
	S("mac", "string", "", "", "", "raw: address that a receiver's frames come to; made up when it is not given."),
	S("to", "int", "", "-1", "-1..65535", "Set by ipbench from to=\"…\" of <client>: number of the tester that receives."),
	S("from", "string", "", "", "", "Set by ipbench: numbers of the testers whose packets come here, \"0+2\"."),
	S("listen", "time", "s", "0", "0..1000000", "Set by ipbench: how long the one of them sends that sends longest."),
	IPB_LIMIT_OPTIONS,
};
_Static_assert(sizeof forward_options / sizeof *forward_options == FORWARD_OPTION_COUNT, "count the options");

/* "200.100", "100p5". The outer tag of two is a service tag. */
static int configure_vlans(struct ipb_engine_config *c, const struct ipb_args *a, struct ipb_error *err)
{
	const char *text = ipb_args_string(a, "vlan"), *at = text;

	while (*at != '\0') {
		char *end;
		unsigned long number = strtoul(at, &end, 10), priority = 0;
		int wrong = end == at || number > 4094 || c->vlan_count == IPB_ENGINE_VLANS_MAX;
		if (!wrong && *end == 'p') {
			at = end + 1;
			priority = strtoul(at, &end, 10);
			wrong = end == at || priority > 7;
		}
		if (wrong || (*end != '\0' && (*end != '.' || end[1] == '\0')))
			return ipb_error(err, "argument vlan: \"%.40s\" is no list of tags; it takes \"100\", \"200.100\" (outer.inner) or "
			                 "\"100p5\", numbers 0..4094, priorities 0..7", text);
		c->vlan_type[c->vlan_count] = FORWARD_TAG_VLAN;
		c->vlan_tag[c->vlan_count++] = (uint16_t)(priority << 13 | number);
		at = *end == '.' ? end + 1 : end;
	}
	if (c->vlan_count == 2)
		c->vlan_type[0] = FORWARD_TAG_SERVICE;
	if (c->vlan_count > 0 && c->proto != IPB_RAW)
		return ipb_error(err, "argument vlan: the tester tags frames with socktype=raw; for UDP send by an interface that tags "
		                 "(ip link add link eth0 name eth0.100 type vlan id 100)");
	return 0;
}

static int configure_sizes(struct ipb_engine_config *c, const struct ipb_args *a, struct ipb_error *err)
{
	const uint32_t tags = c->vlan_count * IPB_ENGINE_VLAN_TAG;
	uint32_t least = FORWARD_LEAST, most = IPB_ENGINE_UDP_MAX, around = 14 + 20 + 8 + 4;

	if (c->proto == IPB_RAW) {
		least = FRAME_LEAST;
		most = IPB_ENGINE_FRAME_MAX + tags;
		around = 4;
	}
	if (ipb_args_given(a, "sizes") && ipb_args_given(a, "size"))
		return ipb_error(err, "argument sizes: give either size or sizes");
	return ipb_sizes_parse(&c->sizes, ipb_args_string(a, ipb_args_given(a, "sizes") ? "sizes" : "size"), least, most, around,
	                       err);
}

static int configure_from(struct forward_config *c, const char *text, struct ipb_error *err)
{
	while (*text != '\0') {
		char *end;
		const unsigned long number = strtoul(text, &end, 10);
		if (end == text || number >= FORWARD_SENDERS_MAX || c->from_count == FORWARD_FROM_MAX || (*end != '\0' && (*end != '+' || end[1] == '\0')))
			return ipb_error(err, "argument from: it takes at most %u numbers, \"0+2\"", FORWARD_FROM_MAX);
		for (uint32_t i = 0; i < c->from_count; i++)
			if (c->from[i] == number)
				return ipb_error(err, "argument from: %lu is there twice", number);
		c->from[c->from_count++] = (uint32_t)number;
		text = *end == '+' ? end + 1 : end;
	}
	return 0;
}

void forward_made_mac(uint64_t run, uint32_t tester, uint8_t mac[6])
{
	uint64_t mix = run;

	mac[0] = 0x02; /* locally administered, one station */
	ipb_put_be(mac + 1, ipb_mix64(&mix) & 0xffffff, 3);
	ipb_put_be(mac + 4, tester & 0xffff, 2);
}

uint64_t forward_sending_ns(const struct forward_config *c)
{
	struct ipb_engine_config engine = c->engine;

	if (c->to == FORWARD_NOBODY)
		return 0;
	engine.drain_ns = engine.late_ns = 0;
	return c->learn_ns + ipb_engine_duration_ns(&engine) + FORWARD_END_NS + SLACK_NS;
}

int forward_configure(struct forward_config *c, const struct ipb_args *a, const char *host, int port, struct ipb_error *err)
{
	struct ipb_engine_config *e = &c->engine;
	struct ipb_mistakes mistakes = { 0 };

	memset(c, 0, sizeof *c);
	e->host = host;
	e->port = (uint16_t)port;
	e->proto = ipb_args_enum(a, "socktype") == 0 ? IPB_UDP : IPB_RAW;
	e->rate_bps = ipb_args_number(a, "bps");
	if (configure_vlans(e, a, err) < 0 || configure_sizes(e, a, err) < 0)
		ipb_mistakes_add(&mistakes, err);
	ipb_engine_args(e, a, &mistakes, err);
	if (configure_from(c, ipb_args_string(a, "from"), err) < 0)
		ipb_mistakes_add(&mistakes, err);
	if (e->proto == IPB_RAW && ipb_args_string(a, "iface")[0] == '\0')
		ipb_error(err, "argument iface: raw Ethernet needs an interface: give iface=NAME"), ipb_mistakes_add(&mistakes, err);
	c->drain_ns = e->drain_ns;
	e->iface = ipb_args_string(a, "iface");
	if (e->proto == IPB_RAW && e->flows != 1)
		ipb_error(err, "argument flows: raw Ethernet has one flow"), ipb_mistakes_add(&mistakes, err);
	c->learn_ns = ipb_args_ns(a, "learn");
	c->listen_ns = ipb_args_ns(a, "listen");
	c->kernel_stamps = ipb_args_enum(a, "timestamps") == 0;
	c->to = (int)ipb_args_number(a, "to");
	const char *mac = ipb_args_string(a, "mac");
	c->has_mac = *mac != '\0';
	if (c->has_mac && ipb_parse_mac(mac, c->mac) < 0)
		ipb_error(err, "argument mac: \"%.40s\" is no address such as 02:00:00:00:00:01", mac), ipb_mistakes_add(&mistakes, err);
	return ipb_mistakes_end(&mistakes, err);
}
