/* Built plugins, opened by their names.  SPDX-License-Identifier: MIT */
#ifndef OPENED_H
#define OPENED_H

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plugin.h"

/* A plugin's own symbol of that build which this program is of, "ipbench_plugin" or "ipbench_plugin_ext"; NULL when there
 * is none, and dlerror() says why. The plugin stays open. */
static inline void *opened_symbol(const char *name, const char *symbol)
{
	char program[PATH_MAX], file[PATH_MAX + 100];
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

	if (n <= 0)
		return NULL;
	program[n] = '\0';
	for (int up = 0; up < 2; up++) /* the program's name, and its folder */
		*strrchr(program, '/') = '\0';
	snprintf(file, sizeof file, "%s/plugins/%s.so", program, name);
	void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	return handle != NULL ? dlsym(handle, symbol) : NULL;
}

static inline struct ipbench_plugin *opened_plugin(const char *name) { return opened_symbol(name, "ipbench_plugin"); }

static inline struct ipbench_plugin_ext *opened_ext(const char *name)
{
	return opened_symbol(name, "ipbench_plugin_ext");
}

#endif
