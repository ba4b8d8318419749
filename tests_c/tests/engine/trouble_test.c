/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* Packets that do not get through end no run: every ICMP error that a router may send, made here byte by byte (RFC 792,
 * RFC 4443) and sent to the measuring socket, and packets that this machine refuses to send.  SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_clock.h"

#define EACH 4 /* ICMP errors of each kind */

struct router {
	uint16_t from, to; /* ports of the packet that is rejected */
	int v6;
	pthread_t thread;
};

struct code {
	uint8_t type, code;
};

static const struct code v4_codes[] = { { 3, 0 }, { 3, 1 }, { 3, 2 }, { 3, 3 }, { 3, 5 }, { 3, 6 }, { 3, 7 }, { 3, 8 }, { 3, 9 },
	{ 3, 10 }, { 3, 11 }, { 3, 12 }, { 3, 13 }, { 3, 14 }, { 3, 15 }, { 11, 0 }, { 12, 0 } };
static const struct code v6_codes[] = { { 1, 0 }, { 1, 1 }, { 1, 2 }, { 1, 3 }, { 1, 4 }, { 1, 5 }, { 1, 6 }, { 3, 0 }, { 4, 0 } };

static uint16_t checksum(const void *data, size_t size)
{
	const uint8_t *b = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void reject_v4(int raw, const struct router *r, struct code c)
{
	struct {
		struct icmphdr icmp;
		struct iphdr ip;
		struct udphdr udp;
	} m = { .icmp = { .type = c.type, .code = c.code },
	        .ip = { .version = 4, .ihl = 5, .tot_len = htons(92), .ttl = 64, .protocol = IPPROTO_UDP,
	                .saddr = htonl(INADDR_LOOPBACK), .daddr = htonl(INADDR_LOOPBACK) },
	        .udp = { .source = htons(r->from), .dest = htons(r->to), .len = htons(72) } };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	m.icmp.checksum = checksum(&m, sizeof m);
	assert_int_equal(sendto(raw, &m, sizeof m, 0, (struct sockaddr *)&to, sizeof to), sizeof m);
}

static void reject_v6(int raw, const struct router *r, struct code c)
{
	struct {
		struct icmp6_hdr icmp; /* the kernel puts the checksum in */
		struct ip6_hdr ip;
		struct udphdr udp;
	} m = { .icmp = { .icmp6_type = c.type, .icmp6_code = c.code },
	        .ip = { .ip6_src = IN6ADDR_LOOPBACK_INIT, .ip6_dst = IN6ADDR_LOOPBACK_INIT },
	        .udp = { .source = htons(r->from), .dest = htons(r->to), .len = htons(72) } };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	m.ip.ip6_vfc = 6 << 4;
	m.ip.ip6_plen = htons(72);
	m.ip.ip6_nxt = IPPROTO_UDP;
	assert_int_equal(sendto(raw, &m, sizeof m, 0, (struct sockaddr *)&to, sizeof to), sizeof m);
}

static void *reject(void *context)
{
	struct router *r = context;
	const struct code *codes = r->v6 ? v6_codes : v4_codes;
	const size_t n = r->v6 ? sizeof v6_codes / sizeof *v6_codes : sizeof v4_codes / sizeof *v4_codes;
	const struct timespec pause = { .tv_nsec = 1000000 };
	int raw = socket(r->v6 ? AF_INET6 : AF_INET, SOCK_RAW, r->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

	assert_true(raw >= 0);
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < EACH; k++) {
			nanosleep(&pause, NULL);
			(r->v6 ? reject_v6 : reject_v4)(raw, r, codes[i]);
		}
	close(raw);
	return NULL;
}

/* While every kind of ICMP error comes in, the run goes on, loses nothing that was answered, and counts each kind. */
static void every_icmp_error_is_counted_and_ends_nothing(void **state)
{
	static const char *const engines[] = { "engine=socket", "engine=mmsg,arrival=burst:8", "engine=gso,arrival=burst:8",
		                               "engine=auto,timestamps=kernel" };

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < 2 * sizeof engines / sizeof *engines; i++) {
		struct router r = { .v6 = i & 1 };
		struct spoiler s;
		struct ipb_args args;
		struct ipb_engine_result result;
		char text[300];
		(void)state;
		spoiler_begin_at(&s, r.v6 ? "::1" : "127.0.0.1", "", 1000000000, 0);
		r.to = ipb_sock_port(s.fd);
		snprintf(text, sizeof text, "socktype=udp,bps=1M,size=64,warmup=0.05,cooldown=0,noise=0,duration=0.5,%s", engines[i / 2]);
		struct ipb_engine *e = engine_open_at(&args, text, r.v6 ? "::1" : "127.0.0.1", r.to);
		r.from = ipb_sock_port(e->fds[0]);
		assert_int_equal(pthread_create(&r.thread, NULL, reject, &r), 0);
		assert_int_equal(ipb_engine_run(e, NULL), 0);
		pthread_join(r.thread, NULL);
		spoiler_end(&s);
		ipb_engine_result(e, &result);
		if (result.broken)
			fail_msg("%s: %s", engines[i / 2], result.reasons[0].text);
		const struct code *codes = r.v6 ? v6_codes : v4_codes;
		const size_t n = r.v6 ? sizeof v6_codes / sizeof *v6_codes : sizeof v4_codes / sizeof *v4_codes;
		assert_int_equal(e->troubles.used, n);
		for (size_t k = 0; k < n; k++) {
			const struct ipb_trouble *t = &e->troubles.kinds[k];
			assert_int_equal(t->origin, r.v6 ? IPB_ORIGIN_ICMP6 : IPB_ORIGIN_ICMP);
			assert_int_equal(t->type, codes[k].type);
			assert_int_equal(t->code, codes[k].code);
			assert_int_equal(t->count, EACH);
			assert_string_equal(t->from, r.v6 ? "::1" : "127.0.0.1");
		}
		assert_int_equal(result.refused, 0);
		assert_int_equal(s.faults.packets, e->track.next);
		assert_int_equal(result.counts.ok, result.counts.sent);
		engine_close(e, &args);
	}
}

/* A while in which the kernel refuses packets to the target, in a network namespace of this test's own. */
struct outage {
	const char *name, *begin, *end; /* commands */
	int error;                      /* what the kernel answers */
	const char *args;
	struct ipbench_progress *progress; /* of the run: the measured phase has to have begun */
};

static const struct outage outages[] = {
	{ "a missing route", "ip rule add pref 50 ipproto udp dport 7007 unreachable", "ip rule del pref 50", ENETUNREACH, "", NULL },
	{ "a policy", "ip rule add pref 50 ipproto udp dport 7007 prohibit", "ip rule del pref 50", EACCES, "", NULL },
	{ "a black hole", "ip rule add pref 50 ipproto udp dport 7007 blackhole", "ip rule del pref 50", EINVAL, "", NULL },
	{ "a filter", "nft add rule inet f out udp dport 7007 drop", "nft flush chain inet f out", EPERM, "", NULL },
	{ "a filter for one flow of two", "nft add rule inet f out udp dport 7007 udp sport 7008 drop", "nft flush chain inet f out",
	  EPERM, ",flows=2,bind_port=7008", NULL },
	{ "an MTU", "ip link set lo mtu 1300", "ip link set lo mtu 65536", EMSGSIZE, ",df=1,size=1400", NULL },
};

/* A namespace whose local addresses are looked up after our rules, with a chain for filters. 0, or -1: not to be had. */
static int enter_namespace(void)
{
	return geteuid() != 0 || unshare(CLONE_NEWNET) < 0 ||
	       system("ip link set lo up && ip rule add pref 100 lookup local && ip rule del pref 0 && nft add table inet f && "
	              "nft add chain inet f out '{ type filter hook output priority 0; }'") != 0
	       ? -1 : 0;
}

static void *break_for_a_while(void *context)
{
	const struct outage *o = context;
	const struct timespec before = { .tv_nsec = 50000000 }, during = { .tv_nsec = 100000000 };

	do
		nanosleep(&before, NULL);
	while (__atomic_load_n(&o->progress->phase, __ATOMIC_RELAXED) < IPBENCH_PHASE_MEASURE);
	assert_int_equal(system(o->begin), 0);
	nanosleep(&during, NULL);
	assert_int_equal(system(o->end), 0);
	return NULL;
}

/* What lo has carried: every packet and every reply. */
static uint64_t on_the_wire(void)
{
	char line[512];
	unsigned long long packets = 0;
	FILE *file = fopen("/proc/thread-self/net/dev", "re");

	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL)
		if (strstr(line, "lo:") != NULL)
			sscanf(strchr(line, ':') + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", &packets);
	fclose(file);
	return packets;
}

static void compare_outage(struct outage o, const char *engine)
{
	pthread_t thread;
	struct ipbench_progress progress = { 0 };
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result r;
	char text[300];
	const char *reason = o.error == EMSGSIZE ? "packet-too-long" : "send-refused";

	spoiler_begin_on(&s, 7007);
	snprintf(text, sizeof text, "socktype=udp,bps=8M,warmup=0.1,cooldown=0,noise=0,duration=0.5,%s%s%s", engine, o.args,
	         strstr(o.args, "size") != NULL ? "" : ",size=64");
	struct ipb_engine *e = engine_open(&args, text, 7007);
	const uint64_t before = on_the_wire();
	o.progress = &progress;
	assert_int_equal(pthread_create(&thread, NULL, break_for_a_while, &o), 0);
	assert_int_equal(ipb_engine_run(e, &progress), 0);
	pthread_join(thread, NULL);
	spoiler_end(&s);
	ipb_engine_result(e, &r);
	if (r.broken)
		fail_msg("%s, %s: %s", o.name, engine, r.reasons[0].text);
	assert_int_equal(e->refusals.used, 1);
	assert_int_equal(e->refusals.kinds[0].error, o.error);
	assert_int_equal(e->refusals.kinds[0].count, r.refused);
	assert_true(r.refused > 0);
	assert_non_null(reason_of(&r, reason));
	if (o.error == EMSGSIZE && (strstr(reason_of(&r, reason)->text, "1400") == NULL ||
	                            strstr(reason_of(&r, reason)->text, "1300") == NULL))
		fail_msg("%s", reason_of(&r, reason)->text);
	/* What was refused was not sent, and everything that was sent reached the target and came back. */
	const uint64_t all = e->track.next - ipb_trouble_count(&e->troubles, 1);
	if (s.faults.packets != all)
		fail_msg("%s, %s: %llu of %llu packets came in", o.name, engine, (unsigned long long)s.faults.packets,
		         (unsigned long long)all);
	if (!e->trains && o.error != EMSGSIZE) /* lo counts a train as one, and a reply that becomes fragments as two */
		if (on_the_wire() - before != 2 * all)
			fail_msg("%s, %s: lo carried %llu, and %llu left and came back", o.name, engine,
			         (unsigned long long)(on_the_wire() - before), (unsigned long long)all);
	assert_int_equal(r.counts.ok, r.counts.sent);
	assert_int_equal(r.lateness->count, r.counts.sent);
	assert_int_equal(ipb_trouble_count(&e->troubles, 0), 0);
	engine_close(e, &args);
}

static void a_refused_packet_is_not_sent_and_ends_nothing(void **state)
{
	static const char *const engines[] = { "engine=socket", "engine=mmsg,arrival=burst:8", "engine=gso,arrival=burst:8",
		                               "engine=auto,timestamps=kernel" };

	(void)state;
	if (enter_namespace() < 0)
		skip();
	for (size_t i = 0; i < sizeof outages / sizeof *outages; i++)
		for (size_t k = 0; k < sizeof engines / sizeof *engines; k++)
			compare_outage(outages[i], engines[k]);
}

/* With df=0 packets that are longer than the path's MTU become fragments, and nothing is lost or refused. */
static void without_df_long_packets_are_fragmented(void **state)
{
	static const char *const engines[] = { "engine=socket", "engine=mmsg", "engine=gso,arrival=burst:8" };

	(void)state;
	if (enter_namespace() < 0 || system("ip link set lo mtu 1300") != 0)
		skip();
	for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
		struct spoiler s;
		struct ipb_args args;
		struct ipb_engine_result r;
		char text[300];
		spoiler_begin_on(&s, 7007);
		snprintf(text, sizeof text, "socktype=udp,bps=8M,size=1472,warmup=0,cooldown=0,noise=0,duration=0.2,%s", engines[i]);
		const uint64_t before = on_the_wire();
		struct ipb_engine *e = engine_run(&args, text, 7007);
		spoiler_end(&s);
		ipb_engine_result(e, &r);
		assert_int_equal(r.refused, 0);
		assert_int_equal(r.counts.ok, r.counts.sent);
		assert_int_equal(on_the_wire() - before, 4 * e->track.next); /* two fragments each way */
		engine_close(e, &args);
	}
}

/* One packet that is rejected, at a rate at which nothing else has been sent since, is a loss and not the target's end. */
static void one_rejected_packet_is_no_death(void **state)
{
	struct router r = { 0 };
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result result;

	(void)state;
	if (geteuid() != 0)
		skip();
	spoiler_begin_at(&s, "127.0.0.1", "drop", 2, 0);
	r.to = ipb_sock_port(s.fd);
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	assert_true(raw >= 0);
	struct ipb_engine *e = engine_open(&args, "socktype=udp,bps=1024,size=64,warmup=0,cooldown=0,noise=0,duration=2.2,"
	                                   "drain=0.1,late=0.1", r.to);
	r.from = ipb_sock_port(e->fds[0]);
	reject_v4(raw, &r, (struct code){ 3, 13 });
	assert_int_equal(ipb_engine_run(e, NULL), 0);
	close(raw);
	spoiler_end(&s);
	ipb_engine_result(e, &result);
	if (result.broken)
		fail_msg("%s", result.reasons[0].text);
	assert_int_equal(result.counts.sent, 5);
	assert_int_equal(result.counts.lost, 2);
	assert_int_equal(ipb_trouble_count(&e->troubles, 0), 1);
	engine_close(e, &args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_rejected_packet_is_no_death),
		cmocka_unit_test(every_icmp_error_is_counted_and_ends_nothing),
		cmocka_unit_test(a_refused_packet_is_not_sent_and_ends_nothing),
		cmocka_unit_test(without_df_long_packets_are_fragmented),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
