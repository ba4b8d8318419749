/* Arguments of latency and latency-check.  SPDX-License-Identifier: MIT */
#include <string.h>

#include "ipb_rng.h"
#include "latency.h"

#define SMALLEST (LATENCY_CHECK ? 16u : 8u) /* bytes: latency-check needs two words */
#define LARGEST_FRAME "1514" /* IPB_ENGINE_FRAME_MAX */
#define S(name, type, unit, dflt, range, help) { name, type, unit, dflt, range, help, 0, 0 }
#define C(name, type, unit, dflt, range, help) { name, type, unit, dflt, range, help, 1, 0 }

enum { CHECK_AUTO, CHECK_ALL, CHECK_NUMBER };

const struct ipbench_option latency_options[] = {
	S("bps", "rate", "bit/s", "10000000", "1..1T", "Rate to attempt, for each client."),
	S("Mbps", "float", "Mbit/s", "", "0.000001..1000000", "The same in Mbit/s."),
	S("size", "size", "byte", "64", "8..65536", "Bytes in a packet; raw: of the whole Ethernet frame, at most 1514."),
	S("sizes", "string", "byte", "", "", "Several sizes instead, \"64:7,512:4,1472:1\" (size:weight, in double quotes) or IMIX."),
	S("samples", "int", "", "200000", "1..1000000000", "Round trips to collect; the measured phase ends when they are in."),
	S("duration", "time", "s", "0", "0..86400", "Length of the measured phase, instead of samples."),
	S("rampup", "time", "s", "0", "0..3600", "Phase before the warm-up in which the rate rises from nothing, not counted."),
	S("warmup", "time", "s", "10", "0..86400", "Phase before the measured one, at the same rate, not counted."),
	S("cooldown", "time", "s", "10", "0..86400", "Phase after it, at the same rate, not counted."),
	S("drain", "time", "s", "1", "0.001..60", "How long a reply may take; what comes later is late."),
	S("late", "time", "s", "0.5", "0..60", "How long late replies are waited for, before they are called lost."),
	S("socktype", "enum", "", "tcp", "tcp|udp|raw", "Kind of socket."),
	S("check", "enum", "", "auto", "auto|all|number", "What of a reply has to be right: all, or its number alone (first 8 bytes), which auto is in the original's spelling."),
	S("drop", "float", "s", "1", "0.1..60", "Seconds' worth of packets that may be outstanding and are still told apart."),
	S("iface", "string", "", "", "", "raw: the interface; the target is then a MAC address."),
	S("sockopts", "string", "", "", "", "Socket options, \"SO_X;SO_Y=value\"."),
	S("arrival", "string", "", "constant", "", "When packets are due: constant, poisson, or burst:N (N at a time)."),
	S("flows", "int", "", "1", "1..1024", "Source ports (TCP: connections), used in turn."),
	S("seed", "int", "", "1", "0..4294967295", "Of random arrivals and sizes: the same seed gives the same packets."),
	S("engine", "enum", "", "auto", "auto|socket|mmsg|gso|ring", "How to send and receive; gso: UDP load only, its times are of trains; ring: raw only."),
	S("timestamps", "enum", "", "user", "user|kernel|hardware", "Where round trips are stamped, apart from user space."),
	S("cpu", "int", "", "-1", "-1..1023", "Processor to run on; -1: any."),
	S("rt", "int", "", "0", "0..99", "SCHED_FIFO priority; 0: off. A spinning thread: leave the system a processor."),
	S("mlock", "bool", "", "0", "", "Lock memory."),
	S("busy_poll", "int", "us", "0", "0..1000000", "SO_BUSY_POLL."),
	S("sndbuf", "size", "byte", "0", "0..1Gi", "Send buffer; 0: the system's. One that the system cuts is an error."),
	S("rcvbuf", "size", "byte", "4Mi", "0..1Gi", "Receive buffer; 0: the system's. One that is asked for and that the system cuts is an error."),
	S("nodelay", "bool", "", "1", "", "TCP_NODELAY."),
	S("dscp", "int", "", "-1", "-1..63", "Differentiated services code point; -1: the system's."),
	S("ttl", "int", "", "0", "0..255", "Time to live or hop limit; 0: the system's."),
	S("df", "bool", "", "0", "", "Do not fragment; 0: UDP packets longer than the path's MTU become fragments."),
	S("bind", "string", "", "", "", "Local address."),
	S("bind_port", "int", "", "0", "0..65535", "Local port of the first flow, the others have those after it; 0: any. TCP then ends with a reset."),
	S("device", "string", "", "", "", "Local interface (SO_BINDTODEVICE)."),
	S("noise", "time", "s", "0.2", "0..10", "How long set-up listens to what else runs on the processor."),
	S("tsc", "bool", "", "1", "", "Read the time stamp counter where it is invariant; 0: CLOCK_MONOTONIC."),
	S("until_ci", "float", "", "0", "0..1", "Stop when the mean's 95 % interval is narrower than this share of it; 0: off."),
	S("rtt", "enum", "", "service", "service|response", "What row and samples show: from the send, or from the due time."),
	S("keep_samples", "bool", "", "0", "", "Send single round trips to our own controller too; it asks for them when dump_dir is given."),
	IPB_LIMIT_OPTIONS,
	C("with_cpu_target", "bool", "", "0", "", "End the row with a comma, so that a CPU figure can follow."),
	C("dump_dir", "string", "", "", "", "Write each client's samples to DIR/PREFIX_N.dmp, one a line, in us."),
	C("dump_prefix", "string", "", "latency", "", "See dump_dir."),
};
_Static_assert(sizeof latency_options / sizeof *latency_options == LATENCY_OPTION_COUNT, "count the options");

static void configure_socket(struct ipb_sock_options *o, const struct ipb_args *a)
{
	o->bind_host = ipb_args_string(a, "bind");
	o->bind_port = (uint16_t)ipb_args_uint(a, "bind_port");
	o->device = ipb_args_string(a, "device");
	o->sndbuf = (int)ipb_args_uint(a, "sndbuf");
	o->rcvbuf = (int)ipb_args_uint(a, "rcvbuf");
	o->sndbuf_least = o->sndbuf;
	o->rcvbuf_least = ipb_args_given(a, "rcvbuf") ? o->rcvbuf : 0;
	o->busy_poll_us = (int)ipb_args_uint(a, "busy_poll");
	o->dscp = (int)ipb_args_number(a, "dscp");
	o->ttl = (int)ipb_args_uint(a, "ttl");
	if (ipb_args_bool(a, "df"))
		o->df = IPB_DF_ON;
	else if (ipb_args_enum(a, "socktype") == IPB_UDP) /* TCP finds its path's MTU itself */
		o->df = IPB_DF_OFF;
	o->nodelay = ipb_args_bool(a, "nodelay");
	o->sockopts = ipb_args_string(a, "sockopts");
}

/* Bytes of an Ethernet frame that are not the packet's: its checksum, and with UDP and TCP (whose header has time stamps
 * on Linux) the headers of all layers. */
static uint32_t overhead(const struct ipb_engine_config *c)
{
	struct ipb_address first;
	struct ipb_error none = { 0 };
	int v6 = 0;

	if (c->proto == IPB_RAW)
		return 4;
	if (c->host != NULL && c->port != 0 && ipb_sock_resolve(c->host, c->port, SOCK_DGRAM, 0, &first, 1, &none) > 0)
		v6 = first.storage.ss_family == AF_INET6;
	return 14 + (v6 ? 40 : 20) + (c->proto == IPB_UDP ? 8 : 32) + 4;
}

static int configure_sizes(struct ipb_engine_config *c, const struct ipb_args *a, int original, struct ipb_error *err)
{
	uint32_t least = SMALLEST, most = IPB_ENGINE_TCP_MAX;

	if (c->proto == IPB_UDP)
		most = IPB_ENGINE_UDP_MAX;
	if (c->proto == IPB_RAW) {
		least += IPB_ENGINE_FRAME_HEADER;
		most = IPB_ENGINE_FRAME_MAX;
	}
	if (ipb_args_given(a, "sizes") && ipb_args_given(a, "size"))
		return ipb_error(err, "argument sizes: give either size or sizes");
	const char *text = ipb_args_string(a, ipb_args_given(a, "sizes") ? "sizes" : "size");
	if (original && c->proto == IPB_RAW && !ipb_args_given(a, "sizes") && ipb_args_uint(a, "size") > most) {
		ipb_warn(LATENCY_CHECK ? "latency-check" : "latency", "size=%s is more than an Ethernet frame of %u bytes, which is sent "
		         "instead", text, most);
		text = LARGEST_FRAME;
	}
	uint32_t around = ipb_args_given(a, "sizes") ? overhead(c) : 0; /* a name may have to be resolved for it */
	return ipb_sizes_parse(&c->sizes, text, least, most, around, err);
}

int latency_configure(struct ipb_engine_config *c, const struct ipb_args *a, const char *host, int port, int original,
                      struct ipb_error *err)
{
	struct ipb_mistakes mistakes = { 0 };

	memset(c, 0, sizeof *c);
	c->host = host;
	c->port = (uint16_t)port;
	c->proto = (enum ipb_proto)ipb_args_enum(a, "socktype");
	c->io = (enum ipb_io)ipb_args_enum(a, "engine");
	c->stamps = (enum ipb_stamps)ipb_args_enum(a, "timestamps");
	if (ipb_args_given(a, "bps") && ipb_args_given(a, "Mbps"))
		ipb_error(err, "argument Mbps: give either bps or Mbps"), ipb_mistakes_add(&mistakes, err);
	c->rate_bps = ipb_args_given(a, "Mbps") ? ipb_args_number(a, "Mbps") * 1e6 : ipb_args_number(a, "bps");
	if (configure_sizes(c, a, original, err) < 0)
		ipb_mistakes_add(&mistakes, err);
	if (ipb_arrival_parse(&c->arrival, &c->burst, ipb_args_string(a, "arrival"), err) < 0)
		ipb_mistakes_add(&mistakes, err);
	if (ipb_args_given(a, "duration") && ipb_args_given(a, "samples"))
		ipb_error(err, "argument samples: give either samples or duration"), ipb_mistakes_add(&mistakes, err);
	c->samples = ipb_args_uint(a, "samples");
	c->duration_ns = ipb_args_ns(a, "duration");
	c->rampup_ns = ipb_args_ns(a, "rampup");
	c->warmup_ns = ipb_args_ns(a, "warmup");
	c->cooldown_ns = ipb_args_ns(a, "cooldown");
	c->drain_ns = ipb_args_ns(a, "drain");
	c->late_ns = ipb_args_ns(a, "late");
	c->noise_ns = ipb_args_ns(a, "noise");
	c->outstanding_s = ipb_args_number(a, "drop");
	c->flows = (uint32_t)ipb_args_uint(a, "flows");
	c->seed = ipb_args_uint(a, "seed");
	c->iface = ipb_args_string(a, "iface");
	c->cpu = (int)ipb_args_number(a, "cpu");
	c->rt = (int)ipb_args_uint(a, "rt");
	c->mlock = ipb_args_bool(a, "mlock");
	c->check = LATENCY_CHECK;
	c->by_number = ipb_args_enum(a, "check") == CHECK_NUMBER || (original && ipb_args_enum(a, "check") == CHECK_AUTO);
	c->want_tsc = ipb_args_bool(a, "tsc");
	c->until_ci = ipb_args_number(a, "until_ci");
	c->keep_samples = ipb_args_bool(a, "keep_samples");
	c->keep_response = ipb_args_enum(a, "rtt") == 1;
	ipb_limits_configure(&c->limits, a);
	configure_socket(&c->sock, a);
	if (c->sock.bind_port != 0 && c->sock.bind_port + c->flows - 1 > UINT16_MAX)
		ipb_error(err, "argument bind_port: %u flows from port %u on end at %u, beyond the last port, 65535", c->flows,
		          c->sock.bind_port, c->sock.bind_port + c->flows - 1), ipb_mistakes_add(&mistakes, err);
	if (c->proto == IPB_RAW && host != NULL && ipb_parse_mac(host, c->target_mac) < 0)
		ipb_error(err, "with socktype=raw the target is a MAC address such as 02:00:00:00:00:01, not \"%.100s\"", host),
			ipb_mistakes_add(&mistakes, err);
	return ipb_mistakes_end(&mistakes, err);
}
