/* What the original ipbench offered to plugins; see libipbench.h.  SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "ipb_clock.h"
#include "ipb_sock.h"
#include "libipbench.h"

#define CALIBRATION_NS 40000000
#define LINE_MAX_BYTES 2048

int do_debug;
double tick_rate;

void dbprintf(const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	struct tm now_tm;
	time_t now;
	va_list args;

	if (!do_debug)
		return;
	now = time(NULL);
	localtime_r(&now, &now_tm);
	size_t used = strftime(line, sizeof line, "[%H:%M.%S] dbg: ", &now_tm);
	va_start(args, format);
	vsnprintf(line + used, sizeof line - used, format, args);
	va_end(args);
	fputs(line, stderr); /* one call, so that lines of two threads do not mix */
	fflush(stderr);
}

int next_token(char **ptr, char *buffer, const char *separators)
{
	static __thread char *last;
	char **at = ptr != NULL ? ptr : &last;
	int quoted = 0;

	if (separators == NULL)
		separators = " \t\n\r";
	if (*at == NULL)
		return 0;
	char *p = *at + strspn(*at, separators);
	if (*p == '\0') {
		*at = p;
		return 0;
	}
	for (; *p != '\0' && (quoted || strchr(separators, *p) == NULL); p++) {
		if (*p == '"')
			quoted = !quoted;
		else
			*buffer++ = *p;
	}
	*buffer = '\0';
	last = *p != '\0' ? p + 1 : p;
	*at = last;
	return 1;
}

int set_socket_options(int fd, char *options)
{
	char *at = options;
	size_t left = options != NULL ? strlen(options) : 0;
	char *word = malloc(left + 1);
	int status = 0;

	if (word == NULL)
		return -1;
	while (status == 0 && left > 0 && next_token(&at, word, ";")) {
		struct ipb_error err = { 0 };
		if (ipb_sock_apply_word(fd, word, &err) == 0)
			continue;
		dbprintf("socket option %s: %s\n", word, ipb_error_text(&err));
		if (strstr(ipb_error_text(&err), "cannot set") != NULL)
			status = -1;
	}
	free(word);
	return status;
}

#if defined(IPB_CLOCK_HAS_COUNTER)
static uint64_t ticks(void) { return ipb_clock_counter(); }
#else
static uint64_t ticks(void) { return ipb_now_ns() / 1000; }
#endif

static void calibrate(void)
{
	struct timespec pause = { .tv_nsec = CALIBRATION_NS };
	uint64_t from_ns = ipb_now_ns(), from = ticks();

	while (nanosleep(&pause, &pause) != 0)
		;
	uint64_t to = ticks(), to_ns = ipb_now_ns();
	tick_rate = (double)(to - from) * 1000.0 / (double)(to_ns - from_ns);
}

void microuptime_calibrate(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, calibrate);
}
