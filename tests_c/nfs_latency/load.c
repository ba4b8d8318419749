/* Reads over NFS at a fixed rate; see load.h.  SPDX-License-Identifier: MIT */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>

#include <nfsc/libnfs.h>

#include "ipb_clock.h"

#define REPORT_NS 200000000ull
#define URL_MAX 1024

struct read_call {
	struct state *state;
	uint64_t due_ns, sent_ns;
	struct read_call *next; /* in the list of free ones */
};

struct state {
	struct load *load;
	struct nfs_context *nfs;
	struct nfsfh *file;
	struct read_call *calls, *free;
	uint64_t outstanding;
	uint64_t reads; /* of all phases: where in the file the next one goes */
	int over;       /* replies are no longer counted */
};

static int fail(struct load *l, struct state *s, struct ipb_error *err, const char *what)
{
	const char *why = s->nfs != NULL ? nfs_get_error(s->nfs) : NULL;

	return ipb_error(err, "cannot %s nfs://%s%s (NFS v%d): %.300s", what, l->host, l->path, l->version,
	                 why != NULL && *why != '\0' ? why : "no reason given");
}

static int plain(const char *text)
{
	return strpbrk(text, "?&#% ") == NULL;
}

static int mount_export(struct load *l, struct state *s, struct ipb_error *err)
{
	char url[URL_MAX];
	int used;

	if (!plain(l->path) || !plain(l->host))
		return ipb_error(err, "argument path: \"%.100s\" has a character that an NFS address cannot have", l->path);
	used = snprintf(url, sizeof url, "nfs://%s%s%s?version=%d&autoreconnect=0", l->host, l->path[0] == '/' ? "" : "/",
	                l->path, l->version);
	if (l->nfs_port != 0 && used > 0 && (size_t)used < sizeof url)
		used += snprintf(url + used, sizeof url - (size_t)used, "&nfsport=%u", l->nfs_port);
	if (l->mount_port != 0 && used > 0 && (size_t)used < sizeof url)
		used += snprintf(url + used, sizeof url - (size_t)used, "&mountport=%u", l->mount_port);
	if (used < 0 || (size_t)used >= sizeof url)
		return ipb_error(err, "argument path is too long");
	struct nfs_url *parsed = nfs_parse_url_dir(s->nfs, url);
	if (parsed == NULL)
		return fail(l, s, err, "understand");
	/* The library's int is a number of 32 bits on the wire: those above INT_MAX come out as they went in. */
	if (l->has_uid)
		nfs_set_uid(s->nfs, (int)l->uid);
	if (l->has_gid)
		nfs_set_gid(s->nfs, (int)l->gid);
	nfs_set_timeout(s->nfs, LOAD_CALL_MS);
	int status = nfs_mount(s->nfs, parsed->server, parsed->path);
	nfs_destroy_url(parsed);
	return status < 0 ? fail(l, s, err, "mount") : 0;
}

static int open_file(struct load *l, struct state *s, struct ipb_error *err)
{
	struct nfs_stat_64 about;
	char what[300];

	snprintf(what, sizeof what, "open %.200s on", l->filename);
	if (nfs_open(s->nfs, l->filename, O_RDONLY, &s->file) < 0)
		return fail(l, s, err, what);
	if (nfs_fstat64(s->nfs, s->file, &about) < 0)
		return fail(l, s, err, "read the file's size on");
	l->file_size = about.nfs_size;
	if (l->file_size < l->size)
		return ipb_error(err, "the file %.200s has %" PRIu64 " bytes; size=%u needs at least as many", l->filename,
		                 l->file_size, l->size);
	if (nfs_get_readmax(s->nfs) > 0 && l->size > nfs_get_readmax(s->nfs)) /* 0: libnfs does not know, with v4 */
		return ipb_error(err, "argument size: %u is out of range; this server reads at most %" PRIu64 " bytes at once",
		                 l->size, (uint64_t)nfs_get_readmax(s->nfs));
	return 0;
}

static int make_calls(struct load *l, struct state *s, struct ipb_error *err)
{
	uint64_t count = (uint64_t)l->rate;

	if (count < LOAD_OUTSTANDING_MIN)
		count = LOAD_OUTSTANDING_MIN;
	if (count > LOAD_OUTSTANDING_MAX)
		count = LOAD_OUTSTANDING_MAX;
	s->calls = calloc(count, sizeof *s->calls);
	if (s->calls == NULL || tally_init(&l->tally) < 0 || (l->keep_times && tally_keep(&l->tally, l->samples) < 0))
		return ipb_error(err, "no memory for %" PRIu64 " reads", count);
	for (uint64_t i = 0; i < count; i++) {
		s->calls[i].state = s;
		s->calls[i].next = s->free;
		s->free = &s->calls[i];
	}
	return 0;
}

int load_open(struct load *l, struct ipb_error *err)
{
	struct state *s = calloc(1, sizeof *s);

	if (s == NULL)
		return ipb_error(err, "no memory");
	l->state = s;
	s->load = l;
	s->nfs = nfs_init_context();
	if (s->nfs == NULL)
		return ipb_error(err, "libnfs has no memory");
	if (mount_export(l, s, err) < 0 || open_file(l, s, err) < 0)
		return -1;
	return make_calls(l, s, err);
}

void load_close(struct load *l)
{
	struct state *s = l->state;

	if (s == NULL)
		return;
	s->over = 1;
	if (s->nfs != NULL)
		nfs_destroy_context(s->nfs); /* calls back for what is still under way */
	free(s->calls);
	free(s);
	l->state = NULL;
	tally_free(&l->tally);
}

static void replied(int status, struct nfs_context *nfs, void *data, void *private_data)
{
	struct read_call *c = private_data;
	struct state *s = c->state;
	struct load *l = s->load;
	uint64_t now = ipb_now_ns();

	(void)nfs;
	if (s->over)
		return;
	tally_replied(&l->tally, c->due_ns, c->sent_ns, now, status == (int)l->size);
	if (l->tally.bad > 0 && l->first_error[0] == '\0')
		snprintf(l->first_error, sizeof l->first_error, "%.190s",
		         status < 0 && data != NULL ? (const char *)data : "a read gave fewer bytes than asked for");
	c->next = s->free;
	s->free = c;
	s->outstanding--;
}

/* Sends one read. One that cannot be sent because too many are under way is counted, and not sent. */
static int send_read(struct load *l, struct state *s, uint64_t due_ns)
{
	uint64_t places = l->file_size / l->size, offset = s->reads++ % places * l->size;
	struct read_call *c = s->free;

	if (c == NULL) {
		l->tally.skipped += (uint64_t)tally_measured(&l->tally, due_ns);
		return 0;
	}
	s->free = c->next;
	c->due_ns = due_ns;
	c->sent_ns = ipb_now_ns();
	if (nfs_pread_async(s->nfs, s->file, offset, l->size, replied, c) < 0) {
		c->next = s->free;
		s->free = c;
		return -1;
	}
	s->outstanding++;
	tally_sent(&l->tally, due_ns, c->sent_ns);
	return 0;
}

/* Sends what is queued and receives what has come, waiting at most wait_ns for the latter. */
static int serve(struct state *s, uint64_t wait_ns)
{
	struct pollfd p = { .fd = nfs_get_fd(s->nfs), .events = (short)nfs_which_events(s->nfs) };
	struct timespec wait = { .tv_sec = (time_t)(wait_ns / IPB_NS_PER_S), .tv_nsec = (long)(wait_ns % IPB_NS_PER_S) };

	if (ppoll(&p, 1, &wait, NULL) < 0)
		return errno == EINTR ? 0 : -1;
	return p.revents != 0 ? nfs_service(s->nfs, p.revents) : 0;
}

static int phase_of(const struct load *l, uint64_t due)
{
	if (due < l->tally.window_start_ns)
		return IPBENCH_PHASE_WARMUP;
	return due < l->tally.window_end_ns ? IPBENCH_PHASE_MEASURE : IPBENCH_PHASE_COOLDOWN;
}

static int drain(struct load *l, struct state *s)
{
	uint64_t end_ns = ipb_now_ns() + l->drain_ns;

	while (s->outstanding > 0 && !ipb_stop_asked(&l->stopping)) {
		uint64_t now = ipb_now_ns();
		if (now >= end_ns)
			return 0;
		if (serve(s, end_ns - now < REPORT_NS ? end_ns - now : REPORT_NS) < 0)
			return -1;
	}
	return 0;
}

/* Reads that are so late that nobody would have sent them are given up: no rush of them after a pause. */
static uint64_t give_up(struct load *l, uint64_t start_ns, uint64_t number, uint64_t now_ns, uint64_t end_ns)
{
	double interval_ns = 1e9 / l->rate;
	uint64_t due_ns;

	while (due_ns = start_ns + (uint64_t)((double)number * interval_ns),
	       due_ns < end_ns && now_ns > due_ns + LOAD_BEHIND_NS) {
		l->tally.given_up += (uint64_t)tally_measured(&l->tally, due_ns);
		number++;
	}
	return number;
}

int load_run(struct load *l, void (*report)(const struct load *l, int phase, uint64_t elapsed_ns), struct ipb_error *err)
{
	struct state *s = l->state;
	double interval_ns = 1e9 / l->rate;
	uint64_t start = ipb_now_ns(), number = 0, due = start, reported = 0;

	prctl(PR_SET_TIMERSLACK, 1);
	l->tally.window_start_ns = start + l->warmup_ns;
	l->tally.window_end_ns = l->tally.window_start_ns + (uint64_t)((double)l->samples * interval_ns + 0.5);
	uint64_t end_ns = l->tally.window_end_ns + l->cooldown_ns;
	while (due < end_ns && !ipb_stop_asked(&l->stopping)) {
		uint64_t now = ipb_now_ns();
		for (int burst = 0; burst < 64 && due <= now && due < end_ns; burst++) {
			if (send_read(l, s, due) < 0)
				return fail(l, s, err, "read from");
			due = start + (uint64_t)((double)++number * interval_ns);
		}
		now = ipb_now_ns();
		if (serve(s, due > now + LOAD_SPIN_NS ? due - now - LOAD_SPIN_NS : 0) < 0)
			return fail(l, s, err, "go on with");
		now = ipb_now_ns();
		number = give_up(l, start, number, now, end_ns);
		due = start + (uint64_t)((double)number * interval_ns);
		if (now - reported > REPORT_NS) {
			report(l, phase_of(l, now), now - start);
			reported = now;
		}
	}
	if (drain(l, s) < 0)
		return fail(l, s, err, "go on with");
	s->over = 1;
	return 0;
}
