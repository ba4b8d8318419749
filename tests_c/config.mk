# What every C build here shares. VARIANT=asan builds the same files with AddressSanitizer and UBSan, below build/asan;
# VARIANT=tsan with ThreadSanitizer, below build/tsan; VARIANT=fuzz for libFuzzer's targets (clang), below build/fuzz.
# An object is made once a variant, as $(OBJ)/FOLDER/FILE.o, by the Makefile of its folder; tests link those.
# SPDX-License-Identifier: MIT
TESTS_C := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
ROOT := $(abspath $(TESTS_C)/..)
VARIANT ?= release
ifeq ($(VARIANT),asan)
BUILD := $(ROOT)/build/asan
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPTIMIZE ?= -O1 -g1
else ifeq ($(VARIANT),tsan)
BUILD := $(ROOT)/build/tsan
SANITIZE := -fsanitize=thread -fno-omit-frame-pointer
OPTIMIZE ?= -O1 -g1
else ifeq ($(VARIANT),fuzz)
BUILD := $(ROOT)/build/fuzz
CLANG ?= clang
CC := $(CLANG)
SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
OPTIMIZE ?= -O1 -g1
else
BUILD := $(ROOT)/build
OPTIMIZE ?= -O2 -g1
STRIP ?= -s
endif
OBJ := $(BUILD)/obj
CFLAGS += -std=gnu11 -fPIC -fvisibility=hidden -Wall -Wextra -Werror $(OPTIMIZE) $(SANITIZE)
CPPFLAGS += -I$(TESTS_C)/include $(addprefix -I,$(wildcard $(TESTS_C)/lib/*/)) -D_GNU_SOURCE
LDFLAGS += $(SANITIZE) $(STRIP)
IPB_LIB := $(OBJ)/lib/libipb.a
