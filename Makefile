# SPDX-License-Identifier: Apache-2.0
#
# libkatacg. `make demo` builds and runs the main job, `make test` runs everything.
# docs/packaging.md explains every variable.

VERSION := 0.1.0
SOVERSION := 0

# Cargo's own variables. A target given by CARGO_BUILD_TARGET has a build directory of its own.
TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(CARGO_BUILD_TARGET_DIR),target)
RELEASE := $(TARGET_DIR)/$(if $(CARGO_BUILD_TARGET),$(CARGO_BUILD_TARGET)/)release
BUILD := build$(if $(CARGO_BUILD_TARGET),/$(CARGO_BUILD_TARGET))
# aarch64-unknown-linux-gnu has aarch64-linux-gnu-gcc and aarch64-linux-gnu-strip.
CROSS := $(if $(CARGO_BUILD_TARGET),$(subst -unknown-,-,$(CARGO_BUILD_TARGET))-)

ifeq ($(origin CC),default)
CC := $(if $(CROSS),$(CROSS)gcc,cc)
endif
STRIP ?= $(CROSS)strip
CFLAGS ?= -O2 -g
LDFLAGS ?=
CARGO ?= cargo
# More for each call of cargo, such as -Z build-std.
CARGOFLAGS ?=
GO ?= go
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DOCDIR ?= $(PREFIX)/share/doc/libkatacg
DESTDIR ?=
INSTALL ?= install
INSTALL_PROGRAM ?= $(INSTALL)
INSTALL_DATA ?= $(INSTALL) -m 644

SO := $(BUILD)/libkatacg.so.$(SOVERSION)
STATIC := $(BUILD)/libkatacg.a
PCS := $(BUILD)/katacg.pc $(BUILD)/katacg-uninstalled.pc
NOTICES := $(BUILD)/THIRD-PARTY-NOTICES
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,$(wildcard examples/*.c))

# Rust's standard library needs these in a static link (rustc --print native-static-libs). The compiler
# adds libgcc_s itself, and another one for programs that are static as a whole.
PRIVATE_LIBS := -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
WARN := -std=c99 -D_GNU_SOURCE -pedantic -Wall -Wextra
RUST_SOURCES := $(shell find src -name '*.rs') Cargo.toml Cargo.lock
CARGO_LOCKED = $(CARGO) $(1) --locked $(CARGOFLAGS)

# No path of this machine ends in the library, so that two directories give the same bytes.
CARGO_HOME_DIR := $(or $(CARGO_HOME),$(HOME)/.cargo)
REMAP := --remap-path-prefix=$(CARGO_HOME_DIR)=/usr/src/cargo \
	--remap-path-prefix=$(abspath $(TARGET_DIR))=/usr/src/libkatacg/target \
	--remap-path-prefix=$(CURDIR)=/usr/src/libkatacg

.PHONY: all demo setup test lint bench bench-lab header install install-strip uninstall clean lab
.PHONY: rust-test c-test go-test readme-test packaging-test lab-test

all: $(SO) $(STATIC) $(PCS) $(NOTICES) $(EXAMPLES)

$(STATIC): $(RUST_SOURCES)
	@scripts/need $(firstword $(CC)) cargo
	RUSTFLAGS="$(strip $(RUSTFLAGS) $(REMAP))" \
		$(call CARGO_LOCKED,rustc) --release --lib --features capi --crate-type staticlib
	@mkdir -p $(@D)
	cp $(RELEASE)/libkatacg.a $@.tmp
	mv $@.tmp $@

# Linked from the static library, because rustc's own link of a cdylib takes no version script.
# nodelete, because a thread may have destructors of the library pending when the last handle closes.
$(SO): $(STATIC) katacg.map
	$(CC) $(CFLAGS) -shared -o $@.tmp -Wl,-soname,libkatacg.so.$(SOVERSION) \
		-Wl,--whole-archive $(STATIC) -Wl,--no-whole-archive \
		-Wl,--gc-sections -Wl,--version-script=katacg.map -Wl,--build-id=sha1 \
		-Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,--as-needed $(LDFLAGS) $(PRIVATE_LIBS)
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
export PC_TREE = $(call PC,$(CURDIR),$(abspath $(BUILD)),$(CURDIR)/include)

# PREFIX is part of it, so it is written every time.
.PHONY: $(BUILD)/katacg.pc
$(BUILD)/katacg.pc:
	@mkdir -p $(@D)
	@echo "$$PC_INSTALLED" >$@

$(BUILD)/katacg-uninstalled.pc: Makefile
	@mkdir -p $(@D)
	@echo "$$PC_TREE" >$@

# The licences of everything that a static link carries along.
$(NOTICES): Cargo.lock scripts/third-party
	@mkdir -p $(@D)
	scripts/third-party >$@.tmp
	mv $@.tmp $@

$(BUILD)/examples/%: examples/%.c $(wildcard examples/*.h examples/*/*.h) include/katacg.h $(SO)
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) -Iinclude -o $@ $< \
		-L$(BUILD) -lkatacg -Wl,-rpath,$(abspath $(BUILD)) $(LDFLAGS)

# The only target that installs packages; demo and test call it for root on Debian and Ubuntu.
setup:
	scripts/setup demo test lint

demo:
	@scripts/setup --if-root demo
	@$(MAKE) --no-print-directory all
	$(BUILD)/examples/sandbox examples/config.json

header: ; KATACG_BLESS=1 $(call CARGO_LOCKED,test) --test header

# Debug information stays in the library, for debug packages; install-strip leaves it out.
install: $(SO) $(STATIC) $(BUILD)/katacg.pc $(NOTICES)
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(DOCDIR)
	$(INSTALL_PROGRAM) -m 755 $(SO) $(DESTDIR)$(LIBDIR)/libkatacg.so.$(SOVERSION)
	ln -sf libkatacg.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libkatacg.so
	$(INSTALL_DATA) $(STATIC) $(DESTDIR)$(LIBDIR)/libkatacg.a
	$(INSTALL_DATA) include/katacg.h $(DESTDIR)$(INCLUDEDIR)/katacg.h
	$(INSTALL_DATA) $(BUILD)/katacg.pc $(DESTDIR)$(LIBDIR)/pkgconfig/katacg.pc
	$(INSTALL_DATA) LICENSE $(NOTICES) $(DESTDIR)$(DOCDIR)

install-strip:
	$(MAKE) INSTALL_PROGRAM='$(INSTALL) -s --strip-program=$(STRIP)' install

uninstall:
	rm -f $(DESTDIR)$(LIBDIR)/libkatacg.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libkatacg.so \
		$(DESTDIR)$(LIBDIR)/libkatacg.a $(DESTDIR)$(INCLUDEDIR)/katacg.h \
		$(DESTDIR)$(LIBDIR)/pkgconfig/katacg.pc \
		$(DESTDIR)$(DOCDIR)/LICENSE $(DESTDIR)$(DOCDIR)/THIRD-PARTY-NOTICES
	-rmdir $(DESTDIR)$(DOCDIR)

lint: $(BUILD)/katacg-uninstalled.pc
	@scripts/need cargo-fmt cargo-clippy cc go pkg-config clang-format
	scripts/check-spdx
	$(CARGO) fmt --check
	$(call CARGO_LOCKED,clippy) --all-targets --features internals -- -D warnings
	$(call CARGO_LOCKED,clippy) --lib --no-default-features -- -D warnings
	$(call CARGO_LOCKED,test) --quiet --test house
	RUSTDOCFLAGS="-D warnings" $(call CARGO_LOCKED,doc) --no-deps
	scripts/check-msrv
	scripts/check-dependencies
	cd go && PKG_CONFIG_PATH=$(abspath $(BUILD)) $(GO) vet ./...
	clang-format --dry-run -Werror $$(git ls-files '*.c' 'tests/*.h' 'examples/*.h')
	$(CC) $(WARN) -Werror -fsyntax-only -Iinclude examples/*.c

test:
	@scripts/setup --if-root demo test
	@$(MAKE) --no-print-directory rust-test c-test go-test readme-test packaging-test lab-test

# The live tests say what this host cannot run; the sum is printed, with the reasons.
rust-test:
	@scripts/need cc cargo
	$(call CARGO_LOCKED,test) --features internals --lib --test config --test gopath --test header \
		--test host --test parse --test plans --test systemd_peer --test transaction --test vectors
	$(call CARGO_LOCKED,test) --doc
	tests/live-native

c-test: all
	tests/c/run

go-test: all
	tests/go-test

readme-test: all
	tests/readme

packaging-test: all
	tests/packaging

lab-test: all
	tests/lab/build
	tests/lab/suite

bench: all
	benches/run
	$(call CARGO_LOCKED,bench) --quiet --features internals --bench devices
	benches/statistics

bench-lab: all
	benches/lab/run
	benches/lab/v2
	benches/lab/statistics

lab:
	tests/lab/build

clean:
	rm -rf build $(TARGET_DIR)
