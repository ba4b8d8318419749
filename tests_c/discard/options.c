/* Arguments of discard, and what they make of a sender; see options.h.  SPDX-License-Identifier: MIT */
#include "options.h"

#include <stdlib.h>

#include "inject.h"
#include "ipb_threads.h"

const struct ipbench_option discard_options[] = {
	{ "bps", "rate", "bit/s", "10M", "1..1T", "Rate to send at, for each client.", 0, 0 },
	{ "size", "size", "byte", "64", "33..65507", "Bytes in a packet: UDP payload, or the whole Ethernet frame (47..1514).", 0, 0 },
	{ "warmup", "time", "s", "10", "0..24h", "Phase before the measured one, sent at the same rate and not counted.", 0, 0 },
	{ "cooldown", "time", "s", "10", "0..24h", "Phase after it.", 0, 0 },
	{ "duration", "time", "s", "10", "0.001..24h", "The measured phase.", 0, 0 },
	{ "test_time", "time", "s", "", "0.001..24h", "The original's name of duration.", 0, 0 },
	{ "rampup", "time", "s", "0", "0..1h", "Before the warm-up the rate rises to bps over this time.", 0, 0 },
	{ "socktype", "enum", "", "raw", "raw|udp", "raw sends Ethernet frames to a MAC address, udp to host and port.", 0, 0 },
	{ "iface", "string", "", "eth1", "", "Interface for raw.", 0, 0 },
	{ "if", "string", "", "", "", "The original's name of iface.", 0, 0 },
	{ "proto", "string", "", "0x6009", "", "Ethernet type for raw, decimal or 0x…; sink listens to 0x6009.", 0, 0 },
	{ "engine", "enum", "", "auto", "auto|mmsg|inject", "How packets are sent: through a socket, those that are due in one call (auto, mmsg); or made by the kernel in front of the driver (inject; needs CAP_BPF and CAP_NET_ADMIN).", 0, 0 },
	IPB_THREAD_OPTIONS,
};
_Static_assert(sizeof discard_options / sizeof *discard_options == DISCARD_OPTION_COUNT, "count the options");

const char *discard_typed(const struct ipb_args *a, const char *name, const char *original)
{
	return ipb_args_given(a, original) && !ipb_args_given(a, name) ? original : name;
}

int discard_injects(const struct ipb_args *a) { return ipb_args_enum(a, "engine") == 2; }

int discard_arguments(struct ipb_args *a, const char *text, struct ipb_error *err)
{
	static const char *const names[][2] = { { "duration", "test_time" }, { "iface", "if" } };
	struct ipb_threads none;

	if (ipb_args_parse(a, discard_options, DISCARD_OPTION_COUNT, text, 0, err) < 0)
		return -1;
	if (ipb_threads_plan(&none, a, 0, err) < 0) {
		ipb_args_free(a);
		return -1;
	}
	if (discard_injects(a) && ipb_args_ns(a, "rampup") > 0) {
		ipb_args_free(a);
		return ipb_error(err, "argument rampup: with engine=inject the rate does not rise; leave rampup out");
	}
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (ipb_args_given(a, names[i][0]) && ipb_args_given(a, names[i][1])) {
			ipb_args_free(a);
			return ipb_error(err, "arguments %s and %s are one thing: give one of them", names[i][0], names[i][1]);
		}
	return 0;
}

static int ether_type(const char *text, uint16_t *type, struct ipb_error *e)
{
	char *rest;
	unsigned long value = strtoul(text, &rest, 0);

	if (rest == text || *rest != '\0' || *text == '-' || value < 0x600 || value > 0xffff)
		return ipb_error(e, "argument proto: \"%.40s\" is no Ethernet type; it takes 0x0600..0xffff", text);
	*type = (uint16_t)value;
	return 0;
}

int discard_open_sender(struct sender *s, uint32_t i, uint32_t count, const struct ipb_args *a, const char *hostname, int port,
                        struct ipb_error *e)
{
	int raw = ipb_args_enum(a, "socktype") == 0;
	const char *iface = raw ? ipb_args_string(a, discard_typed(a, "iface", "if")) : NULL;
	uint16_t type = DISCARD_ETHER_TYPE;
	int status;

	s->fd = -1;
	s->bps = ipb_args_number(a, "bps") / count;
	s->size = (uint32_t)ipb_args_uint(a, "size");
	s->rampup_ns = ipb_args_ns(a, "rampup");
	s->warmup_ns = ipb_args_ns(a, "warmup");
	s->test_ns = ipb_args_ns(a, discard_typed(a, "duration", "test_time"));
	s->cooldown_ns = ipb_args_ns(a, "cooldown");
	s->stagger = (double)i / count;
	if (raw && ether_type(ipb_args_string(a, "proto"), &type, e) < 0)
		return -1;
	if (raw && (s->size < DISCARD_HEADER + DISCARD_ETHERNET || s->size > SENDER_FRAME_MAX))
		return ipb_error(e, "argument size: %u is out of range; with socktype=raw it takes %u..%u byte", s->size,
		                 DISCARD_HEADER + DISCARD_ETHERNET, SENDER_FRAME_MAX);
	status = raw ? sender_open_raw(s, hostname, iface, type, e) : sender_open_udp(s, hostname, (uint16_t)port, e);
	if (status == 0 && discard_injects(a))
		status = inject_open(s, iface, e);
	if (status < 0)
		sender_close(s);
	return status;
}
