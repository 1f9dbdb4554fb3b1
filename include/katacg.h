/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libkatacg: control groups for container runtimes.
 *
 * Conventions, for every function here:
 *
 * - The result is 0 or a count on success, or -errno. errno itself is neither set nor needed.
 * - The last argument is a struct katacg_error of the caller's, or NULL; it is written only on
 *   failure. Its message names the operation, file, value, cause, and what can be done.
 * - Text comes out as snprintf does it: into the caller's buffer, always ended with NUL, and the
 *   result is the length that is needed. A result >= buf_len means that it did not fit.
 * - Paths are bytes: they need not be UTF-8. JSON is UTF-8.
 * - "Threads: any" means that it can be called from any thread at any time, also on one handle.
 *   "Fork: safe" means that it works in the child of a fork, as far as malloc(3) does; what works
 *   in the child of a process with threads in general is said where it matters.
 * - Text, JSON and options that go in are copied: they are the caller's again after the call.
 * - The environment is read (getenv(3)) only where a bus's address comes from it: no other thread may
 *   call setenv(3) meanwhile.
 * - -ERANGE (KATACG_ERR_VALUE) from any function with a text result: it has a NUL byte, or is
 *   longer than an int can say.
 * - -ENOTRECOVERABLE (KATACG_ERR_PANIC) from any function is a bug of the library that it caught.
 * - The library starts no thread, installs no signal handler, changes no environment, prints
 *   nothing, and every descriptor that it opens is close-on-exec.
 */

#ifndef KATACG_H
#define KATACG_H

/* Made by cbindgen from src/capi; see tests/header.rs. Do not edit. */

#include <stddef.h>
#include <stdint.h>

/* The result tells whether the call failed; the compiler warns when it is dropped. */
#if defined(__GNUC__) || defined(__clang__)
#define KATACG_MUST_USE __attribute__((warn_unused_result))
#else
#define KATACG_MUST_USE
#endif

/**
 * This header's version: KATACG_VERSION_MAJOR.KATACG_VERSION_MINOR.KATACG_VERSION_PATCH.
 */
#define KATACG_VERSION_MAJOR 0

/**
 * See KATACG_VERSION_MAJOR.
 */
#define KATACG_VERSION_MINOR 1

/**
 * See KATACG_VERSION_MAJOR.
 */
#define KATACG_VERSION_PATCH 0

/**
 * Counts up whenever functions, flags or fields are added. Compare with katacg_api_level() to
 * learn at run time whether the library has what this header has.
 */
#define KATACG_API_LEVEL 1

/**
 * An argument is missing, malformed or contradicts another one.
 */
#define KATACG_ERR_ARGUMENT 1

/**
 * A path or unit name breaks the rule that it was checked against.
 */
#define KATACG_ERR_PATH 2

/**
 * JSON that cannot be read (the message has line and column), or is not what it should be.
 */
#define KATACG_ERR_JSON 3

/**
 * A value that is out of range or contradicts another one.
 */
#define KATACG_ERR_VALUE 4

/**
 * No cgroup mount, or none with the controller that is needed.
 */
#define KATACG_ERR_NOT_MOUNTED 5

/**
 * The controller is not available in this cgroup; the message lists those that are.
 */
#define KATACG_ERR_CONTROLLER 6

/**
 * A system call failed; see sys_errno.
 */
#define KATACG_ERR_SYSTEM 7

/**
 * Cannot be done on this layout, or by this version.
 */
#define KATACG_ERR_UNSUPPORTED 8

/**
 * The cgroup does not exist (any more).
 */
#define KATACG_ERR_DELETED 9

/**
 * The kernel took a value and changed it.
 */
#define KATACG_ERR_CLAMPED 10

/**
 * Without root: no cgroup could be made to hold the limits that were asked for.
 */
#define KATACG_ERR_ROOTLESS 11

/**
 * Still in use after the deadline; the message names what is left.
 */
#define KATACG_ERR_BUSY 12

/**
 * A deadline passed.
 */
#define KATACG_ERR_TIMEOUT 13

/**
 * A bug in this library was caught. What the call did is not known.
 */
#define KATACG_ERR_PANIC 14

/**
 * An options structure has fields set that this version does not know.
 */
#define KATACG_ERR_TOO_NEW 15

/**
 * systemd cannot be reached: no bus, or no systemd on it.
 */
#define KATACG_ERR_BUS 16

/**
 * Bytes of a message, its NUL included. A longer message ends in "...".
 */
#define KATACG_ERROR_MESSAGE 496

/**
 * katacg_path_validate: the runtime was told to use systemd.
 */
#define KATACG_PATH_SYSTEMD 1

/**
 * katacg_path_validate: refuse what Kata's rules let through although nobody can mean it.
 */
#define KATACG_PATH_STRICT 2

/**
 * katacg_path_validate: the rules of Kata 1.x's last release.
 */
#define KATACG_PATH_K1 4

/**
 * katacg_path_validate: the rules of Kata 3.x.
 */
#define KATACG_PATH_K3 8

/**
 * katacg_path_validate, with KATACG_PATH_K3: the host is unified.
 */
#define KATACG_PATH_V2 16

/**
 * katacg_subsystems: those that may limit a hypervisor (cpuset, cpu, cpuacct).
 */
#define KATACG_SUBSYSTEMS_CONSTRAINTS 1

/**
 * katacg_subsystems: those that must not (memory).
 */
#define KATACG_SUBSYSTEMS_NO_CONSTRAINTS 2

/**
 * katacg_subsystems: every v1 subsystem, and the named hierarchy "systemd".
 */
#define KATACG_SUBSYSTEMS_ALL 3

/**
 * v1 hierarchies alone.
 */
#define KATACG_LAYOUT_LEGACY 1

/**
 * v1 hierarchies with a cgroup2 mount beside them.
 */
#define KATACG_LAYOUT_HYBRID 2

/**
 * cgroup2 alone.
 */
#define KATACG_LAYOUT_UNIFIED 3

/**
 * Leave device rules alone: they are the caller's to apply, or there are none to apply. A v1
 * host without the devices controller is no error then. Without this flag rules are applied by the
 * system's systemd (opts.driver), are an error where this library makes the cgroup, and are NOT
 * applied by a user's systemd, which cannot: that is a warning, with KATACG_MANAGER_STRICT an error.
 * So it is in a user namespace, where nobody says whether systemd could.
 */
#define KATACG_MANAGER_SKIP_DEVICES 1

/**
 * What would be a warning is an error: a value that this layout has no file for or that systemd has
 * no property for, a systemd path that katacg_path_validate's strict rules refuse, and the
 * hierarchies' root as a parent or as a place to move processes to.
 */
#define KATACG_MANAGER_STRICT 2

/**
 * A failed katacg_manager_set, or apply to a unit that is there, leaves what it had written: saves
 * reading each value first.
 */
#define KATACG_MANAGER_NO_ROLLBACK 4

/**
 * Join only the hierarchies in which the cgroup is there already; -ENOENT (KATACG_ERR_DELETED)
 * when it is in none.
 */
#define KATACG_MANAGER_EXISTING 8

/**
 * Give the v2 cgroup to owner_uid and owner_gid when it is applied: the directory, and the files that
 * /sys/kernel/cgroup/delegate names.
 */
#define KATACG_MANAGER_DELEGATE 16

/**
 * opts.driver: systemd for a path "slice:prefix:name" (by katacg_path_is_systemd or
 * katacg_path_is_systemd_slice, or with an empty slice, which is system.slice, or user.slice of a
 * user's systemd), else cgroupfs. With KATACG_MANAGER_STRICT such a path has to pass
 * katacg_path_validate's strict rules as well.
 */
#define KATACG_DRIVER_AUTO 0

/**
 * opts.driver: this library, by the cgroup file system. A systemd path is an error.
 */
#define KATACG_DRIVER_CGROUPFS 1

/**
 * opts.driver: systemd, over D-Bus: a transient scope PREFIX-NAME.scope (NAME.scope without a
 * prefix), or the slice NAME when it ends in ".slice". A path of another form is an error.
 */
#define KATACG_DRIVER_SYSTEMD 2

/**
 * opts.driver: systemd by katacg_path_is_systemd alone, as Kata's Go code of January 2020 chose;
 * every slice with a dash in its name is a directory then.
 */
#define KATACG_DRIVER_AUTO_K0 3

/**
 * opts.bus: the user's without root, else the system's. Root of a user namespace counts as a user,
 * unless PID 1's systemd is root's there as well: in a system container, and for the host's own root.
 */
#define KATACG_BUS_AUTO 0

/**
 * opts.bus: PID 1's systemd.
 */
#define KATACG_BUS_SYSTEM 1

/**
 * opts.bus: the systemd of the user (systemd --user). On a unified host only.
 */
#define KATACG_BUS_USER 2

/**
 * katacg_manager_apply: set the manager's own resources before the process enters.
 */
#define KATACG_APPLY_SET 1

/**
 * katacg_manager_plan: lines of tab-separated fields instead of JSON.
 */
#define KATACG_PLAN_TEXT 1

/**
 * katacg_manager_plan: what katacg_manager_apply does with KATACG_APPLY_SET (creating, knobs, nobody
 * moved), instead of what katacg_manager_set does.
 */
#define KATACG_PLAN_APPLY 2

/**
 * katacg_manager_add: the ids are those of threads.
 */
#define KATACG_ADD_THREADS 1

/**
 * katacg_manager_add: make the sub-cgroup; with KATACG_ADD_THREADS on v2, as a threaded one.
 */
#define KATACG_ADD_CREATE 2

/**
 * katacg_manager_freezer_state: running.
 */
#define KATACG_FREEZER_THAWED 1

/**
 * katacg_manager_freezer_state: asked to freeze, and some task has not arrived.
 */
#define KATACG_FREEZER_FREEZING 2

/**
 * katacg_manager_freezer_state: frozen.
 */
#define KATACG_FREEZER_FROZEN 3

/**
 * How many descriptors a struct katacg_attach holds at most.
 */
#define KATACG_ATTACH_MAX 30

/**
 * katacg_attach_open: leave cgroup2 out, for a child that clone3(CLONE_INTO_CGROUP) puts there.
 */
#define KATACG_ATTACH_V1_ONLY 1

/**
 * A host's cgroup mounts, as they were when it was opened: immutable. Any number of managers
 * and threads can share one. It keeps one descriptor open for each hierarchy that was used
 * through it (O_PATH, close-on-exec), and up to four connections for each bus that systemd was talked
 * to over; each of them is used by the process that opened it alone, so that a fork is no harm. Open
 * it again after mounts changed or after setns(2).
 */
struct katacg_host;

/**
 * A manager: one sandbox's or container's cgroup in every hierarchy that it joins. It owns no
 * process and no cgroup: freeing it leaves both alone. Calls on one manager from many threads
 * are safe; apply, add and set wait for each other.
 */
struct katacg_manager;

/**
 * Why a call failed. The caller owns it; every function takes it last, takes NULL for "not
 * wanted", and writes it only on failure. It holds no memory of its own. Start it as
 * KATACG_ERROR_INIT.
 */
struct katacg_error {
  /**
   * sizeof(struct katacg_error), set by the caller. No more than this many bytes are
   * written. 0 (a zeroed structure) means the 512 bytes of the first version.
   */
  uint32_t size;
  /**
   * One of KATACG_ERR_*.
   */
  int32_t code;
  /**
   * The errno of the system call that failed; 0 when none did.
   */
  int32_t sys_errno;
  /**
   * Always 0.
   */
  uint32_t reserved;
  /**
   * One line, NUL-terminated: operation, file, value, cause, what the caller can do. File
   * names are bytes as they are, not necessarily UTF-8.
   */
  char message[KATACG_ERROR_MESSAGE];
};

/**
 * Options of katacg_manager_new. Zero it (KATACG_MANAGER_OPTS_INIT), set what you need, pass
 * sizeof (a multiple of 8, at most 4096): fields are only ever added at the end, and 0 is what an
 * older program means. What it points to is copied.
 */
struct katacg_manager_opts {
  /**
   * KATACG_MANAGER_* or'ed; unknown bits are -EINVAL.
   */
  uint64_t flags;
  /**
   * The cgroup, instead of the specification's cgroupsPath. NULL: as the specification says.
   */
  const char *path;
  /**
   * v1: comma-separated subsystems to join ("cpu,memory,name=systemd"; "systemd" means the
   * last), each of which must be mounted; "" is -EINVAL. NULL: all that are mounted, among which devices must be.
   * A unit is in systemd's own hierarchies whatever this says. Not used on a unified host, where
   * there is one hierarchy.
   */
  const char *subsystems;
  /**
   * Where warnings are written, a line and one write(2) each; the caller's, never closed. Used when
   * log_level is not 0; it must stay open as long as the manager is used (or until
   * katacg_manager_log). A pipe that nobody reads any more raises SIGPIPE, a full one waits.
   */
  int32_t log_fd;
  /**
   * 0: silent. 1: warnings.
   */
  uint32_t log_level;
  /**
   * The cgroup's name when neither path nor the specification gives a path: it is made below
   * (v1, hybrid) or beside (v2) the caller's own, and a rootless caller that may not goes
   * without. NULL: none.
   */
  const char *name;
  /**
   * With KATACG_MANAGER_DELEGATE.
   */
  uint32_t owner_uid;
  /**
   * With KATACG_MANAGER_DELEGATE.
   */
  uint32_t owner_gid;
  /**
   * KATACG_DRIVER_*: who makes the cgroup.
   */
  uint32_t driver;
  /**
   * KATACG_BUS_*: which systemd.
   */
  uint32_t bus;
  /**
   * Its D-Bus address ("unix:path=/run/dbus/system_bus_socket"; several separated by ';' are
   * tried in order). Only unix:path= and unix:abstract= can be used; without one of them it is an
   * error of katacg_manager_new. NULL: the bus's own, for the system DBUS_SYSTEM_BUS_ADDRESS or
   * /run/dbus/system_bus_socket, for the user DBUS_SESSION_BUS_ADDRESS or $XDG_RUNTIME_DIR/bus,
   * as the environment has them when it connects. The state has it as it is: after NULL, whoever
   * loads the state looks in its own environment.
   */
  const char *bus_address;
  /**
   * systemd's version, like 252: which properties there are depends on it (see the warnings of a
   * plan). For where it is known, or nobody is there to be asked: a dry run on another host. 0: it
   * is asked when first needed, once for a host handle; katacg_manager_plan needs it too. Not part
   * of the state.
   */
  uint32_t systemd_version;
  /**
   * 0.
   */
  uint32_t reserved;
};

/**
 * Open descriptors through which a process joins a cgroup by itself. The caller's memory; filled
 * by katacg_attach_open, closed by katacg_attach_close.
 */
struct katacg_attach {
  /**
   * How many of fds are used.
   */
  uint32_t count;
  /**
   * Always 0.
   */
  uint32_t reserved;
  /**
   * Close-on-exec.
   */
  int32_t fds[KATACG_ATTACH_MAX];
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The library's version at run time.
 *
 * Returns: "MAJOR.MINOR.PATCH", static, never NULL. Ownership: the library's. Errors: none.
 * Threads: any. Fork: safe.
 */
const char *katacg_version(void);

/**
 * The library's API level at run time; see KATACG_API_LEVEL.
 *
 * Returns: the level, 1 or more. Errors: none. Threads: any. Fork: safe.
 */
KATACG_MUST_USE uint32_t katacg_api_level(void);

/**
 * Whether a path is a systemd path by Kata's oldest rule: three parts between colons, each of
 * letters, digits and dots. (No '-': every real kubelet slice fails it; see
 * katacg_path_is_systemd_slice.)
 *
 * path: NUL-terminated. Returns: 1 or 0; 0 for NULL. Errors: none. Threads: any. Fork: safe.
 */
KATACG_MUST_USE int katacg_path_is_systemd(const char *path);

/**
 * Whether a path is a systemd path by the rule of Kata 1.x's last release and of 3.x: exactly
 * three parts between colons, the first ending in ".slice".
 *
 * path: NUL-terminated. Returns: 1 or 0; 0 for NULL. Errors: none. Threads: any. Fork: safe.
 */
KATACG_MUST_USE int katacg_path_is_systemd_slice(const char *path);

/**
 * The path that Kata uses for a sandbox's cgroup: a systemd path as it is, an absolute path
 * cleaned, a relative one below "/vc"; the last element gets "kata_" in front (not by the rules
 * of 3.x). By the rules of 3.x on a unified host a systemd path comes back with "/" in front, as
 * Kata has it: to katacg_manager_new that is a directory, so give that the original.
 *
 * path: NUL-terminated, not necessarily UTF-8. flags: KATACG_PATH_*. buf, buf_len: the result,
 * as snprintf writes it; NULL and 0 ask for its length. Returns: the length without NUL, also
 * when it did not fit. Errors: -EINVAL (KATACG_ERR_PATH: no systemd path although systemd is
 * asked for, or refused by KATACG_PATH_STRICT; KATACG_ERR_ARGUMENT: NULL, or flags that
 * contradict each other). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_validate(const char *path,
                         uint32_t flags,
                         char *buf,
                         size_t buf_len,
                         struct katacg_error *err);

/**
 * "kata_" before a path's last element, so that cAdvisor does not take the sandbox for a
 * container.
 *
 * path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
 * NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
 * Errors: -EINVAL (KATACG_ERR_PATH: the path is empty; KATACG_ERR_ARGUMENT: NULL). Threads: any.
 * Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_rename(const char *path,
                       char *buf,
                       size_t buf_len,
                       struct katacg_error *err);

/**
 * As katacg_path_rename, by the rules of Kata 3.x: "" and "." stand for "/vc".
 *
 * path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
 * NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
 * Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_rename_k3(const char *path,
                          char *buf,
                          size_t buf_len,
                          struct katacg_error *err);

/**
 * Where the part of a sandbox goes that no limits apply to: the path below "/kata".
 *
 * path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
 * NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
 * Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_no_constraints(const char *path,
                               char *buf,
                               size_t buf_len,
                               struct katacg_error *err);

/**
 * The parent of a path, taken from the root whether it starts with '/' or not.
 *
 * path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
 * NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
 * Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_parent(const char *path,
                       char *buf,
                       size_t buf_len,
                       struct katacg_error *err);

/**
 * The path to use inside the guest: "/prefix/name" of a systemd path (by
 * katacg_path_is_systemd), else unchanged.
 *
 * path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
 * NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
 * Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_guest(const char *path,
                      char *buf,
                      size_t buf_len,
                      struct katacg_error *err);

/**
 * A slice's path from its name: "a-b.slice" is "/a.slice/a-b.slice", "-.slice" is "/".
 *
 * slice: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
 * NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
 * Errors: -EINVAL (KATACG_ERR_PATH: not such a name; KATACG_ERR_ARGUMENT: NULL). Threads: any.
 * Fork: safe.
 */
KATACG_MUST_USE
int katacg_slice_expand(const char *slice,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/**
 * The slice of a systemd path "x.slice:prefix:name": "x.slice".
 *
 * path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
 * NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
 * Errors: -EINVAL (KATACG_ERR_PATH: not such a name; KATACG_ERR_ARGUMENT: NULL). Threads: any.
 * Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_slice(const char *path,
                      char *buf,
                      size_t buf_len,
                      struct katacg_error *err);

/**
 * The scope of a systemd path "x.slice:prefix:name": "prefix-name.scope", by Kata 3.x's rule. A
 * manager also makes scopes without a prefix, and slices: katacg_manager_unit tells.
 *
 * path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
 * NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
 * Errors: -EINVAL (KATACG_ERR_PATH: not such a name; KATACG_ERR_ARGUMENT: NULL). Threads: any.
 * Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_unit(const char *path,
                     char *buf,
                     size_t buf_len,
                     struct katacg_error *err);

/**
 * A cgroup's directory: root, subsystem and path joined and cleaned. Lexical: ".." in the path
 * climbs, as it does in the Go library that this follows.
 *
 * root, subsystem, path: NUL-terminated. buf, buf_len: the result, as snprintf writes it; NULL
 * and 0 ask for its length. Returns: the length without NUL, also when it did not fit. Errors:
 * -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_subsystem_path(const char *root,
                          const char *subsystem,
                          const char *path,
                          char *buf,
                          size_t buf_len,
                          struct katacg_error *err);

/**
 * The directory that holds the v1 hierarchies, from a mountinfo: the parent of the first mount
 * of type cgroup. Kata's old rule; katacg_host_mountpoint gives any controller's real mount.
 *
 * mountinfo, len: bytes as in /proc/self/mountinfo, lines of any length; NULL and 0 are empty.
 * buf, buf_len: the result, unescaped, as snprintf writes it; NULL and 0 ask for its length.
 * Returns: the length without NUL, also when it did not fit. Errors: -ENOENT
 * (KATACG_ERR_NOT_MOUNTED: no v1 mount, or a line that is no mountinfo line before the first),
 * -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_v1_mountpoint_parse(const char *mountinfo,
                               size_t len,
                               char *buf,
                               size_t buf_len,
                               struct katacg_error *err);

/**
 * As katacg_v1_mountpoint_parse, of this process's own /proc/self/mountinfo.
 *
 * buf, buf_len: the result, as snprintf writes it; NULL and 0 ask for its length. Returns: the
 * length without NUL, also when it did not fit. Errors: as katacg_v1_mountpoint_parse, and what
 * open(2) and read(2) give (KATACG_ERR_SYSTEM). Threads: any. Fork: safe.
 */
KATACG_MUST_USE int katacg_v1_mountpoint(char *buf, size_t buf_len, struct katacg_error *err);

/**
 * The subsystems of one of Kata's sets that a host has: those for which lstat(root/name)
 * succeeds.
 *
 * root: the directory that holds the v1 hierarchies (katacg_v1_mountpoint). set: one of
 * KATACG_SUBSYSTEMS_*. buf, buf_len: the result, comma-separated, as snprintf writes it; NULL
 * and 0 ask for its length. Returns: the length without NUL, also when it did not fit; 0 when
 * there are none. Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL, an unknown set). Threads: any.
 * Fork: safe.
 */
KATACG_MUST_USE
int katacg_subsystems(const char *root,
                      uint32_t set,
                      char *buf,
                      size_t buf_len,
                      struct katacg_error *err);

/**
 * What Kata does to CPU resources first: each of shares, quota, period, realtimeRuntime and
 * realtimePeriod that is below 1 becomes unset (so a quota of -1 is dropped).
 *
 * cpu_json, len: an OCI linux.resources.cpu object, or null. buf, buf_len: the result, JSON, as
 * snprintf writes it; NULL and 0 ask for its length. Returns: the length without NUL, also when
 * it did not fit. Errors: -EINVAL (KATACG_ERR_JSON: malformed or out of range, with line and
 * column; KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_cpu_validate(const char *cpu_json,
                        size_t len,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/**
 * A sandbox's CPU resources from its containers': the largest shares and period, the sums of
 * quota and realtime values, all CPUs and memory nodes; then as katacg_cpu_validate. Shares and
 * period pass through a double, as they did in Go.
 *
 * cpus_json, len: a JSON array of OCI linux.resources.cpu objects and nulls. buf, buf_len: the
 * result, JSON, as snprintf writes it; NULL and 0 ask for its length. Returns: the length
 * without NUL, also when it did not fit. Errors: as katacg_cpu_validate. Threads: any. Fork:
 * safe.
 */
KATACG_MUST_USE
int katacg_cpu_aggregate(const char *cpus_json,
                         size_t len,
                         char *buf,
                         size_t buf_len,
                         struct katacg_error *err);

/**
 * Reads /proc/self/mountinfo, /proc/self/cgroup and /proc/self/uid_map, once each.
 *
 * out: the new handle; NULL there on failure. Returns: 0. Errors: -ENOENT
 * (KATACG_ERR_NOT_MOUNTED: no cgroup mount), what open(2) and read(2) give (KATACG_ERR_SYSTEM),
 * -EINVAL (KATACG_ERR_ARGUMENT: NULL). Ownership: free it with katacg_host_free. Threads: any.
 * Fork: safe.
 */
KATACG_MUST_USE int katacg_host_open(struct katacg_host **out, struct katacg_error *err);

/**
 * A host from text, for dry runs and tests: managers on it can plan for any layout. The caller
 * counts as root, and a hybrid host's cgroup2 mount as one without controllers. Plans of units need
 * opts.systemd_version; without it this host's systemd is asked. Everything but plans, paths and states
 * is done for real, where the text says that the mounts are.
 *
 * mountinfo, mountinfo_len, cgroup, cgroup_len: bytes as in /proc/self/mountinfo and
 * /proc/self/cgroup. out: the new handle; NULL there on failure. Returns: 0. Errors: -ENOENT
 * (KATACG_ERR_NOT_MOUNTED: no cgroup mount), -EIO (KATACG_ERR_SYSTEM: a line of cgroup that is
 * not id:controllers:path), -EINVAL (KATACG_ERR_ARGUMENT: NULL). Ownership: free it with
 * katacg_host_free. Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_host_parse(const char *mountinfo,
                      size_t mountinfo_len,
                      const char *cgroup,
                      size_t cgroup_len,
                      struct katacg_host **out,
                      struct katacg_error *err);

/**
 * Frees a host. Managers made on it keep what they need.
 *
 * host: a handle, not used again, or NULL (nothing is done). Errors: none. Threads: no other
 * call on this handle at the same time. Fork: safe.
 */
void katacg_host_free(struct katacg_host *host);

/**
 * How the host's hierarchies are laid out.
 *
 * Returns: one of KATACG_LAYOUT_*. Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any.
 * Fork: safe.
 */
KATACG_MUST_USE int katacg_host_layout(const struct katacg_host *host, struct katacg_error *err);

/**
 * Whether the caller is neither root nor in a user namespace that maps everybody, as it was when
 * the host was opened.
 *
 * Returns: 1 or 0. Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_host_is_rootless(const struct katacg_host *host,
                            struct katacg_error *err);

/**
 * The v1 controllers and named hierarchies that are mounted, from the mounts' own options, and
 * "cgroup2" where that is mounted.
 *
 * buf, buf_len: the result, comma-separated, as snprintf writes it; NULL and 0 ask for its
 * length. Returns: the length without NUL, also when it did not fit. Errors: -EINVAL
 * (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_host_controllers(const struct katacg_host *host,
                            char *buf,
                            size_t buf_len,
                            struct katacg_error *err);

/**
 * Where a controller's hierarchy is mounted, whatever the directory is called. On a unified host
 * this is the cgroup2 mount for every controller.
 *
 * controller: a v1 controller, "systemd" or "name=systemd", or "" for cgroup2. buf, buf_len: the
 * result, as snprintf writes it; NULL and 0 ask for its length. Returns: the length without NUL,
 * also when it did not fit. Errors: -ENOENT (KATACG_ERR_NOT_MOUNTED: no mount has it; the
 * message lists what is mounted), -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_host_mountpoint(const struct katacg_host *host,
                           const char *controller,
                           char *buf,
                           size_t buf_len,
                           struct katacg_error *err);

/**
 * The cgroup that the caller is in, as /proc/self/cgroup has it.
 *
 * controller: as for katacg_host_mountpoint. buf, buf_len: the result, as snprintf writes it;
 * NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
 * Errors: -ENOENT (KATACG_ERR_NOT_MOUNTED: no mount has the controller), -EINVAL
 * (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe; the answer is the parent's.
 */
KATACG_MUST_USE
int katacg_host_own_cgroup(const struct katacg_host *host,
                           const char *controller,
                           char *buf,
                           size_t buf_len,
                           struct katacg_error *err);

/**
 * A manager for a cgroup. Nothing is created yet.
 *
 * host: the host to work on; NULL reads this one for this manager alone, which then has its own
 * descriptors and its own connections to systemd: who has many managers opens one host for all.
 * spec_json, spec_len: an OCI specification's
 * linux object, or a whole config.json, of which cgroupsPath, resources and, for a unit of
 * systemd's, annotations "org.systemd.property.NAME" are used (GVariant text, "uint64 5"; NAMESec
 * is seconds; those that would put processes into the unit, move it or tie other units to it are
 * errors); NULL and 0: none (no bytes at some address are no JSON). opts, opts_size: see struct katacg_manager_opts; NULL and 0: none.
 * out: the new handle; NULL there on failure. Returns: 0. Errors: -EINVAL (KATACG_ERR_JSON: with
 * line and column; KATACG_ERR_PATH: no path, or one that has no name of its own, or is not of the
 * form that opts.driver asks for; KATACG_ERR_ARGUMENT), -ERANGE (KATACG_ERR_VALUE: an annotation
 * that is no property), -EOPNOTSUPP (KATACG_ERR_UNSUPPORTED: a user's systemd on a host that is
 * not unified, or whose bus nothing names; opts.bus_address has nothing but other transports),
 * -ENOENT (KATACG_ERR_NOT_MOUNTED: no devices controller on a v1 host, unless
 * KATACG_MANAGER_SKIP_DEVICES, or not each of those that opts.subsystems names; KATACG_ERR_DELETED:
 * with KATACG_MANAGER_EXISTING, the cgroup is nowhere), -E2BIG (KATACG_ERR_TOO_NEW). The system's
 * systemd is not asked anything here; a user's is, where its units are: then also the errors of
 * systemd that katacg_manager_apply has. Ownership: free it with katacg_manager_free; host may be
 * freed before. Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_new(const struct katacg_host *host,
                       const char *spec_json,
                       size_t spec_len,
                       const struct katacg_manager_opts *opts,
                       size_t opts_size,
                       struct katacg_manager **out,
                       struct katacg_error *err);

/**
 * A manager from the state that katacg_manager_state gave, in this process or another; or from what
 * another library saved, its map of paths included: {"version":1, "driver":"cgroupfs" or "systemd",
 * "path":PATH}, and optionally "paths":{SUBSYSTEM:PATH} (absolute directories; without them they are
 * derived as katacg_manager_new does), "subsystems":[...], "resources":{...}, "skipDevices",
 * "strict" and "noRollback" (true or false), "owner":[UID,GID]. Its warnings go nowhere until
 * katacg_manager_log.
 *
 * host: as for katacg_manager_new. state_json, state_len: the state. out: the new handle; NULL
 * there on failure. Returns: 0. Errors: -EINVAL (KATACG_ERR_JSON; KATACG_ERR_PATH: a saved path
 * does not lie below today's mounts, or the path is not of the driver's form), -EOPNOTSUPP
 * (KATACG_ERR_UNSUPPORTED: the state of an unknown driver, or of a newer version), -ENOENT
 * (KATACG_ERR_NOT_MOUNTED: a saved subsystem is not mounted). Ownership: free it with
 * katacg_manager_free. Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_load(const struct katacg_host *host,
                        const char *state_json,
                        size_t state_len,
                        struct katacg_manager **out,
                        struct katacg_error *err);

/**
 * Frees a manager. Its cgroup and the processes in it stay as they are.
 *
 * manager: a handle, not used again, or NULL (nothing is done). Errors: none. Threads: no other
 * call on this handle at the same time. Fork: safe.
 */
void katacg_manager_free(struct katacg_manager *manager);

/**
 * Creates the cgroup in every hierarchy, and moves a process in. Directories that are there
 * already are used. On v1 the manager's own cpuset and realtime values are written also without
 * KATACG_APPLY_SET, since no process could enter otherwise. When it fails, directories that it
 * made are removed again and the process is back where it was.
 *
 * With systemd: makes the unit, in one call with the process in it and, with KATACG_APPLY_SET, its
 * limits, and waits until that is done; then come the hierarchies that systemd does not manage, and
 * the files. A scope needs a process: with -1 systemd refuses to make one (-ENOENT,
 * KATACG_ERR_SYSTEM), and one that is active is given the limits. A slice is made without; a process
 * is moved in afterwards. When it fails the process is put back first and the unit stopped then, since
 * to stop it kills who is inside.
 *
 * pid: the process; -1 moves nobody. flags: KATACG_APPLY_SET or 0. Returns: 0, or, for a rootless
 * caller that named no path (opts.name alone), the number of hierarchies in which it may not make
 * the cgroup and goes without. Errors: -EACCES, -EPERM, -EROFS (KATACG_ERR_ROOTLESS: such a caller
 * asks for limits; KATACG_ERR_SYSTEM), -ESRCH (KATACG_ERR_SYSTEM: no such process; nothing was
 * done), what mkdir(2), open(2), write(2) give (KATACG_ERR_SYSTEM), and with KATACG_APPLY_SET
 * those of katacg_manager_set; -EINVAL (KATACG_ERR_ARGUMENT). Of systemd: -EBUSY (KATACG_ERR_BUSY:
 * a unit of the name is active; one that failed is no obstacle), -ETIMEDOUT (KATACG_ERR_TIMEOUT:
 * no answer within 25 s, or the job did not end within 30 s), -EOPNOTSUPP (KATACG_ERR_UNSUPPORTED:
 * it does not know a property; a device rule that it cannot express; it is in another PID
 * namespace, where the process's number is somebody else's), -EINVAL
 * (KATACG_ERR_ARGUMENT: it refuses a value; the environment's bus address is none), and
 * -ECONNREFUSED (KATACG_ERR_BUS: no bus, or no systemd on it; sys_errno says what connect(2)
 * gave), and KATACG_ERR_SYSTEM: -EIO (the job failed or was canceled; an answer that makes no
 * sense), -EACCES (only root may, on the system's bus), -ECONNRESET (the connection was lost twice),
 * -ESHUTDOWN (the unit is masked, or the system goes down), -ENOBUFS, -ENOMEM (the bus's limits),
 * and what else an error of systemd's is called after. Threads: any. Fork: safe, unless another thread was in a call on
 * this handle.
 */
KATACG_MUST_USE
int katacg_manager_apply(const struct katacg_manager *manager,
                         int32_t pid,
                         uint32_t flags,
                         struct katacg_error *err);

/**
 * Gives the cgroup resources. What they leave out stays as it is. When a write fails, what this
 * call changed is put back in reverse order, and the message says what was restored and what could
 * not be (KATACG_MANAGER_NO_ROLLBACK turns this off). Calls of managers with the same subsystems for
 * one cgroup take turns, whatever process they come from (flock(2) on its directory; after 2 s without
 * its turn a call goes on all the same, with a warning). The resources become part of the manager's
 * own (see katacg_manager_state) when all of them are set.
 *
 * With systemd: properties of the unit first, all or none, until the next boot; then the files, which
 * carry what it has no property for. On v1 everybody inside is frozen while device rules change.
 *
 * resources_json, len: an OCI linux.resources object; unknown fields are accepted. NULL and 0: the
 * manager's own. Returns: 0. Errors: -EINVAL (KATACG_ERR_JSON: with line and column), -ERANGE
 * (KATACG_ERR_VALUE: refused before anything is written; KATACG_ERR_CLAMPED: the kernel took
 * another value), -EOPNOTSUPP (KATACG_ERR_CONTROLLER: the cgroup lacks one, the message lists what
 * it has; KATACG_ERR_UNSUPPORTED: device rules of a cgroup that this library makes, without
 * KATACG_MANAGER_SKIP_DEVICES; "unified" on v1; with KATACG_MANAGER_STRICT whatever would be a
 * warning), -EPERM (KATACG_ERR_ROOTLESS: there is no cgroup, see katacg_manager_apply), -ENOENT
 * (KATACG_ERR_DELETED: no such cgroup, or no such unit, as that of a scope whose last process has
 * ended; KATACG_ERR_SYSTEM: the kernel lacks the file), -EBUSY (KATACG_ERR_SYSTEM: the limit is
 * below what is in use) and whatever else write(2) gives; of systemd those of katacg_manager_apply
 * but KATACG_ERR_BUSY. Threads: any. Fork: safe, unless another thread was in a call on this
 * handle.
 */
KATACG_MUST_USE
int katacg_manager_set(const struct katacg_manager *manager,
                       const char *resources_json,
                       size_t len,
                       struct katacg_error *err);

/**
 * What katacg_manager_set (or katacg_manager_apply) would do: a dry run. Touches nothing and
 * needs no privilege. A unit's depends on systemd's version, which is asked for unless
 * opts.systemd_version says it.
 *
 * resources_json, len: as for katacg_manager_set. flags: KATACG_PLAN_*. buf, buf_len: the result
 * as snprintf writes it; NULL and 0 ask for its length. JSON: {"steps":[{"op":"create"|"inherit"|
 * "enable"|"settle"|"check"|"write"|"delegate"|"attach",...}],"warnings":[...]}, with "hierarchy", and
 * where there are such "controller", "file", "value", "if_missing" ("skip", "warn", or the write that is
 * done instead), "retry_after" (a file after which it is tried once more), "read_back" (true), "limit" and
 * "swap" (of check: what memory.current must be below); of systemd
 * {"op":"start","unit":U,"properties":[[NAME,VALUE],...],"resources":[...]}, {"op":"property","unit":U,
 * "properties":[...]}, "freeze" and "thaw", with values as GVariant text. Text: a line a step, fields
 * separated by tabs: operation, controller, file, value; of systemd operation, "systemd", unit,
 * NAME=VALUE with spaces between. Returns: the length without NUL, also when it did not
 * fit. Errors: those of katacg_manager_set that come before the first write. Threads: any. Fork:
 * safe, unless another thread was in a call on this handle.
 */
KATACG_MUST_USE
int katacg_manager_plan(const struct katacg_manager *manager,
                        const char *resources_json,
                        size_t len,
                        uint32_t flags,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/**
 * The paths of the cgroup, one for each subsystem; they need not exist yet.
 *
 * buf, buf_len: the result, JSON: {"cpu":"/sys/fs/cgroup/cpu/x",...}, the key of cgroup2 is "";
 * a path that is not UTF-8 is {"hex":"..."}. As snprintf writes it; NULL and 0 ask for its
 * length. Returns: the length without NUL, also when it did not fit. Errors: -EINVAL
 * (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_paths(const struct katacg_manager *manager,
                         char *buf,
                         size_t buf_len,
                         struct katacg_error *err);

/**
 * The path of one subsystem's cgroup.
 *
 * subsystem: a v1 subsystem, or "" for cgroup2; on a unified host every name gives the one
 * cgroup. buf, buf_len: the result, as snprintf writes it; NULL and 0 ask for its length.
 * Returns: the length without NUL, also when it did not fit. Errors: -ENOENT
 * (KATACG_ERR_NOT_MOUNTED: not one of this manager's), -EINVAL (KATACG_ERR_ARGUMENT: NULL).
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_path(const struct katacg_manager *manager,
                        const char *subsystem,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/**
 * What another process, or this one after a restart, needs to go on with this manager; give it to
 * katacg_manager_load.
 *
 * buf, buf_len: the result, JSON, as snprintf writes it; NULL and 0 ask for its length. Returns:
 * the length without NUL, also when it did not fit. Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL).
 * Threads: any. Fork: safe, unless another thread was in a call on this handle.
 */
KATACG_MUST_USE
int katacg_manager_state(const struct katacg_manager *manager,
                         char *buf,
                         size_t buf_len,
                         struct katacg_error *err);

/**
 * The unit of systemd's that the cgroup is: "prefix-name.scope", "name.scope", "name.slice".
 *
 * buf, buf_len: the result, as snprintf writes it; NULL and 0 ask for its length. Returns: the
 * length without NUL, also when it did not fit; 0 when it is no unit (cgroupfs, or the parent of a
 * unit). Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_unit(const struct katacg_manager *manager,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/**
 * Where warnings go from now on, as opts.log_fd and opts.log_level say it for katacg_manager_new;
 * managers that come from elsewhere are silent at first.
 *
 * fd: the caller's, open as long as the manager is used or until another call of this function;
 * level: 0 or 1. Returns: 0. Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL, a negative descriptor, an
 * unknown level). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_log(const struct katacg_manager *manager,
                       int32_t fd,
                       uint32_t level,
                       struct katacg_error *err);

/**
 * Reads one file of the cgroup.
 *
 * subsystem: as for katacg_manager_path. file: its name, without a slash. buf, buf_len: the
 * contents, as snprintf writes it; NULL and 0 ask for their length. Returns: the length without
 * NUL, also when it did not fit. Errors: what openat2(2) and read(2) give (KATACG_ERR_SYSTEM),
 * -ENOENT (KATACG_ERR_NOT_MOUNTED: not one of this manager's subsystems; KATACG_ERR_DELETED: no
 * such cgroup), -EINVAL
 * (KATACG_ERR_ARGUMENT: NULL, or not a file name). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_read(const struct katacg_manager *manager,
                        const char *subsystem,
                        const char *file,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/**
 * Writes one file of the cgroup, in one write(2): the raw setter, for what has no resource.
 *
 * subsystem, file: as for katacg_manager_read. value, len: what to write. Returns: 0. Errors:
 * what openat2(2) and write(2) give (KATACG_ERR_SYSTEM), -ENOENT (KATACG_ERR_NOT_MOUNTED,
 * KATACG_ERR_DELETED), -EINVAL
 * (KATACG_ERR_ARGUMENT). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_write(const struct katacg_manager *manager,
                         const char *subsystem,
                         const char *file,
                         const char *value,
                         size_t len,
                         struct katacg_error *err);

/**
 * Moves processes or threads in, into every hierarchy, in one burst. When one cannot be moved,
 * those that were are put back. Processes are moved into a unit of a user's systemd by that, which may
 * where the user may not (AttachProcessesToUnit, systemd 238); a systemd of another
 * PID namespace is not asked (-EOPNOTSUPP, KATACG_ERR_UNSUPPORTED).
 *
 * ids, ids_len: process ids, or thread ids with KATACG_ADD_THREADS (v2: threads move within one
 * threaded subtree only). flags: KATACG_ADD_*. below: a cgroup below the manager's, relative; NULL
 * or "": the manager's own. Returns: 0. Errors: -ESRCH (KATACG_ERR_SYSTEM: one is gone), -EBUSY
 * (KATACG_ERR_SYSTEM: a v2 cgroup with controllers turned on for its children), -EOPNOTSUPP
 * (KATACG_ERR_SYSTEM: v2 threaded and domain cgroups do not mix so), -EINVAL (KATACG_ERR_PATH:
 * below leaves the cgroup, or is one of the hierarchies' root; KATACG_ERR_ARGUMENT), -EPERM
 * (KATACG_ERR_ROOTLESS: there is no cgroup, see katacg_manager_apply), what open(2), write(2) give
 * (KATACG_ERR_SYSTEM), of a user's systemd those of katacg_manager_set. Threads: any. Fork: safe,
 * unless another thread was in a call on this handle.
 */
KATACG_MUST_USE
int katacg_manager_add(const struct katacg_manager *manager,
                       const int32_t *ids,
                       size_t ids_len,
                       uint32_t flags,
                       const char *below,
                       struct katacg_error *err);

/**
 * The processes in the cgroup (thread group ids; threads of a v2 threaded cgroup). On v1 this and
 * the two functions below look at the devices hierarchy, or, if it is not joined, at the first that
 * is; a process is listed if any thread of it is inside.
 *
 * pids, pids_len: where they are put, and how many fit; NULL and 0 ask for their number. Returns:
 * how many there are, also when they did not fit. Errors: -ENOENT (KATACG_ERR_DELETED: no such
 * cgroup), -EPERM (KATACG_ERR_ROOTLESS: there is none, see katacg_manager_apply), what open(2) and
 * read(2) give (KATACG_ERR_SYSTEM), -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_pids(const struct katacg_manager *manager,
                        int32_t *pids,
                        size_t pids_len,
                        struct katacg_error *err);

/**
 * The processes in the cgroup and in all cgroups below it, each once; the threads, if the cgroup is
 * a v2 threaded one itself.
 *
 * pids, pids_len: as for katacg_manager_pids. Returns: how many there are, also when they did not
 * fit. Errors: as katacg_manager_pids. Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_all_pids(const struct katacg_manager *manager,
                            int32_t *pids,
                            size_t pids_len,
                            struct katacg_error *err);

/**
 * The threads in the cgroup.
 *
 * tids, tids_len: where they are put, and how many fit; NULL and 0 ask for their number. Returns:
 * how many there are, also when they did not fit. Errors: as katacg_manager_pids. Threads: any.
 * Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_threads(const struct katacg_manager *manager,
                           int32_t *tids,
                           size_t tids_len,
                           struct katacg_error *err);

/**
 * Moves everybody in the cgroup and below it to another one, which must exist, in every hierarchy
 * that the other has joined: on v1 the very threads that are inside (not the processes that they
 * belong to), on v2 processes, or the threads of threaded cgroups. In a hierarchy that only the
 * other has joined, it takes the processes of this one, whole; one that only this has joined is left
 * as it is. Tasks that end meanwhile are passed over.
 *
 * to: a manager on the same host, or on one with the same mounts. Returns: how many moves there
 * were. Errors: -ENOENT (KATACG_ERR_DELETED: no such cgroup), -EINVAL (KATACG_ERR_PATH: to the
 * hierarchies' root, with KATACG_MANAGER_STRICT; KATACG_ERR_ARGUMENT: NULL, to itself, or with
 * other mounts), -EBUSY (KATACG_ERR_BUSY: some could not be moved, as tasks of another pid
 * namespace), what open(2), write(2) give (KATACG_ERR_SYSTEM); then some have moved. Threads: any.
 * Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_move_to(const struct katacg_manager *manager,
                           const struct katacg_manager *to,
                           struct katacg_error *err);

/**
 * A manager for the parent of this one's cgroup, as a place to move processes to: of "/a/b" it is
 * "/a", of "/a" the hierarchies' root. KATACG_MANAGER_STRICT refuses the root; without it a manager
 * of the root takes processes and is read; what would change it or reach everybody in it is -EINVAL
 * (KATACG_ERR_PATH): apply, set, write, freeze, thaw, kill, destroy, move_to and sub-cgroups of add.
 * Of a unit it is the slice's, which is such a place as well; one on cgroup2 with units in it takes no
 * processes itself.
 *
 * out: the new handle; NULL there on failure. Returns: 0. Errors: -ENOENT (KATACG_ERR_DELETED: it
 * does not exist), -EINVAL (KATACG_ERR_PATH; KATACG_ERR_ARGUMENT: NULL), what openat2(2) gives
 * (KATACG_ERR_SYSTEM). Ownership: free it with katacg_manager_free. Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_parent(const struct katacg_manager *manager,
                          struct katacg_manager **out,
                          struct katacg_error *err);

/**
 * Freezes all processes of the cgroup and below, and waits until they are. When it fails, the
 * cgroup is thawed again.
 *
 * timeout_ms: how long to wait. Returns: 0. Errors: -ETIMEDOUT (KATACG_ERR_TIMEOUT), -EINVAL
 * (KATACG_ERR_ARGUMENT: the caller is inside, and could not thaw itself), -ENOENT
 * (KATACG_ERR_DELETED: no such cgroup), -EOPNOTSUPP (KATACG_ERR_CONTROLLER: no freezer), what
 * write(2) gives (KATACG_ERR_SYSTEM), -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork:
 * safe.
 */
KATACG_MUST_USE
int katacg_manager_freeze(const struct katacg_manager *manager,
                          uint32_t timeout_ms,
                          struct katacg_error *err);

/**
 * Lets the processes run again; those below a frozen ancestor stay frozen.
 *
 * Returns: 0. Errors: as katacg_manager_freeze, but no time-out. Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_thaw(const struct katacg_manager *manager,
                        struct katacg_error *err);

/**
 * The cgroup's own freezer state: thawed also when only an ancestor is frozen.
 *
 * Returns: one of KATACG_FREEZER_*. Errors: as katacg_manager_thaw. Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_freezer_state(const struct katacg_manager *manager,
                                 struct katacg_error *err);

/**
 * Sends a signal to every process in the cgroup and below: SIGKILL through cgroup.kill where the
 * kernel has it (unified, Linux 5.14), else frozen, signalled, thawed, so that none escapes by forking;
 * what cannot be frozen within 2 s is gone over several times instead. Processes are signalled whole,
 * also those of which only some threads are inside (v1: see katacg_manager_pids).
 * A cgroup that was frozen before stays frozen, but for SIGKILL. Does not wait for them to end;
 * katacg_manager_destroy does.
 *
 * signal: its number. Returns: 0. Errors: -ENOENT (KATACG_ERR_DELETED: no such cgroup), what kill(2)
 * gives but ESRCH (KATACG_ERR_SYSTEM), -EINVAL (KATACG_ERR_ARGUMENT: NULL, or no signal). Threads:
 * any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_kill(const struct katacg_manager *manager,
                        int32_t signal,
                        struct katacg_error *err);

/**
 * How many processes of the cgroup the OOM killer has killed.
 *
 * out: the number; not written on failure. Returns: 0. Errors: -ENOENT (KATACG_ERR_DELETED: no such
 * cgroup), -EOPNOTSUPP (KATACG_ERR_CONTROLLER: no memory controller; KATACG_ERR_UNSUPPORTED: the kernel does not count),
 * what open(2) and read(2) give (KATACG_ERR_SYSTEM), -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads:
 * any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_oom_kills(const struct katacg_manager *manager,
                             uint64_t *out,
                             struct katacg_error *err);

/**
 * Whether the cgroup is there, in any of the manager's hierarchies: 0 means that nothing is left to
 * destroy.
 *
 * Returns: 1 or 0. Errors: what openat2(2) gives but ENOENT (KATACG_ERR_SYSTEM), -EINVAL
 * (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_exists(const struct katacg_manager *manager,
                          struct katacg_error *err);

/**
 * Removes the cgroup with its children from every hierarchy, waiting up to about a second in all
 * for processes that are ending. What is gone already counts as removed: it can be called again.
 * Processes are not moved and not killed; ancestors stay, also those that katacg_manager_apply
 * made. A unit of systemd's is stopped as well, which would kill who is inside: so nobody may be,
 * the directories go first, and what is still there after about a second is an error before
 * systemd is asked. So is anything inside a slice, a unit of the name that is another one (its
 * cgroup is elsewhere), and one with processes that cannot be seen from here, as in a cgroup
 * namespace of the caller's own. A unit that somebody starts in a slice at that very moment is
 * stopped with it.
 *
 * Returns: 0. Errors: -EBUSY (KATACG_ERR_BUSY: processes are still inside; the message names some;
 * what was empty is gone), what rmdir(2) gives (KATACG_ERR_SYSTEM), of systemd KATACG_ERR_TIMEOUT,
 * KATACG_ERR_BUS and KATACG_ERR_SYSTEM as of katacg_manager_apply, -EINVAL (KATACG_ERR_ARGUMENT:
 * NULL). Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_destroy(const struct katacg_manager *manager,
                           struct katacg_error *err);

/**
 * Opens what katacg_attach_self needs. The cgroup must exist.
 *
 * flags: KATACG_ATTACH_V1_ONLY or 0. out: filled, whatever was in it (close that first); its count
 * is 0 on failure. Returns: the number of descriptors; 0 for a rootless caller that goes without a
 * cgroup, and katacg_attach_self does nothing then. Errors: -ENOENT (KATACG_ERR_DELETED: no such
 * cgroup), what openat2(2) gives (KATACG_ERR_SYSTEM), -EOPNOTSUPP (KATACG_ERR_UNSUPPORTED: more
 * than KATACG_ATTACH_MAX hierarchies), -EINVAL (KATACG_ERR_ARGUMENT). Ownership: the descriptors
 * are the caller's; katacg_attach_close closes them. Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_attach_open(const struct katacg_manager *manager,
                       uint32_t flags,
                       struct katacg_attach *out,
                       struct katacg_error *err);

/**
 * The calling process joins, when it has one thread, as a child between fork and exec has (of a
 * process with more threads, on v1 only the calling one moves). Async-signal-safe: it does nothing
 * but write(2), allocates nothing, takes no lock, and leaves errno as it was. It does not wait for the
 * kernel's RCU grace period, as moving a process from outside does, where only v1 is joined. Whoever joins a frozen
 * cgroup stops there until it is thawed.
 *
 * attach: from katacg_attach_open; NULL is -EINVAL. Returns: 0. Errors: what write(2) gives, at the
 * first hierarchy that refuses; those before it are joined. Threads: any. Fork: made for it.
 */
KATACG_MUST_USE
int katacg_attach_self(const struct katacg_attach *attach);

/**
 * Closes what katacg_attach_open opened. Async-signal-safe.
 *
 * attach: from katacg_attach_open, or NULL (nothing is done); its count is 0 afterwards, so closing
 * again does nothing. Errors: none. Threads: no other call on this structure at the same time. Fork:
 * safe.
 */
void katacg_attach_close(struct katacg_attach *attach);

/**
 * The cgroup's cgroup2 directory: for clone3's CLONE_INTO_CGROUP (a child that is born in the
 * cgroup, without the wait of being moved; Go: SysProcAttr.CgroupFD), openat(2), and what else takes a
 * directory (cgroup.events, opened below it, is what can be polled).
 *
 * Returns: a descriptor, close-on-exec. Errors: -EOPNOTSUPP (KATACG_ERR_UNSUPPORTED: v1 alone),
 * -ENOENT (KATACG_ERR_DELETED: no such cgroup), what openat2(2) gives (KATACG_ERR_SYSTEM), -EINVAL
 * (KATACG_ERR_ARGUMENT: NULL). Ownership: the caller's, to close. Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_dirfd(const struct katacg_manager *manager,
                         struct katacg_error *err);

/**
 * Makes a cgroup on a set of subsystems and sets its resources: cgroups.New of Kata's flows. The
 * manager's other functions do the rest: katacg_manager_add for Add and AddTask, _set for Update,
 * _move_to for MoveTo, _destroy for Delete, _parent for the parent.
 *
 * host: as for katacg_manager_new. subsystems: comma-separated, as katacg_subsystems gives them;
 * each must be mounted; NULL means all that are; "" (a set of which this host has nothing) is -EINVAL
 * (KATACG_ERR_ARGUMENT); not used on a unified host. path: the cgroup's; a slice of systemd's
 * can be made so, a scope is made with a process (-EOPNOTSUPP, KATACG_ERR_UNSUPPORTED:
 * katacg_manager_new and katacg_manager_apply do that). resources_json, len: an OCI linux.resources
 * object; NULL and 0: none; device rules are left alone. out: the new handle; NULL there on failure,
 * and then nothing was made. Returns: 0. Errors: those, and as katacg_manager_new and
 * katacg_manager_apply. Ownership: free it with katacg_manager_free. Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_cgroup_new(const struct katacg_host *host,
                      const char *subsystems,
                      const char *path,
                      const char *resources_json,
                      size_t len,
                      struct katacg_manager **out,
                      struct katacg_error *err);

/**
 * A cgroup that exists, on those of a set of subsystems in which it does: cgroups.Load of Kata's
 * flows.
 *
 * host, subsystems, path: as for katacg_cgroup_new. out: the new handle; NULL there on failure.
 * Returns: 0. Errors: -ENOENT (KATACG_ERR_DELETED: it exists in none), and those of
 * katacg_manager_new. Ownership: free it with katacg_manager_free. Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_cgroup_load(const struct katacg_host *host,
                       const char *subsystems,
                       const char *path,
                       struct katacg_manager **out,
                       struct katacg_error *err);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KATACG_H */

/* How a struct katacg_error starts. */
#define KATACG_ERROR_INIT { (uint32_t)sizeof(struct katacg_error), 0, 0, 0, {0} }
/* How a struct katacg_manager_opts starts. */
#define KATACG_MANAGER_OPTS_INIT { 0, NULL, NULL, 0, 0, NULL, 0, 0, 0, 0, NULL, 0, 0 }
