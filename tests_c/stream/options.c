/* Arguments of stream.  SPDX-License-Identifier: MIT */
#include <string.h>

#include "ipb_threads.h"
#include "stream.h"

#define S(name, type, unit, dflt, range, help) { name, type, unit, dflt, range, help, 0, 0 }

#define TCP_SIZE 131072u      /* bytes of a write; the send buffer's first sizes are of this order */
#define UDP_SIZE 1400u        /* bytes of a datagram: no fragments on Ethernet, tunnels included */
#define MSS_MIN 88u           /* that the kernel accepts */
#define PACED_NS 1000000.0    /* with a rate a write is what is due in so long, when no size was given, … */
#define PACED_SIZE_MIN 1448u  /* … and a segment at least */

const struct ipbench_option stream_options[STREAM_OPTION_COUNT] = {
	S("direction", "enum", "", "up", "up|down|both", "From the tester to the target, from it, or both at the same time."),
	S("streams", "int", "", "1", "1..1000", "Streams in each direction, at most 1,000 together."),
	S("proto", "enum", "", "tcp", "tcp|udp", "Protocol of the streams."),
	S("udp", "bool", "", "0", "", "The same as proto=udp."),
	S("bps", "rate", "bit/s", "0", "0..1000G", "Payload a second in each direction, all streams together; 0: all that goes."),
	S("duration", "time", "s", "10", "0.1s..24h", "Length of the measured phase."),
	S("warmup", "time", "s", "1", "0s..10min", "How long the streams run before it."),
	S("size", "size", "byte", "128Ki", "1..16Mi", "Bytes of a write (128Ki; with bps 1 ms of it), or of a datagram (1400, 32..65507)."),
	S("copy", "bool", "", "1", "", "TCP: receivers copy the data out of the kernel; 0: the kernel throws it away (MSG_TRUNC)."),
	S("zerocopy", "enum", "", "off", "off|sendfile|msg", "TCP: send without copying, by sendfile or MSG_ZEROCOPY."),
	S("cc", "string", "", "", "", "TCP: congestion control of the senders, such as cubic or bbr; the system's when not given."),
	S("mss", "int", "byte", "0", "0..32767", "TCP: largest segment; 0: what the path gives."),
	S("rcvbuf", "size", "byte", "0", "0..1Gi", "Receive buffer; 0: TCP's grows by itself, UDP's is 8 MiB."),
	S("sndbuf", "size", "byte", "0", "0..1Gi", "Send buffer; 0: TCP's grows by itself, UDP's is 8 MiB."),
	S("dscp", "int", "", "-1", "-1..63", "DSCP of what both ends send; -1: the system's."),
	S("mptcp", "bool", "", "0", "", "TCP: Multipath TCP (RFC 8684), when the target takes it (stream_target mptcp=1)."),
	S("peer", "enum", "", "ipbench", "ipbench|discard|chargen|iperf3|iperf2",
	  "What the target is: stream_target, one that discards (RFC 863) or sends (RFC 864) all it can, or an iperf server."),
	S("port", "int", "", "0", "0..65535", "Port there; 0: the run's, or the peer's usual one (5205, 9, 19, 5201, 5001)."),
	S("threads", "int", "", "0", "0..32", "Threads in each direction, among which the streams are spread; 0: as many as processors, where BBR sends without bps one a stream up to 16."),
	S("cpus", "string", "", "", "", "Processors of the threads in their order, 0-3 or 0;2, over again when there are more threads; not given: any."),
	S("limit_cpu", "float", "", "95%", "1%..100%", "A thread or processor busier than this is a reason (SUSPECT)."),
	S("limit_clock", "time", "s", "10ms", "0s..1s", "Error of the clocks' offset that is a reason (SUSPECT), above 1 % of the measured phase."),
};

const struct stream_peer *const stream_peers[] = { &stream_peer_ipbench, &stream_peer_discard, &stream_peer_chargen,
	                                          &stream_peer_iperf3, &stream_peer_iperf2 };

static uint32_t choose_size(const struct stream_config *c)
{
	if (c->udp)
		return UDP_SIZE;
	if (c->bps <= 0)
		return TCP_SIZE;
	const double due = c->bps / c->streams / 8e9 * PACED_NS;
	return due < PACED_SIZE_MIN ? PACED_SIZE_MIN : due > TCP_SIZE ? TCP_SIZE : (uint32_t)due;
}

/* What datagrams know nothing of. */
static int only_tcp(const struct stream_config *c, struct ipb_error *err)
{
	const char *name = !c->copy ? "copy" : c->zerocopy != IPB_ZEROCOPY_OFF ? "zerocopy" : *c->cc != '\0' ? "cc" : c->mss > 0 ? "mss"
	                   : c->mptcp ? "mptcp" : NULL;

	return name == NULL ? 0 : ipb_error(err, "argument %s: is for TCP; leave it out with proto=udp", name);
}

static int check(const struct stream_config *c, const struct ipb_args *a, struct ipb_error *err)
{
	static const char *const words[] = { "", "up", "down", "both" };
	const struct stream_peer *peer = stream_peers[c->peer];
	const uint32_t all = c->direction == IPB_BOTH ? 2 * c->streams : c->streams;

	if ((peer->directions & c->direction) != c->direction)
		return ipb_error(err, "argument direction: %s does not go with peer=%s, which knows %s only", words[c->direction],
		                 peer->name, words[peer->directions]);
	if (c->udp && !peer->udp)
		return ipb_error(err, "argument proto: udp does not go with peer=%s, of whose datagrams nobody would know what became",
		                 peer->name);
	if (all > STREAM_STREAMS_MAX)
		return ipb_error(err, "argument streams: %u in each direction are more than %d", c->streams, STREAM_STREAMS_MAX);
	if (c->udp && (c->size < IPB_PUMP_DATAGRAM_HEADER || c->size > IPB_HELLO_DATAGRAM_MAX))
		return ipb_error(err, "argument size: %u is out of range; a datagram has 32..65507 bytes", c->size);
	if (c->mptcp && c->zerocopy == IPB_ZEROCOPY_MSG)
		return ipb_error(err, "argument zerocopy: Linux has no MSG_ZEROCOPY for Multipath TCP; zerocopy=sendfile goes with mptcp=1");
	if (c->mss > 0 && c->mss < MSS_MIN)
		return ipb_error(err, "argument mss: %u is out of range; 0 or %u..32767", c->mss, MSS_MIN);
	if (strlen(c->cc) >= IPB_HELLO_CC_MAX)
		return ipb_error(err, "argument cc: \"%.40s\" is too long for a congestion control", c->cc);
	if (ipb_args_given(a, "proto") && ipb_args_given(a, "udp") && ipb_args_enum(a, "proto") != (ipb_args_bool(a, "udp") ? 1u : 0u))
		return ipb_error(err, "argument udp: contradicts proto=%s", ipb_args_string(a, "proto"));
	return c->udp ? only_tcp(c, err) : 0;
}

int stream_configure(struct stream_config *c, const struct ipb_args *a, const char *host, int port, struct ipb_error *err)
{
	memset(c, 0, sizeof *c);
	c->host = host;
	c->direction = (int)ipb_args_enum(a, "direction") + 1;
	c->streams = (uint32_t)ipb_args_uint(a, "streams");
	c->udp = ipb_args_enum(a, "proto") == 1 || ipb_args_bool(a, "udp");
	c->bps = ipb_args_number(a, "bps");
	c->duration_ns = ipb_args_ns(a, "duration");
	c->warmup_ns = ipb_args_ns(a, "warmup");
	c->copy = ipb_args_bool(a, "copy");
	c->zerocopy = (enum ipb_zerocopy)ipb_args_enum(a, "zerocopy");
	c->cc = ipb_args_string(a, "cc");
	c->mss = (uint32_t)ipb_args_uint(a, "mss");
	c->rcvbuf = (uint32_t)ipb_args_uint(a, "rcvbuf");
	c->sndbuf = (uint32_t)ipb_args_uint(a, "sndbuf");
	c->dscp = (int)ipb_args_number(a, "dscp");
	c->mptcp = ipb_args_bool(a, "mptcp");
	c->peer = ipb_args_enum(a, "peer");
	c->threads = (uint32_t)ipb_args_uint(a, "threads");
	const int cpus = ipb_threads_cpus(ipb_args_string(a, "cpus"), c->cpus, IPB_PUMP_WORKERS_MAX, host != NULL && *host != '\0', err);
	if (cpus < 0)
		return -1;
	c->cpu_count = (uint32_t)cpus;
	c->limit_cpu = ipb_args_number(a, "limit_cpu");
	c->limit_clock_ns = ipb_args_ns(a, "limit_clock");
	c->size = ipb_args_given(a, "size") ? (uint32_t)ipb_args_uint(a, "size") : choose_size(c);
	c->port = (uint16_t)(ipb_args_uint(a, "port") > 0 ? ipb_args_uint(a, "port") : port > 0 ? (uint64_t)port
	                                                                                        : stream_peers[c->peer]->port);
	return check(c, a, err);
}
