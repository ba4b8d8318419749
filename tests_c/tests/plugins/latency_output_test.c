/* link: latency.a */
/* latency on the controller: its arguments, the row, the files of dump_dir.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../latency/latency.h"
#include "ipb_bytes.h"

extern struct ipbench_plugin ipbench_plugin;
extern struct ipbench_plugin_ext ipbench_plugin_ext;

static struct ipbench_progress progress;
static char text[1024];
static struct ipbench_host host = { IPBENCH_EXT_MAJOR, IPBENCH_EXT_MINOR, sizeof host, 0, IPBENCH_FORM_EXTENDED, 0, 0, 0,
	                            sizeof text, text, &progress, 0, 0 };

static int attach(void **state)
{
	(void)state;
	return ipbench_plugin_ext.attach(&host);
}

static int controller(const char *args)
{
	char copy[300];

	text[0] = '\0';
	snprintf(copy, sizeof copy, "%s", args);
	return ipbench_plugin.setup_controller(copy);
}

static void each_half_takes_the_others_arguments(void **state)
{
	uint64_t ns;

	(void)state;
	assert_int_equal(controller("with_cpu_target,bps=1M,socktype=udp,warmup=1,cooldown=1"), 0);
	assert_int_equal(ipbench_plugin_ext.expected_duration("with_cpu_target,dump_dir=/nowhere,bps=1M,warmup=1", &ns), 0);
	assert_int_equal(controller("wiht_cpu_target"), -1);
	assert_non_null(strstr(text, "did you mean \"with_cpu_target\"?"));
	assert_int_equal(ipbench_plugin_ext.expected_duration("spb=1", &ns), -1);
	assert_non_null(strstr(text, "did you mean \"bps\"?"));
}

/* The original's bytes of a client with two round trips. */
static void take(struct client_data *d, uint32_t client)
{
	static const uint64_t words[] = { 1000000, 2, 64, 2, 2, 1000, 900, 1000, 11, 13 };
	uint8_t wire[sizeof words];

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		ipb_put_be(wire + 8 * i, words[i], 8);
	host.flow_base = client;
	d->valid = 1;
	assert_int_equal(ipbench_plugin.unmarshall((char *)wire, sizeof wire, &d->data, &d->size), 0);
}

static void files_have_the_clients_numbers_and_never_cost_the_row(void **state)
{
	char folder[] = "/tmp/ipbench-unit-XXXXXX", args[100], path[120];
	struct client_data data[2];

	(void)state;
	assert_int_equal(controller("dump_dir=/no/such/directory"), -1);
	assert_non_null(strstr(text, "dump_dir"));
	assert_int_equal(controller("dump_dir=/dev/null"), -1);
	assert_non_null(strstr(text, "not a directory"));
	assert_non_null(mkdtemp(folder));
	snprintf(args, sizeof args, "dump_dir=%s,dump_prefix=a", folder);
	assert_int_equal(controller(args), 0);
	take(&data[0], 1);
	take(&data[1], 4);
	assert_int_equal(ipbench_plugin.output(data, 2), 0);
	for (int client = 0; client < 5; client++) {
		snprintf(path, sizeof path, "%s/a_%d.dmp", folder, client);
		assert_int_equal(unlink(path), client == 1 || client == 4 ? 0 : -1);
	}
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(ipbench_plugin.output(data, 2), 0);
	for (int i = 0; i < 2; i++)
		ipbench_plugin.unmarshall_cleanup(&data[i].data);
	assert_int_equal(controller(""), 0);
}

static char *content(const char *path)
{
	static char bytes[100];
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	size_t size = fread(bytes, 1, sizeof bytes - 1, file);
	bytes[size] = '\0';
	fclose(file);
	return bytes;
}

/* Somebody else may have put something where a dump goes: it is neither followed nor waited for nor written. */
static void what_is_there_in_place_of_a_dump_is_left_alone(void **state)
{
	char folder[] = "/tmp/ipbench-unit-XXXXXX", args[100], victim[120], dump[120];
	struct client_data data[1];
	struct stat about;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(args, sizeof args, "dump_dir=%s,dump_prefix=a", folder);
	snprintf(victim, sizeof victim, "%s/victim", folder);
	snprintf(dump, sizeof dump, "%s/a_0.dmp", folder);
	FILE *file = fopen(victim, "w");
	assert_non_null(file);
	assert_true(fputs("precious", file) >= 0 && fclose(file) == 0);
	assert_int_equal(controller(args), 0);
	take(&data[0], 0);

	assert_int_equal(symlink(victim, dump), 0);
	assert_int_equal(ipbench_plugin.output(data, 1), 0);
	assert_string_equal(content(victim), "precious");
	assert_int_equal(unlink(dump), 0);
	assert_int_equal(link(victim, dump), 0);
	assert_int_equal(ipbench_plugin.output(data, 1), 0);
	assert_string_equal(content(victim), "precious");
	assert_int_equal(unlink(dump), 0);
	assert_int_equal(mkfifo(dump, 0600), 0);
	alarm(20); /* for a reader that never comes */
	assert_int_equal(ipbench_plugin.output(data, 1), 0);
	alarm(0);
	assert_true(lstat(dump, &about) == 0 && S_ISFIFO(about.st_mode));
	assert_int_equal(unlink(dump), 0);
	assert_int_equal(ipbench_plugin.output(data, 1), 0);
	assert_string_equal(content(dump), "11\n13\n");
	assert_int_equal(ipbench_plugin.output(data, 1), 0); /* an earlier run's own file is replaced */
	assert_string_equal(content(dump), "11\n13\n");

	ipbench_plugin.unmarshall_cleanup(&data[0].data);
	assert_true(unlink(dump) == 0 && unlink(victim) == 0 && rmdir(folder) == 0);
	assert_int_equal(controller(""), 0);
}

/* In the original's spelling a frame is as long as it can be, and a reply is judged as there. */
static void the_originals_spelling_clamps_frames(void **state)
{
	static const char text_args[] = "socktype=raw,iface=lo,size=9000";
	struct ipb_engine_config c;
	struct ipb_error err = { 0 };
	struct ipb_args args;

	(void)state;
	assert_int_equal(ipb_args_parse(&args, latency_options, LATENCY_OPTION_COUNT, text_args, 0, &err), 0);
	assert_int_equal(latency_configure(&c, &args, "02:00:00:00:00:01", 0, 0, &err), -1);
	assert_non_null(strstr(ipb_error_text(&err), "1514"));
	assert_int_equal(latency_configure(&c, &args, "02:00:00:00:00:01", 0, 1, &err), 0);
	assert_int_equal(c.sizes.largest, 1514);
	assert_int_equal(c.by_number, 1);
	ipb_args_free(&args);
	assert_int_equal(ipb_args_parse(&args, latency_options, LATENCY_OPTION_COUNT, "check=all", 0, &err), 0);
	assert_int_equal(latency_configure(&c, &args, "127.0.0.1", 7, 1, &err), 0);
	assert_int_equal(c.by_number, 0);
	ipb_args_free(&args);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_originals_spelling_clamps_frames),
		                            cmocka_unit_test(each_half_takes_the_others_arguments),
		                            cmocka_unit_test(files_have_the_clients_numbers_and_never_cost_the_row),
		                            cmocka_unit_test(what_is_there_in_place_of_a_dump_is_left_alone) };
	return cmocka_run_group_tests(tests, attach, NULL);
}
