/* link: latency.a echo/echo_udp.o echo/echo_tcp.o echo/echo_tcp_accept.o echo/echo_guard.o */
/* Options of sockets have effect, or are an error. The witness is the packet on the wire, read from a packet socket and
 * taken apart by the offsets of RFC 791 and RFC 8200.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../echo/echo.h"
#include "../../latency/latency.h"
#include "ipb_clock.h"
#include "ipb_sock.h"

#define PORT ((uint16_t)(20000 + getpid() % 10000)) /* so that two of these programs may run at once */
#define WAIT_MS 2000

/* What a packet to PORT looked like. */
struct seen {
	int version, tos, ttl, df;
};

static int open_capture(void)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex("lo") };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL)), room = 8 << 20;

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room); /* others send, too */
	if (fd >= 0)
		assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

/* at: of the port in the packet, for IPv4: 20 of the sender, 22 of the receiver. */
static struct seen capture_from(int fd, int at)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t b[256];

	/* Packets of others are passed over, of which there may be many. */
	for (const uint64_t end_ns = ipb_now_ns() + 5 * IPB_NS_PER_S; ipb_now_ns() < end_ns && poll(&p, 1, WAIT_MS) == 1;) {
		ssize_t n = recv(fd, b, sizeof b, 0);
		if (n >= 28 && b[0] >> 4 == 4 && (b[at] << 8 | b[at + 1]) == PORT)
			return (struct seen){ 4, b[1], b[8], (b[6] >> 6) & 1 };
		if (n >= 48 && b[0] >> 4 == 6 && (b[at + 20] << 8 | b[at + 21]) == PORT)
			return (struct seen){ 6, (b[0] & 15) << 4 | b[1] >> 4, b[7], 0 };
	}
	fail_msg("no packet was seen");
	return (struct seen){ 0 };
}

static struct seen capture(int fd) { return capture_from(fd, 22); }

static void compare(const char *host, int type, const struct ipb_sock_options *options, struct seen wanted)
{
	struct ipb_error err = { 0 };
	struct ipb_sock_options plain = { .dscp = -1 };
	int listener = type == SOCK_STREAM ? ipb_sock_listen("", PORT, type, &plain, &err) : -1, wire = open_capture();
	int fd = ipb_sock_connect(host, PORT, type, options, &err);

	if (fd < 0)
		fail_msg("%s", ipb_error_text(&err));
	if (type == SOCK_DGRAM)
		assert_int_equal(send(fd, "hello", 5, 0), 5);
	struct seen s = capture(wire);
	if (memcmp(&s, &wanted, sizeof s) != 0)
		fail_msg("%s: version %d TOS 0x%02x TTL %d DF %d", host, s.version, (unsigned)s.tos, s.ttl, s.df);
	close(fd);
	close(wire);
	if (listener >= 0)
		close(listener);
}

static void every_option_is_on_the_wire(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "::ffff:127.0.0.1", "::1" };
	int probe = open_capture();

	(void)state;
	if (probe < 0)
		skip();
	close(probe);
	for (int i = 0; i < 3; i++)
		for (int tcp = 0; tcp <= 1; tcp++) {
			const int type = tcp ? SOCK_STREAM : SOCK_DGRAM, version = i == 2 ? 6 : 4;
			struct ipb_sock_options off = { .dscp = 46, .ttl = 9, .df = IPB_DF_OFF };
			struct ipb_sock_options on = { .dscp = 8, .ttl = 255, .df = IPB_DF_ON };
			struct ipb_sock_options text = { .dscp = -1, .df = IPB_DF_OFF, .sockopts = "IPTOS_LOWDELAY" };
			compare(hosts[i], type, &off, (struct seen){ version, 46 << 2, 9, 0 });
			compare(hosts[i], type, &on, (struct seen){ version, 8 << 2, 255, version == 4 });
			compare(hosts[i], type, &text, (struct seen){ version, 0x10, 64, 0 });
		}
}

static void an_option_without_effect_is_an_error(void **state)
{
	static const struct {
		struct ipb_sock_options options;
		const char *word;
	} cases[] = { { { .dscp = 46 }, "dscp" }, { { .dscp = -1, .ttl = 3 }, "ttl" }, { { .dscp = -1, .df = IPB_DF_ON }, "df" },
		      { { .dscp = -1, .bind_port = 3 }, "bind_port" }, { { .dscp = -1, .bind_host = "127.0.0.1" }, "bind" } };
	struct ipb_error err = { 0 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	(void)state;
	if (fd < 0)
		skip();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char wanted[64];
		snprintf(wanted, sizeof wanted, "argument %s:", cases[i].word);
		assert_int_equal(ipb_sock_apply(fd, AF_PACKET, &cases[i].options, &err), -1);
		assert_non_null(strstr(ipb_error_text(&err), wanted));
	}
	close(fd);
}

/* Without the right to pass the limit a buffer is cut, which setsockopt does not report. */
static void a_buffer_that_is_cut_is_an_error(void **state)
{
	struct ipb_sock_options asked = { .dscp = -1, .rcvbuf = 1 << 30, .rcvbuf_least = 1 << 30 };
	struct ipb_sock_options hoped = { .dscp = -1, .rcvbuf = 1 << 30 };
	struct ipb_error err = { 0 };
	uid_t user = geteuid();

	(void)state;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0 && (user != 0 || seteuid(65534) == 0));
	int must = ipb_sock_apply(fd, AF_INET, &asked, &err), text = ipb_sock_apply_text(fd, "SO_SNDBUF=1000000000", NULL);
	int may = ipb_sock_apply(fd, AF_INET, &hoped, NULL);
	assert_true(user != 0 || seteuid(0) == 0);
	assert_int_equal(must, -1);
	assert_non_null(strstr(ipb_error_text(&err), "net.core.rmem_max"));
	assert_int_equal(text, -1);
	assert_int_equal(may, 0);
	close(fd);
}

/* The same pair of ports serves again at once. */
static void a_fixed_port_connects_twice_in_a_row(void **state)
{
	struct ipb_sock_options plain = { .dscp = -1 };
	struct ipb_error err = { 0 };
	int listener = ipb_sock_listen("127.0.0.1", 0, SOCK_STREAM, &plain, &err), free_port = -1;
	/* Below those that the kernel gives to connections of other tests. */
	for (int port = 20000 + getpid() % 10000; free_port < 0 && port < 32000; port++)
		free_port = ipb_sock_listen("127.0.0.1", (uint16_t)port, SOCK_STREAM, &plain, &err);
	struct ipb_sock_options fixed = { .dscp = -1, .bind_port = ipb_sock_port(free_port) };

	(void)state;
	close(free_port);
	for (int i = 0; i < 3; i++) {
		int fd = ipb_sock_connect("127.0.0.1", ipb_sock_port(listener), SOCK_STREAM, &fixed, &err);
		if (fd < 0)
			fail_msg("connection %d: %s", i + 1, ipb_error_text(&err));
		assert_int_equal(ipb_sock_port(fd), fixed.bind_port);
		close(fd);
		close(accept(listener, NULL, NULL));
	}
	close(listener);
}

/* Ports end at 65535: more flows than there are left have no room, and none begins again at 0. */
static void ports_do_not_wrap(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = { { "flows=6,bind_port=65530", 0 }, { "flows=7,bind_port=65530", -1 }, { "bind_port=65535", 0 },
		      { "flows=1024,bind_port=64512", 0 }, { "flows=1024,bind_port=64513", -1 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ipb_args args;
		struct ipb_engine_config config;
		struct ipb_error err = { 0 };
		assert_int_equal(ipb_args_parse(&args, latency_options, LATENCY_OPTION_COUNT, cases[i].text, 0, &err), 0);
		assert_int_equal(latency_configure(&config, &args, "127.0.0.1", 7, 0, &err), cases[i].status);
		assert_true(cases[i].status == 0 || strstr(ipb_error_text(&err), "bind_port") != NULL);
		ipb_args_free(&args);
	}
}

static void *serve(void *arg)
{
	struct echo_server *s = arg;

	(s->kind == ECHO_UDP ? echo_udp_run : echo_tcp_run)(s);
	return NULL;
}

/* The DSCP of an echo's answer, as it comes over the wire: packets from PORT. */
static void compare_answer(const char *host, int tcp, int reflect, int wanted)
{
	struct ipb_sock_options o = { .dscp = 46 };
	struct ipb_error err = { 0 };
	struct ipb_stop stop = { 0 };
	struct echo_server server = { .reflect_dscp = reflect, .stop = &stop };
	char answer[8];
	pthread_t thread;

	assert_int_equal(tcp ? echo_tcp_open(&server, NULL, PORT, &err) : echo_udp_open(&server, NULL, PORT, 0, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);
	int fd = ipb_sock_connect(host, PORT, tcp ? SOCK_STREAM : SOCK_DGRAM, &o, &err);
	assert_true(fd >= 0);
	/* Handshakes are the kernel's: what is captured is the answer. */
	struct pollfd p = { .fd = fd, .events = POLLIN };
	assert_int_equal(send(fd, "ping", 4, 0), 4);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(recv(fd, answer, sizeof answer, 0), 4);
	int wire = open_capture();
	assert_int_equal(send(fd, "ping", 4, 0), 4);
	struct seen s = capture_from(wire, 20);
	ipb_stop_ask(&stop);
	pthread_join(thread, NULL);
	if (s.tos >> 2 != wanted)
		fail_msg("%s, %s, reflect=%d: DSCP %d", host, tcp ? "TCP" : "UDP", reflect, s.tos >> 2);
	close(fd);
	close(wire);
	close(server.fd);
}

static void an_echo_answers_with_the_dscp_that_came_when_asked(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "::1" };

	(void)state;
	if (geteuid() != 0)
		skip();
	for (int i = 0; i < 8; i++)
		compare_answer(hosts[i & 1], i >> 1 & 1, i >> 2, i >> 2 ? 46 : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_do_not_wrap),
		cmocka_unit_test(every_option_is_on_the_wire),
		cmocka_unit_test(an_option_without_effect_is_an_error),
		cmocka_unit_test(a_buffer_that_is_cut_is_an_error),
		cmocka_unit_test(an_echo_answers_with_the_dscp_that_came_when_asked),
		cmocka_unit_test(a_fixed_port_connects_twice_in_a_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
