/*
 * Starts ipbench: executes the JavaScript runtime and the program, which follow it in its own file.
 * SPDX-License-Identifier: MIT
 *
 * Three ways, each where the one before cannot be gone: in place (in_place.c); from a copy in memory; from a copy in
 * the user's cache folder. Only the last writes to a disk. A file that gives more than its user has (setcap) is
 * executed from memory, because the runtime is then an ordinary process with these capabilities. The program is told where the
 * launcher and the bundle are, and how its children are to be started.
 *
 * IPBENCH_LAUNCHER_WAY=memory or =cache in the environment begins at that way; the tests use it.
 */
#include "launcher.h"
#include "trailer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u
#endif
#define FIRST_FD 10 /* copies that the runtime inherits stay clear of the standard streams */
/* ipbench loads C code (FFI) and looks at /proc and /sys: for the runtime that is the permission for everything. The
 * small young generation, and an old one that is cleaned when it has grown by two fifths of what lives in it, keep a
 * controller of thousands of testers small. */
#define RUN_ARGUMENTS \
	"run --allow-all --no-prompt --quiet --no-config --no-lock --no-remote --no-npm --cached-only --no-check " \
	"--v8-flags=--max-semi-space-size=4,--heap-growing-percent=40 --ext=mjs"

static const char *program = "ipbench";

noreturn void die(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	fprintf(stderr, "%s: ", program);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	exit(1);
}

int copy_range(int from, uint64_t offset, uint64_t length, int to)
{
	off_t at = (off_t)offset;
	while (length > 0) {
		ssize_t n = sendfile(to, from, &at, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? (errno = ENODATA, -1) : -1;
		length -= (uint64_t)n;
	}
	return 0;
}

/* Copies a big part with two processors: a child copies the second half. 0, or -1 with errno. */
static int copy_in_halves(int from, const struct trailer_entry *part, int to)
{
	uint64_t half = part->length / 2;
	int status = 0, child_status = 0;
	pid_t child = fork();
	if (child == 0) {
		char path[64];
		snprintf(path, sizeof path, "/proc/self/fd/%d", to);
		int own = open(path, O_WRONLY | O_CLOEXEC); /* with a position of its own */
		_exit(own < 0 || lseek(own, (off_t)half, SEEK_SET) < 0 ||
		      copy_range(from, part->offset + half, part->length - half, own) < 0);
	}
	if (copy_range(from, part->offset, half, to) < 0)
		status = -1;
	if (child > 0 && waitpid(child, &child_status, 0) == child && child_status == 0)
		return status;
	return status < 0 ? -1 : copy_range(from, part->offset + half, part->length - half, to);
}

/* Whether this file gives more than its user has (setcap, set-user-id): then what the user says must not run in it. */
static int is_raised(void) { return getauxval(AT_SECURE) != 0; }

/* Which way of this file's head comment the environment asks for. */
enum way { IN_PLACE, FROM_MEMORY, FROM_CACHE };

static enum way first_way(void)
{
	const char *name = getenv("IPBENCH_LAUNCHER_WAY");
	if (is_raised())
		return FROM_MEMORY;
	if (name == NULL)
		return IN_PLACE;
	return strcmp(name, "cache") == 0 ? FROM_CACHE : strcmp(name, "memory") == 0 ? FROM_MEMORY : IN_PLACE;
}

/* Ends with an error when a part is not what was put into the file. */
static void check_part(int file, const struct trailer *t, enum trailer_part which, const char *path)
{
	const struct trailer_entry *p = &t->part[which];
	const char *data = p->length == 0 ? MAP_FAILED : mmap(NULL, p->length, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, (off_t)p->offset);
	if (data == MAP_FAILED)
		die("cannot read %s: %s", path, strerror(errno));
	if (sum_bytes(data, p->length) != p->sum)
		die("%s is damaged: copy or build it again", path);
	munmap((void *)(uintptr_t)data, p->length);
}

/* Reads the trailer and checks the size of the file against it. */
static struct trailer read_trailer(int file, const char *path)
{
	struct trailer t;
	struct stat st;
	if (fstat(file, &st) < 0)
		die("cannot look at %s: %s", path, strerror(errno));
	if (st.st_size < (off_t)sizeof t || pread(file, &t, sizeof t, st.st_size - (off_t)sizeof t) != sizeof t ||
	    memcmp(t.magic, TRAILER_MAGIC, sizeof t.magic) != 0 || t.file_size != (uint64_t)st.st_size ||
	    t.sum != sum_bytes(&t, offsetof(struct trailer, sum)))
		die("%s is truncated or damaged: copy or build it again", path);
	for (int i = 0; i < TRAILER_PARTS; i++)
		if (t.part[i].offset > t.file_size || t.part[i].length > t.file_size - t.part[i].offset)
			die("%s is damaged: copy or build it again", path);
	return t;
}

/* Variables by which the runtime, or a library, takes orders: the linker has removed its own already. */
static void forget_orders(void)
{
	static const char *const prefixes[] = { "DENO_", "NODE_", "LD_" };
	char name[256];

	for (char **e = environ; *e != NULL;) {
		size_t length = strcspn(*e, "="), i = 0, n = sizeof prefixes / sizeof *prefixes;
		while (i < n && strncmp(*e, prefixes[i], strlen(prefixes[i])) != 0)
			i++;
		if (i == n || length >= sizeof name) {
			e++;
			continue;
		}
		memcpy(name, *e, length);
		name[length] = '\0';
		if (unsetenv(name) == 0)
			e = environ;
		else
			e++;
	}
}

/* A part of the file in memory that nobody can change any more; -1 where the system forbids it. */
static int part_in_memory(int file, const struct trailer_entry *part, const char *name, int executable)
{
	unsigned flags = MFD_ALLOW_SEALING | (executable ? MFD_CLOEXEC : 0);
	if (first_way() == FROM_CACHE)
		return -1;
	int fd = (int)syscall(SYS_memfd_create, name, flags | (executable ? MFD_EXEC : 0));
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 there is no MFD_EXEC */
		fd = (int)syscall(SYS_memfd_create, name, flags);
	if (fd < 0)
		return -1;
	int high = fcntl(fd, executable ? F_DUPFD_CLOEXEC : F_DUPFD, FIRST_FD);
	close(fd);
	if (high < 0)
		return -1;
	if ((executable ? copy_in_halves(file, part, high) : copy_range(file, part->offset, part->length, high)) < 0) {
		close(high);
		return -1;
	}
	if (executable)
		fchmod(high, 0700);
	fcntl(high, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	return high;
}

/* The path at which the runtime reads a part: in memory, else in the cache folder. */
static void readable_part(int file, const struct trailer_entry *part, const char *name, char path[PATH_MAX])
{
	int fd = part_in_memory(file, part, name, 0);
	if (fd >= 0)
		snprintf(path, PATH_MAX, "/proc/self/fd/%d", fd);
	else
		snprintf(path, PATH_MAX, "%s", cache_part(file, part->offset, part->length, part->sum, 0));
}

static void set(const char *name, const char *value)
{
	if (setenv(name, value, 1) < 0)
		die("out of memory");
}

static void unset(const char *name)
{
	if (unsetenv(name) < 0)
		die("cannot forget %s: %s", name, strerror(errno));
}

static void set_number(const char *name, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	set(name, text);
}

/* What the program and the runtime must know, whichever way they are executed. */
static void set_variables(const char *self, const char *loader)
{
	set("IPBENCH_LAUNCHER", self);
	set("IPBENCH_LAUNCHER_NAME", program);
	set("IPBENCH_LAUNCHER_RUN", ""); /* children go through the launcher, too */
	set("IPBENCH_LAUNCHER_LOADER", loader);
	set("IPBENCH_LAUNCHER_SECURE", is_raised() ? "yes" : "no");
	set("DENO_DIR", "/dev/null"); /* the runtime caches nothing on disk, */
	set("DENO_LOG", "error,deno::cache=off"); /* and does not complain about it on a terminal */
	set("DENO_NO_PACKAGE_JSON", "1");
	set("DENO_NO_UPDATE_CHECK", "1");
	set("DENO_TLS_CA_STORE", ""); /* TLS trusts what --tls-ca names, and nothing else */
	unset("DENO_CERT");
	unset("NODE_EXTRA_CA_CERTS");
}

/* RUN_ARGUMENTS, the loader, and the arguments that the launcher was called with. */
static char **make_arguments(int argc, char **argv, char *loader)
{
	static char run[] = RUN_ARGUMENTS;
	char **list = calloc((size_t)argc + sizeof run / 2 + 4, sizeof *list);
	int n = 0;
	if (list == NULL)
		die("out of memory");
	list[n++] = (char *)(uintptr_t)program;
	for (char *word = strtok(run, " "); word != NULL; word = strtok(NULL, " "))
		list[n++] = word;
	list[n++] = loader;
	for (int i = 1; i < argc; i++)
		list[n++] = argv[i];
	return list;
}

/* Standard streams that are closed would be taken by our files, and written to. A result for which there is no standard output is
 * an error, as with other programs: a socket that leads nowhere takes its place (ENOTCONN; the runtime passes over EBADF). */
static void open_standard_streams(void)
{
	int fd;
	do {
		fd = open("/dev/null", O_RDWR);
		if (fd == STDOUT_FILENO) {
			close(fd);
			fd = socket(AF_UNIX, SOCK_DGRAM, 0);
		}
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

int main(int argc, char **argv)
{
	static char self[PATH_MAX], loader[PATH_MAX], bundle[PATH_MAX];
	if (argc > 0 && argv[0] != NULL && argv[0][0] != '\0')
		program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	open_standard_streams();
	if (getcwd(bundle, sizeof bundle) == NULL)
		die("the current folder is gone (%s): change to one that is there", strerror(errno));
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		die("cannot open /proc/self/exe: %s; is /proc mounted?", strerror(errno));
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n < 0)
		die("cannot read the link /proc/self/exe: %s", strerror(errno));
	struct trailer t = read_trailer(file, self);
	check_part(file, &t, PART_LOADER, self);
	check_part(file, &t, PART_BUNDLE, self);
	/* Whoever asks for the version wants to know whether the copy is good; other starts save themselves the 0.03 s. */
	if (first_way() != IN_PLACE || (argc == 2 && strcmp(argv[1], "--version") == 0))
		check_part(file, &t, PART_RUNTIME, self);
	if (is_raised())
		forget_orders();
	readable_part(file, &t.part[PART_LOADER], "ipbench-loader", loader);
	set_variables(self, loader);
	char **arguments = make_arguments(argc, argv, loader);
	if (first_way() == IN_PLACE) {
		set("IPBENCH_LAUNCHER_BUNDLE", "/proc/self/exe");
		set_number("IPBENCH_LAUNCHER_OFFSET", t.part[PART_BUNDLE].offset);
		execute_in_place(file, t.part[PART_RUNTIME].offset, arguments, environ);
		check_part(file, &t, PART_RUNTIME, self);
	}
	readable_part(file, &t.part[PART_BUNDLE], "ipbench-bundle", bundle);
	set("IPBENCH_LAUNCHER_BUNDLE", bundle);
	set_number("IPBENCH_LAUNCHER_OFFSET", 0);
	set("IPBENCH_LAUNCHER_RUN", RUN_ARGUMENTS);
	keep_capabilities();
	int runtime = part_in_memory(file, &t.part[PART_RUNTIME], "ipbench-runtime", 1);
	if (runtime >= 0)
		fexecve(runtime, arguments, environ);
	const struct trailer_entry *p = &t.part[PART_RUNTIME];
	const char *cached = cache_part(file, p->offset, p->length, p->sum, 1);
	execve(cached, arguments, environ);
	die("cannot execute %s: %s", cached, strerror(errno));
}
