/* See ipb_engine_args.h.  SPDX-License-Identifier: MIT */
#include "ipb_engine_args.h"

#include "ipb_limits.h"

static void configure_socket(struct ipb_sock_options *o, const struct ipb_args *a)
{
	o->bind_host = ipb_args_string(a, "bind");
	o->bind_port = (uint16_t)ipb_args_uint(a, "bind_port");
	o->device = ipb_args_string(a, "device");
	o->sndbuf = (int)ipb_args_uint(a, "sndbuf");
	o->rcvbuf = (int)ipb_args_uint(a, "rcvbuf");
	o->sndbuf_least = o->sndbuf;
	o->rcvbuf_least = ipb_args_given(a, "rcvbuf") ? o->rcvbuf : 0;
	o->busy_poll_us = (int)ipb_args_uint(a, "busy_poll");
	o->dscp = (int)ipb_args_number(a, "dscp");
	o->ttl = (int)ipb_args_uint(a, "ttl");
	o->df = ipb_args_bool(a, "df") ? IPB_DF_ON : IPB_DF_OFF;
	o->sockopts = ipb_args_string(a, "sockopts");
}

void ipb_engine_args(struct ipb_engine_config *c, const struct ipb_args *a, struct ipb_mistakes *m, struct ipb_error *err)
{
	c->io = (enum ipb_io)ipb_args_enum(a, "engine");
	if (ipb_arrival_parse(&c->arrival, &c->burst, ipb_args_string(a, "arrival"), err) < 0)
		ipb_mistakes_add(m, err);
	c->duration_ns = ipb_args_ns(a, "duration");
	c->rampup_ns = ipb_args_ns(a, "rampup");
	c->overload = ipb_args_number(a, "overload");
	c->warmup_ns = ipb_args_ns(a, "warmup");
	c->cooldown_ns = ipb_args_ns(a, "cooldown");
	c->drain_ns = ipb_args_ns(a, "drain");
	c->noise_ns = ipb_args_ns(a, "noise");
	c->flows = (uint32_t)ipb_args_uint(a, "flows");
	c->seed = ipb_args_uint(a, "seed");
	c->cpu = (int)ipb_args_number(a, "cpu");
	c->rt = (int)ipb_args_uint(a, "rt");
	c->mlock = ipb_args_bool(a, "mlock");
	c->want_tsc = ipb_args_bool(a, "tsc");
	ipb_limits_configure(&c->limits, a);
	configure_socket(&c->sock, a);
	if (c->sock.bind_port != 0 && c->sock.bind_port + c->flows - 1 > UINT16_MAX)
		ipb_error(err, "argument bind_port: %u flows from port %u on end at %u, beyond the last port, 65535", c->flows,
		          c->sock.bind_port, c->sock.bind_port + c->flows - 1), ipb_mistakes_add(m, err);
}

void ipb_engine_args_round_trips(struct ipb_engine_config *c, const struct ipb_args *a, struct ipb_mistakes *m,
                                 struct ipb_error *err)
{
	if (ipb_args_given(a, "duration") && ipb_args_given(a, "samples"))
		ipb_error(err, "argument samples: give either samples or duration"), ipb_mistakes_add(m, err);
	c->samples = ipb_args_uint(a, "samples");
	c->late_ns = ipb_args_ns(a, "late");
	c->outage = (uint32_t)ipb_args_uint(a, "outage");
	c->max_outage_ns = ipb_args_ns(a, "max_outage");
	c->outstanding_s = ipb_args_number(a, "drop");
	c->until_ci = ipb_args_number(a, "until_ci");
	c->keep_samples = ipb_args_bool(a, "keep_samples");
	c->keep_response = ipb_args_enum(a, "rtt") == 1;
}
