/* From the arguments that the plugins which use the engine have in common to its configuration. SPDX-License-Identifier: MIT
 *
 * Each function reads arguments by their names: the plugin's table has to have all of them, with its own defaults and help.
 */
#ifndef IPB_ENGINE_ARGS_H
#define IPB_ENGINE_ARGS_H

#include "ipb_args.h"
#include "ipb_engine.h"
#include "ipb_error.h"

/* Rows of a table that need no words of the plugin's own. */
#define IPB_BUFFER_OPTIONS \
	{ "mlock", "bool", "", "0", "", "Lock memory.", 0, 0 }, \
	{ "busy_poll", "int", "us", "0", "0..1000000", "SO_BUSY_POLL.", 0, 0 }, \
	{ "sndbuf", "size", "byte", "0", "0..1Gi", "Send buffer; 0: the system's. One that the system cuts is an error.", 0, 0 }, \
	{ "rcvbuf", "size", "byte", "4Mi", "0..1Gi", "Receive buffer; 0: the system's. One that is asked for and that the system cuts is an error.", 0, 0 }

#define IPB_RAMP_OPTIONS \
	{ "rampup", "time", "s", "0", "0..3600", "Phase before the warm-up in which the rate rises from nothing, not counted.", 0, 0 }, \
	{ "overload", "float", "", "0", "0..1000", "In rampup the rate is so many times the rate; 0: it rises from nothing.", 0, 0 }

#define IPB_ARRIVAL_OPTIONS \
	{ "sockopts", "string", "", "", "", "Socket options, \"SO_X;SO_Y=value\".", 0, 0 }, \
	{ "arrival", "string", "", "constant", "", "When packets are due: constant, poisson, or burst:N (N at a time).", 0, 0 }

#define IPB_HOST_OPTIONS \
	{ "device", "string", "", "", "", "Local interface (SO_BINDTODEVICE).", 0, 0 }, \
	{ "noise", "time", "s", "0.2", "0..10", "How long set-up listens to what else runs on the processor.", 0, 0 }, \
	{ "tsc", "bool", "", "1", "", "Read the time stamp counter where it is invariant; 0: CLOCK_MONOTONIC.", 0, 0 }

/* Of round trips. */
#define IPB_RESULT_OPTIONS \
	{ "until_ci", "float", "", "0", "0..1", "Stop when the mean's 95 % interval is narrower than this share of it; 0: off.", 0, 0 }, \
	{ "rtt", "enum", "", "service", "service|response", "What row and samples show: from the send, or from the due time.", 0, 0 }

#define IPB_OUTAGE_OPTIONS \
	{ "outage", "int", "", "3", "1..1000000", "Packets lost in a row that are an outage; shorter runs are counted by their length.", 0, 0 }, \
	{ "max_outage", "time", "s", "0", "0..86400", "How long nothing may come back before the target counts as dead and the run ends; 0: drain and late.", 0, 0 }, \
	{ "drop", "float", "s", "1", "0.1..60", "Seconds' worth of packets that may be outstanding and are still told apart.", 0, 0 }

/* engine, arrival, duration, rampup, overload, warmup, cooldown, drain, noise, flows, seed, cpu, rt, mlock, tsc, limit_*, and of the
 * sockets bind, bind_port, device, sndbuf, rcvbuf, busy_poll, dscp, ttl, df, sockopts. Mistakes are added to m. */
void ipb_engine_args(struct ipb_engine_config *c, const struct ipb_args *a, struct ipb_mistakes *m, struct ipb_error *err);

/* What goes with round trips: samples (instead of duration), late, outage, max_outage, drop, until_ci, keep_samples,
 * rtt. */
void ipb_engine_args_round_trips(struct ipb_engine_config *c, const struct ipb_args *a, struct ipb_mistakes *m,
                                 struct ipb_error *err);

#endif
