/* Answers and sessions of a STAMP reflector; see ipb_stamp_reflect.h.  SPDX-License-Identifier: MIT */
#include "ipb_stamp_reflect.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "ipb_bytes.h"

static const uint8_t v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

void ipb_stamp_end_of(struct ipb_stamp_end *e, const struct sockaddr_storage *a)
{
	memset(e, 0, sizeof *e);
	if (a->ss_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)a;
		memcpy(e->address, v4_prefix, sizeof v4_prefix);
		memcpy(e->address + 12, &four->sin_addr, 4);
		e->port = ntohs(four->sin_port);
	} else if (a->ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
		memcpy(e->address, &six->sin6_addr, 16);
		e->port = ntohs(six->sin6_port);
		e->v6 = memcmp(e->address, v4_prefix, sizeof v4_prefix) != 0;
	}
}

int ipb_stamp_reflector_open(struct ipb_stamp_reflector *r)
{
	if (getrandom(&r->secret, sizeof r->secret, 0) != (ssize_t)sizeof r->secret)
		return -1;
	r->sessions = calloc(IPB_STAMP_SESSIONS_MAX, sizeof *r->sessions);
	return r->sessions != NULL ? 0 : -1;
}

void ipb_stamp_reflector_close(struct ipb_stamp_reflector *r)
{
	free(r->sessions);
	r->sessions = NULL;
}

static int same_end(const struct ipb_stamp_end *a, const struct ipb_stamp_end *b)
{
	return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

static uint64_t mixed(uint64_t hash, uint64_t word)
{
	const unsigned __int128 product = (unsigned __int128)(hash ^ word) * 0x9e3779b97f4a7c15ull;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Depends on a secret: whoever could foresee where a session has its places could fill those with a few packets. */
static uint32_t place_of(const struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a, uint16_t ssid)
{
	uint64_t hash = r->secret, words[4];

	memcpy(words, a->from.address, 16);
	memcpy(words + 2, a->to.address, 16);
	for (int i = 0; i < 4; i++)
		hash = mixed(hash, words[i]) + r->secret;
	hash = mixed(hash, (uint64_t)ssid << 32 | (uint64_t)a->from.port << 16 | a->to.port) + r->secret;
	return (uint32_t)(mixed(hash, r->secret >> 32) >> 40) % IPB_STAMP_SESSIONS_MAX;
}

/* Whose it is: an IPv4 address, or the 64 bits of IPv6 of which one host may have all addresses. */
static uint64_t host_of(const struct ipb_stamp_end *e)
{
	uint64_t host;

	memcpy(&host, e->address + (e->v6 ? 0 : 8), sizeof host);
	return host;
}

/* Which of the places that all are in use is to make room. */
static struct ipb_stamp_session *victim(struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a, uint32_t place)
{
	uint64_t hosts[IPB_STAMP_PROBES + 1];
	struct ipb_stamp_session *chosen = NULL;
	uint32_t most = 0;

	for (uint32_t i = 0; i < IPB_STAMP_PROBES; i++)
		hosts[i] = host_of(&r->sessions[(place + i) % IPB_STAMP_SESSIONS_MAX].from);
	hosts[IPB_STAMP_PROBES] = host_of(&a->from);
	for (uint32_t i = 0; i < IPB_STAMP_PROBES; i++) {
		struct ipb_stamp_session *s = &r->sessions[(place + i) % IPB_STAMP_SESSIONS_MAX];
		uint32_t has = 0;
		for (uint32_t k = 0; k <= IPB_STAMP_PROBES; k++)
			has += hosts[k] == hosts[i];
		has = has > IPB_STAMP_FAIR ? has : IPB_STAMP_FAIR;
		if (has < most || (has == most && s->last_ns >= chosen->last_ns))
			continue;
		most = has;
		chosen = s;
	}
	r->displaced++;
	return chosen;
}

/* The session of a packet, a new one where there is none yet. */
static struct ipb_stamp_session *find_session(struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a, uint16_t ssid)
{
	const uint32_t place = place_of(r, a, ssid);
	struct ipb_stamp_session *free_one = NULL, *idle = NULL;

	for (uint32_t i = 0; i < IPB_STAMP_PROBES; i++) {
		struct ipb_stamp_session *s = &r->sessions[(place + i) % IPB_STAMP_SESSIONS_MAX];
		if (s->used && s->ssid == ssid && same_end(&s->from, &a->from) && same_end(&s->to, &a->to)) {
			if (a->at_ns - s->last_ns < IPB_STAMP_IDLE_NS)
				return s;
			free_one = s; /* it is over, and this is another one */
			break;
		}
		if (!s->used)
			free_one = free_one != NULL ? free_one : s;
		else if (a->at_ns - s->last_ns >= IPB_STAMP_ROOM_IDLE_NS && (idle == NULL || s->last_ns < idle->last_ns))
			idle = s;
	}
	struct ipb_stamp_session *s = free_one != NULL ? free_one : idle != NULL ? idle : victim(r, a, place);
	r->session_count += !s->used;
	*s = (struct ipb_stamp_session){ .from = a->from, .to = a->to, .ssid = ssid, .used = 1 };
	return s;
}

/* Whether it is to be answered. */
static int admit(struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a)
{
	uint8_t right[IPB_HMAC_SIZE];

	if (a->size < (r->authenticated ? IPB_STAMP_BASE_AUTH : IPB_STAMP_TWAMP_LEAST)) {
		r->too_short++;
		return 0;
	}
	if (r->authenticated && (ipb_hmac_make(r->key, a->packet, IPB_STAMP_HMAC_AT, right) < 0 ||
	                         !ipb_hmac_is(right, a->packet + IPB_STAMP_HMAC_AT))) {
		r->forged++;
		return 0;
	}
	return 1;
}

static uint16_t ssid_of(const struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a)
{
	const uint32_t at = r->authenticated ? 26 : 14;

	return a->size >= at + 2 ? (uint16_t)ipb_get_be(a->packet + at, 2) : 0;
}

/* The base of the answer, all but its time. */
static void write_base(const struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a, uint8_t *out, uint32_t sequence,
                       uint16_t ssid)
{
	const uint64_t received = ipb_stamp_time(&r->format, a->at_ns);
	const uint8_t *p = a->packet;

	memset(out, 0, ipb_stamp_base(r->authenticated));
	ipb_put_be(out, sequence, 4);
	if (r->authenticated) {
		ipb_put_be(out + 24, r->estimate, 2);
		ipb_put_be(out + 26, ssid, 2);
		ipb_put_be(out + 32, received, 8);
		memcpy(out + 48, p, 4);
		memcpy(out + 64, p + 16, 8);
		memcpy(out + 72, p + 24, 2);
		out[80] = (uint8_t)a->ttl;
	} else {
		ipb_put_be(out + 12, r->estimate, 2);
		ipb_put_be(out + 14, ssid, 2);
		ipb_put_be(out + 16, received, 8);
		memcpy(out + 24, p, 4);
		memcpy(out + 28, p + 4, 8);
		memcpy(out + 36, p + 12, 2);
		out[40] = (uint8_t)a->ttl;
	}
}

int ipb_stamp_prepare(struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a, uint8_t *out, struct ipb_stamp_answer *answer)
{
	const uint32_t base = ipb_stamp_base(r->authenticated);

	if (!admit(r, a))
		return 0;
	const uint16_t ssid = ssid_of(r, a);
	if (r->ssid >= 0 && ssid != r->ssid) {
		r->other_session++;
		return 0;
	}
	struct ipb_stamp_session *s = find_session(r, a, ssid);
	s->received++;
	s->sent++;
	s->last_ns = a->at_ns;
	answer->session = s;
	answer->sequence = r->stateless ? (uint32_t)ipb_get_be(a->packet, 4) : s->next++;
	answer->size = a->size > base ? a->size : base;
	answer->dscp = a->tos >> 2;
	write_base(r, a, out, answer->sequence, ssid);
	if (a->size > base) {
		memcpy(out + base, a->packet + base, a->size - base);
		const int dscp = ipb_stamp_reflect_tlvs(r, a, out, a->size, s);
		answer->dscp = dscp >= 0 ? dscp : answer->dscp;
	}
	r->answered++;
	return 1;
}

int ipb_stamp_finish(struct ipb_stamp_reflector *r, const struct ipb_stamp_answer *answer, uint8_t *out, int64_t now_ns)
{
	const uint64_t stamp = ipb_stamp_time(&r->format, now_ns);
	struct ipb_stamp_session *s = answer->session;

	if (s != NULL) {
		s->last_sequence = answer->sequence;
		s->last_stamp = stamp;
		s->followed = 1;
	}
	return ipb_stamp_depart(out, r->authenticated ? r->key : NULL, stamp);
}
