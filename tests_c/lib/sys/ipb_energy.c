/* Counters of energy; see ipb_energy.h.  SPDX-License-Identifier: MIT */
#include "ipb_energy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NUMBER_BYTES 32

/* The beginning of a small file as text, or -1. */
static int text_of(const char *root, unsigned zone, const char *name, char *text, size_t size)
{
	char path[512];
	if ((size_t)snprintf(path, sizeof path, "%s/intel-rapl:%u/%s", root, zone, name) >= sizeof path)
		return -1;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	ssize_t length = read(file, text, size - 1);
	close(file);
	text[length > 0 ? length : 0] = '\0';
	return length > 0 ? 0 : -1;
}

/* Unlike strtoull it may be called in a signal handler. */
static int number_of(int file, uint64_t *number)
{
	char text[NUMBER_BYTES];
	ssize_t length = pread(file, text, sizeof text, 0);
	uint64_t value = 0;
	ssize_t i = 0;

	for (; i < length && text[i] >= '0' && text[i] <= '9'; i++)
		value = 10 * value + (uint64_t)(text[i] - '0');
	*number = value;
	return i > 0 ? 0 : -1;
}

static int open_zone(struct ipb_energy *e, const char *root, unsigned zone)
{
	char text[NUMBER_BYTES], path[512];

	if (text_of(root, zone, "max_energy_range_uj", text, sizeof text) < 0 ||
	    (e->range_uj[e->count] = strtoull(text, NULL, 10)) == 0 ||
	    (size_t)snprintf(path, sizeof path, "%s/intel-rapl:%u/energy_uj", root, zone) >= sizeof path)
		return -1;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t now;
	if (file < 0 || number_of(file, &now) < 0) {
		int error = errno;
		if (file >= 0)
			close(file);
		snprintf(e->why, sizeof e->why, "intel-rapl:%u/energy_uj cannot be read%s", zone,
		         error == EACCES ? ": it is root's alone (chmod a+r)" : "");
		return -1;
	}
	e->file[e->count++] = file;
	return 0;
}

void ipb_energy_open(struct ipb_energy *e)
{
	const char *named = getenv(IPB_ENERGY_VARIABLE);
	const char *root = named != NULL && *named != '\0' ? named : "/sys/class/powercap";
	char name[NUMBER_BYTES];

	memset(e, 0, sizeof *e);
	snprintf(e->why, sizeof e->why, "this machine tells of no energy that its processors use (no intel-rapl in powercap)");
	/* Zones are numbered without gaps; those that are no package (psys) hold others, or memory. */
	for (unsigned zone = 0; text_of(root, zone, "name", name, sizeof name) == 0; zone++) {
		if (strncmp(name, "package", strlen("package")) != 0)
			continue;
		if (e->count == IPB_ENERGY_PACKAGES)
			snprintf(e->why, sizeof e->why, "this machine has more than %d packages", IPB_ENERGY_PACKAGES);
		if (e->count == IPB_ENERGY_PACKAGES || open_zone(e, root, zone) < 0) {
			ipb_energy_close(e);
			return;
		}
	}
	if (e->count > 0)
		e->why[0] = '\0';
}

void ipb_energy_close(struct ipb_energy *e)
{
	while (e->count > 0)
		close(e->file[--e->count]);
}

void ipb_energy_read(const struct ipb_energy *e, struct ipb_energy_reading *r)
{
	r->known = e->count > 0;
	for (unsigned i = 0; i < e->count; i++)
		if (number_of(e->file[i], &r->uj[i]) < 0)
			r->known = 0;
}

double ipb_energy_joules(const struct ipb_energy *e, const struct ipb_energy_reading *from,
                         const struct ipb_energy_reading *to)
{
	double sum = 0;

	if (!from->known || !to->known || e->count == 0)
		return -1;
	for (unsigned i = 0; i < e->count; i++) {
		uint64_t used = to->uj[i] - from->uj[i];
		if (to->uj[i] < from->uj[i]) /* it began again */
			used += e->range_uj[i];
		sum += (double)used / 1e6;
	}
	return sum;
}
