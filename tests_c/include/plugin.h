/*
 * The interface between ipbench and a test ("plugin").  SPDX-License-Identifier: MIT
 *
 * A plugin is a shared object that exports the data symbol `ipbench_plugin` and, optionally, `ipbench_plugin_ext`.
 * The first structure is as old as ipbench: its offsets never change, and plugins compiled for any ipbench 1.x or 2.x
 * have it. The second has what the first cannot express: options, units, progress, results as data.
 *
 * Threads: ipbench opens a plugin in a process of its own. Every function is called on one "host" thread, one call at
 * a time, except `start`, which runs on a second thread while the host thread may call `stop`. What these two share has
 * to be atomic: `stop` stores with release, `start` loads with acquire.
 *
 * Define IPBENCH_TEST_CLIENT or IPBENCH_TEST_TARGET before including this file: it selects the prototypes of `setup`
 * and `output` in `struct ipbench_plugin`. Define neither (a host, a test) to get both variants by name.
 */
#ifndef IPBENCH_PLUGIN_H
#define IPBENCH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#define IPBENCH_PLUGIN_MAGIC "IPBENCH_PLUGIN"
#define IPBENCH_CLIENT 0 /* `type` of a plugin that a tester daemon runs */
#define IPBENCH_TARGET 1 /* `type` of a plugin that a target daemon runs */

/* One client's result as `output` sees it. The host owns the array; `data` is what `unmarshall` gave. */
struct client_data {
	char *data; /* owner: the plugin that unmarshalled it; NULL when that client sent nothing */
	int size;   /* bytes at data, >= 0 */
	int valid;  /* non-zero: the tester reported VALID DATA (220); 0: INVALID DATA (221) */
	int type;   /* IPBENCH_CLIENT or IPBENCH_TARGET */
};

/* Called by a tester daemon's child. host: name or address of the machine under test; port: 0..65535; arg: the
 * test's arguments without the quotes, "" when there are none, never NULL. 0 on success, anything else is failure. */
typedef int (*ipbench_client_setup_fn)(char *host, int port, char *arg);
/* The same on a target daemon's child. */
typedef int (*ipbench_target_setup_fn)(char *arg);
/* Prints the result of n clients (or of one target) on stdout, on the controller. 0 on success. */
typedef int (*ipbench_client_output_fn)(struct client_data data[], int n);
typedef int (*ipbench_target_output_fn)(struct client_data *data);

#if defined(IPBENCH_TEST_CLIENT)
typedef ipbench_client_setup_fn ipbench_setup_fn;
typedef ipbench_client_output_fn ipbench_output_fn;
#elif defined(IPBENCH_TEST_TARGET)
typedef ipbench_target_setup_fn ipbench_setup_fn;
typedef ipbench_target_output_fn ipbench_output_fn;
#else
typedef void (*ipbench_setup_fn)(void);
typedef void (*ipbench_output_fn)(void);
#endif

struct ipbench_plugin {
	char *magic;      /* IPBENCH_PLUGIN_MAGIC; static storage */
	char *name;       /* what LOAD and --test name: letters, digits, '_' and '-'; static storage */
	int id;           /* a number of your choice; nothing reads it */
	char *descr;      /* one line; static storage */
	int default_port; /* port on the machine under test when the run names none; 0 when there is none */
	int type;         /* IPBENCH_CLIENT or IPBENCH_TARGET */
	ipbench_setup_fn setup;
	/* On the controller, once, before anything else. arg may be NULL. 0 on success. */
	int (*setup_controller)(char *arg);
	/* Second thread. Stamps *start and runs the test: a client returns when its test has ended, a target when `stop`
	 * was called. Non-zero is failure. */
	int (*start)(struct timeval *start);
	/* Host thread. Stamps *stop. On a target (and, after ABORT, on a client) `start` is still running, and has to
	 * return soon after. 0 on success. */
	int (*stop)(struct timeval *stop);
	/* Host thread, after `start` has returned. Gives a block and its size; non-zero means that the data is not valid
	 * (sent as 221), not that the call failed. running_time: seconds between the two stamps. */
	int (*marshall)(char **data, int *size, double running_time);
	void (*marshall_cleanup)(char **data);
	/* On the controller, once for each client. input: len bytes from the network, to be distrusted; owner: the host,
	 * valid for the call. Gives a block that lives until unmarshall_cleanup. 0 on success. */
	int (*unmarshall)(char *input, int len, char **data, int *data_len);
	void (*unmarshall_cleanup)(char **data);
	ipbench_output_fn output;
};

/* ---- the extension: a second, optional symbol `ipbench_plugin_ext` ------------------------------------------- */

#define IPBENCH_EXT_MAJOR 1u /* a host refuses another major number, naming both and the file */
#define IPBENCH_EXT_MINOR 4u /* fields are only ever appended; `size` is how far a structure reaches */

/* One argument of a test, for `ipbench plugins NAME`, for checks and for reports. All strings: static storage. */
struct ipbench_option {
	const char *name;
	const char *type;     /* "int", "float", "size", "rate", "time", "bool", "string", "enum" */
	const char *unit;     /* "bit/s", "byte", "s", "" … */
	const char *dflt;     /* as it would be typed; "" when there is none */
	const char *range;    /* "1..65507", "tcp|udp|raw"; "" when anything goes */
	const char *help;     /* one sentence */
	uint32_t controller;  /* non-zero: an argument of setup_controller, not of setup */
	uint32_t reserved;
};

/* How one metric of several testers (or targets) becomes the run's. */
enum ipbench_total {
	IPBENCH_TOTAL_NONE = 0, /* it does not: each is shown by itself */
	IPBENCH_TOTAL_SUM = 1,
	IPBENCH_TOTAL_MEAN = 2, /* by `weight` of the figures in `results`, where each has one; else each counts the same */
	IPBENCH_TOTAL_MAX = 3,
	IPBENCH_TOTAL_MIN = 4
};

/* Which direction of a metric is an improvement. */
enum ipbench_better { IPBENCH_BETTER_UNKNOWN = 0, IPBENCH_BETTER_MORE = 1, IPBENCH_BETTER_LESS = 2 };

/* One figure that `results` gives under "metrics", for reports and comparisons. All strings: static storage. */
struct ipbench_metric {
	const char *name;  /* as in `results`; "*" at its end stands for any ending: "cpu*" */
	const char *unit;  /* "bit/s", "byte", "s", "%", "" … */
	const char *help;  /* one sentence */
	uint32_t total;    /* enum ipbench_total */
	uint32_t better;   /* enum ipbench_better */
};

/* Phases of a test, in `struct ipbench_progress`. */
enum ipbench_phase {
	IPBENCH_PHASE_IDLE = 0,
	IPBENCH_PHASE_READY = 1,    /* set up, waiting to start */
	IPBENCH_PHASE_WARMUP = 2,
	IPBENCH_PHASE_MEASURE = 3,
	IPBENCH_PHASE_COOLDOWN = 4,
	IPBENCH_PHASE_DRAIN = 5,    /* sends nothing more, waits for what is out */
	IPBENCH_PHASE_DONE = 6
};

/* Bits of `unknown` in `struct ipbench_progress`: fields of which a test cannot tell the value, so that their 0 is none. */
#define IPBENCH_UNKNOWN_SENT (1u << 0)
#define IPBENCH_UNKNOWN_OK (1u << 1)
#define IPBENCH_UNKNOWN_LOST (1u << 2)
#define IPBENCH_UNKNOWN_BAD (1u << 3)
#define IPBENCH_UNKNOWN_RATE (1u << 4)      /* rate_bps */
#define IPBENCH_UNKNOWN_SENT_RATE (1u << 5) /* sent_bps */
#define IPBENCH_UNKNOWN_COUNTS (IPBENCH_UNKNOWN_SENT | IPBENCH_UNKNOWN_OK | IPBENCH_UNKNOWN_LOST | IPBENCH_UNKNOWN_BAD)

/* What a running test reports of itself. Shared memory: the plugin's `start` thread writes, other processes read, nobody
 * locks. Each field is written whole, by IPBENCH_PROGRESS_SET; a reader may see fields of two neighbouring updates.
 * Written a few times a second, never a packet. 128 bytes, little endian. */
struct ipbench_progress {
	uint32_t version;       /* 0   IPBENCH_EXT_MAJOR */
	uint32_t phase;         /* 4   enum ipbench_phase */
	uint64_t updates;       /* 8   grows with each update */
	uint64_t elapsed_ns;    /* 16  since `start` */
	uint64_t expected_ns;   /* 24  whole length as far as known, else 0 */
	uint64_t sent;          /* 32  packets or operations sent in the measured phase so far */
	uint64_t ok;            /* 40  answered well */
	uint64_t lost;          /* 48  given up; of those still awaited, what is overdue */
	uint64_t bad;           /* 56  late and corrupt */
	uint64_t rate_bps;      /* 64  currently received */
	uint64_t sent_bps;      /* 72  currently sent */
	uint64_t p50_ns;        /* 80  response time so far; 0 when unknown */
	uint64_t p99_ns;        /* 88 */
	uint64_t p999_ns;       /* 96 */
	uint64_t max_ns;        /* 104 */
	uint64_t dark_ns;       /* 112 since 1.3: for how long nothing has come back, where that is unusual; else 0 */
	uint64_t unknown;       /* 120 since 1.4: IPBENCH_UNKNOWN_*; 0: all is known */
};

/* Writes one field in one piece, at least as late as everything before it in the program. */
#if defined(__GNUC__)
#define IPBENCH_PROGRESS_SET(progress, field, value) __atomic_store_n(&(progress)->field, (value), __ATOMIC_RELEASE)
#else
#define IPBENCH_PROGRESS_SET(progress, field, value) ((void)((progress)->field = (value)))
#endif

#define IPBENCH_FORM_ORIGINAL 0u /* marshall as ipbench 2 did: its controller has to read it */
#define IPBENCH_FORM_EXTENDED 1u /* marshall in the plugin's own richer form: both ends are of our line */

/* What the host offers, given once by `attach`. Owner: the host; valid until the process ends. */
struct ipbench_host {
	uint32_t major, minor, size;
	uint32_t debug;       /* non-zero: the operator wants debug lines (stderr) */
	uint32_t form;        /* IPBENCH_FORM_*; final when `setup` is called */
	uint32_t reserved;
	uint64_t run_id;      /* the same for all testers of a run, final when `setup` is called; 0 unknown */
	uint32_t flow_base;   /* number of this tester in the run, from 0, final when `setup` is called; on the controller:
	                         number of the client whose result `unmarshall` is given */
	uint32_t error_size;  /* bytes at error, 1024 */
	char *error;          /* why the last call failed, NUL-terminated: one sentence, or several mistakes, a line each, which
	                         begin `argument NAME` where they are about one: then its place is shown */
	struct ipbench_progress *progress; /* shared memory to report to; never NULL */
	/* Since 1.1: non-zero when the run is in the original's spelling, or of an original controller: an argument that a
	 * test does not know, or a value that it cannot read, is warned of on stderr and passed over, not refused. Final
	 * when `setup` or `setup_controller` is called. */
	uint32_t original_spelling;
	uint32_t reserved2;
};

struct ipbench_plugin_ext {
	uint32_t major, minor, size; /* IPBENCH_EXT_MAJOR, IPBENCH_EXT_MINOR, sizeof(struct ipbench_plugin_ext) */
	uint32_t option_size;        /* sizeof(struct ipbench_option) */
	const char *version;         /* of this plugin, "1.0.0" */
	const struct ipbench_option *options; /* option_count of them */
	uint32_t option_count;
	uint32_t reserved;
	const char *csv_header;      /* names of the columns that `output` prints, comma between them; may be NULL */
	/* Host thread, before any other function, in every process that opens the plugin. 0 on success. May be NULL. */
	int (*attach)(const struct ipbench_host *host);
	/* On the controller. How long `start` will take with these arguments, from START to its return at the latest,
	 * drain included. 0 on success and then *ns > 0, or *ns == 0 for "until stopped"; non-zero: arguments are wrong
	 * (host->error has the reason) or nothing is known. May be NULL. */
	int (*expected_duration)(const char *args, uint64_t *ns);
	/* On the controller, after unmarshall. Gives one JSON object, UTF-8 and NUL-terminated, with any of the keys of a
	 * client or target in the result document: counts, rates, pacing, latency, histograms (HdrHistogram V2, not
	 * compressed, base64), metrics, reasons, series, engine, environment… What is not known is left out.
	 * 0 on success. May be NULL. */
	int (*results)(const struct client_data *data, char **json);
	void (*results_cleanup)(char **json);
	const struct ipbench_metric *metrics; /* metric_count of them; of two that fit a name the first counts */
	uint32_t metric_count;
	uint32_t metric_size;                 /* sizeof(struct ipbench_metric) */
	/* Since 1.2: non-zero when setup cannot do without a machine under test; a run that names none then ends before
	 * anybody is contacted. */
	uint32_t needs_target;
	uint32_t reserved2;
};

/* The fields of the extension for an array of metrics: `IPBENCH_METRICS(metrics),`. */
#define IPBENCH_METRICS(table)                                                                      \
	.metrics = (table), .metric_count = (uint32_t)(sizeof(table) / sizeof((table)[0])),            \
	.metric_size = sizeof(struct ipbench_metric)

#if defined(__GNUC__)
#define IPBENCH_EXPORT __attribute__((visibility("default")))
#else
#define IPBENCH_EXPORT
#endif

#if defined(__LP64__)
_Static_assert(sizeof(struct client_data) == 24, "client_data is part of the interface");
_Static_assert(sizeof(struct ipbench_plugin) == 112, "ipbench_plugin is part of the interface");
_Static_assert(offsetof(struct ipbench_plugin, setup) == 40, "ipbench_plugin is part of the interface");
_Static_assert(offsetof(struct ipbench_plugin, output) == 104, "ipbench_plugin is part of the interface");
_Static_assert(sizeof(struct ipbench_progress) == 128, "ipbench_progress is part of the interface");
#endif

#endif
