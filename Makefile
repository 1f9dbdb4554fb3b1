# libkatacg. `make demo` builds and runs the main job, `make test` runs everything.

VERSION := 0.1.0
SOVERSION := 0

CC ?= cc
CFLAGS ?= -O2 -g
CARGO ?= cargo
GO ?= go
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=

BUILD := build
SO := $(BUILD)/libkatacg.so.$(SOVERSION)
STATIC := $(BUILD)/libkatacg.a
PCS := $(BUILD)/katacg.pc $(BUILD)/katacg-uninstalled.pc
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,$(wildcard examples/*.c))

# What Rust's standard library needs in a static link (rustc --print native-static-libs). libgcc_s is
# the compiler's to add, which has another one for programs that are static as a whole.
PRIVATE_LIBS := -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
WARN := -std=c99 -D_GNU_SOURCE -pedantic-errors -Wall -Wextra -Werror
RUST_SOURCES := $(shell find src -name '*.rs') Cargo.toml Cargo.lock

.PHONY: all demo test lint bench bench-lab header install uninstall clean lab
.PHONY: rust-test c-test go-test readme-test lab-test

all: $(SO) $(STATIC) $(PCS) $(EXAMPLES)

$(STATIC): $(RUST_SOURCES)
	@scripts/need cc cargo
	$(CARGO) rustc --release --lib --features capi --crate-type staticlib
	@mkdir -p $(@D)
	cp target/release/libkatacg.a $@.tmp
	mv $@.tmp $@

# From the static library: rustc's own link of a cdylib takes no version script. nodelete,
# because a thread may have run destructors of ours pending when the last handle is closed.
$(SO): $(STATIC) katacg.map
	$(CC) -shared -o $@.tmp -Wl,-soname,libkatacg.so.$(SOVERSION) \
		-Wl,--whole-archive $(STATIC) -Wl,--no-whole-archive \
		-Wl,--gc-sections -Wl,--version-script=katacg.map \
		-Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,--as-needed $(PRIVATE_LIBS)
	mv $@.tmp $@
	ln -sf libkatacg.so.$(SOVERSION) $(BUILD)/libkatacg.so

define PC
prefix=$(1)
libdir=$(2)
includedir=$(3)

Name: katacg
Description: Control groups for container runtimes
Version: $(VERSION)
Libs: -L$${libdir} -lkatacg
Libs.private: $(filter-out -lgcc_s,$(PRIVATE_LIBS))
Cflags: -I$${includedir}
endef
export PC_INSTALLED = $(call PC,$(PREFIX),$(LIBDIR),$(INCLUDEDIR))
export PC_TREE = $(call PC,$(CURDIR),$(CURDIR)/$(BUILD),$(CURDIR)/include)

# PREFIX is part of it, so it is written every time.
.PHONY: $(BUILD)/katacg.pc
$(BUILD)/katacg.pc:
	@mkdir -p $(@D)
	@echo "$$PC_INSTALLED" >$@

$(BUILD)/katacg-uninstalled.pc: Makefile
	@mkdir -p $(@D)
	@echo "$$PC_TREE" >$@

$(BUILD)/examples/%: examples/%.c include/katacg.h $(SO)
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) -Iinclude -o $@ $< -L$(BUILD) -lkatacg -Wl,-rpath,$(CURDIR)/$(BUILD)

demo: all
	$(BUILD)/examples/sandbox examples/config.json

header: ; KATACG_BLESS=1 $(CARGO) test --test header

install: $(SO) $(STATIC) $(BUILD)/katacg.pc
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	install -m 755 -s $(SO) $(DESTDIR)$(LIBDIR)/libkatacg.so.$(SOVERSION)
	ln -sf libkatacg.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libkatacg.so
	install -m 644 $(STATIC) $(DESTDIR)$(LIBDIR)/libkatacg.a
	install -m 644 include/katacg.h $(DESTDIR)$(INCLUDEDIR)/katacg.h
	install -m 644 $(BUILD)/katacg.pc $(DESTDIR)$(LIBDIR)/pkgconfig/katacg.pc

uninstall:
	rm -f $(DESTDIR)$(LIBDIR)/libkatacg.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libkatacg.so \
		$(DESTDIR)$(LIBDIR)/libkatacg.a $(DESTDIR)$(INCLUDEDIR)/katacg.h \
		$(DESTDIR)$(LIBDIR)/pkgconfig/katacg.pc

lint: $(BUILD)/katacg-uninstalled.pc
	@scripts/need cargo-fmt cargo-clippy cc go pkg-config clang-format
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) test --quiet --test house
	cd go && PKG_CONFIG_PATH=$(CURDIR)/$(BUILD) $(GO) vet ./...
	clang-format --dry-run -Werror $$(git ls-files '*.c' 'tests/*.h')

test: rust-test c-test go-test readme-test lab-test

# The live tests say what this host cannot run; the sum is printed, with the reasons.
rust-test:
	@scripts/need cc cargo
	$(CARGO) test --lib --test gopath --test header --test host --test parse --test plans --test systemd_peer --test vectors
	tests/live-native

c-test: all
	tests/c/run

go-test: all
	tests/go-test

readme-test: all
	tests/readme

lab-test: all
	tests/lab/build
	tests/lab/suite

bench: all
	benches/run

bench-lab: all
	benches/lab/run
	benches/lab/v2

lab:
	tests/lab/build

clean:
	rm -rf $(BUILD) target
