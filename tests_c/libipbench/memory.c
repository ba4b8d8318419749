/* Memory files: embedded plugins, the progress page, captured output; see libipbench.h.  SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libipbench.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* Declares whether the file is to hold code; kernels before 6.3 do not know how and refuse the flag. */
static int memory_file(const char *name, unsigned kind)
{
	int fd = memfd_create(name, MFD_CLOEXEC | kind);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC);
	return fd;
}

int ipbench_host_memfd(const char *name, const void *data, uint64_t size)
{
	const char *from = data;
	int fd = memory_file(name != NULL ? name : "ipbench", MFD_EXEC);

	if (fd < 0)
		return -errno;
	while (size > 0) {
		ssize_t n = write(fd, from, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int error = n < 0 ? errno : EIO;
			close(fd);
			return -error;
		}
		from += n;
		size -= (uint64_t)n;
	}
	return fd;
}

int ipbench_host_progress(struct ipbench_progress **map)
{
	long page = sysconf(_SC_PAGESIZE);
	int fd = memory_file("ipbench-progress", MFD_NOEXEC_SEAL);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, page) == 0) {
		void *at = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (at != MAP_FAILED) {
			*map = at;
			(*map)->version = IPBENCH_EXT_MAJOR;
			return fd;
		}
	}
	int error = errno;
	close(fd);
	return -error;
}

static int saved_stdout = -1; /* host thread only */

int ipbench_host_capture_begin(void)
{
	int fd, error;

	if (saved_stdout >= 0)
		return -EBUSY;
	fflush(NULL);
	fd = memory_file("ipbench-output", MFD_NOEXEC_SEAL);
	if (fd < 0)
		return -errno;
	saved_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, IPBENCH_HOST_FD_MIN);
	if (saved_stdout >= 0 && dup2(fd, STDOUT_FILENO) >= 0)
		return fd;
	error = errno;
	if (saved_stdout >= 0)
		close(saved_stdout);
	saved_stdout = -1;
	close(fd);
	return -error;
}

int64_t ipbench_host_capture_end(int fd)
{
	struct stat about;
	int error = 0;

	if (saved_stdout < 0)
		return -EINVAL;
	fflush(NULL);
	if (dup2(saved_stdout, STDOUT_FILENO) < 0)
		error = errno;
	close(saved_stdout);
	saved_stdout = -1;
	if (error == 0 && fstat(fd, &about) < 0)
		error = errno;
	if (error != 0)
		return -error;
	return about.st_size > IPBENCH_HOST_CAPTURE_MAX ? -EFBIG : about.st_size;
}

void *ipbench_host_open(const char *path, char *error, uint32_t size)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (handle == NULL && error != NULL && size > 0) {
		const char *why = dlerror();
		snprintf(error, size, "%s", why != NULL ? why : "cannot be opened");
	}
	return handle;
}

void *ipbench_host_symbol(void *handle, const char *name)
{
	return dlsym(handle, name);
}
