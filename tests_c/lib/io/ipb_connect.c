/* Connecting to a target, all of its addresses in turn; see ipb_sock.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "ipb_sock.h"

#define NS_PER_MS 1000000ull

static const char *kind(int type) { return type == SOCK_STREAM ? "TCP" : "UDP"; }

static int bind_local(int fd, int family, int type, const struct ipb_sock_options *o, struct ipb_error *err)
{
	struct ipb_address found[IPB_SOCK_ADDRESSES_MAX];

	if ((o->bind_host == NULL || *o->bind_host == '\0') && o->bind_port == 0)
		return 0;
	int n = ipb_sock_resolve(o->bind_host, o->bind_port, type, 1, found, IPB_SOCK_ADDRESSES_MAX, err);
	for (int i = 0; i < n; i++)
		if (found[i].storage.ss_family == family) {
			if (bind(fd, (struct sockaddr *)&found[i].storage, found[i].size) == 0)
				return 0;
			return ipb_error_errno(err, errno, "cannot bind to local address %s port %u",
			                       o->bind_host ? o->bind_host : "", o->bind_port);
		}
	return n < 0 ? -1 : ipb_error(err, "local address %s is of another family than the target", o->bind_host);
}

/* A TCP connection from a fixed port is to be had again at once: the port may be bound while an earlier connection of it
 * rests (TIME_WAIT), and this one does not rest: it ends with a reset. */
static int share_port(int fd, int type, const struct ipb_sock_options *o, struct ipb_error *err)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	const int yes = 1;

	if (type != SOCK_STREAM || o->bind_port == 0)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) < 0)
		return ipb_error_errno(err, errno, "cannot prepare local port %u", o->bind_port);
	return 0;
}

/* One target's addresses, and how far each has come. */
struct race {
	const struct ipb_address *to;
	const char *host;
	uint16_t port;
	int type, n, pending;
	int fds[IPB_SOCK_ADDRESSES_MAX];    /* -1: not begun, or failed */
	int errors[IPB_SOCK_ADDRESSES_MAX]; /* errno; 0: nothing happened yet */
	const struct ipb_sock_options *options;
	struct ipb_error *err;
	int refused;                        /* an option or a local address could not be set: err has the sentence */
};

static void failed(struct race *r, int i, int error)
{
	r->errors[i] = error;
	if (r->fds[i] >= 0)
		close(r->fds[i]);
	r->fds[i] = -1;
}

/* Begins one connection; non-zero when it stands at once. */
static int begin(struct race *r, int i)
{
	const int family = r->to[i].storage.ss_family;
	const int fd = r->fds[i] = socket(family, r->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		failed(r, i, errno);
		return 0;
	}
	if (r->options != NULL &&
	    (ipb_sock_apply(fd, family, r->options, r->err) < 0 || share_port(fd, r->type, r->options, r->err) < 0 ||
	     bind_local(fd, family, r->type, r->options, r->err) < 0)) {
		failed(r, i, EINVAL);
		r->refused = 1;
		return 0;
	}
	if (connect(fd, (const struct sockaddr *)&r->to[i].storage, r->to[i].size) == 0)
		return 1;
	if (errno == EINPROGRESS)
		r->pending++;
	else
		failed(r, i, errno);
	return 0;
}

/* Waits until something becomes of the connections that have begun; the index of one that stands, or -1. */
static int wait_for_one(struct race *r, uint64_t until_ns)
{
	struct pollfd polled[IPB_SOCK_ADDRESSES_MAX];
	const uint64_t now = ipb_now_ns();

	for (int i = 0; i < r->n; i++)
		polled[i] = (struct pollfd){ .fd = r->fds[i], .events = POLLOUT };
	if (poll(polled, (nfds_t)r->n, now < until_ns ? (int)((until_ns - now) / NS_PER_MS) + 1 : 0) <= 0)
		return -1;
	for (int i = 0; i < r->n; i++) {
		int error = 0;
		socklen_t size = sizeof error;
		if (polled[i].fd < 0 || polled[i].revents == 0)
			continue;
		if (getsockopt(polled[i].fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
			return i;
		failed(r, i, error != 0 ? error : errno);
		r->pending--;
	}
	return -1;
}

/* Reports for each address what became of it. Returns -1. */
static int lost(struct race *r)
{
	char text[512] = "", name[80], reason[96];
	size_t used = 0;

	if (r->refused)
		return -1;
	if (r->n == 1 && r->errors[0] == EADDRNOTAVAIL && r->options != NULL && r->options->bind_port != 0)
		return ipb_error(r->err, "cannot connect from local port %u to %s port %u: the two were connected a moment ago, and rest "
		                 "for up to a minute (TIME_WAIT); wait, or give another bind_port or none", r->options->bind_port,
		                 r->host, r->port);
	for (int i = 0; i < r->n && used < sizeof text; i++) {
		const int error = r->errors[i] != 0 ? r->errors[i] : ETIMEDOUT;
		ipb_sock_name((const struct sockaddr *)&r->to[i].storage, r->to[i].size, name, sizeof name);
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%s%s", used > 0 ? "; " : "", r->n > 1 ? name : "",
		                         r->n > 1 ? ": " : "", strerror_r(error, reason, sizeof reason));
	}
	return ipb_error(r->err, "cannot connect to %s port %u over %s: %s", r->host, r->port, kind(r->type), text);
}

int ipb_sock_connect_to(const struct ipb_address *to, int n, const char *host, uint16_t port, int type,
                        const struct ipb_sock_options *options, int *chosen, struct ipb_error *err)
{
	struct race r = { .to = to, .host = host, .port = port, .type = type, .n = n, .options = options, .err = err };
	const uint64_t deadline_ns = ipb_now_ns() + IPB_SOCK_CONNECT_MS * NS_PER_MS;
	uint64_t next_ns = 0;
	int winner = -1, begun = 0;

	for (int i = 0; i < IPB_SOCK_ADDRESSES_MAX; i++)
		r.fds[i] = -1;
	for (uint64_t now; winner < 0 && (now = ipb_now_ns()) < deadline_ns && (begun < n || r.pending > 0);) {
		if (begun < n && (now >= next_ns || r.pending == 0)) {
			next_ns = now + IPB_SOCK_STAGGER_MS * NS_PER_MS;
			winner = begin(&r, begun) ? begun : -1;
			begun++;
			continue;
		}
		const int pending = r.pending;
		winner = wait_for_one(&r, begun < n && next_ns < deadline_ns ? next_ns : deadline_ns);
		if (r.pending < pending)
			next_ns = 0; /* one has failed: the next one does not wait */
	}
	for (int i = 0; i < n; i++)
		if (i != winner && r.fds[i] >= 0)
			close(r.fds[i]);
	if (winner < 0)
		return lost(&r);
	if (chosen != NULL)
		*chosen = winner;
	return r.fds[winner];
}

int ipb_sock_connect(const char *host, uint16_t port, int type, const struct ipb_sock_options *options,
                     struct ipb_error *err)
{
	struct ipb_address found[IPB_SOCK_ADDRESSES_MAX];

	if (port == 0)
		return ipb_error(err, "no port was given for %s", host != NULL ? host : "the target");
	int n = ipb_sock_resolve(host, port, type, 0, found, IPB_SOCK_ADDRESSES_MAX, err);
	return n < 0 ? -1 : ipb_sock_connect_to(found, n, host, port, type, options, NULL, err);
}
