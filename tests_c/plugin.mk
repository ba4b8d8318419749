# Builds one plugin. Its folder's Makefile says
#     NAME = latency
#     SRCS = latency.c output.c
#     include ../plugin.mk
# and may set LDLIBS, PLUGIN_CFLAGS, and SKIP (a reason not to build it here). Result: build/plugins/NAME.so. For tests
# there is $(OBJ)/NAME.a as well, with the same objects.
# SPDX-License-Identifier: MIT
include $(dir $(lastword $(MAKEFILE_LIST)))config.mk
OUT := $(BUILD)/plugins/$(NAME).so
OBJS := $(addprefix $(OBJ)/$(NAME)/,$(notdir $(SRCS:.c=.o)))
VPATH := $(sort $(dir $(SRCS)))

ifdef SKIP
all:
	@echo "$(NAME): not built: $(SKIP)" >&2
else
all: $(OUT)
endif

$(OUT): $(OBJS) $(IPB_LIB)
	@mkdir -p $(@D)
	$(CC) -shared $(LDFLAGS) -Wl,--gc-sections -o $@.tmp $(OBJS) $(IPB_LIB) $(LDLIBS) -lm
	@mv -f $@.tmp $@

$(OBJ)/$(NAME).a: $(OBJS)
	@rm -f $@.tmp
	@$(AR) rcs $@.tmp $^
	@mv -f $@.tmp $@

$(OBJ)/$(NAME)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(PLUGIN_CFLAGS) -MMD -MP -c -o $@ $<

ifndef LIB_IS_BUILT # plugins made side by side must not each make the library
$(IPB_LIB): FORCE
	@$(MAKE) --no-print-directory -C $(TESTS_C)/lib VARIANT=$(VARIANT)
endif
FORCE:
clean:
	rm -rf $(OUT) $(OBJ)/$(NAME)
.PHONY: all clean FORCE
$(call depend,$(OBJS:.o=.d))
