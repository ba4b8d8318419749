/* What the files of the tests latency and latency-check share.  SPDX-License-Identifier: MIT */
#ifndef LATENCY_H
#define LATENCY_H

#define IPBENCH_TEST_CLIENT
#include "plugin.h"

#include "ipb_args.h"
#include "ipb_engine.h"
#include "ipb_limits.h"
#include "ipb_error.h"
#include "ipb_team.h"

#ifndef LATENCY_CHECK
#define LATENCY_CHECK 0 /* 1: this is latency-check */
#endif

#define LATENCY_MAGIC 0x4950424c54313030ull /* "IPBLT100": first word of the extended form */
#define LATENCY_RESULT_MAX (256u << 20)     /* bytes of one result that are accepted */
#define LATENCY_JSON_MAX (16u << 20)

/* Beyond these nothing was measured: the number was damaged, or made up. */
#define LATENCY_PACKETS_MAX IPB_TRACK_STATES_MAX      /* of a measured phase */
#define LATENCY_REPLIES_MAX (1ull << 53)              /* duplicate or bad ones: what a result document can hold */
#define LATENCY_TIME_MAX_US (366ull * 86400 * 1000000) /* measured phase; a test may ask for a day */
#define LATENCY_PACKET_MAX (1u << 20)                 /* bytes */
#define LATENCY_RATE_MAX_BPS 1000000000000000ull      /* a thousand times what a test may ask for */

/* The options of both tests. */
#define LATENCY_OPTION_COUNT 61u
extern const struct ipbench_option latency_options[LATENCY_OPTION_COUNT];

/* A configuration from parsed arguments; host and port as SETUP gave them; original: the run is in the original's spelling,
 * and gets what its labs are used to. Strings belong to args. 0, or -1. */
int latency_configure(struct ipb_engine_config *c, const struct ipb_args *args, const char *host, int port, int original,
                      struct ipb_error *err);


/* A histogram that has come in: what is known of it, and its encoding, which takes a small part of the counters' memory:
 * a controller holds a thousand results at once. */
struct latency_hist {
	struct ipb_summary summary;
	uint8_t *bytes; /* ipb_hist_encode's, size of them; NULL: there is none */
	size_t size;
};

/* One client's result, as unmarshall gives it. */
struct latency_result {
	int client;                    /* its number in the run; -1: not known */
	int form;                      /* IPBENCH_FORM_ORIGINAL or IPBENCH_FORM_EXTENDED */
	uint64_t time_us, samples, size, sends, recvs, requested_bps, achieved_bps, sent_bps, bad;
	uint64_t *sample_ns;           /* samples of them; extended: may be fewer than recvs, or none */
	int has_hists, has_counts;
	struct ipb_counts counts;      /* extended only */
	struct latency_hist response, service, lateness; /* original: service times alone */
	const struct latency_hist *rtt; /* what the row prints: service times, or response times if asked for */
	char *json;                    /* extended only: members for the result document, checked */
	size_t json_size;
};

/* Gives a tester's packets a run identifier of their own: those of one run have the same, and their packets must not be taken
 * for one another's. host: NULL in an original daemon. */
void latency_identify(struct ipb_engine_config *c, const struct ipbench_host *host);

/* The original's bytes. *data is allocated. Returns 0, or -1 without memory. */
int latency_marshal_original(const struct ipb_engine_result *r, uint64_t wanted, char **data, int *size);
/* Ours. */
int latency_marshal_extended(const struct ipb_engine_result *r, const struct ipb_engine *e, int keep_samples,
                             int rtt_is_response, char **data, int *size);
/* The form that the controller reads, of what an engine with this configuration measured. 0; not 0, and a sentence, when nothing
 * was measured or there is no memory. */
int latency_marshal(const struct ipb_engine *e, const struct ipb_engine_config *c, int extended, char **data, int *size,
                    struct ipb_error *err);
/* Either; NULL and a sentence when the bytes are not one whole result. */
struct latency_result *latency_unmarshal(const char *input, size_t size, struct ipb_error *err);
void latency_result_free(struct latency_result *r);
/* The same as the interface's unmarshall, unmarshall_cleanup and results: *data is a latency_result. -1 and a sentence. */
int latency_read(const char *input, int len, const struct ipbench_host *host, char **data, int *data_len, struct ipb_error *err);
void latency_read_cleanup(char **data);
int latency_results(const struct client_data *data, char **json, struct ipb_error *err);
/* Reads it into h (initialised; emptied first). 0, or -1 when the bytes are not a histogram. */
int latency_hist_open(const struct latency_hist *from, struct ipb_hist *h);

/* The row, and the files of dump_dir. */
struct latency_output {
	int with_cpu_target;
	const char *dump_dir, *dump_prefix; /* dump_dir "": no files */
};
/* 0, or -1 and a sentence when files cannot be written there. */
int latency_check_dump_dir(const char *dir, struct ipb_error *err);
/* A file that cannot be written is reported on standard error; nothing else depends on it. */
int latency_print(const struct client_data data[], int n, const struct latency_output *how, struct ipb_error *err);
/* The members of the result document; NULL without memory. */
char *latency_json(const struct latency_result *r);

#endif
