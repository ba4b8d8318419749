/* link: cpu_target/burner.o cpu_target/meter.o */
/* The CPU meters: which CPUs, figures from readings, and that burners die with their maker.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
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
	char one[16];

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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lists_of_cpus), cmocka_unit_test(figures),
		                            cmocka_unit_test(burners_die_with_their_maker) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
