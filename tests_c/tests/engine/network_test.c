/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* alone: that no answer is late, and how soon connections are made, are times. */
/* A name with several addresses, some of them dead, and which way packets take: in a network namespace and with a hosts
 * file of this test's own. The expected interface is the one that `ip route get` prints.  SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "ipb_json.h"
#include "quiet.h"

#define PORT 7007
#define LIVE "127.0.0.1"

/* Names: "silent" has an address that swallows everything before the one of the echo, "closed" one that rejects, "none" has
 * only such as swallow. */
static int enter_namespaces(void)
{
	static int entered; /* for all tests of this process */

	if (entered)
		return 0;
	entered = geteuid() == 0 && unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
	          system("mount --make-rprivate / && printf '::1 silent\\n" LIVE " silent\\n2001:db8::9 closed\\n" LIVE " closed\\n"
	              "127.0.0.8 none\\n127.0.0.7 none\\n' > /tmp/ipb_hosts.$$ && mount --bind /tmp/ipb_hosts.$$ /etc/hosts && "
	              "rm /tmp/ipb_hosts.$$ && ip link set lo up && ip addr add 2001:db8::9/128 dev lo nodad && ip link add va type veth peer name vb && "
	              "ip addr add 10.77.0.1/24 dev va && ip link set va mtu 1400 up && ip link set vb up && nft add table inet f && "
	              "nft add chain inet f in '{ type filter hook input priority 0; }' && "
	              "nft add rule inet f in ip6 daddr ::1 meta l4proto '{ tcp, udp }' drop && "
	              "nft add rule inet f in ip daddr '{ 127.0.0.7, 127.0.0.8 }' drop") == 0;
	return entered ? 0 : -1;
}

/* The text of a string member in the engine's report. */
static void member(const struct ipb_engine *e, const char *key, char *to, size_t size)
{
	struct ipb_json j;
	char wanted[64];

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_engine_network(e, &j);
	ipb_json_end_object(&j);
	char *text = ipb_json_take(&j);
	assert_non_null(text);
	snprintf(wanted, sizeof wanted, "\"%s\":\"", key);
	const char *found = strstr(text, wanted);
	if (found == NULL)
		fail_msg("no %s in %s", key, text);
	found += strlen(wanted);
	snprintf(to, size, "%.*s", (int)strcspn(found, "\""), found);
	free(text);
}

static void udp_takes_the_address_that_answers(void **state)
{
	static const char *const names[] = { "silent", "closed" }, *const engines[] = { "engine=mmsg", "engine=gso", "timestamps=kernel" };

	(void)state;
	if (enter_namespaces() < 0)
		skip();
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 3; k++) {
			struct spoiler s;
			struct ipb_args args;
			struct ipb_engine_result r;
			char text[200], address[80], why[200];
			spoiler_begin_on(&s, PORT);
			snprintf(text, sizeof text, "socktype=udp,flows=2,bps=1M,warmup=0.4,cooldown=0,noise=0,duration=0.2,%s", engines[k]);
			struct ipb_engine *e = engine_open_at(&args, text, names[i], PORT);
			assert_int_equal(ipb_engine_run(e, NULL), 0);
			spoiler_end(&s);
			ipb_engine_result(e, &r);
			if (r.broken)
				fail_msg("%s, %s: %s", names[i], engines[k], r.reasons[0].text);
			assert_true(r.counts.sent > 100);
			assert_int_equal(r.counts.ok, r.counts.sent);
			assert_timely(r.stray == 0); /* a probe's answer that came later than the choice is one */
			member(e, "target_address", address, sizeof address);
			member(e, "chosen", why, sizeof why);
			assert_string_equal(address, LIVE ":7007");
			assert_non_null(strstr(why, "answered a probe"));
			/* The window is where it would have been without probes. */
			assert_true(e->measure_ns - e->start_ns <= 400000000);
			engine_close(e, &args);
		}
}

static void when_none_answers_that_is_said(void **state)
{
	struct ipb_args args;
	char why[200], address[80];

	(void)state;
	if (enter_namespaces() < 0)
		skip();
	struct ipb_engine *e = engine_open_at(&args, "socktype=udp,bps=100k,warmup=0.4,cooldown=0,noise=0,duration=0.2,drain=0.1,late=0.1",
	                                      "none", PORT);
	assert_int_equal(ipb_engine_run(e, NULL), 0);
	member(e, "chosen", why, sizeof why);
	member(e, "target_address", address, sizeof address);
	assert_string_equal(address, "127.0.0.7:7007");
	assert_non_null(strstr(why, "none answered"));
	engine_close(e, &args);
}

/* A first address that swallows packets costs a quarter of a second, one that rejects them nothing. */
static void tcp_tries_the_addresses_side_by_side(void **state)
{
	struct ipb_sock_options plain = { .dscp = -1 };
	struct ipb_error err = { 0 };

	(void)state;
	if (enter_namespaces() < 0)
		skip();
	int listener = ipb_sock_listen(LIVE, PORT, SOCK_STREAM, &plain, &err);
	assert_true(listener >= 0);
	for (int silent = 0; silent <= 1; silent++) {
		uint64_t start = ipb_now_ns();
		int fd = ipb_sock_connect(silent ? "silent" : "closed", PORT, SOCK_STREAM, &plain, &err);
		uint64_t ms = (ipb_now_ns() - start) / 1000000;
		if (fd < 0)
			fail_msg("%s", ipb_error_text(&err));
		assert_timely(silent ? ms >= IPB_SOCK_STAGGER_MS && ms < 1000 : ms < IPB_SOCK_STAGGER_MS);
		close(fd);
	}
	close(listener);
	/* And when none connects, each is named. */
	assert_int_equal(ipb_sock_connect("closed", PORT, SOCK_STREAM, &plain, &err), -1);
	assert_non_null(strstr(ipb_error_text(&err), "[2001:db8::9]:7007: Connection refused; " LIVE ":7007: Connection refused"));
}

static void the_interface_is_the_one_of_the_route(void **state)
{
	static const struct {
		const char *host, *device, *link;
		uint32_t mtu;
	} cases[] = { { LIVE, "", "lo", 65536 }, { "127.0.0.9", "", "lo", 65536 }, { "10.77.0.1", "", "lo", 65536 },
		      { "10.77.0.2", "", "va", 1400 }, { "10.77.0.2", "va", "va", 1400 } };

	(void)state;
	if (enter_namespaces() < 0)
		skip();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ipb_args args;
		char text[200], link[80], command[200];
		snprintf(text, sizeof text, "socktype=udp,noise=0%s%s", *cases[i].device ? ",device=" : "", cases[i].device);
		struct ipb_engine *e = engine_open_at(&args, text, cases[i].host, PORT);
		member(e, "interface", link, sizeof link);
		assert_string_equal(link, cases[i].link);
		assert_string_equal(e->link, cases[i].link);
		assert_int_equal(ipb_link_mtu(link), cases[i].mtu);
		snprintf(command, sizeof command, "ip route get %s %s %s | grep -q 'dev %s '", cases[i].host, *cases[i].device ? "oif" : "",
		         cases[i].device, link);
		assert_int_equal(system(command), 0);
		engine_close(e, &args);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_takes_the_address_that_answers),
		cmocka_unit_test(when_none_answers_that_is_said),
		cmocka_unit_test(tcp_tries_the_addresses_side_by_side),
		cmocka_unit_test(the_interface_is_the_one_of_the_route),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
