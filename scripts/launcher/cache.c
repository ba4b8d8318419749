/* The launcher's way out where memory cannot be executed: a private folder.  SPDX-License-Identifier: MIT */
#include "launcher.h"
#include "trailer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes base/ipbench-UID and gives its path when it is a folder of ours that nobody else can write to. */
static int private_folder(const char *base, char folder[PATH_MAX])
{
	struct stat st;
	if (base == NULL || base[0] != '/')
		return -1;
	if (snprintf(folder, PATH_MAX, "%s/ipbench-%u", base, (unsigned)geteuid()) >= PATH_MAX - 64)
		return -1;
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return -1;
	if (lstat(folder, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return -1;
	return access(folder, W_OK | X_OK);
}

static int choose_folder(char folder[PATH_MAX])
{
	char base[PATH_MAX] = "";
	const char *home = getenv("HOME");
	if (private_folder(getenv("XDG_CACHE_HOME"), folder) == 0)
		return 0;
	if (home != NULL && snprintf(base, sizeof base, "%s/.cache", home) < (int)sizeof base) {
		mkdir(base, 0700);
		if (private_folder(base, folder) == 0)
			return 0;
	}
	if (private_folder(getenv("TMPDIR"), folder) == 0)
		return 0;
	return private_folder("/tmp", folder);
}

/* Whether path is ours and holds exactly these bytes. */
static int is_good(const char *path, uint64_t length, uint64_t sum)
{
	struct stat st;
	int good = 0, fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
	    (uint64_t)st.st_size == length) {
		void *data = mmap(NULL, length, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
		if (data != MAP_FAILED) {
			good = sum_bytes(data, length) == sum;
			munmap(data, length);
		}
	}
	close(fd);
	return good;
}

const char *cache_part(int from, uint64_t offset, uint64_t length, uint64_t sum, int executable)
{
	static char paths[2][PATH_MAX];
	/* The folder is the user's, who could put something else there in time. */
	if (getauxval(AT_SECURE) != 0)
		die("memory cannot be executed here, and a copy with capabilities runs nothing from a user's folder");
	char *path = paths[executable], folder[PATH_MAX], part[PATH_MAX];
	if (choose_folder(folder) < 0)
		die("memory cannot be executed here, and no private folder can be made in XDG_CACHE_HOME, ~/.cache, "
		    "TMPDIR or /tmp: set XDG_CACHE_HOME to a folder of yours on a file system without noexec");
	if (snprintf(path, PATH_MAX, "%s/%016llx%s", folder, (unsigned long long)sum, executable ? "" : ".mjs") >= PATH_MAX ||
	    snprintf(part, PATH_MAX, "%s/.part-%ld", folder, (long)getpid()) >= PATH_MAX)
		die("the path %s is too long", folder);
	if (is_good(path, length, sum))
		return path;
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, executable ? 0700 : 0600);
	if (fd < 0 || copy_range(from, offset, length, fd) < 0 || close(fd) < 0 || rename(part, path) < 0) {
		int why = errno;
		unlink(part);
		die("cannot write %s: %s", path, strerror(why));
	}
	return path;
}
