/* link: discard.a */
/* discard: its run number when nobody gives one, and its errors when it cannot send.  SPDX-License-Identifier: MIT */
#include "quiet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IPBENCH_TEST_CLIENT
#include "../../discard/result.h"
#include "../../discard/sender.h"
#include "ipb_bytes.h"
#include "ipb_clock.h"
#include "plugin.h"

#define ARGS "socktype=udp,bps=1M,size=100,warmup=0,test_time=0.01,cooldown=0"

extern struct ipbench_plugin ipbench_plugin;
extern struct ipbench_plugin_ext ipbench_plugin_ext;

static struct ipbench_progress progress;
static char text[1024];
static struct ipbench_host host = { IPBENCH_EXT_MAJOR, IPBENCH_EXT_MINOR, sizeof host, 0, IPBENCH_FORM_EXTENDED, 0, 0, 0,
	                            sizeof text, text, &progress, 0, 0 };
static const struct ipb_stop never; /* asks nobody to stop */
static int forced;          /* error number that sending gives; 0: packets are really sent */
static uint64_t forced_from_ns, forced_until_ns; /* 0: from the beginning, to the end */

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	const uint64_t now = ipb_now_ns();

	if (forced == 0 || now < forced_from_ns || (forced_until_ns != 0 && now >= forced_until_ns))
		return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
	errno = forced;
	return -1;
}

static int listener(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* One whole test to that port; gives the JSON of its result, and the result itself as it is sent and as it is read. */
static char *run_to_wire(int port, char *args, char **wire, int *size, struct client_data *d)
{
	char name[] = "127.0.0.1", *json;
	struct timeval stamp;

	assert_int_equal(ipbench_plugin_ext.attach(&host), 0);
	assert_int_equal(ipbench_plugin.setup(name, port, args), 0);
	assert_int_equal(ipbench_plugin.start(&stamp), 0);
	assert_int_equal(ipbench_plugin.marshall(wire, size, 0), 0);
	assert_int_equal(ipbench_plugin.unmarshall(*wire, *size, &d->data, &d->size), 0);
	assert_int_equal(ipbench_plugin_ext.results(d, &json), 0);
	return json;
}

static char *run_with(int port, char *args)
{
	struct client_data d = { .valid = 1 };
	char *wire;
	int size;
	char *json = run_to_wire(port, args, &wire, &size, &d);

	ipbench_plugin.unmarshall_cleanup(&d.data);
	ipbench_plugin.marshall_cleanup(&wire);
	return json;
}

static char *run(int port)
{
	char args[] = ARGS;

	return run_with(port, args);
}

/* Under an original controller each tester makes a number up, so that sink can tell them apart. */
static void testers_without_a_run_number_differ(void **state)
{
	uint64_t number[3];
	int port, fd = listener(&port);

	(void)state;
	for (int i = 0; i < 3; i++) {
		uint8_t packet[200];
		host.run_id = i == 2 ? 77 : 0;
		free(run(port));
		number[i] = 0;
		while (recv(fd, packet, sizeof packet, MSG_DONTWAIT) > 0)
			number[i] = ipb_get_be(packet + 16, 8);
	}
	close(fd);
	assert_true(number[0] != 0 && number[1] != 0 && number[0] != number[1]);
	assert_int_equal(number[2], 77);
}

static void failures_are_told_with_their_cause(void **state)
{
	int port, fd = listener(&port);
	char *json = run(port);

	(void)state;
	assert_null(strstr(json, "send-failures"));
	free(json);
	close(fd);
	json = run(port);
	if (strstr(json, "send-failures") == NULL || strstr(json, "Connection refused") == NULL)
		fail_msg("%s", json);
	free(json);
}

static void says(int error, const char *sentence)
{
	struct sender s = { .bps = 1e6, .size = 100, .test_ns = 1000000, .stopping = &never };
	struct ipb_error err = { 0 };
	int port, fd = listener(&port);

	assert_int_equal(sender_open_udp(&s, "127.0.0.1", (uint16_t)port, &err), 0);
	forced = error;
	quiet_note();
	int status = sender_run(&s, &err);
	forced = 0;
	sender_close(&s);
	close(fd);
	assert_int_equal(status, -1);
	if (strstr(ipb_error_text(&err), sentence) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", ipb_error_text(&err), sentence);
}

static void the_cause_is_the_real_one(void **state)
{
	(void)state;
	says(EHOSTUNREACH, "No route to host");
	says(EAGAIN, "send queue stayed full");
	says(EMSGSIZE, "Message too long");
}

/* Sends 1,000 packets a second for 0.3 s, of which the kernel refuses those from from_ns to until_ns after the start.
 * Whatever was refused, what the sender calls sent is what arrives. */
static void outage(int error, uint64_t from_ns, uint64_t until_ns, int gives_up)
{
	struct sender s = { .bps = 800000, .size = 100, .test_ns = 300000000, .stopping = &never };
	struct ipb_error err = { 0 };
	uint8_t packet[200];
	uint64_t arrived = 0, measured = 0;
	int port, fd = listener(&port), room = 1 << 20;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	assert_int_equal(sender_open_udp(&s, "127.0.0.1", (uint16_t)port, &err), 0);
	forced_from_ns = ipb_now_ns() + from_ns;
	forced_until_ns = until_ns == 0 ? 0 : ipb_now_ns() + until_ns;
	forced = error;
	quiet_note();
	int status = sender_run(&s, &err);
	forced = 0;
	forced_from_ns = forced_until_ns = 0;
	sender_close(&s);
	if (status != 0)
		fail_msg("%s: %s", strerror(error), ipb_error_text(&err));
	while (recv(fd, packet, sizeof packet, MSG_DONTWAIT) > 0) {
		measured += packet[32] == DISCARD_MEASURE;
		assert_int_equal(ipb_get_be(packet, 8), arrived++); /* no number is missing */
	}
	close(fd);
	assert_int_equal(arrived, s.sequence);
	assert_int_equal(measured, s.measured);
	assert_timely(measured > 0 && s.failed > 0);
	assert_int_equal(s.failure, error);
	assert_timely(gives_up ? s.given_up > 0 : measured + s.given_up == 300);
}

/* A phase that is shorter than the time between two packets holds none: there is no result in that. */
static void a_phase_without_a_packet_is_no_result(void **state)
{
	char args[] = "socktype=udp,bps=1k,size=1000,warmup=0.05,duration=0.05,cooldown=0";
	int port, fd = listener(&port);
	char *json;

	(void)state;
	json = run_with(port, args);
	assert_non_null(strstr(json, "\"nothing-sent\""));
	assert_non_null(strstr(json, "\"INVALID\""));
	free(json);
	close(fd);
}

static void what_this_machine_refuses_for_a_while_ends_nothing(void **state)
{
	const int errors[] = { EPERM, EACCES, ENETUNREACH, ENETDOWN, ENOPROTOOPT, EHOSTDOWN };

	(void)state;
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		outage(errors[i], 50000000, 100000000, 0);
	outage(EPERM, 100000000, 0, 1);
}

/* Each thread numbers its own packets, from 0 on and without a gap; what all report to have sent is what arrived, and the
 * packets themselves say so at the end. */
static void threads_are_senders_of_their_own(void **state)
{
	static const int threads[] = { 2, 4, 8 };

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		char args[200], *wire, wanted[200];
		struct client_data d = { .valid = 1 };
		uint64_t next[8] = { 0 }, measured[8] = { 0 }, claimed[8] = { 0 };
		int port, fd = listener(&port), size, n = threads[k], room = 4 << 20;
		uint8_t packet[200];

		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
		snprintf(args, sizeof args, "socktype=udp,bps=1600k,size=100,warmup=0.05,duration=0.5,cooldown=0.05,threads=%d", n);
		char *json = run_to_wire(port, args, &wire, &size, &d);
		uint64_t arrived = 0, all = 0;
		while (recv(fd, packet, sizeof packet, MSG_DONTWAIT) > 0) {
			const uint32_t thread = (uint32_t)ipb_get_be(packet + 12, 4) >> 20;
			assert_true(thread < (uint32_t)n);
			assert_int_equal(ipb_get_be(packet, 8), next[thread]++);
			claimed[thread] = ipb_get_be(packet + 24, 8) + (packet[32] == DISCARD_MEASURE);
			measured[thread] += packet[32] == DISCARD_MEASURE;
			arrived++;
		}
		for (int i = 0; i < n; i++) {
			assert_int_equal(claimed[i], measured[i]);
			all += measured[i];
			snprintf(wanted, sizeof wanted, "\"sent_packets\":%llu,\"packets_all_phases\":%llu,\"packets_given_up\":",
			         (unsigned long long)measured[i], (unsigned long long)next[i]);
			if (strstr(json, wanted) == NULL)
				fail_msg("%s: %s", wanted, json);
		}
		snprintf(wanted, sizeof wanted, "\"sent_packets\",\"value\":%llu,", (unsigned long long)all);
		assert_non_null(strstr(json, wanted));
		snprintf(wanted, sizeof wanted, "\"packets_all_phases\",\"value\":%llu,", (unsigned long long)arrived);
		assert_non_null(strstr(json, wanted));
		/* 2,000 a second for half a second, less what a crowded machine gave up. */
		assert_true(all <= 1000 && (all == 1000 || strstr(json, "\"packets_given_up\",\"value\":0,") == NULL));
		ipbench_plugin.unmarshall_cleanup(&d.data);
		/* Threads that do not add up to their tester are nobody's result. */
		wire[RESULT_EXTENDED + 15] ^= 1;
		assert_int_equal(ipbench_plugin.unmarshall(wire, size, &d.data, &d.size), -1);
		wire[RESULT_EXTENDED + 15] ^= 1;
		assert_int_equal(ipbench_plugin.unmarshall(wire, size - 8, &d.data, &d.size), -1);
		ipbench_plugin.marshall_cleanup(&wire);
		ipbench_plugin_ext.results_cleanup(&json);
		close(fd);
	}
}

static void *stop_later(void *arg)
{
	struct timeval stamp;

	(void)arg;
	usleep(700000);
	ipbench_plugin.stop(&stamp);
	return NULL;
}

/* Of a phase of a minute that is stopped within a second the rate is that of the second. */
static void what_was_cut_off_is_not_counted_in(void **state)
{
	char name[] = "127.0.0.1", args[] = "socktype=udp,bps=1600k,size=100,warmup=0,duration=60,threads=2", *wire, *json;
	struct client_data d = { .valid = 1 };
	struct timeval stamp;
	struct result r;
	int port, fd = listener(&port), size;
	pthread_t stopper;

	(void)state;
	assert_int_equal(ipbench_plugin_ext.attach(&host), 0);
	assert_int_equal(ipbench_plugin.setup(name, port, args), 0);
	assert_int_equal(pthread_create(&stopper, NULL, stop_later, NULL), 0);
	const uint64_t begin_ns = ipb_now_ns();
	assert_int_equal(ipbench_plugin.start(&stamp), 0);
	const uint64_t took_ns = ipb_now_ns() - begin_ns;
	pthread_join(stopper, NULL);
	assert_int_equal(ipbench_plugin.marshall(&wire, &size, 0), 0);
	assert_int_equal(ipbench_plugin.unmarshall(wire, size, &d.data, &d.size), 0);
	assert_int_equal(ipbench_plugin_ext.results(&d, &json), 0);
	assert_int_equal(result_parse(&d, &r), 0);
	assert_true(r.sends > 0 && r.window_end_ns - r.window_start_ns < took_ns && r.us <= took_ns / 1000);
	assert_true(llabs((long long)r.sent_bps - (long long)(r.bytes * 8000000 / r.us)) <= (long long)r.sent_bps / 1000);
	assert_non_null(strstr(json, "\"stopped\""));
	ipbench_plugin.unmarshall_cleanup(&d.data);
	ipbench_plugin.marshall_cleanup(&wire);
	ipbench_plugin_ext.results_cleanup(&json);
	close(fd);
}

/* The original's names of arguments mean the same; both at once would be a contradiction. */
static void each_argument_has_two_names(void **state)
{
	uint64_t ns = 0, same = 0;

	(void)state;
	assert_int_equal(ipbench_plugin_ext.attach(&host), 0);
	assert_int_equal(ipbench_plugin_ext.expected_duration("duration=30,iface=lo", &ns), 0);
	assert_int_equal(ipbench_plugin_ext.expected_duration("test_time=30,if=lo", &same), 0);
	assert_int_equal(ns, 10000000000ull + 30000000000ull + 10000000000ull + 2000000000ull);
	assert_int_equal(same, ns);
	assert_int_equal(ipbench_plugin_ext.expected_duration("duration=1,test_time=2", &ns), -1);
	assert_string_equal(text, "arguments duration and test_time are one thing: give one of them");
}

/* What a tester would print that has not been set up is no rate. */
static void without_a_run_there_is_no_rate(void **state)
{
	struct client_data d = { .valid = 1 };
	char *wire = NULL, *json = NULL;
	int size = 0;

	(void)state;
	assert_int_equal(ipbench_plugin_ext.attach(&host), 0);
	assert_int_equal(ipbench_plugin.marshall(&wire, &size, 0), 0);
	assert_int_equal(ipbench_plugin.unmarshall(wire, size, &d.data, &d.size), 0);
	assert_int_equal(ipbench_plugin_ext.results(&d, &json), 0);
	assert_non_null(strstr(json, "\"sent_bps\":0,"));
	ipbench_plugin_ext.results_cleanup(&json);
	ipbench_plugin.unmarshall_cleanup(&d.data);
	ipbench_plugin.marshall_cleanup(&wire);
}

/* raw is the default: for an IP address the error names the argument that sends there. */
static void an_ip_address_needs_udp(void **state)
{
	char name[] = "127.0.0.3", args[] = "bps=1M";

	(void)state;
	assert_int_equal(ipbench_plugin_ext.attach(&host), 0);
	assert_int_not_equal(ipbench_plugin.setup(name, 9, args), 0);
	assert_non_null(strstr(text, "\"127.0.0.3\" is no Ethernet address"));
	assert_non_null(strstr(text, "for an IP address or a name say socktype=udp"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(without_a_run_there_is_no_rate),
		                            cmocka_unit_test(an_ip_address_needs_udp),
		                            cmocka_unit_test(each_argument_has_two_names),
		                            cmocka_unit_test(testers_without_a_run_number_differ),
		                            cmocka_unit_test(failures_are_told_with_their_cause),
		                            cmocka_unit_test(the_cause_is_the_real_one),
		                            cmocka_unit_test(threads_are_senders_of_their_own),
		                            cmocka_unit_test(a_phase_without_a_packet_is_no_result),
		                            cmocka_unit_test(what_this_machine_refuses_for_a_while_ends_nothing),
		                            cmocka_unit_test(what_was_cut_off_is_not_counted_in) }; /* last: a process that was stopped stays so */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
