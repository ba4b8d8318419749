/* Figures of targets that are not ours; see told.h.  SPDX-License-Identifier: MIT */
#include "told.h"

#include "ipb_results.h"

double stream_told_bytes(const struct stream_test *t, const struct stream_told *told, uint32_t index)
{
	if (!told->known || index >= STREAM_TOLD_MAX || !told->told[index] || told->seconds[index] <= 0)
		return -1;
	return (double)told->bytes[index] * (double)t->config.duration_ns / 1e9 / told->seconds[index];
}

void stream_told_metrics(const struct stream_test *t, const struct stream_told *told, struct ipb_json *j)
{
	double received_bps = 0, sent_bps = 0, seconds = 0, jitter = 0;
	uint64_t received = 0, sent = 0, packets = 0;
	int64_t lost = 0, retransmits = -1;
	int up = 0, down = 0;

	if (!told->known)
		return;
	for (uint32_t i = 0; i < t->pump.count && i < STREAM_TOLD_MAX; i++) {
		if (!told->told[i])
			continue;
		const double bps = told->seconds[i] > 0 ? (double)told->bytes[i] * 8 / told->seconds[i] : 0;
		if (t->pump.streams[i].sends) {
			up++;
			received += told->bytes[i];
			received_bps += bps;
		} else {
			down++;
			sent += told->bytes[i];
			sent_bps += bps;
		}
		packets += told->packets[i];
		lost += told->lost[i];
		if (told->retransmits[i] >= 0)
			retransmits = (retransmits < 0 ? 0 : retransmits) + told->retransmits[i];
		if (told->seconds[i] > seconds)
			seconds = told->seconds[i];
		if (told->jitter_s[i] > jitter)
			jitter = told->jitter_s[i];
	}
	if (up > 0) {
		ipb_results_metric(j, "peer_received_bytes", (double)received, "byte");
		ipb_results_metric(j, "peer_received_rate", received_bps, "bit/s");
	}
	if (down > 0) {
		ipb_results_metric(j, "peer_sent_bytes", (double)sent, "byte");
		ipb_results_metric(j, "peer_sent_rate", sent_bps, "bit/s");
	}
	ipb_results_metric(j, "peer_seconds", seconds, "s");
	if (retransmits >= 0)
		ipb_results_metric(j, "peer_retransmits", (double)retransmits, "");
	if (!t->config.udp || up + down == 0)
		return;
	ipb_results_metric(j, "peer_datagrams", (double)packets, "");
	ipb_results_metric(j, "peer_lost", (double)lost, "");
	if (packets > 0)
		ipb_results_mean(j, "peer_loss", 100 * (double)lost / (double)packets, "%", (double)packets);
	ipb_results_metric(j, "peer_jitter", jitter * 1e3, "ms");
}
