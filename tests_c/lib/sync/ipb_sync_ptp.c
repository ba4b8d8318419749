/* PTP management messages (IEEE 1588-2008, clause 15) to ptp4l on this machine.  SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_clock.h"
#include "ipb_sync_private.h"

/* The first one may be read by everybody, and is there since linuxptp 4. */
static const char *const sockets[] = { "/run/ptp4lro", "/run/ptp4l" };
/* ptp4l answers those who name its domain: the default's, those of the profiles of telecommunications, and what people
 * choose. No more than a Unix socket's queue takes at once (10, net.unix.max_dgram_qlen). */
static const uint8_t domains[] = { 0, 24, 44, 4, 1, 2, 3, 127 };

/* What is asked for, in the order of the bits of `have`; those above 0xc000 are linuxptp's own. */
enum { CURRENT, PARENT, TIME_STATUS, PORT_PROPERTIES };
static const uint16_t sets[IPB_SYNC_PTP_SETS] = { 0x2001, 0x2002, 0xc000, 0xc004 };
/* The least of each that is read. */
static const uint8_t least[IPB_SYNC_PTP_SETS] = { 18, 21, 16, 12 };

#define MANAGEMENT 0x0d
#define VERSION 2
#define RESPONSE 2
#define TLV_MANAGEMENT 1
/* States of a port: the servo has not settled yet, or may not touch the clock (free_running); it has. */
#define UNCALIBRATED 8
#define SLAVE 9
#define SOFTWARE 0          /* a port's stamps */
#define ACCURACY_LEAST 0x17 /* 1 ps; each next is 2.5 or 4 times as much */
#define ACCURACY_1_S 0x2f
#define ACCURACY_10_S 0x30
/* How fast a clock goes away that is not corrected: RFC 5905's tolerance, in ppm. */
#define TOLERANCE_PPM 15
#define AGE_MAX_NS 60000000000ll /* of the latest Sync; and by how much the clock may have been set back since */

/* Places in a message. */
enum { LENGTH = 2, DOMAIN = 4, TARGET = 34, ACTION = 46, TLV = 48, TLV_LENGTH = 50, ID = 52, DATA = 54 };

void ipb_sync_ptp_request(uint8_t request[IPB_SYNC_PTP_REQUEST], unsigned which, uint8_t domain, uint16_t sequence)
{
	memset(request, 0, IPB_SYNC_PTP_REQUEST);
	request[0] = MANAGEMENT;
	request[1] = VERSION;
	ipb_put_be(request + LENGTH, IPB_SYNC_PTP_REQUEST, 2);
	request[DOMAIN] = domain;
	ipb_put_be(request + 28, 1, 2); /* our port */
	ipb_put_be(request + 30, sequence, 2);
	request[32] = 4;    /* controlField of management */
	request[33] = 0x7f; /* logMessageInterval: none */
	memset(request + TARGET, 0xff, 10); /* whoever reads it; no hops */
	ipb_put_be(request + TLV, TLV_MANAGEMENT, 2);
	ipb_put_be(request + TLV_LENGTH, 2, 2);
	ipb_put_be(request + ID, sets[which], 2);
}

/* IEEE 1588-2019, table 5, in ns rounded up; 0: not known. */
static uint64_t accuracy_ns(uint8_t code)
{
	uint64_t ps = code % 2 == ACCURACY_LEAST % 2 ? 10 : 25; /* tenths */

	if (code == ACCURACY_10_S)
		return 10 * IPB_NS_PER_S;
	if (code < ACCURACY_LEAST || code > ACCURACY_1_S)
		return 0;
	for (unsigned i = ACCURACY_LEAST; i + 1 < code; i += 2)
		ps *= 10;
	return (ps + 9999) / 10000;
}

void ipb_sync_ptp_parse(const uint8_t *message, size_t size, struct ipb_sync_ptp *p)
{
	unsigned which = 0;

	if (size < DATA || (message[0] & 0x0f) != MANAGEMENT || (message[1] & 0x0f) != VERSION ||
	    (message[ACTION] & 0x0f) != RESPONSE || ipb_get_be(message + TLV, 2) != TLV_MANAGEMENT)
		return;
	while (which < IPB_SYNC_PTP_SETS && ipb_get_be(message + ID, 2) != sets[which])
		which++;
	if (which == IPB_SYNC_PTP_SETS || size < (size_t)DATA + least[which])
		return;
	const uint8_t *data = message + DATA;
	switch (which) {
	case CURRENT: /* stepsRemoved, offsetFromMaster, meanPathDelay: ns with 16 bits of fraction */
		p->offset_ns = (int64_t)ipb_get_be(data + 2, 8) / 65536;
		p->path_ns = (int64_t)ipb_get_be(data + 10, 8) / 65536;
		break;
	case PARENT:
		p->accuracy_ns = accuracy_ns(data[20]);
		break;
	case TIME_STATUS: /* master_offset, ingress_time: when the latest Sync came */
		p->ingress_ns = (int64_t)ipb_get_be(data + 8, 8);
		break;
	default: /* one answer for each port */
		p->follows |= (data[10] == UNCALIBRATED || data[10] == SLAVE) && data[11] == SOFTWARE;
	}
	p->have |= 1u << which;
}

int ipb_sync_ptp_bound(const struct ipb_sync_ptp *p, int64_t now_ns, struct ipb_sync *s)
{
	if (p->have != IPB_SYNC_PTP_ALL || !p->follows || p->ingress_ns <= 0 || p->path_ns <= 0)
		return 0;
	const int64_t age_ns = now_ns - p->ingress_ns;
	if (age_ns < -AGE_MAX_NS || age_ns > AGE_MAX_NS)
		return 0;
	/* The offset that is left; the path, since the mean of both ways may be wrong by all of it; what the clock
	 * can have gone away since; and the grandmaster's own distance, where it is reported. */
	s->by = IPB_SYNC_PTP4L;
	s->synchronized = 1;
	s->error_ns = (uint64_t)(p->offset_ns < 0 ? -p->offset_ns : p->offset_ns) + (uint64_t)p->path_ns +
	              (uint64_t)(age_ns > 0 ? age_ns : 0) * TOLERANCE_PPM / 1000000 + p->accuracy_ns + 1;
	return 1;
}

/* What cannot be sent is not answered. */
static void send_request(int fd, unsigned which, uint8_t domain)
{
	uint8_t request[IPB_SYNC_PTP_REQUEST];

	ipb_sync_ptp_request(request, which, domain, (uint16_t)which);
	if (send(fd, request, sizeof request, 0) < 0)
		return;
}

static int ask(const char *path, uint64_t deadline_ns, struct ipb_sync *s)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	uint8_t reply[IPB_SYNC_MESSAGE_MAX];
	struct ipb_sync_ptp p = { 0 };
	int n = 0;

	strcpy(to.sun_path, path);
	const int fd = ipb_sync_connect((const struct sockaddr *)&to, sizeof to, NULL);
	if (fd < 0)
		return 0;
	for (unsigned i = 0; i < sizeof domains; i++)
		send_request(fd, CURRENT, domains[i]);
	while (p.have != IPB_SYNC_PTP_ALL && (n = ipb_sync_receive(fd, reply, deadline_ns)) > 0) {
		const unsigned before = p.have;
		ipb_sync_ptp_parse(reply, (size_t)n, &p);
		for (unsigned which = PARENT; before == 0 && p.have != 0 && which < IPB_SYNC_PTP_SETS; which++)
			send_request(fd, which, reply[DOMAIN]);
	}
	close(fd);
	if (n < 0)
		return -1;
	return ipb_sync_ptp_bound(&p, (int64_t)ipb_clock_gettime_ns(CLOCK_REALTIME), s);
}

int ipb_sync_ask_ptp4l(struct ipb_sync *s, uint64_t deadline_ns)
{
	int found = 0;

	for (unsigned i = 0; i < sizeof sockets / sizeof *sockets && found == 0; i++)
		found = ask(sockets[i], deadline_ns, s);
	return found;
}
