/* Writes iperf3's JSON texts; see iperf3.h.  SPDX-License-Identifier: MIT */
#include "iperf3.h"

#include "ipb_json.h"

char *iperf3_params_encode(const struct iperf3_params *p)
{
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_bool(&j, p->udp ? "udp" : "tcp", 1);
	ipb_json_uint(&j, "omit", p->omit);
	ipb_json_uint(&j, "time", p->seconds);
	ipb_json_uint(&j, "num", p->bytes);
	ipb_json_uint(&j, "blockcount", p->blocks);
	if (p->mss > 0)
		ipb_json_uint(&j, "MSS", p->mss);
	if (p->nodelay)
		ipb_json_bool(&j, "nodelay", 1);
	ipb_json_uint(&j, "parallel", p->streams);
	if (p->reverse)
		ipb_json_bool(&j, "reverse", 1);
	if (p->bidirectional)
		ipb_json_bool(&j, "bidirectional", 1);
	if (p->mptcp)
		ipb_json_bool(&j, "mptcp", 1);
	if (p->window > 0)
		ipb_json_uint(&j, "window", p->window);
	if (p->block > 0)
		ipb_json_uint(&j, "len", p->block);
	if (p->rate > 0)
		ipb_json_uint(&j, "bandwidth", p->rate);
	ipb_json_uint(&j, "pacing_timer", 1000);
	if (p->burst > 0)
		ipb_json_uint(&j, "burst", p->burst);
	if (p->tos > 0)
		ipb_json_uint(&j, "TOS", p->tos);
	if (p->congestion[0] != '\0')
		ipb_json_string(&j, "congestion", p->congestion);
	if (p->wide)
		ipb_json_uint(&j, "udp_counters_64bit", 1);
	if (p->dont_fragment)
		ipb_json_uint(&j, "dont_fragment", 1);
	if (p->no_copy)
		ipb_json_uint(&j, "skip_rx_copy", 1);
	ipb_json_string(&j, "client_version", p->version);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}

char *iperf3_results_encode(const struct iperf3_results *r)
{
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_number(&j, "cpu_util_total", r->cpu_total);
	ipb_json_number(&j, "cpu_util_user", r->cpu_user);
	ipb_json_number(&j, "cpu_util_system", r->cpu_system);
	ipb_json_int(&j, "sender_has_retransmits", r->retransmits_known ? 1 : -1);
	if (r->congestion[0] != '\0')
		ipb_json_string(&j, "congestion_used", r->congestion);
	ipb_json_array(&j, "streams");
	for (uint32_t i = 0; i < r->count && i < IPERF3_ALL_STREAMS_MAX; i++) {
		const struct iperf3_stream_result *s = &r->streams[i];
		ipb_json_object(&j, NULL);
		ipb_json_uint(&j, "id", s->id);
		ipb_json_uint(&j, "bytes", s->bytes);
		ipb_json_int(&j, "retransmits", s->retransmits);
		ipb_json_number(&j, "jitter", s->jitter);
		ipb_json_int(&j, "errors", s->errors);
		ipb_json_int(&j, "omitted_errors", s->omitted_errors < 0 ? 0 : s->omitted_errors);
		ipb_json_uint(&j, "packets", s->packets);
		ipb_json_int(&j, "omitted_packets", s->omitted_packets < 0 ? 0 : s->omitted_packets);
		ipb_json_uint(&j, "start_time", 0);
		ipb_json_number(&j, "end_time", s->seconds);
		ipb_json_end_object(&j);
	}
	ipb_json_end_array(&j);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}
