/* HMAC-SHA-256 by a library or the kernel; see ipb_hmac.h.  SPDX-License-Identifier: MIT */
#include "ipb_hmac.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGEST 32u
#define TWO_MAX 65536u /* bytes of two pieces together */

struct ipb_hmac {
	uint8_t key[IPB_HMAC_KEY_MAX];
	size_t size;
	void *library;
	const char *name;
	/* The same in OpenSSL 1.1 and 3. */
	const void *(*sha256)(void);
	unsigned char *(*hmac)(const void *md, const void *key, int key_size, const unsigned char *bytes, size_t size,
	                       unsigned char *out, unsigned *out_size);
	int algorithm, operation; /* sockets of the kernel's; -1: not used */
	uint8_t two[TWO_MAX];
};

static int open_library(struct ipb_hmac *h)
{
	static const char *const names[] = { "libcrypto.so.3", "libcrypto.so.1.1" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		h->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
		if (h->library == NULL)
			continue;
		h->sha256 = (const void *(*)(void))dlsym(h->library, "EVP_sha256");
		h->hmac = (__typeof__(h->hmac))dlsym(h->library, "HMAC");
		if (h->sha256 != NULL && h->hmac != NULL) {
			h->name = names[i];
			return 0;
		}
		dlclose(h->library);
		h->library = NULL;
	}
	return -1;
}

static int open_kernel(struct ipb_hmac *h)
{
	const struct sockaddr_alg at = { .salg_family = AF_ALG, .salg_type = "hash", .salg_name = "hmac(sha256)" };

	h->algorithm = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (h->algorithm < 0 || bind(h->algorithm, (const struct sockaddr *)&at, sizeof at) < 0 ||
	    setsockopt(h->algorithm, SOL_ALG, ALG_SET_KEY, h->key, (socklen_t)h->size) < 0)
		return -1;
	h->operation = accept4(h->algorithm, NULL, NULL, SOCK_CLOEXEC);
	h->name = "kernel";
	return h->operation >= 0 ? 0 : -1;
}

struct ipb_hmac *ipb_hmac_open(const void *key, size_t size, int want_kernel, struct ipb_error *err)
{
	struct ipb_hmac *h = NULL;

	if (size == 0 || size > IPB_HMAC_KEY_MAX) {
		ipb_error(err, "a key has 1 to %u bytes, not %zu", IPB_HMAC_KEY_MAX, size);
		return NULL;
	}
	if ((h = calloc(1, sizeof *h)) == NULL) {
		ipb_error(err, "no memory for a key");
		return NULL;
	}
	h->algorithm = h->operation = -1;
	memcpy(h->key, key, size);
	h->size = size;
	if ((want_kernel || open_library(h) < 0) && open_kernel(h) < 0) {
		ipb_error(err, "authenticated packets need OpenSSL, and there is no libcrypto.so.3 (Debian: apt-get install libssl3), "
		          "nor does this kernel make HMACs (AF_ALG)");
		ipb_hmac_close(h);
		return NULL;
	}
	return h;
}

void ipb_hmac_close(struct ipb_hmac *h)
{
	if (h == NULL)
		return;
	if (h->operation >= 0)
		close(h->operation);
	if (h->algorithm >= 0)
		close(h->algorithm);
	if (h->library != NULL)
		dlclose(h->library);
	explicit_bzero(h, sizeof *h);
	free(h);
}

const char *ipb_hmac_by(const struct ipb_hmac *h) { return h->name; }

int ipb_hmac_make(struct ipb_hmac *h, const void *bytes, size_t size, uint8_t out[IPB_HMAC_SIZE])
{
	uint8_t digest[64];
	unsigned digest_size = 0;

	if (h->library != NULL) {
		if (h->hmac(h->sha256(), h->key, (int)h->size, bytes, size, digest, &digest_size) == NULL || digest_size != DIGEST)
			return -1;
	} else if (send(h->operation, bytes, size, 0) != (ssize_t)size || read(h->operation, digest, DIGEST) != DIGEST) {
		return -1;
	}
	memcpy(out, digest, IPB_HMAC_SIZE);
	return 0;
}

int ipb_hmac_make2(struct ipb_hmac *h, const void *first, size_t first_size, const void *second, size_t second_size,
                   uint8_t out[IPB_HMAC_SIZE])
{
	if (first_size + second_size > TWO_MAX)
		return -1;
	memcpy(h->two, first, first_size);
	memcpy(h->two + first_size, second, second_size);
	return ipb_hmac_make(h, h->two, first_size + second_size, out);
}

int ipb_hmac_is(const uint8_t a[IPB_HMAC_SIZE], const uint8_t b[IPB_HMAC_SIZE])
{
	volatile uint8_t different = 0;

	for (unsigned i = 0; i < IPB_HMAC_SIZE; i++)
		different |= a[i] ^ b[i];
	return different == 0;
}

int ipb_hmac_key_file(const char *path, uint8_t key[IPB_HMAC_KEY_MAX], struct ipb_error *err)
{
	uint8_t bytes[IPB_HMAC_KEY_MAX + 2];
	struct stat about;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return ipb_error_errno(err, errno, "argument key_file: cannot open %.300s", path);
	if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode)) {
		close(fd);
		return ipb_error(err, "argument key_file: %.300s is not a file", path);
	}
	n = read(fd, bytes, sizeof bytes);
	close(fd);
	if (n < 0)
		return ipb_error_errno(err, errno, "argument key_file: cannot read %.300s", path);
	if (n > 0 && bytes[n - 1] == '\n')
		n--;
	if (n < 1 || n > (ssize_t)IPB_HMAC_KEY_MAX)
		return ipb_error(err, "argument key_file: a key has 1 to %u bytes, and %.300s has %s", IPB_HMAC_KEY_MAX, path,
		                 n < 1 ? "none" : "more");
	memcpy(key, bytes, (size_t)n);
	explicit_bzero(bytes, sizeof bytes);
	return (int)n;
}
