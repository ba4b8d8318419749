/* link: echo/echo_udp.o echo/echo_raw.o echo/echo_guard.o */
/* alone: it measures times. */
/* Nothing goes round between echoes: over UDP in both families, with few hops, with an echo that is not ours, and raw on a
 * bridge (in a network namespace of its own, as root). And what no echo goes round with is answered.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../../echo/echo.h"
#include "ipb_clock.h"
#include "ipb_sock.h"
#include "quiet.h"

/* Answers of two echoes to one packet: each has a hop less, down to one; then so many each way. */
#define MOST (63 + 2 * GUARD_SAME_ENDLESS)
#define ANSWER_MS 1000 /* how long an answer may take; */
#define NONE_MS 150    /* … and how long one that must not come is waited for */
#define QUIET_MS 200   /* nothing goes round when nothing was sent for so long */

static struct ipb_stop stopping;
static struct echo_server servers[2];
static pthread_t threads[2];
static struct ipb_error err;

static void *serve(void *arg)
{
	struct echo_server *s = arg;

	(s->kind == ECHO_RAW ? echo_raw_run : echo_udp_run)(s);
	return NULL;
}

static int begun; /* servers that run */

static void begin(int i, const char *ip, int broadcast)
{
	servers[i] = (struct echo_server){ .stop = &stopping, .broadcast = broadcast };
	if (echo_udp_open(&servers[i], ip, 0, 0, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	assert_int_equal(pthread_create(&threads[i], NULL, serve, &servers[i]), 0);
	begun = i + 1;
}

static void end(int n)
{
	ipb_stop_ask(&stopping);
	for (int i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		close(servers[i].fd);
	}
	stopping = (struct ipb_stop){ 0 };
	begun = 0;
}

static void end_all(void)
{
	if (begun > 0)
		end(begun);
}

static void sleep_ms(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static uint64_t all_sent(int n)
{
	uint64_t all = 0;

	for (int i = 0; i < n; i++)
		all += atomic_load(&servers[i].packets);
	return all;
}

/* Once the servers have sent `least` packets (which is waited for up to ANSWER_MS), they have to send
 * nothing for QUIET_MS, beginning within a second: a packet that goes round comes back within microseconds. Returns how many
 * they have sent. */
static uint64_t quiet_within_a_second(int n, uint64_t least)
{
	uint64_t before;
	int waited_ms = 0;

	for (; all_sent(n) < least && waited_ms < ANSWER_MS; waited_ms += 10)
		sleep_ms(10);
	for (waited_ms = 0; waited_ms <= 1000; waited_ms += QUIET_MS) {
		before = all_sent(n);
		sleep_ms(QUIET_MS);
		if (all_sent(n) == before)
			return before;
	}
	fail_msg("packets still go round after a second");
	return 0;
}

/* Sends from one socket to an address, with so many hops (0: as many as usual). */
static void send_from(int fd, const char *ip, uint16_t port, int hops)
{
	struct ipb_address to;
	uint8_t room[CMSG_SPACE(sizeof hops)] __attribute__((aligned(8))) = { 0 };
	struct iovec part = { (void *)"once for all", 12 };

	assert_true(ipb_sock_resolve(ip, port, SOCK_DGRAM, 0, &to, 1, &err) > 0);
	struct msghdr m = { .msg_name = &to.storage, .msg_namelen = to.size, .msg_iov = &part, .msg_iovlen = 1 };
	if (hops > 0) {
		int six = to.storage.ss_family == AF_INET6;
		m.msg_control = room;
		m.msg_controllen = sizeof room;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = six ? IPPROTO_IPV6 : IPPROTO_IP;
		c->cmsg_type = six ? IPV6_HOPLIMIT : IP_TTL;
		c->cmsg_len = CMSG_LEN(sizeof hops);
		memcpy(CMSG_DATA(c), &hops, sizeof hops);
	}
	assert_int_equal(sendmsg(fd, &m, 0), 12);
}

/* A packet whose source is one echo and whose target is the other: nobody but that echo's own socket sends such ones here. */
static void two_echoes_end(void **state)
{
	static const char *const ips[][2] = { { "127.0.0.1", "127.0.0.2" }, { "::1", "::1" } };

	(void)state;
	for (int family = 0; family < 2; family++)
		for (int hops = 0; hops < 4; hops++) {
			begin(0, ips[family][0], 0);
			begin(1, ips[family][1], 0);
			send_from(servers[0].fd, ips[family][1], ipb_sock_port(servers[1].fd), hops);
			uint64_t sent = quiet_within_a_second(2, 1);
			assert_in_range(sent, 1, MOST);
			for (int again = 0; again < 4; again++) { /* the same once more is no generator */
				sleep_ms(100);
				send_from(servers[0].fd, ips[family][1], ipb_sock_port(servers[1].fd), hops);
			}
			assert_in_range(quiet_within_a_second(2, sent), sent, 5 * MOST);
			end(2);
		}
}

static void an_echo_does_not_answer_itself(void **state)
{
	(void)state;
	begin(0, "127.0.0.1", 0);
	send_from(servers[0].fd, "127.0.0.1", ipb_sock_port(servers[0].fd), 0);
	assert_int_equal(quiet_within_a_second(1, 0), 0);
	end(1);
	assert_int_equal(servers[0].ignored, 1);
	begin(0, NULL, 0); /* any address: another of its own is the same as another echo */
	send_from(servers[0].fd, "::ffff:127.0.0.1", ipb_sock_port(servers[0].fd), 0);
	send_from(servers[0].fd, "::ffff:127.0.0.9", ipb_sock_port(servers[0].fd), 0);
	send_from(servers[0].fd, "::1", ipb_sock_port(servers[0].fd), 0);
	assert_true(quiet_within_a_second(1, 0) <= MOST);
	end(1);
	assert_true(servers[0].ignored >= 2);
}

static int client_at(const char *ip, uint16_t port)
{
	struct timeval wait = { .tv_sec = ANSWER_MS / 1000 };
	struct ipb_sock_options o = { .dscp = -1 };
	int fd = ipb_sock_listen(ip, port, SOCK_DGRAM, &o, &err);

	assert_true(fd >= 0 && fcntl(fd, F_SETFL, 0) == 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
	return fd;
}

static int answered(int fd, int ms)
{
	struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	char text[64];

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
	return recv(fd, text, sizeof text, 0) == 12;
}

/* RFC 862 wants an echo on port 7, RFC 863 and 864 the two beside it: what comes from there is not for us. */
static void services_are_not_answered(void **state)
{
	static const uint16_t ports[] = { 7, 9, 19, 53, 123 };

	(void)state;
	if (geteuid() != 0)
		skip();
	begin(0, "127.0.0.1", 0);
	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		int fd = client_at("127.77.0.1", ports[i]);
		send_from(fd, "127.0.0.1", ipb_sock_port(servers[0].fd), 0);
		assert_false(answered(fd, NONE_MS));
		close(fd);
	}
	int fd = client_at("127.77.0.1", 1022); /* a port of no such service, though of the same range */
	send_from(fd, "127.0.0.1", ipb_sock_port(servers[0].fd), 0);
	assert_true(answered(fd, ANSWER_MS));
	close(fd);
	end(1);
	assert_int_equal(servers[0].ignored, sizeof ports / sizeof *ports);
}

/* The hops that an answer came with, -1: no answer. */
static int hops_of_answer(int fd)
{
	char text[64], room[256];
	struct iovec part = { text, sizeof text };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
	int hops = -1;

	if (recvmsg(fd, &m, 0) != 12)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_type == IP_TTL || c->cmsg_type == IPV6_HOPLIMIT)
			memcpy(&hops, CMSG_DATA(c), sizeof hops);
	return hops;
}

static void answers_have_a_hop_less(void **state)
{
	static const int hops[][2] = { { 64, 63 }, { 255, 254 }, { 65, 64 }, { 63, 62 }, { 2, 1 }, { 1, 1 } };
	static const char *const ips[] = { "127.0.0.1", "::1" };
	int yes = 1;

	(void)state;
	for (int any = 0; any < 2; any++)
		for (int family = 0; family < 2; family++) {
			begin(0, any ? NULL : ips[family], 0);
			int fd = client_at(ips[family], 0);
			assert_int_equal(family == 0 ? setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &yes, sizeof yes)
			                             : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &yes, sizeof yes), 0);
			for (size_t i = 0; i < sizeof hops / sizeof *hops; i++) {
				send_from(fd, ips[family], ipb_sock_port(servers[0].fd), hops[i][0]);
				assert_int_equal(hops_of_answer(fd), hops[i][1]);
			}
			close(fd);
			end(1);
		}
}

static void what_was_sent_to_many_is_not_answered(void **state)
{
	int yes = 1;

	(void)state;
	for (int broadcast = 0; broadcast < 2; broadcast++) {
		begin(0, NULL, broadcast);
		int fd = client_at("127.0.0.1", 0);
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes), 0);
		send_from(fd, "127.255.255.255", ipb_sock_port(servers[0].fd), 0);
		assert_int_equal(answered(fd, broadcast ? ANSWER_MS : NONE_MS), broadcast);
		close(fd);
		end(1);
		assert_int_equal(servers[0].ignored, !broadcast);
	}
}

/* Sends back what comes for up to 3 s. Returns after how long nothing came any more. */
static uint64_t reflect(int fd)
{
	struct sockaddr_storage from;
	uint64_t start_ns, last_ns;
	uint8_t data[64];

	for (start_ns = last_ns = ipb_now_ns(); ipb_now_ns() - start_ns < 3 * IPB_NS_PER_S;) {
		socklen_t size = sizeof from;
		ssize_t n = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&from, &size);
		if (n < 0)
			break;
		last_ns = ipb_now_ns();
		sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, size);
	}
	return last_ns - start_ns;
}

/* An echo of somebody else's, whose packets always have all their hops. */
static void another_echo_ends(void **state)
{
	(void)state;
	quiet_begin();
	begin(0, "127.0.0.1", 0);
	int fd = client_at("127.0.0.1", 0);
	send_from(fd, "127.0.0.1", ipb_sock_port(servers[0].fd), 0);
	assert_true(answered(fd, ANSWER_MS));
	for (unsigned spoofed = 1; spoofed <= 3; spoofed++) { /* some time after the other: that is a client's manner */
		send_from(fd, "127.0.0.1", ipb_sock_port(servers[0].fd), 0);
		assert_timely(reflect(fd) < IPB_NS_PER_S);
		assert_timely(servers[0].rounds == spoofed);
		assert_true(servers[0].packets < spoofed * spoofed * GUARD_SAME_HOPS);
	}
	close(fd);
	end(1);
}

/* The same bytes all the time, from a tester that waits for nobody: all but those of a moment are answered. */
static void a_generator_is_answered(void **state)
{
	uint64_t sent = 0;

	(void)state;
	quiet_begin();
	const uint64_t start = ipb_now_ns();
	begin(0, "127.0.0.1", 0);
	int fd = client_at("127.0.0.1", 0);
	while (ipb_now_ns() - start < IPB_NS_PER_S) {
		send_from(fd, "127.0.0.1", ipb_sock_port(servers[0].fd), 0);
		sent++;
		sleep_ms(0);
	}
	sleep_ms(100);
	end(1);
	close(fd);
	assert_int_equal(servers[0].packets + servers[0].rounds, sent);
	assert_true(sent > 2 * GUARD_SAME_HOPS);
	assert_timely(servers[0].rounds >= GUARD_GOES_ON_MIN && servers[0].rounds <= sent / 5); /* 50 ms of a second are silent, at the rate that sleep makes */
}

/* The same bytes all the time, from a client that waits for each answer, and sends again when none comes: it looks as
 * another's echo does, and shows that it is none whenever it sends anew. */
static void a_client_that_waits_is_answered(void **state)
{
	enum { PACKETS = 10000 };
	/* After 500, 1000, 1500 … packets: */
	const int most = 6;
	int lost = 0;

	(void)state;
	quiet_begin();
	begin(0, "127.0.0.1", 0);
	int fd = client_at("127.0.0.1", 0);
	for (int i = 0; i < PACKETS; i++) {
		send_from(fd, "127.0.0.1", ipb_sock_port(servers[0].fd), 0);
		lost += !answered(fd, 100);
	}
	close(fd);
	end(1);
	assert_timely((uint64_t)lost == servers[0].rounds);
	assert_timely(lost >= 1 && lost <= most);
}

static int bridge(void)
{
	return unshare(CLONE_NEWNET) == 0 &&
	       system("ip link add s0 type veth peer name s1 && ip link add t0 type veth peer name t1 && "
	              "ip link add sw type bridge forward_delay 0 && ip link set s1 master sw && ip link set t1 master sw && "
	              "for i in s0 s1 t0 t1 sw; do ip link set $i up || exit 1; done") == 0;
}

static void begin_raw(int i, const char *iface)
{
	servers[i] = (struct echo_server){ .stop = &stopping };
	if (echo_raw_open(&servers[i], 1, iface, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	assert_int_equal(pthread_create(&threads[i], NULL, serve, &servers[i]), 0);
}

static void send_frame(const char *iface, const uint8_t *to, const uint8_t *from)
{
	uint8_t frame[64] = { [12] = 0x60, [13] = 0x08 };
	int fd = ipb_sock_raw(iface, 0, NULL, NULL, &err);

	assert_true(fd >= 0);
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	assert_int_equal(send(fd, frame, sizeof frame, 0), sizeof frame);
	close(fd);
}

/* Both echoes on a bridge that knows neither address at first, and floods. */
static void raw_echoes_end(void **state)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 }, group[6] = { 1, 0, 0x5e, 0, 0, 1 },
	                     nobody[6] = { 2, 0, 0, 0, 0, 9 };

	(void)state;
	if (!bridge())
		skip();
	sleep_ms(300); /* until the bridge forwards */
	begin_raw(0, "s0");
	begin_raw(1, "t0");
	send_frame("s0", servers[1].mac, servers[0].mac);
	uint64_t sent = quiet_within_a_second(2, 1);
	assert_in_range(sent, 1, 2 * GUARD_SAME_ENDLESS);
	/* From the bridge's own port, as it would not forward these. */
	send_frame("s1", servers[0].mac, servers[0].mac);
	send_frame("s1", servers[0].mac, group);
	send_frame("s1", servers[0].mac, all);
	send_frame("s1", all, nobody);
	send_frame("s1", group, nobody);
	assert_int_equal(quiet_within_a_second(2, sent), sent);
	send_frame("t0", servers[0].mac, nobody); /* somebody, after all */
	sleep_ms(200);
	end(2);
	assert_int_equal(servers[0].packets + servers[1].packets, sent + 1);
	assert_int_equal(servers[0].ignored, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_echoes_end),
		cmocka_unit_test(an_echo_does_not_answer_itself),
		cmocka_unit_test(services_are_not_answered),
		cmocka_unit_test(answers_have_a_hop_less),
		cmocka_unit_test(what_was_sent_to_many_is_not_answered),
		cmocka_unit_test(another_echo_ends),
		cmocka_unit_test(a_generator_is_answered),
		cmocka_unit_test(a_client_that_waits_is_answered),
		cmocka_unit_test(raw_echoes_end),
	};

	quiet_cleanup = end_all;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
