/*
 * TLS by OpenSSL, which is opened when it is needed: a tester without it loads this plugin, and measures http.
 * SPDX-License-Identifier: MIT
 */
#include "http.h"

#if HAVE_OPENSSL
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is used of it; the same in 1.1 and 3. */
#define FUNCTIONS(X) \
	X(TLS_client_method) X(SSL_CTX_new) X(SSL_CTX_free) X(SSL_CTX_ctrl) X(SSL_CTX_set_verify) X(SSL_CTX_set_default_verify_paths) \
	X(SSL_new) X(SSL_free) X(SSL_set_fd) X(SSL_ctrl) X(SSL_set1_host) X(SSL_set_connect_state) X(SSL_do_handshake) \
	X(SSL_read) X(SSL_write) X(SSL_get_error) X(SSL_get_verify_result)

struct tls {
	void *library, *crypto;
	SSL_CTX *context;
	SSL **connections;
	char name[256];
	int verify;
	char why[160]; /* the first failure */
	void (*clear_error)(void);
	unsigned long (*last_error)(void);
	const char *(*reason)(unsigned long);
	const char *(*verify_text)(long);
#define X(function) __typeof__(&function) function;
	FUNCTIONS(X)
#undef X
};

static const char *const libraries[][2] = { { "libssl.so.3", "libcrypto.so.3" }, { "libssl.so.1.1", "libcrypto.so.1.1" } };

static int find_functions(struct tls *t, struct ipb_error *err)
{
	for (size_t i = 0; i < sizeof libraries / sizeof *libraries && t->library == NULL; i++)
		if ((t->library = dlopen(libraries[i][0], RTLD_NOW | RTLD_LOCAL)) != NULL)
			t->crypto = dlopen(libraries[i][1], RTLD_NOW | RTLD_LOCAL);
	if (t->library == NULL || t->crypto == NULL)
		return ipb_error(err, "argument tls: https needs OpenSSL on the tester, and there is no libssl.so.3 (Debian: apt-get "
		                 "install libssl3)");
#define X(function) \
	if ((t->function = (__typeof__(t->function))dlsym(t->library, #function)) == NULL) \
		return ipb_error(err, "argument tls: the tester's OpenSSL lacks " #function);
	FUNCTIONS(X)
#undef X
	t->clear_error = (void (*)(void))dlsym(t->crypto, "ERR_clear_error");
	t->verify_text = (const char *(*)(long))dlsym(t->crypto, "X509_verify_cert_error_string");
	t->last_error = (unsigned long (*)(void))dlsym(t->crypto, "ERR_peek_last_error");
	t->reason = (const char *(*)(unsigned long))dlsym(t->crypto, "ERR_reason_error_string");
	return t->clear_error != NULL && t->verify_text != NULL && t->last_error != NULL && t->reason != NULL ? 0 : ipb_error(err, "argument tls: the tester's OpenSSL is not whole");
}

struct tls *tls_open(uint32_t connections, const char *name, int verify, struct ipb_error *err)
{
	struct tls *t = calloc(1, sizeof *t);

	if (t == NULL || (t->connections = calloc(connections, sizeof *t->connections)) == NULL) {
		ipb_error(err, "no memory for TLS");
		goto fail;
	}
	if (find_functions(t, err) < 0)
		goto fail;
	size_t size = strcspn(name, name[0] == '[' ? "]" : ":"); /* without a port */
	if (strchr(name, ':') != strrchr(name, ':') && name[0] != '[')
		size = strlen(name);
	if (size < sizeof t->name)
		memcpy(t->name, name, size);
	t->verify = verify;
	t->context = t->SSL_CTX_new(t->TLS_client_method());
	if (t->context == NULL) {
		ipb_error(err, "argument tls: OpenSSL gave no context");
		goto fail;
	}
	t->SSL_CTX_ctrl(t->context, SSL_CTRL_MODE, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                SSL_MODE_RELEASE_BUFFERS, NULL);
	t->SSL_CTX_set_verify(t->context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (verify)
		t->SSL_CTX_set_default_verify_paths(t->context);
	return t;
fail:
	tls_close(t);
	return NULL;
}

void tls_close(struct tls *t)
{
	if (t == NULL)
		return;
	if (t->context != NULL)
		t->SSL_CTX_free(t->context);
	free(t->connections);
	if (t->crypto != NULL)
		dlclose(t->crypto);
	if (t->library != NULL)
		dlclose(t->library);
	free(t);
}

static void note(struct tls *t, const char *what, const char *reason)
{
	if (t->why[0] == '\0')
		snprintf(t->why, sizeof t->why, "%s%s%s", what, reason != NULL ? ": " : "", reason != NULL ? reason : "");
}

static const char *tls_why(void *io) { return ((struct tls *)io)->why; }

/* What a call that gave n means: its count, 0 at the end, or -1 and errno. */
static ssize_t outcome(struct tls *t, SSL *ssl, int n)
{
	if (n > 0)
		return n;
	const int saved = errno;
	switch (t->SSL_get_error(ssl, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		errno = saved != 0 ? saved : ECONNRESET;
		return -1;
	default:
		if (t->SSL_get_verify_result(ssl) != X509_V_OK && t->verify)
			note(t, "the server's certificate is refused", t->verify_text(t->SSL_get_verify_result(ssl)));
		else
			note(t, "TLS failed", t->reason(t->last_error()));
		errno = EPROTO;
		return -1;
	}
}

static ssize_t tls_send(void *io, uint32_t c, int fd, const void *bytes, size_t size)
{
	struct tls *t = io;

	(void)fd;
	t->clear_error();
	errno = 0;
	ssize_t n = outcome(t, t->connections[c], t->SSL_write(t->connections[c], bytes, (int)size));
	if (n == 0)
		errno = EPIPE;
	return n > 0 ? n : -1;
}

static ssize_t tls_receive(void *io, uint32_t c, int fd, void *bytes, size_t size)
{
	struct tls *t = io;

	(void)fd;
	t->clear_error();
	errno = 0;
	return outcome(t, t->connections[c], t->SSL_read(t->connections[c], bytes, (int)size));
}

static int is_address(const char *name)
{
	uint8_t address[16];

	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static int tls_handshake(void *io, uint32_t c, int fd)
{
	struct tls *t = io;
	SSL *ssl = t->connections[c];

	if (ssl == NULL) {
		ssl = t->connections[c] = t->SSL_new(t->context);
		if (ssl == NULL || t->SSL_set_fd(ssl, fd) != 1) {
			errno = ENOMEM;
			return -1;
		}
		t->SSL_set_connect_state(ssl);
		if (t->name[0] != '\0' && !is_address(t->name)) /* RFC 6066, section 3: names alone */
			t->SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, t->name);
		if (t->verify)
			t->SSL_set1_host(ssl, t->name);
	}
	t->clear_error();
	errno = 0;
	ssize_t n = outcome(t, ssl, t->SSL_do_handshake(ssl));
	if (n > 0)
		return 1;
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n == 0)
		errno = ECONNRESET;
	return -1;
}

static void tls_end(void *io, uint32_t c)
{
	struct tls *t = io;

	if (t->connections[c] != NULL)
		t->SSL_free(t->connections[c]);
	t->connections[c] = NULL;
}

const struct ipb_req_io tls_io = { .send = tls_send, .receive = tls_receive, .handshake = tls_handshake, .close = tls_end,
	                          .why = tls_why };

#else

struct tls *tls_open(uint32_t connections, const char *name, int verify, struct ipb_error *err)
{
	(void)connections;
	(void)name;
	(void)verify;
	ipb_error(err, "argument tls: this build has no https, since OpenSSL's headers were missing when it was built (Debian: "
	          "apt-get install libssl-dev)");
	return NULL;
}

void tls_close(struct tls *tls) { (void)tls; }

const struct ipb_req_io tls_io = { 0 };

#endif
