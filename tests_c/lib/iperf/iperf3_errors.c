/* What an iperf3 server's error codes mean to the person at the tester; see iperf3.h.  SPDX-License-Identifier: MIT */
#include "iperf3.h"

static const struct {
	uint32_t code;
	const char *text;
} codes[] = {
	{ IPERF3_E_DURATION_OLD, "it does not run tests of this duration: give a shorter duration" },
	{ IPERF3_E_STREAMS, "it does not take so many streams: give fewer (iperf3 takes 128)" },
	{ IPERF3_E_BLOCK, "it does not take writes of this size: give a size of at most 1 MiB" },
	{ IPERF3_E_WINDOW, "it does not take socket buffers of this size: give smaller ones" },
	{ IPERF3_E_MSS, "it does not take this MSS: give at most 9216" },
	{ 11, "its system has no sendfile" },
	{ IPERF3_E_OMIT, "it does not omit so many seconds: give at most 600" },
	{ 15, "it does not take bursts of this size: give at most 1000" },
	{ IPERF3_E_NO_SCTP, "it has no SCTP" },
	{ IPERF3_E_UDP_BLOCK, "it does not take datagrams of this size: give 16..65507 bytes" },
	{ 21, "it does not take this class of service" },
	{ 22, "it wants a user's name and password, which ipbench does not give: start it without --authorized-users-path" },
	{ IPERF3_E_RATE, "the rate is beyond its limit (its --server-bitrate-limit): give a lower bps or fewer streams" },
	{ 34, "it writes to a file and takes no UDP then: start it without -F" },
	{ IPERF3_E_DURATION, "the test is longer than it allows (its --server-max-duration): give a shorter duration" },
	{ 101, "it could not set the test up" },
	{ 110, "it got a message that it does not know" },
	{ 113, "it could not send parameters" },
	{ IPERF3_E_PARAMS, "it could not read the parameters: is it an iperf3 of 3.1 or newer?" },
	{ IPERF3_E_RESULTS, "it could not read the results" },
	{ 119, "it takes the client for ended" },
	{ 120, "it was ended" },
	{ 123, "it could not set the MSS" },
	{ 124, "it could not set the size of its socket buffers" },
	{ 134, "it could not set the congestion control: is that module loaded on its machine?" },
	{ 142, "it wants a user's name and password, which ipbench does not give: start it without --authorized-users-path" },
	{ 144, "it received nothing for so long that it gave up: is something filtering the streams?" },
	{ IPERF3_E_DURATION_OVER, "the test took longer than was agreed" },
	{ 200, "it could not make a stream" },
	{ 201, "it could not prepare a stream" },
	{ 202, "it could not listen for streams: is its port in use for UDP?" },
	{ IPERF3_E_ACCEPT, "it could not take a stream" },
	{ 205, "it could not write to a stream" },
	{ 206, "it could not read from a stream" },
	{ 207, "a stream was closed" },
	{ 208, "it does not know a stream of the results" },
};

const char *iperf3_error_name(uint32_t code)
{
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == code)
			return codes[i].text;
	return "its own output says more";
}
