/* Arguments that the tests of requests have in common.  SPDX-License-Identifier: MIT */
#ifndef IPB_REQUESTS_OPTIONS_H
#define IPB_REQUESTS_OPTIONS_H

#include "ipb_limits.h"

#define IPB_REQ_OPTION(name, type, unit, dflt, range, help) { name, type, unit, dflt, range, help, 0, 0 }

/* Rows that all of them have. */
#define IPB_REQ_OPTIONS(connections, connections_help) \
	IPB_REQ_OPTION("rate", "float", "1/s", "0", "0..10000000", "How many are due a second, for each tester; 0: closed loop, as fast as answers come."), \
	IPB_REQ_OPTION("arrival", "string", "", "constant", "", "When they are due: constant, poisson, or burst:N (N at a time)."), \
	IPB_REQ_OPTION("seed", "int", "", "1", "0..4294967295", "Of random arrivals."), \
	IPB_REQ_OPTION("connections", "int", "", connections, "1..10000", connections_help), \
	IPB_REQ_OPTION("warmup", "time", "s", "1", "0..24h", "Phase before the measured one, at the same rate and not counted."), \
	IPB_REQ_OPTION("duration", "time", "s", "10", "0.01..24h", "The measured phase."), \
	IPB_REQ_OPTION("cooldown", "time", "s", "0.5", "0..24h", "Phase after it, at the same rate and not counted."), \
	IPB_REQ_OPTION("drain", "time", "s", "1", "0.001..60", "How long an answer may take; what comes later is late."), \
	IPB_REQ_OPTION("late", "time", "s", "0.5", "0..60", "How long late answers are waited for, before they are called lost."), \
	IPB_REQ_OPTION("bind", "string", "", "", "", "Local addresses, \"A;B\", used in turn."), \
	IPB_REQ_OPTION("sockopts", "string", "", "", "", "Socket options, \"SO_X;SO_Y=value\"."), \
	IPB_REQ_OPTION("wait", "enum", "", "auto", "auto|sleep|spin", "How the loop waits; auto spins where the tester has two processors, in a closed loop with more than four out for 0.1 ms before it sleeps."), \
	IPB_REQ_OPTION("series_times", "bool", "", "0", "", "Each interval of the series has its response times, too; our own controller asks the first of several classes for them."), \
	IPB_REQ_OPTION("cpu", "int", "", "-1", "-1..1023", "Processor to run on; -1: any."), \
	IPB_REQ_OPTION("rt", "int", "", "0", "0..99", "SCHED_FIFO priority; 0: off. A spinning thread: leave the system a processor."), \
	IPB_LIMIT_OPTIONS

#endif
