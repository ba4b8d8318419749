/* The HTTP request that is sent.  SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http.h"

/* Text that is put into a request: a line's end in it would make two lines of one. */
static int check_text(const char *name, const char *text, int blanks, struct ipb_error *err)
{
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
		if (*at < ' ' || *at == 127 || (*at == ' ' && !blanks))
			return ipb_error(err, "argument %s: \"%.60s\" has a %s in it", name, text,
			                 *at == ' ' ? "blank" : "character that is not printable");
	return 0;
}

static int is_token(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!isalnum((unsigned char)text[i]) && strchr("!#$%&'*+-.^_`|~", text[i]) == NULL)
			return 0;
	return size > 0;
}

struct text {
	char bytes[HTTP_HEADER_MAX];
	size_t size;
	int failed;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(t->bytes + t->size, sizeof t->bytes - t->size, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof t->bytes - t->size)
		t->failed = 1;
	else
		t->size += (size_t)n;
}

/* "Name: value|Name: value". These are the request's own business: */
static const char *const reserved[] = { "content-length", "transfer-encoding", "connection", "host" };

static int add_headers(struct text *t, const char *list, struct ipb_error *err)
{
	while (*list != '\0') {
		const size_t size = strcspn(list, "|");
		const char *colon = memchr(list, ':', size);
		if (colon == NULL || !is_token(list, (size_t)(colon - list)))
			return ipb_error(err, "argument headers: \"%.*s\" is not NAME: VALUE (several have | between them)",
			                 (int)(size < 60 ? size : 60), list);
		for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
			if (strlen(reserved[i]) == (size_t)(colon - list) && strncasecmp(list, reserved[i], strlen(reserved[i])) == 0)
				return ipb_error(err, "argument headers: %.*s is set by the test itself%s", (int)(colon - list), list,
				                 i == 3 ? "; give host=" : i == 2 ? "; give kept=" : "; give body= or body_size=");
		add(t, "%.*s\r\n", (int)size, list);
		list += size + (list[size] == '|');
	}
	return 0;
}

static void add_host(struct text *t, const char *host, const char *target, uint16_t port, int tls)
{
	const int v6 = strchr(target, ':') != NULL && target[0] != '[';

	if (*host != '\0')
		add(t, "Host: %s\r\n", host);
	else if (port == (tls ? 443 : 80))
		add(t, v6 ? "Host: [%s]\r\n" : "Host: %s\r\n", target);
	else
		add(t, v6 ? "Host: [%s]:%u\r\n" : "Host: %s:%u\r\n", target, port);
}

int http_request_make(struct http_request *to, const struct ipb_args *a, const char *target, uint16_t port, int tls, int kept,
                      struct ipb_error *err)
{
	const char *method = ipb_args_string(a, "method"), *path = ipb_args_string(a, "path");
	const char *body = ipb_args_string(a, "body");
	const size_t filler = (size_t)ipb_args_uint(a, "body_size"), body_size = *body != '\0' ? strlen(body) : filler;
	static struct text t;

	if (!is_token(method, strlen(method)) || strcmp(method, "CONNECT") == 0)
		return ipb_error(err, "argument method: \"%.60s\" is no method that a request can have here", method);
	if (path[0] != '/' && strcmp(path, "*") != 0)
		return ipb_error(err, "argument path: \"%.60s\" does not begin with /", path);
	if (*body != '\0' && ipb_args_given(a, "body_size"))
		return ipb_error(err, "argument body_size: give either body or body_size");
	if (check_text("path", path, 0, err) < 0 || check_text("host", ipb_args_string(a, "host"), 0, err) < 0 ||
	    check_text("headers", ipb_args_string(a, "headers"), 1, err) < 0)
		return -1;
	t.size = 0;
	t.failed = 0;
	add(&t, "%s %s HTTP/1.1\r\n", method, path);
	add_host(&t, ipb_args_string(a, "host"), target, port, tls);
	if (add_headers(&t, ipb_args_string(a, "headers"), err) < 0)
		return -1;
	if (!kept)
		add(&t, "Connection: close\r\n");
	if (body_size > 0 || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0)
		add(&t, "Content-Length: %zu\r\n", body_size);
	add(&t, "\r\n");
	if (t.failed)
		return ipb_error(err, "argument headers: the request's header is longer than %u bytes", HTTP_HEADER_MAX);
	to->is_head = strcmp(method, "HEAD") == 0;
	to->size = (uint32_t)(t.size + body_size);
	to->bytes = malloc(to->size);
	if (to->bytes == NULL)
		return ipb_error(err, "no memory for a request of %u bytes", to->size);
	memcpy(to->bytes, t.bytes, t.size);
	if (*body != '\0')
		memcpy(to->bytes + t.size, body, body_size);
	else
		memset(to->bytes + t.size, 'x', body_size);
	return 0;
}

void http_request_free(struct http_request *request)
{
	free(request->bytes);
	request->bytes = NULL;
}
