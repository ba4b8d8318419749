/* link: forward.a */
/* forward in one process: a tester that sends to itself; what is refused; the row.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../forward/forward.h"
#include "output_of.h"

extern struct ipbench_plugin ipbench_plugin;
extern struct ipbench_plugin_ext ipbench_plugin_ext;

static struct ipbench_progress progress;
static char text[1024], row[1024];
static struct ipbench_host host = { IPBENCH_EXT_MAJOR, IPBENCH_EXT_MINOR, sizeof host, 0, IPBENCH_FORM_EXTENDED, 0, 4711, 0,
	                            sizeof text, text, &progress, 0, 0 };

#define SOON "warmup=0,drain=200ms,noise=0,learn=50ms,limits=shared"
#define PORT 47007 /* nothing is sent to it */
#define OWN_PORT ((uint16_t)(20000 + getpid() % 10000)) /* so that two of these programs may run at once */

static int attach(void **state)
{
	(void)state;
	return ipbench_plugin_ext.attach(&host);
}

static int set_up(const char *target, int port, const char *args)
{
	char copy[400], to[64];

	text[0] = '\0';
	snprintf(copy, sizeof copy, "%s", args);
	snprintf(to, sizeof to, "%s", target);
	return ipbench_plugin.setup(to, port, copy);
}

static char *outcome(int *valid)
{
	struct client_data data = { 0 };
	char *bytes, *json;
	int size;

	*valid = ipbench_plugin.marshall(&bytes, &size, 1) == 0;
	assert_int_equal(ipbench_plugin.unmarshall(bytes, size, &data.data, &data.size), 0);
	ipbench_plugin.marshall_cleanup(&bytes);
	assert_int_equal(ipbench_plugin_ext.results(&data, &json), 0);
	data.valid = *valid;
	assert_int_equal(output_of((void (*)(void))ipbench_plugin.output, 0, &data, 1, row, sizeof row), 0);
	ipbench_plugin.unmarshall_cleanup(&data.data);
	return json;
}

static uint64_t number(const char *json, const char *key)
{
	char name[64];
	unsigned long long value = 0;

	snprintf(name, sizeof name, "\"%s\":", key);
	const char *at = strstr(json, name);
	assert_non_null(at);
	assert_int_equal(sscanf(at + strlen(name), "%llu", &value), 1);
	return value;
}

static void a_tester_that_sends_to_itself(void **state)
{
	struct timeval at;
	unsigned long long sent, received, lost;
	int valid;

	(void)state;
	assert_int_equal(set_up("127.0.0.1", OWN_PORT, SOON ",bps=800k,size=100,duration=300ms,to=0,from=0,listen=1s,flows=3"), 0);
	assert_int_equal(ipbench_plugin.start(&at), 0);
	char *json = outcome(&valid);
	assert_true(valid);
	assert_int_equal(number(strstr(json, "\"forward\""), "sent"), 300);
	assert_int_equal(number(json, "told"), 300);
	assert_int_equal(number(strstr(json, "\"received\""), "ok"), 300);
	assert_int_equal(number(json, "stray"), 0);
	assert_non_null(strstr(json, "\"sent_flows\":[100,100,100]"));
	assert_non_null(strstr(json, "\"same_clock\":true"));
	assert_int_equal(sscanf(row, "%*[^,],%*[^,],%*[^,],100,%llu,%llu,%llu,", &sent, &received, &lost), 3);
	assert_true(sent == 300 && received == 300 && lost == 0);
	assert_int_equal(progress.phase, IPBENCH_PHASE_DONE);
	assert_int_equal(progress.ok, 300);
	free(json);
}

static void *stop_soon(void *context)
{
	struct timeval at;

	(void)context;
	nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	ipbench_plugin.stop(&at);
	return NULL;
}

static void stopped_early(void **state)
{
	static const char *const roles[] = { "to=0,from=0", "from=1" };
	struct timeval at;
	pthread_t thread;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char args[300];
		int valid;
		snprintf(args, sizeof args, SOON ",bps=800k,size=100,duration=20s,listen=20s,%s", roles[i]);
		assert_int_equal(set_up("127.0.0.1", OWN_PORT, args), 0);
		assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
		assert_int_equal(ipbench_plugin.start(&at), 0);
		pthread_join(thread, NULL);
		char *json = outcome(&valid);
		assert_false(valid);
		assert_non_null(strstr(json, "\"code\":\"stopped\""));
		free(json);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *target, *args, *why;
		int port;
	} cases[] = {
		{ "127.0.0.1", SOON, "neither sends nor receives", PORT },
		{ "None", SOON ",to=1", "no address was given", PORT },
		{ "127.0.0.1", SOON ",from=1", "no port was given", 0 },
		{ "127.0.0.1", SOON ",from=1+1", "is there twice", PORT },
		{ "127.0.0.1", SOON ",from=1+", "argument from", PORT },
		{ "127.0.0.1", SOON ",from=70000", "argument from", PORT },
		{ "127.0.0.1", SOON ",to=1,size=17", "size", PORT },
		{ "127.0.0.1", SOON ",to=1,vlan=100", "socktype=raw", PORT },
		{ "127.0.0.1", SOON ",to=1,socktype=raw", "iface", PORT },
		{ "127.0.0.1", SOON ",to=1,socktype=raw,iface=lo", "MAC address", PORT },
		{ "None", SOON ",to=1,socktype=raw,iface=lo,vlan=5000", "no list of tags", PORT },
		{ "None", SOON ",to=1,socktype=raw,iface=lo,vlan=1.2.3", "no list of tags", PORT },
		{ "None", SOON ",to=1,socktype=raw,iface=lo,vlan=1p8", "no list of tags", PORT },
		{ "None", SOON ",to=1,socktype=raw,iface=lo,vlan=1.", "no list of tags", PORT },
		{ "None", SOON ",from=1,socktype=raw,iface=lo,mac=zz", "argument mac", PORT },
		{ "None", SOON ",from=1,socktype=raw,iface=nothere9", "no interface", PORT },
		{ "127.0.0.1", SOON ",to=1,bind_port=65535,flows=2", "beyond the last port", PORT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (set_up(cases[i].target, cases[i].port, cases[i].args) == 0)
			fail_msg("%s was taken", cases[i].args);
		if (strstr(text, cases[i].why) == NULL && strstr(text, "CAP_NET_RAW") == NULL)
			fail_msg("%s: %s", cases[i].args, text);
	}
	host.form = IPBENCH_FORM_ORIGINAL;
	assert_int_not_equal(set_up("127.0.0.1", OWN_PORT, SOON ",to=1"), 0);
	assert_non_null(strstr(text, "original"));
	host.form = IPBENCH_FORM_EXTENDED;
}

static void expected(void **state)
{
	uint64_t ns;

	(void)state;
	assert_int_equal(ipbench_plugin_ext.expected_duration("duration=10,warmup=1,cooldown=2,drain=3,learn=1", &ns), 0);
	assert_in_range(ns, 17000000000ull, 18000000000ull);
	assert_int_equal(ipbench_plugin_ext.expected_duration("from=1,listen=60,drain=1", &ns), 0);
	assert_in_range(ns, 61000000000ull, 61000000000ull);
	assert_int_not_equal(ipbench_plugin_ext.expected_duration("duration=0", &ns), 0);
}

/* Three pairs, one of which has no result of its receiver. */
static void row_of_pairs(void **state)
{
	char sender[] = "forward 1\nS 0 2 1000 8000 7900 100.000 1000000000\nS 9 9 0 0 0 0 0 \n";
	char both[] = "forward 1\nS 1 0 500 4000 4000 200.000 2000000000\nR 1 7 9 9 9 9 9 9 9 9 9 9\n";
	char receiver[] = "forward 1\nR 2 0 900 10 20 5 7 90000 900 1000 2000.000 9000\n";
	char first[] = "R 0 1 500 0 0 0 0 100000 500 500 1000.000 1500\n";
	struct client_data data[] = {
		{ sender, sizeof sender, 1, IPBENCH_CLIENT }, { both, sizeof both, 1, IPBENCH_CLIENT },
		{ receiver, sizeof receiver, 1, IPBENCH_CLIENT }, { first, sizeof first, 1, IPBENCH_CLIENT },
		{ NULL, 0, 0, IPBENCH_CLIENT },
	};

	(void)state;
	sender[strlen("forward 1\nS 0 2 1000 8000 7900 100.000 1000000000\n")] = '\0';
	assert_int_equal(output_of((void (*)(void))ipbench_plugin.output, 0, data, 5, row, sizeof row), 0);
	/* 720000 bit/s came from the first one in 1 s, 400000 from the second one in 2 s; (900*2000 + 500*1000)/1400 ns. */
	assert_string_equal(row, "12000,1120000,11900,133,1500,1400,70,10,20,5,7,0.500,1.643,9.000\n");
	assert_int_equal(output_of((void (*)(void))ipbench_plugin.output, 0, data, 2, row, sizeof row), 0);
	assert_string_equal(row, "12000,,11900,133,1500,,,,,,,,,\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tester_that_sends_to_itself), cmocka_unit_test(stopped_early), cmocka_unit_test(refused),
		cmocka_unit_test(expected), cmocka_unit_test(row_of_pairs),
	};
	return cmocka_run_group_tests(tests, attach, NULL);
}
