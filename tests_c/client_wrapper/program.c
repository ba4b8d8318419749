/* Programs under a keeper; see program.h.  SPDX-License-Identifier: MIT */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ipb_clock.h"

#define CHUNK 65536
#define POLL_MS 50
#define EXEC_FAILED 127
#define PROGRAM_FD 3 /* the file to run, in the keeper */
#define KILL_LIST 1024 /* bytes of a list of children that are read at once */
#define KILL_DEPTH 16  /* generations below a child that are killed with it */

extern char **environ;

/* ---- in the keeper: only what is safe after fork in a program with threads -------------------------------------- */

/* Runs the file that was examined. A script's interpreter can only be given a path: it is the same file if nothing has
 * changed it since. */
static void execute(const struct words *w)
{
	struct stat now;

	if (w->path == NULL) {
		execve(w->word[0], w->word, environ);
		return;
	}
	syscall(SYS_execveat, PROGRAM_FD, "", w->word, environ, AT_EMPTY_PATH);
	if (errno == ENOENT && stat(w->path, &now) == 0 && now.st_dev == w->about.st_dev && now.st_ino == w->about.st_ino &&
	    now.st_ctim.tv_sec == w->about.st_ctim.tv_sec && now.st_ctim.tv_nsec == w->about.st_ctim.tv_nsec)
		execve(w->path, w->word, environ);
}

static void run(const struct words *w)
{
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* What the daemon was given (setcap, a service's ambient capabilities) is for its tests, not for programs. */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDONLY);
	dup2(null, STDIN_FILENO);
	syscall(SYS_close_range, PROGRAM_FD + 1u, ~0u, 0u);
	execute(w);
	_exit(EXEC_FAILED);
}

static char *append(char *end, const char *text, size_t size)
{
	memcpy(end, text, size);
	return end + size;
}

/* The file of /proc that lists a process's children, as text; printf is not for a child of a program with threads. */
static const char *children_file(char file[64], pid_t pid)
{
	char digits[12], *first = digits + sizeof digits, *end = file;

	for (; pid > 0; pid /= 10)
		*--first = (char)('0' + pid % 10);
	const size_t size = (size_t)(digits + sizeof digits - first);
	end = append(append(end, "/proc/", 6), first, size);
	end = append(append(end, "/task/", 6), first, size);
	append(end, "/children", sizeof "/children");
	return file;
}

static ssize_t read_children(const char *file, char *text, size_t room)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, room) : -1;

	if (fd >= 0)
		close(fd);
	return n;
}

/* Kills every process in a list of numbers, and what is below it, down to a depth: on a crowded machine a process that was
 * killed may take seconds to end, and only then do its children become ours. What is missed is met in the next round. */
static void kill_listed(const char *list, ssize_t size, int depth)
{
	pid_t pid = 0;

	for (ssize_t i = 0; i < size; i++) {
		if (list[i] >= '0' && list[i] <= '9') {
			pid = pid * 10 + (list[i] - '0');
		} else if (pid > 0) {
			char below[KILL_LIST], file[64];
			ssize_t n = depth > 0 ? read_children(children_file(file, pid), below, sizeof below) : 0;
			kill(pid, SIGKILL);
			kill_listed(below, n, depth - 1);
			pid = 0;
		}
	}
}

/* Kills all descendants until there are none. */
static void kill_all(pid_t group)
{
	const uint64_t begin = ipb_now_ns();
	struct timespec pause = { .tv_nsec = 1000000 };

	while (ipb_now_ns() - begin < PROGRAM_KEEPER_S * IPB_NS_PER_S) {
		char list[KILL_LIST];
		if (group > 0) /* only until its leader is reaped: the number may be somebody else's after that */
			kill(-group, SIGKILL);
		kill_listed(list, read_children("/proc/thread-self/children", list, sizeof list), KILL_DEPTH);
		for (;;) {
			pid_t pid = waitpid(-1, NULL, WNOHANG);
			if (pid < 0 && errno == ECHILD)
				return;
			if (pid == group)
				group = 0;
			if (pid <= 0)
				break;
		}
		nanosleep(&pause, NULL);
	}
}

static void tell(int status)
{
	if (write(STDIN_FILENO, &status, sizeof status) < 0)
		_exit(0);
}

static void keeper_main(const struct words *w, int status_fd, int output, pid_t parent)
{
	sigset_t mine;
	pid_t child;

	setpgid(0, 0);
	sigfillset(&mine); /* blocked and taken one by one, so that nothing can interrupt the rounds of killing */
	sigprocmask(SIG_SETMASK, &mine, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
		_exit(1);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_NAME, "ipbench-keeper");
	/* The keeper's own standard input is where it reports the status; everything else is closed, because copies of
	 * others' pipes would hide their ends. */
	dup2(status_fd, STDIN_FILENO);
	dup2(output >= 0 ? output : STDERR_FILENO, STDOUT_FILENO);
	if (w->path != NULL && dup2(w->fd, PROGRAM_FD) == PROGRAM_FD)
		fcntl(PROGRAM_FD, F_SETFD, FD_CLOEXEC);
	syscall(SYS_close_range, PROGRAM_FD + (w->path != NULL ? 1u : 0u), ~0u, 0u);
	child = fork();
	if (child == 0)
		run(w);
	if (child < 0)
		_exit(1);
	dup2(STDERR_FILENO, STDOUT_FILENO); /* the program alone holds the output's end */
	for (;;) {
		int signal_number = sigwaitinfo(&mine, NULL), status;
		pid_t pid;
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == child) {
				tell(status);
				child = 0;
			}
		if (pid < 0 && errno == ECHILD)
			_exit(0);
		if (signal_number == SIGTERM || signal_number == SIGINT) {
			kill_all(child);
			_exit(0);
		}
	}
}

/* ---- in the plugin's process ----------------------------------------------------------------------------------- */

int program_start(struct program *p, const struct words *w, int capture, struct ipb_error *err)
{
	int status_pipe[2] = { -1, -1 }, output_pipe[2] = { -1, -1 };
	pid_t parent = getpid();

	memset(p, 0, sizeof *p);
	p->name = w->word[0];
	p->status_fd = p->output_fd = -1;
	if (pipe2(status_pipe, O_CLOEXEC) < 0 || (capture && pipe2(output_pipe, O_CLOEXEC) < 0)) {
		ipb_error_errno(err, errno, "cannot make a pipe for %.200s", p->name);
		goto fail;
	}
	p->keeper = fork();
	if (p->keeper == 0)
		keeper_main(w, status_pipe[1], output_pipe[1], parent);
	if (p->keeper < 0) {
		ipb_error_errno(err, errno, "cannot start %.200s", p->name);
		goto fail;
	}
	close(status_pipe[1]);
	p->status_fd = status_pipe[0];
	if (capture) {
		close(output_pipe[1]);
		p->output_fd = output_pipe[0];
		fcntl(p->output_fd, F_SETFL, O_NONBLOCK);
	}
	return 0;
fail:
	for (int i = 0; i < 2; i++) {
		if (status_pipe[i] >= 0)
			close(status_pipe[i]);
		if (output_pipe[i] >= 0)
			close(output_pipe[i]);
	}
	p->keeper = 0;
	return -1;
}

void program_kill(struct program *p)
{
	struct timespec pause = { .tv_nsec = 2000000 };

	if (p->keeper <= 0)
		return;
	kill(p->keeper, SIGTERM);
	kill(p->keeper, SIGCONT); /* a program may have stopped it */
	for (int waited = 0; p->keeper > 0 && waited < PROGRAM_KILL_MS; waited += 2) {
		pid_t pid = waitpid(p->keeper, NULL, WNOHANG);
		if (pid == p->keeper || (pid < 0 && errno != EINTR))
			p->keeper = 0;
		else
			nanosleep(&pause, NULL);
	}
	p->keeper = 0; /* one that is still killing goes on without us: without it, its programs would be nobody's */
	if (p->status_fd >= 0)
		close(p->status_fd);
	if (p->output_fd >= 0)
		close(p->output_fd);
	p->status_fd = p->output_fd = -1;
}

static int decode(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

int program_ended(struct program *p, int *status)
{
	struct pollfd f = { .fd = p->status_fd, .events = POLLIN };
	int raw;

	if (p->keeper <= 0 || poll(&f, 1, 0) <= 0)
		return 0;
	*status = read(p->status_fd, &raw, sizeof raw) == sizeof raw ? decode(raw) : EXEC_FAILED;
	return 1;
}

struct capture {
	char *data;
	size_t size, room;
};

/* Reads what is there. 1 at the end of the output, 0 for now, -1 when there is too much or no memory. */
static int take(int fd, struct capture *c)
{
	for (;;) {
		if (c->size > PROGRAM_OUTPUT_MAX)
			return -1;
		if (c->room - c->size < CHUNK) {
			char *more = realloc(c->data, c->room + 4 * CHUNK + c->room / 2);
			if (more == NULL)
				return -1;
			c->room += 4 * CHUNK + c->room / 2;
			c->data = more;
		}
		ssize_t n = read(fd, c->data + c->size, CHUNK);
		if (n == 0)
			return 1;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : 1;
		c->size += (size_t)n;
	}
}

static int verdict(const struct program *p, int status, struct ipb_error *err)
{
	if (status == 0)
		return 0;
	if (status == EXEC_FAILED)
		return ipb_error(err, "%.200s could not be run, or ended with status 127", p->name);
	if (status > 128)
		return ipb_error(err, "%.200s was ended by signal %d", p->name, status - 128);
	return ipb_error(err, "%.200s ended with status %d", p->name, status);
}

int program_finish(struct program *p, const struct ipb_stop *cancel, uint64_t timeout_ns, char **data, size_t *size,
                   int *status, struct ipb_error *err)
{
	uint64_t begin = ipb_now_ns(), ended_ns = 0;
	struct capture c = { NULL, 0, 0 };
	int open_output = p->output_fd >= 0, result = 0;

	*status = -1;
	for (;;) {
		struct pollfd f[2] = { { .fd = ended_ns ? -1 : p->status_fd, .events = POLLIN },
			               { .fd = open_output ? p->output_fd : -1, .events = POLLIN } };
		uint64_t now;
		poll(f, 2, POLL_MS);
		now = ipb_now_ns();
		int got = open_output ? take(p->output_fd, &c) : 0;
		if (got < 0) {
			result = ipb_error(err, "%.200s printed more than %d MiB, the limit of a result", p->name,
			                   PROGRAM_OUTPUT_MAX >> 20);
			break;
		}
		open_output = open_output && got == 0;
		if (ended_ns == 0 && program_ended(p, status))
			ended_ns = now;
		if (ended_ns != 0 && (!open_output || now - ended_ns > PROGRAM_LINGER_MS * 1000000ull)) {
			result = verdict(p, *status, err);
			break;
		}
		if (cancel != NULL && ipb_stop_asked(cancel)) {
			result = 1;
			break;
		}
		if (now - begin > timeout_ns) {
			result = ipb_error(err, "%.200s did not end within %.3g s and was killed", p->name,
			                   (double)timeout_ns / 1e9);
			break;
		}
	}
	program_kill(p);
	if (result != 0 || data == NULL) {
		free(c.data);
		c = (struct capture){ NULL, 0, 0 };
	}
	if (data != NULL)
		*data = c.data;
	if (size != NULL)
		*size = c.size;
	return result;
}
