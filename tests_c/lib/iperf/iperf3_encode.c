/* Writes iperf3's JSON texts; see iperf3.h.  SPDX-License-Identifier: MIT */
#include "iperf3.h"

#include "ipb_json.h"

char *iperf3_params_encode(const struct iperf3_params *p)
{
	struct ipb_json text;

	ipb_json_init(&text);
	ipb_json_object(&text, NULL);
	ipb_json_bool(&text, p->udp ? "udp" : "tcp", 1);
	ipb_json_uint(&text, "omit", p->omit);
	ipb_json_uint(&text, "time", p->seconds);
	ipb_json_uint(&text, "num", p->bytes);
	ipb_json_uint(&text, "blockcount", p->blocks);
	if (p->mss > 0)
		ipb_json_uint(&text, "MSS", p->mss);
	if (p->nodelay)
		ipb_json_bool(&text, "nodelay", 1);
	ipb_json_uint(&text, "parallel", p->streams);
	if (p->reverse)
		ipb_json_bool(&text, "reverse", 1);
	if (p->bidirectional)
		ipb_json_bool(&text, "bidirectional", 1);
	if (p->mptcp)
		ipb_json_bool(&text, "mptcp", 1);
	if (p->window > 0)
		ipb_json_uint(&text, "window", p->window);
	if (p->block > 0)
		ipb_json_uint(&text, "len", p->block);
	if (p->rate > 0)
		ipb_json_uint(&text, "bandwidth", p->rate);
	ipb_json_uint(&text, "pacing_timer", 1000);
	if (p->burst > 0)
		ipb_json_uint(&text, "burst", p->burst);
	if (p->tos > 0)
		ipb_json_uint(&text, "TOS", p->tos);
	if (p->congestion[0] != '\0')
		ipb_json_string(&text, "congestion", p->congestion);
	if (p->wide)
		ipb_json_uint(&text, "udp_counters_64bit", 1);
	if (p->dont_fragment)
		ipb_json_uint(&text, "dont_fragment", 1);
	if (p->no_copy)
		ipb_json_uint(&text, "skip_rx_copy", 1);
	ipb_json_string(&text, "client_version", p->version);
	ipb_json_end_object(&text);
	return ipb_json_take(&text);
}

char *iperf3_results_encode(const struct iperf3_results *r)
{
	struct ipb_json text;

	ipb_json_init(&text);
	ipb_json_object(&text, NULL);
	ipb_json_number(&text, "cpu_util_total", r->cpu_total);
	ipb_json_number(&text, "cpu_util_user", r->cpu_user);
	ipb_json_number(&text, "cpu_util_system", r->cpu_system);
	ipb_json_int(&text, "sender_has_retransmits", r->retransmits_known ? 1 : -1);
	if (r->congestion[0] != '\0')
		ipb_json_string(&text, "congestion_used", r->congestion);
	ipb_json_array(&text, "streams");
	for (uint32_t i = 0; i < r->count && i < IPERF3_ALL_STREAMS_MAX; i++) {
		const struct iperf3_stream_result *s = &r->streams[i];
		ipb_json_object(&text, NULL);
		ipb_json_uint(&text, "id", s->id);
		ipb_json_uint(&text, "bytes", s->bytes);
		ipb_json_int(&text, "retransmits", s->retransmits);
		ipb_json_number(&text, "jitter", s->jitter);
		ipb_json_int(&text, "errors", s->errors);
		ipb_json_int(&text, "omitted_errors", s->omitted_errors < 0 ? 0 : s->omitted_errors);
		ipb_json_uint(&text, "packets", s->packets);
		ipb_json_int(&text, "omitted_packets", s->omitted_packets < 0 ? 0 : s->omitted_packets);
		ipb_json_uint(&text, "start_time", 0);
		ipb_json_number(&text, "end_time", s->seconds);
		ipb_json_end_object(&text);
	}
	ipb_json_end_array(&text);
	ipb_json_end_object(&text);
	return ipb_json_take(&text);
}
