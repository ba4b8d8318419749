/* See ipb_bpf.h.  SPDX-License-Identifier: MIT */
#include "ipb_bpf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOG_SIZE (1u << 20) /* bytes that the verifier may write of one program */
#define LOG_KEPT 160u       /* of its end, in the sentence */

#ifndef BPF_F_TEST_XDP_LIVE_FRAMES
#define BPF_F_TEST_XDP_LIVE_FRAMES (1u << 1)
#endif

static int bpf(int command, union bpf_attr *attr, size_t size)
{
	return (int)syscall(SYS_bpf, command, attr, size);
}

static uint64_t pointer(const void *p) { return (uint64_t)(uintptr_t)p; }

static int refused(struct ipb_error *err, const char *what)
{
	if (errno == EPERM || errno == EACCES)
		return ipb_error(err, "%s: the kernel allows BPF to root, or with CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW: start it as "
		                 "root, or grant them once with \"setcap cap_bpf,cap_net_admin,cap_net_raw+ep %s\"", what, ipb_program());
	if (errno == ENOSYS)
		return ipb_error(err, "%s: this kernel is built without BPF (CONFIG_BPF_SYSCALL)", what);
	return ipb_error_errno(err, errno, "%s", what);
}

/* Before Linux 5.11 maps count as locked memory. */
static void allow_memory(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &all);
}

int ipb_bpf_map(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t entries, const char *what,
                struct ipb_error *err)
{
	union bpf_attr attr;
	char text[96];

	memset(&attr, 0, sizeof attr);
	attr.map_type = type;
	attr.key_size = key_size;
	attr.value_size = value_size;
	attr.max_entries = entries;
	int fd = bpf(BPF_MAP_CREATE, &attr, sizeof attr);
	if (fd < 0 && errno == EPERM) {
		allow_memory();
		fd = bpf(BPF_MAP_CREATE, &attr, sizeof attr);
	}
	if (fd >= 0)
		return fd;
	snprintf(text, sizeof text, "cannot make a BPF map for %s", what);
	return refused(err, text);
}

static int element(enum bpf_cmd command, int map, const void *key, const void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.map_fd = (uint32_t)map;
	attr.key = pointer(key);
	attr.value = pointer(value);
	return bpf(command, &attr, sizeof attr);
}

int ipb_bpf_update(int map, const void *key, const void *value) { return element(BPF_MAP_UPDATE_ELEM, map, key, value); }

int ipb_bpf_lookup(int map, const void *key, void *value) { return element(BPF_MAP_LOOKUP_ELEM, map, key, value); }

uint32_t ipb_bpf_cpus(void)
{
	FILE *file = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned first = 0, last = 0, highest = 0;
	char line[256] = "";

	if (file == NULL)
		return (uint32_t)sysconf(_SC_NPROCESSORS_CONF);
	if (fgets(line, sizeof line, file) == NULL)
		line[0] = '\0';
	fclose(file);
	for (char *save = NULL, *part = strtok_r(line, ",\n", &save); part != NULL; part = strtok_r(NULL, ",\n", &save)) {
		int n = sscanf(part, "%u-%u", &first, &last);
		unsigned end = n == 2 ? last : first;
		if (n >= 1 && end > highest)
			highest = end;
	}
	return highest + 1;
}

/* The end of what the verifier wrote, in one line. */
static void last_words(const char *log, char *to, size_t size)
{
	size_t length = strlen(log), from = length > LOG_KEPT ? length - LOG_KEPT : 0, n = 0;

	for (size_t i = from; i < length && n + 1 < size; i++)
		to[n++] = log[i] == '\n' ? ' ' : log[i];
	to[n] = '\0';
}

int ipb_bpf_load(struct ipb_asm *a, const char *name, uint32_t flags, struct ipb_error *err)
{
	char *log = NULL, words[LOG_KEPT + 1], text[96];
	union bpf_attr attr;

	if (ipb_asm_end(a) < 0)
		return ipb_error(err, "the XDP program %s is too long", name);
	memset(&attr, 0, sizeof attr);
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.expected_attach_type = BPF_XDP;
	attr.insns = pointer(a->code);
	attr.insn_cnt = a->size;
	attr.license = pointer("MIT");
	attr.prog_flags = flags;
	snprintf(attr.prog_name, sizeof attr.prog_name, "%s", name);
	int fd = bpf(BPF_PROG_LOAD, &attr, sizeof attr);
	if (fd >= 0)
		return fd;
	snprintf(text, sizeof text, "cannot load the XDP program %s", name);
	/* What is no matter of permission the verifier explains. */
	if (errno != EPERM && (log = calloc(1, LOG_SIZE)) != NULL) {
		attr.log_buf = pointer(log);
		attr.log_size = LOG_SIZE;
		attr.log_level = 1;
		fd = bpf(BPF_PROG_LOAD, &attr, sizeof attr);
		if (fd < 0 && *log != '\0') {
			last_words(log, words, sizeof words);
			ipb_error_errno(err, errno, "%s (the kernel says: %s)", text, words);
		} else if (fd < 0) {
			refused(err, text);
		}
		free(log);
		return fd;
	}
	return refused(err, text);
}

int ipb_bpf_repeat(int program, void *data, uint32_t *size, uint32_t room, uint32_t repeat, uint32_t *ns)
{
	union bpf_attr attr;
	uint8_t *out = malloc(room > 0 ? room : 1);
	int verdict = -1;

	if (out == NULL)
		return -1;
	memset(&attr, 0, sizeof attr);
	attr.test.prog_fd = (uint32_t)program;
	attr.test.data_in = pointer(data);
	attr.test.data_size_in = *size;
	attr.test.data_out = pointer(out);
	attr.test.data_size_out = room;
	attr.test.repeat = repeat;
	if (bpf(BPF_PROG_TEST_RUN, &attr, sizeof attr) == 0) {
		verdict = (int)attr.test.retval;
		*size = attr.test.data_size_out;
		memcpy(data, out, *size < room ? *size : room);
		if (ns != NULL)
			*ns = attr.test.duration;
	}
	free(out);
	return verdict;
}

int ipb_bpf_try(int program, void *data, uint32_t *size, uint32_t room)
{
	return ipb_bpf_repeat(program, data, size, room, 1, NULL);
}

int ipb_bpf_inject(int program, const void *data, uint32_t size, uint32_t repeat)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.test.prog_fd = (uint32_t)program;
	attr.test.data_in = pointer(data);
	attr.test.data_size_in = size;
	attr.test.repeat = repeat;
	attr.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
	return bpf(BPF_PROG_TEST_RUN, &attr, sizeof attr);
}

void ipb_bpf_name(uint32_t id, char *to, size_t size)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr attr;

	snprintf(to, size, "number %u", id);
	memset(&attr, 0, sizeof attr);
	attr.prog_id = id;
	int fd = bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof attr);
	if (fd < 0)
		return;
	memset(&attr, 0, sizeof attr);
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof info;
	attr.info.info = pointer(&info);
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof attr) == 0 && info.name[0] != '\0')
		snprintf(to, size, "\"%.*s\" (number %u)", (int)sizeof info.name, info.name, id);
	close(fd);
}
