/*
 * What an echo does not answer, so that no packet of a stranger's goes round for ever.  SPDX-License-Identifier: MIT
 *
 * Two echoes that answer each other never end by themselves. Over IP each answer leaves with one hop less than came, and
 * that ends it. Where there is no such number (Ethernet, a packet with its last hop, another's echo that sends fresh
 * ones), a packet that comes again and again is put to the test: the echo keeps silent on it for a moment. What went
 * round is gone before the second half of that; what goes on coming is a generator's, which sends the same bytes each
 * time, and is answered, until it is put to the test again, ever more rarely. A client that waits for each answer before
 * it sends again cannot be told from another echo until an answer is withheld: then it sends anew, and that it did so is remembered,
 * so that it is put to the test more rarely, too. What goes round between echoes can never do that by itself.
 */
#ifndef ECHO_GUARD_H
#define ECHO_GUARD_H

#include <stddef.h>
#include <stdint.h>

#define GUARD_SETS 512               /* of four packets each that are remembered */
#define GUARD_WAYS 4
#define GUARD_KNOWN 64               /* bytes at the packet's start, and 8 at its end, that make it the same one */
#define GUARD_WINDOW_NS 1000000000ull /* not seen for so long, it is forgotten */
#define GUARD_REMEMBER_NS 10000000000ull /* … and one that has been put to the test, for so long */
#define GUARD_SENT_ANEW_MAX 15       /* so many more times as often it has to come then, in as many more windows */
/* How often it has to come. All that one call of the socket gives count as once: what waited there went no round. */
#define GUARD_SAME_HOPS 500          /* in a window, for a packet that has hops left */
#define GUARD_SAME_ENDLESS 64        /* windows or not, for one whose hops do not count down */
#define GUARD_SILENCE_NS 50000000ull /* how long it is not answered then, at least */
#define GUARD_SILENCE_ROUNDS 16      /* … and so many times as long as it has taken to come again */

#define GUARD_GOES_ON 4              /* this share of its rate before, as 1/n, shows a generator … */
#define GUARD_GOES_ON_MIN 8          /* … and at least so often; … */
#define GUARD_GOES_ON_MAX 1000       /* … so often is always enough */
#define GUARD_TRUST_NS 10000000000ull /* until the next test of a generator; twice as long each time */
#define GUARD_TRUST_DOUBLINGS 16

/* One packet that came. */
struct guard_packet {
	uint64_t tag; /* of its sender and bytes; 0: none */
	uint64_t first_ns, last_ns;
	uint64_t late_from_ns, silent_until_ns; /* the silence's second half; 0: there is none */
	uint64_t trusted_until_ns;
	uint32_t count, late, needed; /* times since first_ns; in the second half; so many there show a generator */
	uint32_t trusted;             /* times */
	uint32_t sent_anew;           /* silences after which it came again */
};

struct guard {
	uint64_t seed;
	struct guard_packet packets[GUARD_SETS][GUARD_WAYS];
};

/* Makes one, or NULL. free() ends it. */
struct guard *guard_new(void);

/* Non-zero when this packet is not to be answered, because it may be going round. endless: nothing counts its hops.
 * now_ns: the same for all that came with one call. */
int guard_goes_round(struct guard *g, uint64_t sender, const uint8_t *data, size_t size, int endless, uint64_t now_ns);

/* Non-zero when the service of that port, when its answer is answered, would answer again. */
int guard_is_service(uint16_t port);

#endif
