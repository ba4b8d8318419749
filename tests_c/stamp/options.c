/* Arguments of stamp.  SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "ipb_engine_args.h"
#include "ipb_limits.h"
#include "stamp.h"

#define S(name, type, unit, dflt, range, help) { name, type, unit, dflt, range, help, 0, 0 }

const struct ipbench_option stamp_options[] = {
	S("bps", "rate", "bit/s", "352k", "1..1T", "Rate to attempt, for each client; of 44 bytes, 352 kbit/s are 1,000 packets a second."),
	S("size", "size", "byte", "", "44..65507", "Bytes of UDP payload; what is beyond the base packet (44, authenticated 112) and its TLVs is padding."),
	S("samples", "int", "", "10000", "1..1000000000", "Round trips to collect; the measured phase ends when they are in."),
	S("duration", "time", "s", "0", "0..86400", "Length of the measured phase, instead of samples."),
	IPB_RAMP_OPTIONS,
	S("warmup", "time", "s", "1", "0..86400", "Phase before the measured one, at the same rate, not counted."),
	S("cooldown", "time", "s", "1", "0..86400", "Phase after it, at the same rate, not counted."),
	S("drain", "time", "s", "1", "0.001..60", "How long an answer may take; what comes later is late."),
	S("late", "time", "s", "0.5", "0..60", "How long late answers are waited for, before they are called lost."),
	IPB_OUTAGE_OPTIONS,
	S("auth", "bool", "", "0", "", "Authenticated mode: packets of 112 bytes with an HMAC, and answers of the same kind."),
	S("key", "string", "", "", "", "Key of the HMACs, as text. It stands in the result: key_file does not."),
	S("key_file", "string", "", "", "", "File on the tester that holds the key, 1 to 1024 bytes; a line feed at its end does not count."),
	S("ssid", "int", "", "0", "0..65535", "Session identifier (RFC 8972); 0: one that depends on the run and the tester."),
	S("zero_ssid", "enum", "", "go_on", "go_on|end", "What to do when the reflector does not know session identifiers, and answers with 0."),
	S("times", "enum", "", "ntp", "ntp|ptp", "How time stamps are written; the answers' are read as they say themselves."),
	S("reflector", "enum", "", "auto", "auto|stateful|stateless", "Whether the reflector counts its answers itself; auto: it is found out."),
	S("peer", "enum", "", "stamp", "stamp|twamp", "twamp: padding of zeroes and no TLVs, for TWAMP Light reflectors (RFC 5357, appendix I)."),
	S("timestamp_info", "bool", "", "0", "", "Ask how the reflector stamps and synchronizes (TLV)."),
	S("cos", "int", "", "-1", "-1..63", "DSCP that answers are to have (class of service TLV); -1: none is asked for."),
	S("direct", "bool", "", "0", "", "Exchange counts of packets (direct measurement TLV)."),
	S("follow_up", "bool", "", "0", "", "Ask when the answer before really left (follow-up telemetry TLV)."),
	S("location", "bool", "", "0", "", "Ask which addresses and ports the reflector saw (location TLV)."),
	S("tlv_hmac", "bool", "", "0", "", "Protect the TLVs by an HMAC; always in authenticated mode, but for padding alone."),
	IPB_ARRIVAL_OPTIONS,
	S("flows", "int", "", "1", "1..1024", "Sessions, each with a source port of its own, used in turn."),
	S("seed", "int", "", "1", "0..4294967295", "Of random arrivals: the same seed gives the same packets."),
	S("engine", "enum", "", "auto", "auto|socket|mmsg", "How to send and receive."),
	S("timestamps", "enum", "", "user", "user|kernel|hardware", "Where packets are stamped, apart from user space; with kernel, delays of each way are from those stamps."),
	S("cpu", "int", "", "-1", "-1..1023", "Processor to run on; -1: any."),
	S("rt", "int", "", "0", "0..99", "SCHED_FIFO priority; 0: off. A spinning thread: leave the system a processor."),
	IPB_BUFFER_OPTIONS,
	S("dscp", "int", "", "-1", "-1..63", "Differentiated services code point of what is sent; -1: the system's."),
	S("ttl", "int", "", "255", "0..255", "Time to live or hop limit; 0: the system's."),
	S("df", "bool", "", "0", "", "Do not fragment; 0: packets longer than the path's MTU become fragments."),
	S("bind", "string", "", "", "", "Local address."),
	S("bind_port", "int", "", "0", "0..65535", "Local port of the first session, the others have those after it; 0: any."),
	IPB_HOST_OPTIONS,
	IPB_RESULT_OPTIONS,
	S("keep_samples", "bool", "", "0", "", "Send single round trips to our own controller, too."),
	IPB_LIMIT_OPTIONS,
};
_Static_assert(sizeof stamp_options / sizeof *stamp_options == STAMP_OPTION_COUNT, "count the options");

static int configure_key(struct stamp_settings *s, const struct ipb_args *a, int for_real, struct ipb_error *err)
{
	const char *text = ipb_args_string(a, "key"), *file = ipb_args_string(a, "key_file");
	const int wanted = s->authenticated || s->wanted.hmac;

	if (*text != '\0' && *file != '\0')
		return ipb_error(err, "argument key_file: give either key or key_file");
	if (wanted && *text == '\0' && *file == '\0')
		return ipb_error(err, "argument %s: it needs a key: give key_file, or key", s->authenticated ? "auth" : "tlv_hmac");
	if (!wanted && (*text != '\0' || *file != '\0'))
		return ipb_error(err, "argument %s: nothing is authenticated without auth or tlv_hmac", *text != '\0' ? "key" : "key_file");
	if (strlen(text) > IPB_HMAC_KEY_MAX)
		return ipb_error(err, "argument key: a key has at most %u bytes", IPB_HMAC_KEY_MAX);
	s->key_size = strlen(text);
	memcpy(s->key, text, s->key_size);
	if (*file == '\0' || !for_real)
		return 0;
	const int size = ipb_hmac_key_file(file, s->key, err);
	s->key_size = size > 0 ? (size_t)size : 0;
	return size < 0 ? -1 : 0;
}

static void configure_tlvs(struct stamp_settings *s, const struct ipb_args *a)
{
	s->wanted.timestamp_info = ipb_args_bool(a, "timestamp_info");
	s->wanted.dscp1 = (int)ipb_args_number(a, "cos");
	s->wanted.direct = ipb_args_bool(a, "direct");
	s->wanted.follow_up = ipb_args_bool(a, "follow_up");
	s->wanted.location = ipb_args_bool(a, "location");
	/* RFC 8972, section 4.8: in authenticated mode TLVs have an HMAC, unless it is padding alone. */
	s->wanted.hmac = ipb_args_bool(a, "tlv_hmac") || (s->authenticated && ipb_stamp_tlvs_size(&s->wanted) > 0);
}

static int configure_size(struct ipb_engine_config *c, const struct stamp_settings *s, const struct ipb_args *a, struct ipb_error *err)
{
	const uint32_t least = ipb_stamp_base(s->authenticated) + (s->plain_padding ? 0 : ipb_stamp_tlvs_size(&s->wanted));
	const uint32_t size = ipb_args_given(a, "size") ? (uint32_t)ipb_args_uint(a, "size") : least;
	char text[16];
	const int fits = size == least || s->plain_padding || size >= least + IPB_STAMP_TLV_HEADER;

	if (s->plain_padding && ipb_stamp_tlvs_size(&s->wanted) > 0)
		return ipb_error(err, "argument peer: TWAMP Light knows no TLVs: leave timestamp_info, cos, direct, follow_up, location and "
		                 "tlv_hmac out");
	if (size < least || !fits)
		return ipb_error(err, "argument size: packets of these arguments have %u bytes, or %u and more with padding, not %u", least,
		                 least + IPB_STAMP_TLV_HEADER, size);
	snprintf(text, sizeof text, "%u", size);
	return ipb_sizes_parse(&c->sizes, text, IPB_STAMP_BASE, IPB_STAMP_SIZE_MAX, 0, err);
}

int stamp_configure(struct ipb_engine_config *c, struct stamp_settings *s, const struct ipb_args *a, const char *host, int port,
                    struct ipb_error *err)
{
	struct ipb_mistakes mistakes = { 0 };

	memset(c, 0, sizeof *c);
	memset(s, 0, sizeof *s);
	c->host = host;
	c->port = (uint16_t)port;
	c->proto = IPB_UDP;
	c->stamps = (enum ipb_stamps)ipb_args_enum(a, "timestamps");
	c->rate_bps = ipb_args_number(a, "bps");
	s->authenticated = ipb_args_bool(a, "auth");
	s->kind = (int)ipb_args_enum(a, "reflector");
	s->plain_padding = ipb_args_enum(a, "peer") == 1;
	s->zero_ssid_ends = ipb_args_enum(a, "zero_ssid") == 1;
	s->ssid = (uint16_t)ipb_args_uint(a, "ssid");
	s->ptp = ipb_args_enum(a, "times") == 1;
	configure_tlvs(s, a);
	if (configure_key(s, a, host != NULL, err) < 0)
		ipb_mistakes_add(&mistakes, err);
	if (configure_size(c, s, a, err) < 0)
		ipb_mistakes_add(&mistakes, err);
	ipb_engine_args(c, a, &mistakes, err);
	ipb_engine_args_round_trips(c, a, &mistakes, err);
	return ipb_mistakes_end(&mistakes, err);
}
