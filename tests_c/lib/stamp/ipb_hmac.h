/*
 * HMAC-SHA-256 (RFC 2104), by OpenSSL's libcrypto where it is installed, else by the kernel (AF_ALG).
 * SPDX-License-Identifier: MIT
 */
#ifndef IPB_HMAC_H
#define IPB_HMAC_H

#include <stddef.h>
#include <stdint.h>

#include "ipb_error.h"

#define IPB_HMAC_KEY_MAX 1024u /* bytes */
#define IPB_HMAC_SIZE 16u      /* bytes of what is used: truncated to 128 bits (RFC 8762, section 4.4) */

struct ipb_hmac;

/* key: 1..IPB_HMAC_KEY_MAX bytes. want_kernel: not by OpenSSL. NULL and a sentence when there is neither. One thread. */
struct ipb_hmac *ipb_hmac_open(const void *key, size_t size, int want_kernel, struct ipb_error *err);
void ipb_hmac_close(struct ipb_hmac *h);
/* "libcrypto.so.3", or "kernel". */
const char *ipb_hmac_by(const struct ipb_hmac *h);

/* 0, or -1 when it could not be made. Of one piece, or of two that follow each other. */
int ipb_hmac_make(struct ipb_hmac *h, const void *bytes, size_t size, uint8_t out[IPB_HMAC_SIZE]);
int ipb_hmac_make2(struct ipb_hmac *h, const void *first, size_t first_size, const void *second, size_t second_size,
                   uint8_t out[IPB_HMAC_SIZE]);

/* Non-zero when it is right. In constant time, so that a stranger cannot guess it byte by byte. */
int ipb_hmac_is(const uint8_t a[IPB_HMAC_SIZE], const uint8_t b[IPB_HMAC_SIZE]);

/* Reads a key from a file, at most IPB_HMAC_KEY_MAX bytes; one line feed at its end does not count. Returns its size, or -1
 * and a sentence. */
int ipb_hmac_key_file(const char *path, uint8_t key[IPB_HMAC_KEY_MAX], struct ipb_error *err);

#endif
