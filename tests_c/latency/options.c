/* Arguments of latency and latency-check.  SPDX-License-Identifier: MIT */
#include <string.h>

#include "ipb_engine_args.h"
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
	IPB_RAMP_OPTIONS,
	S("warmup", "time", "s", "10", "0..86400", "Phase before the measured one, at the same rate, not counted."),
	S("cooldown", "time", "s", "10", "0..86400", "Phase after it, at the same rate, not counted."),
	S("drain", "time", "s", "1", "0.001..60", "How long a reply may take; what comes later is late."),
	S("late", "time", "s", "0.5", "0..60", "How long late replies are waited for, before they are called lost."),
	S("socktype", "enum", "", "tcp", "tcp|udp|raw", "Kind of socket."),
	S("check", "enum", "", "auto", "auto|all|number", "What of a reply has to be right: all, or its number alone (first 8 bytes), which auto is in the original's spelling."),
	IPB_OUTAGE_OPTIONS,
	S("iface", "string", "", "", "", "raw: the interface; the target is then a MAC address."),
	IPB_ARRIVAL_OPTIONS,
	S("flows", "int", "", "1", "1..1024", "Source ports (TCP: connections), used in turn; at least one for each thread."),
	S("seed", "int", "", "1", "0..4294967295", "Of random arrivals and sizes: the same seed gives the same packets."),
	S("engine", "enum", "", "auto", "auto|socket|mmsg|gso|ring|xdp", "How to send and receive; gso: UDP load only, its times are of trains; ring: raw only; xdp: AF_XDP."),
	S("timestamps", "enum", "", "user", "user|kernel|hardware", "Where round trips are stamped, apart from user space."),
	S("cpu", "int", "", "-1", "-1..1023", "Processor to run on; -1: any."),
	IPB_THREAD_OPTIONS,
	S("rt", "int", "", "0", "0..99", "SCHED_FIFO priority; 0: off. A spinning thread: leave the system a processor."),
	IPB_BUFFER_OPTIONS,
	S("nodelay", "bool", "", "1", "", "TCP_NODELAY."),
	S("dscp", "int", "", "-1", "-1..63", "Differentiated services code point; -1: the system's."),
	S("ttl", "int", "", "0", "0..255", "Time to live or hop limit; 0: the system's."),
	S("df", "bool", "", "0", "", "Do not fragment; 0: UDP packets longer than the path's MTU become fragments."),
	S("bind", "string", "", "", "", "Local address."),
	S("bind_port", "int", "", "0", "0..65535", "Local port of the first flow, the others have those after it; 0: any. TCP then ends with a reset."),
	IPB_HOST_OPTIONS,
	IPB_RESULT_OPTIONS,
	S("keep_samples", "bool", "", "0", "", "Send single round trips to our own controller too; it asks for them when dump_dir is given."),
	S("series_times", "bool", "", "0", "", "Each interval of the series has its response times, too; our own controller asks the first of several classes for them."),
	IPB_LIMIT_OPTIONS,
	C("with_cpu_target", "bool", "", "0", "", "End the row with a comma, so that a CPU figure can follow."),
	C("dump_dir", "string", "", "", "", "Write each client's samples to DIR/PREFIX_N.dmp, one a line, in us."),
	C("dump_prefix", "string", "", "latency", "", "See dump_dir."),
};
_Static_assert(sizeof latency_options / sizeof *latency_options == LATENCY_OPTION_COUNT, "count the options");

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
	struct ipb_threads threads;

	memset(c, 0, sizeof *c);
	c->host = host;
	c->port = (uint16_t)port;
	c->proto = (enum ipb_proto)ipb_args_enum(a, "socktype");
	c->stamps = (enum ipb_stamps)ipb_args_enum(a, "timestamps");
	if (ipb_args_given(a, "bps") && ipb_args_given(a, "Mbps"))
		ipb_error(err, "argument Mbps: give either bps or Mbps"), ipb_mistakes_add(&mistakes, err);
	c->rate_bps = ipb_args_given(a, "Mbps") ? ipb_args_number(a, "Mbps") * 1e6 : ipb_args_number(a, "bps");
	if (configure_sizes(c, a, original, err) < 0)
		ipb_mistakes_add(&mistakes, err);
	ipb_engine_args(c, a, &mistakes, err);
	ipb_engine_args_round_trips(c, a, &mistakes, err);
	c->iface = ipb_args_string(a, "iface");
	c->check = LATENCY_CHECK;
	c->by_number = ipb_args_enum(a, "check") == CHECK_NUMBER || (original && ipb_args_enum(a, "check") == CHECK_AUTO);
	c->series_times = ipb_args_bool(a, "series_times");
	if (ipb_threads_plan(&threads, a, 0, err) < 0 || ipb_team_check(c, &threads, ipb_args_given(a, "flows"), err) < 0)
		ipb_mistakes_add(&mistakes, err);
	c->sock.nodelay = ipb_args_bool(a, "nodelay");
	if (c->proto != IPB_UDP && c->sock.df == IPB_DF_OFF)
		c->sock.df = IPB_DF_SYSTEM; /* TCP finds its path's MTU itself */
	if (c->proto == IPB_RAW && host != NULL && ipb_parse_mac(host, c->target_mac) < 0)
		ipb_error(err, "with socktype=raw the target is a MAC address such as 02:00:00:00:00:01, not \"%.100s\"", host),
			ipb_mistakes_add(&mistakes, err);
	return ipb_mistakes_end(&mistakes, err);
}
