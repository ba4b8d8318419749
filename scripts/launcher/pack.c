/*
 * Joins launcher, runtime, loader and bundle into one executable.  SPDX-License-Identifier: MIT
 *
 *     pack OUTPUT LAUNCHER RUNTIME LOADER BUNDLE
 */
#include "trailer.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u

static int fail(const char *what, const char *path)
{
	fprintf(stderr, "pack: cannot %s %s: %m\n", what, path);
	return -1;
}

/* Appends one file to out at *position, rounded up to a page. */
static int append(FILE *out, const char *path, uint64_t *position, struct trailer_entry *entry)
{
	static const char zeros[PAGE];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail("open", path);
	void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return fail("read", path);
	size_t padding = (PAGE - *position % PAGE) % PAGE;
	entry->offset = *position + padding;
	entry->length = (uint64_t)st.st_size;
	entry->sum = sum_bytes(data, entry->length);
	int wrong = fwrite(zeros, 1, padding, out) != padding || fwrite(data, 1, entry->length, out) != entry->length;
	munmap(data, (size_t)st.st_size);
	*position = entry->offset + entry->length;
	return wrong ? fail("copy", path) : 0;
}

int main(int argc, char **argv)
{
	struct trailer trailer = { 0 };
	struct trailer_entry launcher;
	uint64_t position = 0;
	if (argc != 3 + TRAILER_PARTS)
		return fputs("usage: pack OUTPUT LAUNCHER RUNTIME LOADER BUNDLE\n", stderr), 2;
	FILE *out = fopen(argv[1], "w");
	if (out == NULL)
		return fail("create", argv[1]), 1;
	if (append(out, argv[2], &position, &launcher) < 0)
		return 1;
	for (int i = 0; i < TRAILER_PARTS; i++)
		if (append(out, argv[3 + i], &position, &trailer.part[i]) < 0)
			return 1;
	trailer.file_size = position + sizeof trailer;
	trailer.sum = sum_bytes(&trailer, offsetof(struct trailer, sum));
	memcpy(trailer.magic, TRAILER_MAGIC, sizeof trailer.magic);
	if (fwrite(&trailer, sizeof trailer, 1, out) != 1 || fflush(out) != 0)
		return fail("write", argv[1]), 1;
	if (fchmod(fileno(out), 0755) < 0 || fclose(out) != 0)
		return fail("finish", argv[1]), 1;
	return 0;
}
