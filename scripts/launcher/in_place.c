/*
 * Executes the runtime where it lies in the launcher's own file, without a copy of it.  SPDX-License-Identifier: MIT
 *
 * execve takes whole files. What it would do with the runtime, if that were one, is done here: its segments and its
 * dynamic linker are mapped, a new beginning of the stack is laid (System V ABI, "Process Initialization"), and the
 * linker's first instruction is jumped to. The pages stay those of the file, so that all daemons of a machine share
 * them and none is read that is not needed. Whatever is not as expected makes execute_in_place return, before
 * anything has changed: then a copy is executed.
 */
#include "launcher.h"

#include <alloca.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__has_include)
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif
#endif

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_NONE
#endif

#define PAGE 4096ull
#define MAX_SEGMENTS 64
#define MAX_AUXILIARY 64
#define MAX_SPAN (1ull << 32) /* bytes of address space for one program */

struct image {
	char *base;
	uint64_t span;
	Elf64_Ehdr header;
	Elf64_Phdr segments[MAX_SEGMENTS];
	char interpreter[256];
};

static uint64_t down(uint64_t n) { return n & ~(PAGE - 1); }
static uint64_t up(uint64_t n) { return down(n + PAGE - 1); }

static int read_at(int fd, void *into, size_t length, uint64_t offset)
{
	return pread(fd, into, length, (off_t)offset) == (ssize_t)length ? 0 : -1;
}

/* Reads the headers of a position-independent program that begins at offset. */
static int read_headers(int fd, uint64_t offset, struct image *image)
{
	const Elf64_Ehdr *h = &image->header;
	if (read_at(fd, &image->header, sizeof *h, offset) < 0 || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
	    h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_type != ET_DYN || h->e_machine != MACHINE ||
	    h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 || h->e_phnum > MAX_SEGMENTS ||
	    read_at(fd, image->segments, h->e_phnum * sizeof(Elf64_Phdr), offset + h->e_phoff) < 0)
		return -1;
	for (int i = 0; i < h->e_phnum; i++) {
		const Elf64_Phdr *s = &image->segments[i];
		if (s->p_type == PT_INTERP) {
			if (s->p_filesz == 0 || s->p_filesz > sizeof image->interpreter ||
			    read_at(fd, image->interpreter, s->p_filesz, offset + s->p_offset) < 0 ||
			    image->interpreter[s->p_filesz - 1] != '\0')
				return -1;
		} else if (s->p_type == PT_LOAD) {
			if (s->p_filesz > s->p_memsz || s->p_vaddr > MAX_SPAN || s->p_memsz > MAX_SPAN ||
			    s->p_vaddr % PAGE != s->p_offset % PAGE)
				return -1;
			if (up(s->p_vaddr + s->p_memsz) > image->span)
				image->span = up(s->p_vaddr + s->p_memsz);
		}
	}
	return image->span > 0 ? 0 : -1;
}

static int map_segment(int fd, uint64_t offset, char *base, const Elf64_Phdr *s)
{
	uint64_t first = down(s->p_vaddr), file_end = s->p_vaddr + s->p_filesz, end = s->p_vaddr + s->p_memsz;
	int protection = (s->p_flags & PF_R ? PROT_READ : 0) | (s->p_flags & PF_W ? PROT_WRITE : 0) |
	                 (s->p_flags & PF_X ? PROT_EXEC : 0);

	if (s->p_filesz > 0 && mmap(base + first, file_end - first, protection, MAP_PRIVATE | MAP_FIXED, fd,
	                            (off_t)(offset + down(s->p_offset))) == MAP_FAILED)
		return -1;
	if (end == file_end)
		return 0;
	uint64_t zeros = s->p_filesz > 0 ? up(file_end) : first;
	if (s->p_filesz > 0 && zeros > file_end)
		memset(base + file_end, 0, zeros - file_end);
	if (up(end) > zeros && mmap(base + zeros, up(end) - zeros, protection, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS,
	                            -1, 0) == MAP_FAILED)
		return -1;
	return 0;
}

static int map_image(int fd, uint64_t offset, struct image *image)
{
	if (read_headers(fd, offset, image) < 0)
		return -1;
	void *base = mmap(NULL, image->span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -1;
	image->base = base;
	for (int i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *s = &image->segments[i];
		if (s->p_type != PT_LOAD)
			continue;
		/* Only a writable segment has zeros behind what the file holds of its last page. */
		if ((s->p_memsz > s->p_filesz && !(s->p_flags & PF_W)) || map_segment(fd, offset, base, s) < 0) {
			munmap(base, image->span);
			return -1;
		}
	}
	return 0;
}

/* The kernel knows where this program's C library keeps its restartable sequences (rseq(2)): the runtime's wants to
 * name a place of its own. */
static void forget_rseq(void)
{
#if defined(RSEQ_SIG) && defined(SYS_rseq)
	if (__rseq_size > 0)
		syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32, 1 /* unregister */, RSEQ_SIG);
#endif
}

static noreturn void jump(const void *stack, const void *entry)
{
#if defined(__x86_64__)
	/* rdx: no function to call at exit; rbp: the outermost frame. */
	__asm__ volatile("mov %0, %%rsp\n\txor %%edx, %%edx\n\txor %%ebp, %%ebp\n\tjmp *%1" : : "r"(stack), "a"(entry) : "memory");
#elif defined(__aarch64__)
	__asm__ volatile("mov sp, %0\n\tmov x0, xzr\n\tmov x29, xzr\n\tmov x30, xzr\n\tbr %1" : : "r"(stack), "r"(entry) : "x0", "memory");
#else
	(void)stack, (void)entry;
#endif
	__builtin_unreachable();
}

static size_t count(char *const *list)
{
	size_t n = 0;
	while (list[n] != NULL)
		n++;
	return n;
}

/* What the runtime's linker must know instead of what this program was told. */
static void change_auxiliary(Elf64_auxv_t *vector, const struct image *runtime, const struct image *linker)
{
	for (Elf64_auxv_t *a = vector; a->a_type != AT_NULL; a++) {
		switch (a->a_type) {
		case AT_PHDR: a->a_un.a_val = (uint64_t)(uintptr_t)runtime->base + runtime->header.e_phoff; break;
		case AT_PHENT: a->a_un.a_val = sizeof(Elf64_Phdr); break;
		case AT_PHNUM: a->a_un.a_val = runtime->header.e_phnum; break;
		case AT_BASE: a->a_un.a_val = (uint64_t)(uintptr_t)linker->base; break;
		case AT_ENTRY: a->a_un.a_val = (uint64_t)(uintptr_t)runtime->base + runtime->header.e_entry; break;
		default: break;
		}
	}
}

void execute_in_place(int file, uint64_t offset, char *const *arguments, char *const *environment)
{
	struct image runtime = { 0 }, linker = { 0 };
	Elf64_auxv_t auxiliary[MAX_AUXILIARY];
	int fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, auxiliary, sizeof auxiliary);

	close(fd);
	size_t entries = n < 0 ? 0 : (size_t)n / sizeof *auxiliary;
	if (MACHINE == EM_NONE || sysconf(_SC_PAGESIZE) != (long)PAGE || entries < 2 ||
	    auxiliary[entries - 1].a_type != AT_NULL)
		return;
	if (map_image(file, offset, &runtime) < 0)
		return;
	fd = runtime.interpreter[0] == '/' ? open(runtime.interpreter, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0 || map_image(fd, 0, &linker) < 0) {
		close(fd);
		munmap(runtime.base, runtime.span);
		return;
	}
	close(fd);
	close(file);
	change_auxiliary(auxiliary, &runtime, &linker);

	size_t argc = count(arguments), envc = count(environment);
	size_t words = 1 + argc + 1 + envc + 1;
	size_t bytes = words * sizeof(uint64_t) + entries * sizeof *auxiliary;
	char *stack = alloca(bytes + 16);
	stack = (char *)(((uintptr_t)stack + 15) & ~(uintptr_t)15);
	uint64_t *word = (uint64_t *)(void *)stack;
	*word++ = argc;
	memcpy(word, arguments, (argc + 1) * sizeof *word);
	word += argc + 1;
	memcpy(word, environment, (envc + 1) * sizeof *word);
	word += envc + 1;
	memcpy(word, auxiliary, entries * sizeof *auxiliary);
	forget_rseq();
	jump(stack, linker.base + linker.header.e_entry);
}
