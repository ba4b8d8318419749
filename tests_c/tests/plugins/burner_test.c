/* link: cpu_target/burner.o cpu_target/meter.o */
/* The CPU meters: which CPUs, figures from readings, and that burners die with their maker.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../cpu_target/meter.h"
#include "quiet.h"

static struct ipb_error err;
static int cpus[BURNER_CPUS_MAX];

static void lists_of_cpus(void **state)
{
	static const char *const bad[] = { "0", "99999", "0-", "-1", "1-0", "a", "0,,1", "0-0,0", "0-99999", "0x1", "1 2",
		                           "999999999999999999999-1" };
	cpu_set_t allowed;
	char one[24];

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
	int all = CPU_COUNT(&allowed), first = 0;
	while (!CPU_ISSET(first, &allowed))
		first++;
	assert_int_equal(burner_parse_cpus("", cpus, &err), all);
	assert_int_equal(burner_parse_cpus(NULL, cpus, &err), all);
	assert_int_equal(burner_parse_cpus("1", cpus, &err), 1);
	assert_int_equal(cpus[0], first);
	snprintf(one, sizeof one, "%d-%d", first, first);
	assert_int_equal(burner_parse_cpus(one, cpus, &err), 1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ipb_error_clear(&err);
		if (burner_parse_cpus(bad[i], cpus, &err) >= 0)
			fail_msg("\"%s\" was taken for a list of CPUs", bad[i]);
		assert_non_null(strstr(ipb_error_text(&err), "argument cpus"));
	}
}

static void figures(void **state)
{
	static struct burner_reading a = { .ticks = 1000, .idle = { 0, 500 } }, b = { .ticks = 2000, .idle = { 900, 500 } };

	(void)state;
	assert_true(burners_use(&a, &b, 0) > 0.0999 && burners_use(&a, &b, 0) < 0.1001);
	assert_true(burners_use(&a, &b, 1) == 1);
	assert_true(burners_use(&a, &a, 0) == 0);
}

/* A process starts burners and is killed: they go with it. */
static void burners_die_with_their_maker(void **state)
{
	static struct meter m;
	int pipes[2], status, gone = 0;
	pid_t burner = 0;

	(void)state;
	quiet_note();
	assert_int_equal(pipe(pipes), 0);
	pid_t maker = fork();
	if (maker == 0) {
		if (meter_setup(&m, "1", &err) < 0 || write(pipes[1], &m.burners.pid[0], sizeof(pid_t)) < 0)
			_exit(1);
		pause();
		_exit(0);
	}
	close(pipes[1]);
	assert_timely(read(pipes[0], &burner, sizeof burner) == sizeof burner);
	assert_int_equal(kill(burner, 0), 0);
	kill(maker, SIGKILL);
	waitpid(maker, &status, 0);
	for (int i = 0; i < 500 && !gone; i++) {
		char path[64], line[256] = "";
		snprintf(path, sizeof path, "/proc/%d/stat", burner);
		FILE *f = fopen(path, "r");
		gone = f == NULL || fgets(line, sizeof line, f) == NULL || strstr(line, ") Z") != NULL;
		if (f != NULL)
			fclose(f);
		usleep(10000);
	}
	assert_timely(gone); /* it goes when it gets a processor, which it leaves to everybody else */
	close(pipes[0]);
}

static char tree[64];

/* A file of a fake powercap folder. */
static void put(const char *zone, const char *name, const char *text)
{
	char path[160];

	snprintf(path, sizeof path, "%s/%s", tree, zone);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/%s/%s", tree, zone, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void remove_tree(void)
{
	char command[96];

	snprintf(command, sizeof command, "rm -rf %s", tree);
	assert_int_equal(system(command), 0);
	unsetenv(IPB_ENERGY_VARIABLE);
}

static void make_tree(void)
{
	strcpy(tree, "/tmp/ipb-energy-XXXXXX");
	assert_non_null(mkdtemp(tree));
	setenv(IPB_ENERGY_VARIABLE, tree, 1);
	put("intel-rapl:0", "name", "package-0\n");
	put("intel-rapl:0", "max_energy_range_uj", "262143328850\n");
	put("intel-rapl:0", "energy_uj", "1000000\n");
	put("intel-rapl:1", "name", "psys\n");
	put("intel-rapl:1", "max_energy_range_uj", "262143328850\n");
	put("intel-rapl:1", "energy_uj", "5000000\n");
	put("intel-rapl:2", "name", "package-1\n");
	put("intel-rapl:2", "max_energy_range_uj", "262143328850\n");
	put("intel-rapl:2", "energy_uj", "262143000000\n");
}

/* Two packages, of which one's counter begins again; the platform's (psys) holds both and is not added. */
static void energy_of_all_packages(void **state)
{
	struct ipb_energy energy;
	struct ipb_energy_reading a, b;

	(void)state;
	make_tree();
	ipb_energy_open(&energy);
	assert_int_equal(energy.count, 2);
	ipb_energy_read(&energy, &a);
	put("intel-rapl:0", "energy_uj", "3500000\n");
	put("intel-rapl:1", "energy_uj", "99000000\n");
	put("intel-rapl:2", "energy_uj", "171150\n");
	ipb_energy_read(&energy, &b);
	double joules = ipb_energy_joules(&energy, &a, &b);
	assert_true(joules > 2.9999 && joules < 3.0001); /* 2.5 and 0.32885 + 0.17115 */
	assert_true(ipb_energy_joules(&energy, &a, &a) == 0);
	put("intel-rapl:2", "energy_uj", "\n");
	ipb_energy_read(&energy, &b);
	assert_true(ipb_energy_joules(&energy, &a, &b) < 0);
	ipb_energy_close(&energy);
	remove_tree();
}

static void without_counters_there_is_a_reason(void **state)
{
	struct ipb_energy energy;
	struct ipb_energy_reading r;

	(void)state;
	make_tree();
	put("intel-rapl:2", "energy_uj", "");
	ipb_energy_open(&energy);
	assert_int_equal(energy.count, 0);
	assert_non_null(strstr(energy.why, "intel-rapl:2/energy_uj cannot be read"));
	remove_tree();
	setenv(IPB_ENERGY_VARIABLE, "/nowhere", 1);
	ipb_energy_open(&energy);
	assert_int_equal(energy.count, 0);
	assert_non_null(strstr(energy.why, "no intel-rapl"));
	ipb_energy_read(&energy, &r);
	assert_true(ipb_energy_joules(&energy, &r, &r) < 0);
	unsetenv(IPB_ENERGY_VARIABLE);
}

/* What the plugin writes: the metric, or why there is none. */
static void energy_in_the_result(void **state)
{
	static struct meter m;

	(void)state;
	make_tree();
	ipb_energy_open(&m.energy);
	ipb_energy_read(&m.energy, &m.energy_first);
	put("intel-rapl:0", "energy_uj", "2000000\n");
	ipb_energy_read(&m.energy, &m.energy_last);
	char *json = meter_json(&m, 0);
	assert_non_null(strstr(json, "{\"name\":\"energy\",\"value\":1,\"unit\":\"J\"}"));
	assert_null(strstr(json, "\"joules\""));
	free(json);
	ipb_energy_close(&m.energy);
	remove_tree();
	setenv(IPB_ENERGY_VARIABLE, "/nowhere", 1);
	ipb_energy_open(&m.energy);
	json = meter_json(&m, 0);
	assert_non_null(strstr(json, "\"energy\":{\"joules\":null,\"why\":\"this machine tells of no energy"));
	free(json);
	unsetenv(IPB_ENERGY_VARIABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lists_of_cpus), cmocka_unit_test(figures),
		                            cmocka_unit_test(energy_of_all_packages),
		                            cmocka_unit_test(without_counters_there_is_a_reason),
		                            cmocka_unit_test(energy_in_the_result),
		                            cmocka_unit_test(burners_die_with_their_maker) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
