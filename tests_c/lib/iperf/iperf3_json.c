/*
 * Reads iperf3's JSON texts with Jansson; see iperf3.h.  SPDX-License-Identifier: MIT
 *
 * Jansson is opened when a test first needs it, so that a tester without it can run everything else. (Debian's archives of
 * it and of cJSON cannot be linked into a shared object: the first is not position independent, the second has none.) A
 * text is measured before Jansson sees it: its size by the caller, its nesting here, as Jansson calls itself for each level.
 */
#include "iperf3.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#if defined(__has_include)
#if __has_include(<jansson.h>)
#define HAVE_JANSSON 1
#endif
#endif

#ifndef HAVE_JANSSON

int iperf3_json_ready(struct ipb_error *err)
{
	return ipb_error(err, "this ipbench was built without Jansson, which reads iperf3's JSON: build it where Debian's package "
	                 "libjansson-dev is installed");
}

int iperf3_params_decode(const char *text, size_t size, struct iperf3_params *p, int *code, struct ipb_error *err)
{
	(void)text, (void)size, (void)p;
	if (code != NULL)
		*code = IPERF3_E_PARAMS;
	return iperf3_json_ready(err);
}

int iperf3_results_decode(const char *text, size_t size, struct iperf3_results *r, struct ipb_error *err)
{
	(void)text, (void)size, (void)r;
	return iperf3_json_ready(err);
}

#else

#include <dlfcn.h>
#include <jansson.h>

#define WHOLE_MAX 9e18 /* beyond it no int64_t */

static struct {
	void *library;
	__typeof__(json_loadb) *loadb;
	__typeof__(json_delete) *destroy;
	__typeof__(json_object_get) *get;
	__typeof__(json_number_value) *number;
	__typeof__(json_string_value) *string;
	__typeof__(json_array_size) *count;
	__typeof__(json_array_get) *item;
} jansson;

int iperf3_json_ready(struct ipb_error *err)
{
	if (jansson.library != NULL)
		return 0;
	void *library = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		return ipb_error(err, "iperf3's JSON is read by Jansson, which is not installed on this machine: apt-get install "
		                 "libjansson4");
	struct {
		const char *name;
		void *to;
	} wanted[] = {
		{ "json_loadb", &jansson.loadb }, { "json_delete", &jansson.destroy }, { "json_object_get", &jansson.get },
		{ "json_number_value", &jansson.number }, { "json_string_value", &jansson.string },
		{ "json_array_size", &jansson.count }, { "json_array_get", &jansson.item },
	};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		void *found = dlsym(library, wanted[i].name);
		if (found == NULL) {
			dlclose(library);
			return ipb_error(err, "libjansson.so.4 on this machine has no %s: apt-get install --reinstall libjansson4",
			                 wanted[i].name);
		}
		memcpy(wanted[i].to, &found, sizeof found);
	}
	jansson.library = library;
	return 0;
}

/* Whether brackets outside of strings are nested no deeper than IPERF3_JSON_DEPTH. */
static int shallow(const char *text, size_t size)
{
	int depth = 0, quoted = 0;

	for (size_t i = 0; i < size; i++) {
		char c = text[i];
		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = 0;
		} else if (c == '"') {
			quoted = 1;
		} else if (c == '{' || c == '[') {
			if (++depth > IPERF3_JSON_DEPTH)
				return 0;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return 1;
}

static json_t *load(const char *text, size_t size, const char *what, struct ipb_error *err)
{
	json_error_t why;

	if (iperf3_json_ready(err) < 0)
		return NULL;
	if (!shallow(text, size)) {
		ipb_error(err, "the iperf3 peer's %s are nested deeper than %d levels", what, IPERF3_JSON_DEPTH);
		return NULL;
	}
	json_t *j = jansson.loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &why);
	if (j == NULL)
		ipb_error(err, "the iperf3 peer's %s are no JSON: %.120s (byte %d)", what, why.text, why.position);
	else if (!json_is_object(j)) {
		ipb_error(err, "the iperf3 peer's %s are no JSON object", what);
		jansson.destroy(j);
		j = NULL;
	}
	return j;
}

/* A whole number in least..most; missing: 0 and *to stays. All numbers are read as doubles, which hold whole ones up to
 * 2^53 (9 PB) exactly: before 3.17, iperf3 writes -1 as 2^64 - 1, for which Jansson's own integers have no room. */
static int whole(const json_t *j, const char *name, int64_t least, int64_t most, int64_t *to)
{
	const json_t *v = jansson.get(j, name);

	if (v == NULL)
		return 0;
	if (!json_is_number(v))
		return -1;
	double d = jansson.number(v);
	if (d >= 0x1p64 - 4096)
		d = -1;
	if (!(d >= (double)least && d <= (double)most) || fabs(d) > WHOLE_MAX)
		return -1;
	*to = (int64_t)d;
	return 0;
}

/* A finite number; missing: 0 and *to stays. */
static int real(const json_t *j, const char *name, double *to)
{
	const json_t *v = jansson.get(j, name);

	if (v == NULL)
		return 0;
	if (!json_is_number(v) || !isfinite(jansson.number(v)))
		return -1;
	*to = jansson.number(v);
	return 0;
}

/* true, or a number other than 0: versions differ. */
static int flag(const json_t *j, const char *name)
{
	const json_t *v = jansson.get(j, name);

	return v != NULL && (json_is_true(v) || (json_is_number(v) && jansson.number(v) != 0));
}

/* A name of letters, digits and .-+_ alone; others are left out. */
static void word(const json_t *j, const char *name, char to[IPERF3_NAME_MAX])
{
	const json_t *v = jansson.get(j, name);
	const char *s = v != NULL && json_is_string(v) ? jansson.string(v) : NULL;

	to[0] = '\0';
	if (s == NULL || strlen(s) >= IPERF3_NAME_MAX ||
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+_") != strlen(s))
		return;
	memcpy(to, s, strlen(s) + 1);
}

static int read_params(const json_t *j, struct iperf3_params *p, int *code, struct ipb_error *err)
{
	int64_t seconds = 10, omit = 0, bytes = 0, blocks = 0, block = 0, rate = 0, burst = 0, window = 0, mss = 0, tos = 0,
	        streams = 1;
	const struct {
		const char *name;
		int64_t *to, least, most;
		int code;
	} numbers[] = {
		{ "time", &seconds, 0, IPERF3_SECONDS_MAX, IPERF3_E_DURATION },
		{ "omit", &omit, 0, IPERF3_OMIT_MAX, IPERF3_E_OMIT },
		{ "num", &bytes, 0, INT64_MAX, IPERF3_E_PARAMS },
		{ "blockcount", &blocks, 0, INT64_MAX, IPERF3_E_PARAMS },
		{ "len", &block, 0, IPERF3_BLOCK_MAX, IPERF3_E_BLOCK },
		{ "bandwidth", &rate, 0, INT64_MAX, IPERF3_E_PARAMS },
		{ "burst", &burst, 0, IPERF3_BURST_MAX, IPERF3_E_PARAMS },
		{ "window", &window, 0, IPERF3_WINDOW_MAX, IPERF3_E_WINDOW },
		{ "MSS", &mss, 0, IPERF3_MSS_MAX, IPERF3_E_MSS },
		{ "TOS", &tos, 0, 255, IPERF3_E_PARAMS },
		{ "parallel", &streams, 1, IPERF3_STREAMS_MAX, IPERF3_E_STREAMS },
	};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (whole(j, numbers[i].name, numbers[i].least, numbers[i].most, numbers[i].to) < 0) {
			*code = numbers[i].code;
			return ipb_error(err, "the iperf3 client's \"%s\" is no number in %lld..%lld", numbers[i].name,
			                 (long long)numbers[i].least, (long long)numbers[i].most);
		}
	if (flag(j, "sctp")) {
		*code = IPERF3_E_NO_SCTP;
		return ipb_error(err, "the iperf3 client asks for SCTP, which is not offered here");
	}
	p->udp = flag(j, "udp");
	if (p->udp && block != 0 && (block < IPERF3_UDP_BLOCK_MIN || block > IPERF3_UDP_BLOCK_MAX)) {
		*code = IPERF3_E_UDP_BLOCK;
		return ipb_error(err, "the iperf3 client asks for datagrams of %lld bytes", (long long)block);
	}
	if (!p->udp && block == 0) {
		*code = IPERF3_E_BLOCK;
		return ipb_error(err, "the iperf3 client does not say how long its writes are");
	}
	p->bidirectional = flag(j, "bidirectional");
	p->reverse = flag(j, "reverse") && !p->bidirectional;
	p->nodelay = flag(j, "nodelay");
	p->mptcp = flag(j, "mptcp");
	p->wide = flag(j, "udp_counters_64bit");
	p->no_copy = flag(j, "skip_rx_copy");
	p->dont_fragment = flag(j, "dont_fragment");
	p->seconds = (uint32_t)seconds;
	p->omit = (uint32_t)omit;
	p->bytes = (uint64_t)bytes;
	p->blocks = (uint64_t)blocks;
	p->block = (uint32_t)block;
	p->rate = (uint64_t)rate;
	p->burst = (uint32_t)burst;
	p->window = (uint32_t)window;
	p->mss = (uint32_t)mss;
	p->tos = (uint32_t)tos;
	p->streams = (uint32_t)streams;
	word(j, "congestion", p->congestion);
	word(j, "client_version", p->version);
	return 0;
}

int iperf3_params_decode(const char *text, size_t size, struct iperf3_params *p, int *code, struct ipb_error *err)
{
	int ignored;

	memset(p, 0, sizeof *p);
	if (code == NULL)
		code = &ignored;
	*code = IPERF3_E_PARAMS;
	if (size > IPERF3_PARAMS_MAX)
		return ipb_error(err, "the iperf3 client's parameters have more than %d bytes", IPERF3_PARAMS_MAX);
	json_t *j = load(text, size, "parameters", err);
	if (j == NULL)
		return -1;
	int status = read_params(j, p, code, err);
	jansson.destroy(j);
	return status;
}

static int read_stream(const json_t *j, uint32_t n, struct iperf3_stream_result *s, struct ipb_error *err)
{
	static const char *const needed[] = { "id", "bytes", "retransmits", "jitter", "errors", "packets" };
	int64_t id = 0, bytes = 0, packets = 0;
	double start = 0, end = 0;

	if (!json_is_object(j))
		return ipb_error(err, "the iperf3 peer's results of stream %u are no object", n + 1);
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (jansson.get(j, needed[i]) == NULL)
			return ipb_error(err, "the iperf3 peer's results of stream %u lack \"%s\"", n + 1, needed[i]);
	s->retransmits = -1;
	s->omitted_errors = s->omitted_packets = -1;
	if (whole(j, "id", 0, INT32_MAX, &id) < 0 || whole(j, "bytes", 0, INT64_MAX, &bytes) < 0 ||
	    whole(j, "packets", 0, INT64_MAX, &packets) < 0 || whole(j, "errors", -1, INT64_MAX, &s->errors) < 0 ||
	    whole(j, "retransmits", -1, INT64_MAX, &s->retransmits) < 0 ||
	    whole(j, "omitted_errors", -1, INT64_MAX, &s->omitted_errors) < 0 ||
	    whole(j, "omitted_packets", -1, INT64_MAX, &s->omitted_packets) < 0 || real(j, "jitter", &s->jitter) < 0 ||
	    real(j, "start_time", &start) < 0 || real(j, "end_time", &end) < 0)
		return ipb_error(err, "the iperf3 peer's results of stream %u hold something that is no number, or one that no "
		                 "test can have", n + 1);
	s->id = (uint32_t)id;
	s->bytes = (uint64_t)bytes;
	s->packets = (uint64_t)packets;
	s->seconds = end > start && end - start < 1e7 ? end - start : 0;
	return 0;
}

static int read_results(const json_t *j, struct iperf3_results *r, struct ipb_error *err)
{
	const json_t *streams = jansson.get(j, "streams");
	int64_t known = 0;

	if (!json_is_array(streams))
		return ipb_error(err, "the iperf3 peer's results have no list of streams");
	if (jansson.count(streams) > IPERF3_ALL_STREAMS_MAX)
		return ipb_error(err, "the iperf3 peer's results have more than %d streams", IPERF3_ALL_STREAMS_MAX);
	if (real(j, "cpu_util_total", &r->cpu_total) < 0 || real(j, "cpu_util_user", &r->cpu_user) < 0 ||
	    real(j, "cpu_util_system", &r->cpu_system) < 0 || whole(j, "sender_has_retransmits", -1, INT32_MAX, &known) < 0)
		return ipb_error(err, "the iperf3 peer's results hold a processor's use, or sender_has_retransmits, that is no number");
	r->retransmits_known = known > 0;
	word(j, "congestion_used", r->congestion);
	for (; r->count < jansson.count(streams); r->count++)
		if (read_stream(jansson.item(streams, r->count), r->count, &r->streams[r->count], err) < 0)
			return -1;
	return 0;
}

int iperf3_results_decode(const char *text, size_t size, struct iperf3_results *r, struct ipb_error *err)
{
	memset(r, 0, sizeof *r);
	if (size > IPERF3_RESULTS_MAX)
		return ipb_error(err, "the iperf3 peer's results have more than %u bytes", IPERF3_RESULTS_MAX);
	json_t *j = load(text, size, "results", err);
	if (j == NULL)
		return -1;
	int status = read_results(j, r, err);
	jansson.destroy(j);
	return status;
}

#endif
