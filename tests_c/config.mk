# What every C build here shares. VARIANT=asan builds the same files with AddressSanitizer and UBSan, below build/asan;
# VARIANT=tsan with ThreadSanitizer, below build/tsan; VARIANT=fuzz for libFuzzer's targets (clang), below build/fuzz.
# TARGET=aarch64-linux-gnu builds for another machine with its cross compiler, below build/aarch64; SYSROOT=DIR with the
# libraries of a system in DIR.
# An object is made once a variant, as $(OBJ)/FOLDER/FILE.o, by the Makefile of its folder; tests link those.
# SPDX-License-Identifier: MIT
TESTS_C := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
ROOT := $(abspath $(TESTS_C)/..)
VARIANT ?= release
ifdef TARGET
TOP := $(ROOT)/build/$(firstword $(subst -, ,$(TARGET)))
CC := $(TARGET)-gcc $(addprefix --sysroot=,$(SYSROOT))
AR := $(TARGET)-ar
export CC AR
else
TOP := $(ROOT)/build
endif
ifeq ($(VARIANT),asan)
BUILD := $(TOP)/asan
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPTIMIZE ?= -O1 -g1
else ifeq ($(VARIANT),tsan)
BUILD := $(TOP)/tsan
SANITIZE := -fsanitize=thread -fno-omit-frame-pointer
OPTIMIZE ?= -O1 -g1
else ifeq ($(VARIANT),fuzz)
BUILD := $(TOP)/fuzz
CLANG ?= clang
CC := $(CLANG)
SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
OPTIMIZE ?= -O1 -g1
else
BUILD := $(TOP)
OPTIMIZE ?= -O2 -g1
STRIP ?= -s
endif
OBJ := $(BUILD)/obj
# Without -ffp-contract=off a compiler may round once where the source rounds twice, as it does for arm64: figures differed in
# their last digit between machines.
CFLAGS += -std=gnu11 -ffp-contract=off -fPIC -fvisibility=hidden -Wall -Wextra -Werror $(OPTIMIZE) $(SANITIZE)
CPPFLAGS += -I$(TESTS_C)/include $(addprefix -I,$(wildcard $(TESTS_C)/lib/*/)) -D_GNU_SOURCE
LDFLAGS += $(SANITIZE) $(STRIP)
IPB_LIB := $(OBJ)/lib/libipb.a
# $(call depend,FILE.d…): what each object was made from. A source that is no more where it was, and that VPATH finds
# elsewhere, is compiled again: its file would ask for the old place.
depend = $(eval FORCE:)$(foreach file,$(wildcard $(1)),$(eval $(call depend_on,$(file))))
depend_on = $(if $(wildcard $(firstword $(filter %.c,$(file <$(1))))),include $(1),$(1:.d=.o): FORCE)
