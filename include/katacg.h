/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libkatacg: control groups for container runtimes.
 *
 * A manager is one cgroup of a sandbox or container: a directory in each cgroup v1 hierarchy, a
 * directory on cgroup2, or a systemd unit. The life cycle of a manager:
 *
 *   katacg_manager_new      chooses the cgroup from an OCI specification; creates nothing yet
 *   katacg_manager_plan     shows what would be done, without doing it
 *   katacg_manager_apply    creates the cgroup, sets its limits, moves the first process in
 *   katacg_manager_set      changes limits while the container runs
 *   katacg_manager_add      moves more processes or threads in
 *   katacg_manager_freeze   pauses every process; katacg_manager_thaw lets them run again
 *   katacg_manager_state    saves the manager; katacg_manager_load continues in another process
 *   katacg_manager_kill     sends a signal to every process
 *   katacg_manager_destroy  removes the cgroup after its processes have ended
 *   katacg_manager_free     frees the manager; the cgroup stays as it is
 *
 * An example (examples/minimal.c). The function limits a process to 64 MiB of memory, then to
 * 128 MiB. Last it ends the process and removes the cgroup.
 *
 *   #include <katacg.h>
 *   #include <signal.h>
 *   #include <string.h>
 *
 *   int contain(const char *path, int32_t pid, struct katacg_error *err) {
 *       const char *spec = "{\"resources\":{\"memory\":{\"limit\":67108864}}}";
 *       const char *update = "{\"memory\":{\"limit\":134217728}}";
 *       struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
 *       struct katacg_manager *manager;
 *       int result;
 *
 *       opts.path = path;
 *       opts.flags = KATACG_MANAGER_SKIP_DEVICES;
 *       result = katacg_manager_new(NULL, spec, strlen(spec), &opts, sizeof(opts), &manager, err);
 *       if (result < 0)
 *           return result;
 *       result = katacg_manager_apply(manager, pid, KATACG_APPLY_SET, err);
 *       if (result >= 0) {
 *           result = katacg_manager_set(manager, update, strlen(update), err);
 *           if (katacg_manager_kill(manager, SIGKILL, err) < 0 ||
 *               katacg_manager_destroy(manager, err) < 0)
 *               result = -1;
 *       }
 *       katacg_manager_free(manager);
 *       return result;
 *   }
 *
 * Sections: version, errors, host, manager, processes, freezer and removal, device rules,
 * statistics, events, attach, cgroup, and Kata's own rules.
 *
 * Conventions for every function:
 *
 * - Result: 0 or a count on success, -errno on failure. errno itself is neither set nor read.
 * - Errors: the last argument is a struct katacg_error of the caller, or NULL. It is written only
 *   on failure. Its message names the operation, file, value, cause, and what the caller can do.
 *   "-errno" in a list of errors stands for the errno of the system call that failed.
 * - Text out: as with snprintf(3), into the caller's buffer and always ended with NUL. The result
 *   is the length that is needed. If it is >= buf_len, the text did not fit.
 * - Text in: NUL-terminated. Paths are bytes and need not be UTF-8. JSON is UTF-8.
 * - Ownership: the library copies the text, JSON and options that it gets. The caller may change or
 *   free them after the call.
 * - "Threads: any": any thread may call the function at any time, even on a handle that other
 *   threads use.
 * - "Fork: safe": the function works in the child of a fork, as far as malloc(3) does. Comments say
 *   where the child of a process with threads is a special case.
 * - Environment: the library calls getenv(3) only to find the address of a bus. No other thread may
 *   call setenv(3) at that time.
 * - Side effects: the library starts no thread, installs no signal handler, changes no environment
 *   and prints nothing. Every descriptor that it opens is close-on-exec.
 *
 * Errors of every function:
 *
 *   -ERANGE           (KATACG_ERR_VALUE)  a text result has a NUL byte or does not fit in an int
 *   -ENOTRECOVERABLE  (KATACG_ERR_PANIC)  the library caught a bug of its own
 */

#ifndef KATACG_H
#define KATACG_H

/* Made by cbindgen from src/capi; see tests/header.rs. Do not edit. */

#include <stddef.h>
#include <stdint.h>

/* Makes the compiler warn if a caller ignores the result of a function. */
#if defined(__GNUC__) || defined(__clang__)
#define KATACG_MUST_USE __attribute__((warn_unused_result))
#else
#define KATACG_MUST_USE
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ================================================================================================
 * Version
 */

/**
 * Major part of this header's version.
 */
#define KATACG_VERSION_MAJOR 0

/**
 * Minor part of this header's version.
 */
#define KATACG_VERSION_MINOR 1

/**
 * Patch part of this header's version.
 */
#define KATACG_VERSION_PATCH 0

/**
 * Level of this header. It counts up whenever a function, flag or field is added. Compare it with
 * katacg_api_level() to learn at run time whether the library has what this header has.
 */
#define KATACG_API_LEVEL 1

/**
 * Returns the version of the library at run time.
 *
 * Return: "MAJOR.MINOR.PATCH", never NULL.
 * Errors: none.
 * Ownership: the library owns the text, which is static.
 * Threads: any. Fork: safe.
 */
const char *katacg_version(void);

/**
 * Returns the API level of the library at run time.
 *
 * See KATACG_API_LEVEL.
 *
 * Return: the level, 1 or more.
 * Errors: none.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE uint32_t katacg_api_level(void);

/* ================================================================================================
 * Errors
 *
 * The code says what kind of failure it was. The result of the function is -errno.
 */

/**
 * An argument is missing, malformed or contradicts another argument.
 */
#define KATACG_ERR_ARGUMENT 1

/**
 * A path or unit name breaks the rule that it was checked against.
 */
#define KATACG_ERR_PATH 2

/**
 * JSON is malformed or has the wrong content. For malformed JSON the message has line and column.
 */
#define KATACG_ERR_JSON 3

/**
 * A value is out of range or contradicts another value.
 */
#define KATACG_ERR_VALUE 4

/**
 * No cgroup file system is mounted, or none with the controller that is needed.
 */
#define KATACG_ERR_NOT_MOUNTED 5

/**
 * The controller is not available in this cgroup. The message lists the available ones.
 */
#define KATACG_ERR_CONTROLLER 6

/**
 * A system call failed. See sys_errno.
 */
#define KATACG_ERR_SYSTEM 7

/**
 * The request cannot be carried out on this layout or by this version.
 */
#define KATACG_ERR_UNSUPPORTED 8

/**
 * The cgroup does not exist, or no longer exists.
 */
#define KATACG_ERR_DELETED 9

/**
 * The kernel accepted a value but stored another one.
 */
#define KATACG_ERR_CLAMPED 10

/**
 * The caller is not root and no cgroup could be created to hold the limits.
 */
#define KATACG_ERR_ROOTLESS 11

/**
 * The cgroup is still in use after the deadline. The message names what is left.
 */
#define KATACG_ERR_BUSY 12

/**
 * A deadline passed.
 */
#define KATACG_ERR_TIMEOUT 13

/**
 * The library caught a bug of its own. The effect of the call is unknown.
 */
#define KATACG_ERR_PANIC 14

/**
 * A struct of options sets fields that this version of the library does not know.
 */
#define KATACG_ERR_TOO_NEW 15

/**
 * systemd cannot be reached: there is no bus, or no systemd on the bus.
 */
#define KATACG_ERR_BUS 16

/**
 * Size of a message in bytes, including its NUL. A longer message is cut and ends in "...".
 */
#define KATACG_ERROR_MESSAGE 496

/**
 * Why a call failed.
 *
 * The caller owns the struct and starts it with KATACG_ERROR_INIT. Every function takes it last. A
 * function writes it only on failure. NULL means that the caller does not want the details. The
 * struct owns no memory.
 */
struct katacg_error {
  /**
   * sizeof(struct katacg_error), set by the caller. A function writes at most this many bytes. 0
   * (a zeroed struct) means 512, the size in the first version.
   */
  uint32_t size;
  /**
   * One of KATACG_ERR_*.
   */
  int32_t code;
  /**
   * errno of the system call that failed, or 0 when no system call failed.
   */
  int32_t sys_errno;
  /**
   * Always 0.
   */
  uint32_t reserved;
  /**
   * One line that ends in NUL: operation, file, value, cause, and what the caller can do. File
   * names appear as the bytes they are, which need not be UTF-8.
   */
  char message[KATACG_ERROR_MESSAGE];
};

/* Starts a struct katacg_error. */
#define KATACG_ERROR_INIT { sizeof(struct katacg_error), 0, 0, 0, {0} }

/* ================================================================================================
 * Host
 *
 * What is mounted, and the cgroup of the caller. One host serves many managers. Programs with few
 * managers need none: katacg_manager_new reads the host itself if it gets NULL.
 */

/**
 * Only cgroup v1 hierarchies are mounted.
 */
#define KATACG_LAYOUT_LEGACY 1

/**
 * cgroup v1 hierarchies are mounted, and cgroup2 beside them.
 */
#define KATACG_LAYOUT_HYBRID 2

/**
 * Only cgroup2 is mounted.
 */
#define KATACG_LAYOUT_UNIFIED 3

/**
 * The cgroup mounts of a host, as they were when the host was opened.
 *
 * A host never changes. Any number of managers and threads can share it. Open a new host after
 * mounts changed or after setns(2).
 *
 * A host keeps one descriptor (O_PATH, close-on-exec) for each hierarchy that was used through it.
 * It also keeps up to four connections to each bus on which it talked to systemd. Only the process
 * that opened a connection uses it, so fork(2) does no harm.
 */
struct katacg_host;

/**
 * Reads the cgroup mounts of this host.
 *
 * Reads /proc/self/mountinfo, /proc/self/cgroup and /proc/self/uid_map once each.
 *
 * @param out  receives the new host; NULL on failure
 * @param err  filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  no cgroup file system is mounted
 *   -EINVAL  (KATACG_ERR_ARGUMENT)     out is NULL
 *   -errno   (KATACG_ERR_SYSTEM)       open(2) or read(2) failed
 * Ownership: free the host with katacg_host_free.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE int katacg_host_open(struct katacg_host **out, struct katacg_error *err);

/**
 * Creates a host from text, for dry runs and tests.
 *
 * Managers on such a host can plan for any layout. The caller counts as root. On a hybrid layout
 * the cgroup2 mount counts as one without controllers.
 *
 * A plan for a systemd unit needs opts.systemd_version. Without it the library asks the systemd of
 * the real host.
 *
 * Only plans, paths and states are computed from the text. Every other call acts for real, at the
 * mount points that the text names.
 *
 * @param mountinfo      text in the format of /proc/self/mountinfo
 * @param mountinfo_len  its length in bytes
 * @param cgroup         text in the format of /proc/self/cgroup
 * @param cgroup_len     its length in bytes
 * @param out            receives the new host; NULL on failure
 * @param err            filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  the text has no cgroup mount
 *   -EIO     (KATACG_ERR_SYSTEM)       a line of cgroup is not id:controllers:path
 *   -EINVAL  (KATACG_ERR_ARGUMENT)     out is NULL, or a text is NULL and its length is not 0
 * Ownership: free the host with katacg_host_free.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_host_parse(const char *mountinfo,
                      size_t mountinfo_len,
                      const char *cgroup,
                      size_t cgroup_len,
                      struct katacg_host **out,
                      struct katacg_error *err);

/**
 * Frees a host.
 *
 * Managers on the host keep what they need of it.
 *
 * @param host  the host, not to be used again; NULL does nothing
 *
 * Errors: none.
 * Threads: no other call on this host at the same time. Fork: safe.
 */
void katacg_host_free(struct katacg_host *host);

/**
 * Tells which hierarchies are mounted.
 *
 * @param host  the host
 * @param err   filled in on failure; may be NULL
 *
 * Return: one of KATACG_LAYOUT_*.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  host is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE int katacg_host_layout(const struct katacg_host *host, struct katacg_error *err);

/**
 * Tells whether the caller lacks root's rights on cgroups.
 *
 * A caller is rootless if it was neither root nor in a user namespace that maps every user when
 * the host was opened.
 *
 * @param host  the host
 * @param err   filled in on failure; may be NULL
 *
 * Return: 1 if the caller is rootless, else 0.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  host is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_host_is_rootless(const struct katacg_host *host,
                            struct katacg_error *err);

/**
 * Lists the mounted v1 controllers and named hierarchies, and "cgroup2" if it is mounted.
 *
 * The names come from the options of the mounts, not from directory names.
 *
 * @param host     the host
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit. The result is
 * separated by commas.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  host is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_host_controllers(const struct katacg_host *host,
                            char *buf,
                            size_t buf_len,
                            struct katacg_error *err);

/**
 * Returns the mount point of a controller's hierarchy, whatever the directory is called.
 *
 * On a unified host the result is the cgroup2 mount for every controller.
 *
 * @param host        the host
 * @param controller  a v1 controller; "systemd" or "name=systemd"; or "" for cgroup2
 * @param buf         receives the result; may be NULL if buf_len is 0
 * @param buf_len     size of buf in bytes; 0 asks for the length only
 * @param err         filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  no mount has the controller; the message lists what is
 *                                      mounted
 *   -EINVAL  (KATACG_ERR_ARGUMENT)     host or controller is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_host_mountpoint(const struct katacg_host *host,
                           const char *controller,
                           char *buf,
                           size_t buf_len,
                           struct katacg_error *err);

/**
 * Returns the caller's own cgroup, as /proc/self/cgroup shows it.
 *
 * @param host        the host
 * @param controller  as for katacg_host_mountpoint
 * @param buf         receives the result; may be NULL if buf_len is 0
 * @param buf_len     size of buf in bytes; 0 asks for the length only
 * @param err         filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  no mount has the controller, or /proc/self/cgroup lacks it
 *   -EINVAL  (KATACG_ERR_ARGUMENT)     host or controller is NULL
 * Threads: any. Fork: safe, but the child gets the cgroup of the parent that opened the host.
 */
KATACG_MUST_USE
int katacg_host_own_cgroup(const struct katacg_host *host,
                           const char *controller,
                           char *buf,
                           size_t buf_len,
                           struct katacg_error *err);

/* ================================================================================================
 * Manager: options
 */

/**
 * opts.flags: ignores device rules. The caller applies them, or there are none.
 *
 * With this flag a v1 host needs no devices controller. Without this flag the effect depends on
 * who creates the cgroup (opts.driver):
 *
 * - The system's systemd applies device rules. On v2 a program of this library enforces those that
 *   systemd has no words for.
 * - This library enforces device rules: on v1 by the devices controller, on v2 by a program that
 *   it attaches to the cgroup. Where the caller may do neither, device rules are an error.
 * - A user's systemd cannot: device rules are NOT applied, and the library warns. With
 *   KATACG_MANAGER_STRICT they are an error.
 * - In a user namespace it is unknown whether systemd can apply them, so the library warns as
 *   well.
 */
#define KATACG_MANAGER_SKIP_DEVICES 1

/**
 * opts.flags: turns warnings into errors. That concerns:
 *
 * - a value for which this layout has no file, or systemd has no property
 * - a systemd path that the strict rules of katacg_path_validate refuse
 * - the root of a hierarchy as a parent or as a target to move processes to
 */
#define KATACG_MANAGER_STRICT 2

/**
 * opts.flags: keeps the values that a failed call has already written. This saves one read per
 * file. It concerns katacg_manager_set, and katacg_manager_apply to a unit that exists.
 */
#define KATACG_MANAGER_NO_ROLLBACK 4

/**
 * opts.flags: joins only hierarchies in which the cgroup already exists. If it exists in none,
 * katacg_manager_new returns -ENOENT (KATACG_ERR_DELETED). The path "/" is allowed then; see
 * katacg_manager_parent for what a manager of the root can do.
 */
#define KATACG_MANAGER_EXISTING 8

/**
 * opts.flags: gives the v2 cgroup to owner_uid and owner_gid when it is applied. That changes the
 * owner of the directory and of the files that /sys/kernel/cgroup/delegate names.
 */
#define KATACG_MANAGER_DELEGATE 16

/**
 * opts.flags: takes the device rules of the specification as they are.
 *
 * Without this flag katacg_manager_new puts the runtime's default devices after the rules of a
 * specification that has some, as runc does: mknod of any device, and access to null, zero, full,
 * random, urandom, tty, ptmx, the pseudo-terminals and net/tun. katacg_manager_set adds nothing.
 */
#define KATACG_MANAGER_NO_DEFAULT_DEVICES 32

/**
 * opts.driver: chooses by the path.
 *
 * systemd creates the cgroup of a path "slice:prefix:name". katacg_path_is_systemd or
 * katacg_path_is_systemd_slice recognises such a path. An empty slice is allowed as well: it is
 * system.slice, or user.slice for a user's systemd. With KATACG_MANAGER_STRICT such a path must
 * also pass the strict rules of katacg_path_validate.
 *
 * A slash before such a path is passed over if its slice ends in ".slice": Kata 3 puts the slash
 * there. Any other relative path with a colon is an error. This library creates the cgroup of any
 * other path in the cgroup file system.
 */
#define KATACG_DRIVER_AUTO 0

/**
 * opts.driver: this library creates the cgroup in the cgroup file system. A systemd path is an
 * error.
 */
#define KATACG_DRIVER_CGROUPFS 1

/**
 * opts.driver: systemd creates the cgroup, asked over D-Bus.
 *
 * The path must be "slice:prefix:name". It gives the transient scope PREFIX-NAME.scope, or
 * NAME.scope with an empty prefix, or the slice NAME if the name ends in ".slice". A path of
 * another form is an error.
 */
#define KATACG_DRIVER_SYSTEMD 2

/**
 * opts.driver: systemd creates the cgroup only if katacg_path_is_systemd accepts the path.
 *
 * Kata's Go code of January 2020 chose so. A slice with a dash in its name becomes a directory.
 */
#define KATACG_DRIVER_AUTO_K0 3

/**
 * opts.bus: the system's bus for root, else the user's bus.
 *
 * Root of a user namespace counts as a user, unless PID 1's systemd also belongs to that root.
 * That is so in a system container, and for the host's own root.
 */
#define KATACG_BUS_AUTO 0

/**
 * opts.bus: the bus of PID 1's systemd.
 */
#define KATACG_BUS_SYSTEM 1

/**
 * opts.bus: the bus of the user's systemd (systemd --user). It needs a unified host.
 */
#define KATACG_BUS_USER 2

/**
 * Options of katacg_manager_new.
 *
 * Start with KATACG_MANAGER_OPTS_INIT (all zeros), set what you need, and pass sizeof(opts). The
 * size must be a multiple of 8 and at most 4096. New versions add fields at the end only, and 0 in
 * a new field keeps the old behaviour. The library copies whatever the struct points to.
 */
struct katacg_manager_opts {
  /**
   * KATACG_MANAGER_* combined with |. Unknown bits are -EINVAL.
   */
  uint64_t flags;
  /**
   * Path of the cgroup. NULL takes cgroupsPath from the specification.
   */
  const char *path;
  /**
   * v1: comma-separated subsystems to join, such as "cpu,memory,name=systemd". "systemd" means
   * "name=systemd". Each must be mounted. NULL joins all that are mounted, and devices must be
   * among them. "" is -EINVAL.
   *
   * A systemd unit is in systemd's own hierarchies, whatever this field says. A unified host has
   * one hierarchy and ignores this field.
   */
  const char *subsystems;
  /**
   * Descriptor for warnings, used if log_level is not 0. Each warning is one line and one
   * write(2).
   *
   * The caller owns the descriptor: the library never closes it. It must stay open while the
   * manager is used, or until katacg_manager_log replaces it. A write to a pipe without a reader
   * raises SIGPIPE, and a write to a full pipe waits.
   */
  int32_t log_fd;
  /**
   * 0: silent. 1: warnings.
   */
  uint32_t log_level;
  /**
   * Name of the cgroup, used if neither opts.path nor the specification gives a path. NULL:
   * none.
   *
   * On v1 and hybrid the new cgroup is a child of the caller's own cgroup. On v2 it is a
   * sibling. A rootless caller that may not create it continues without a cgroup.
   */
  const char *name;
  /**
   * User id for KATACG_MANAGER_DELEGATE.
   */
  uint32_t owner_uid;
  /**
   * Group id for KATACG_MANAGER_DELEGATE.
   */
  uint32_t owner_gid;
  /**
   * Who creates the cgroup: KATACG_DRIVER_*.
   */
  uint32_t driver;
  /**
   * Which systemd: KATACG_BUS_*.
   */
  uint32_t bus;
  /**
   * D-Bus address of that systemd, such as "unix:path=/run/dbus/system_bus_socket". Several
   * addresses are separated by ';' and tried in order. Only unix:path= and unix:abstract= can be
   * used. An address without either of them makes katacg_manager_new fail.
   *
   * NULL takes the address from the environment at the time of the connection:
   *
   * - system: DBUS_SYSTEM_BUS_ADDRESS, else /run/dbus/system_bus_socket
   * - user: DBUS_SESSION_BUS_ADDRESS, else $XDG_RUNTIME_DIR/bus
   *
   * katacg_manager_state saves this field as it is. After NULL, the process that loads the state
   * looks in its own environment.
   */
  const char *bus_address;
  /**
   * Version of systemd, such as 252. It decides which properties a unit can have.
   *
   * Set it for a dry run on behalf of another host, or where systemd cannot be asked. 0 asks
   * systemd on first use, once per host. katacg_manager_plan needs the version too.
   * katacg_manager_state does not save it.
   */
  uint32_t systemd_version;
  /**
   * Must be 0.
   */
  uint32_t reserved;
  /**
   * Name of the systemd unit, such as "-x.scope" or "a:b.scope", which no path can give. NULL:
   * the path gives the name.
   *
   * With a name, the path only gives the slice: "name.slice", the slice of "slice:prefix:name",
   * or "" for the default slice. opts.driver must be KATACG_DRIVER_AUTO or
   * KATACG_DRIVER_SYSTEMD.
   */
  const char *unit;
};

/* Starts a struct katacg_manager_opts. */
#define KATACG_MANAGER_OPTS_INIT \
    { 0, NULL, NULL, 0, 0, NULL, 0, 0, 0, 0, NULL, 0, 0, NULL }

/* ================================================================================================
 * Manager: create, load, free
 */

/**
 * A manager: the cgroup of one sandbox or container, in every hierarchy that it joins.
 *
 * A manager owns no process and no cgroup. Freeing it leaves both alone. Any number of threads can
 * call functions on one manager. Calls of apply, add and set wait for each other.
 */
struct katacg_manager;

/**
 * Creates a manager for a cgroup. The cgroup itself is not created yet.
 *
 * The specification may be an OCI "linux" object or a whole config.json. The library uses its
 * cgroupsPath and resources. A linux.resources object alone is an error. A config.json without
 * "linux", and a member of the resources that the library does not know, are warnings; with
 * KATACG_MANAGER_STRICT they are errors.
 *
 * A config.json whose ociVersion is older than 1.3 means no limit with pids.limit 0: then the
 * limit is left out, with a warning. See katacg_manager_set for 0 without a version.
 *
 * For a systemd unit the library also uses the annotations "org.systemd.property.NAME". The value
 * is GVariant text, such as "uint64 5". NAMESec is in seconds. A property that puts processes into
 * the unit, moves the unit, ties other units to it or acts on the host is an error, and so is a
 * property that systemd 252 and 257 do not take for a transient unit.
 *
 * A specification with device rules gets the runtime's default devices behind them; see
 * KATACG_MANAGER_NO_DEFAULT_DEVICES.
 *
 * This call asks nothing of the system's systemd. It asks a user's systemd where its units are.
 *
 * @param host       the host, or NULL to read the host for this manager alone. The manager then
 *                   has its own descriptors and connections to systemd. Open one host for many
 *                   managers.
 * @param spec_json  the specification in JSON, or NULL for none
 * @param spec_len   its length in bytes; 0 with NULL
 * @param opts       the options, or NULL for the defaults
 * @param opts_size  sizeof(struct katacg_manager_opts); 0 with NULL
 * @param out        receives the new manager; NULL on failure
 * @param err        filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -EINVAL      (KATACG_ERR_JSON)         the specification is malformed, or is another object;
 *                                          the message has line and column
 *   -EINVAL      (KATACG_ERR_PATH)         there is no path, the path has no name of its own, or
 *                                          it does not have the form that opts.driver needs
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     out is NULL, or an option is invalid
 *   -ERANGE      (KATACG_ERR_VALUE)        an annotation is not a property that may be set, or has
 *                                          no valid value
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  a user's systemd on a host that is not unified; no
 *                                          address is known for the user's bus; or
 *                                          opts.bus_address has only other transports
 *   -ENOENT      (KATACG_ERR_NOT_MOUNTED)  a v1 host has no devices controller, without
 *                                          KATACG_MANAGER_SKIP_DEVICES; or a subsystem of
 *                                          opts.subsystems is not mounted
 *   -ENOENT      (KATACG_ERR_DELETED)      the cgroup exists nowhere, with KATACG_MANAGER_EXISTING
 *   -E2BIG       (KATACG_ERR_TOO_NEW)      opts sets fields that this version does not know, or
 *                                          opts_size is over 4096
 * If host is NULL, also the errors of katacg_host_open. For a user's systemd, also the errors from
 * systemd of katacg_manager_apply.
 * Ownership: free the manager with katacg_manager_free. The host may be freed before.
 * Threads: any. Fork: safe.
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
 * Creates a manager from a saved state.
 *
 * The state comes from katacg_manager_state, in this process or another. It can also be made from
 * what another library saved:
 *
 *   {"version":1, "driver":"cgroupfs" or "systemd", "path":PATH}
 *
 * These members are optional, and null stands for absent:
 *
 *   "paths"        {SUBSYSTEM:PATH,...} with absolute directories. Without it the library
 *                  derives the paths as katacg_manager_new does.
 *   "subsystems"   [NAME,...]
 *   "resources"    an OCI linux.resources object
 *   "skipDevices"  true or false; see KATACG_MANAGER_SKIP_DEVICES
 *   "strict"       true or false; see KATACG_MANAGER_STRICT
 *   "noRollback"   true or false; see KATACG_MANAGER_NO_ROLLBACK
 *   "clampShares"  true or false; see katacg_cgroup_new
 *   "owner"        [UID, GID]
 *   "unit"         the name of the unit; see opts.unit
 *
 * libcontainer's configs.Cgroup, as Go encodes it, is accepted as well: the value alone with its
 * Paths, or runc's whole state.json. Its device rules are ignored.
 *
 * The new manager is silent. Call katacg_manager_log for warnings.
 *
 * @param host        as for katacg_manager_new
 * @param state_json  the state
 * @param state_len   its length in bytes
 * @param out         receives the new manager; NULL on failure
 * @param err         filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -EINVAL      (KATACG_ERR_JSON)         the state is malformed
 *   -EINVAL      (KATACG_ERR_PATH)         a saved path is not below today's mounts, or the path
 *                                          does not have the driver's form
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     an argument is NULL
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the driver is unknown, or a newer version saved the
 *                                          state
 *   -ENOENT      (KATACG_ERR_NOT_MOUNTED)  a saved subsystem is not mounted
 * Ownership: free the manager with katacg_manager_free.
 * Threads: any. Fork: safe.
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
 * @param manager  the manager, not to be used again; NULL does nothing
 *
 * Errors: none.
 * Threads: no other call on this manager at the same time. Fork: safe.
 */
void katacg_manager_free(struct katacg_manager *manager);

/* ================================================================================================
 * Manager: apply, set, plan
 */

/**
 * Flag of katacg_manager_apply: sets the manager's own resources before the process enters.
 */
#define KATACG_APPLY_SET 1

/**
 * Flag of katacg_manager_apply: fails with -EEXIST if the cgroup is there already. Without it the
 * call joins what is there.
 */
#define KATACG_APPLY_EXCLUSIVE 2

/**
 * Flag of katacg_manager_plan: prints lines of tab-separated fields instead of JSON.
 */
#define KATACG_PLAN_TEXT 1

/**
 * Flag of katacg_manager_plan: plans katacg_manager_apply with KATACG_APPLY_SET and no process,
 * instead of katacg_manager_set.
 */
#define KATACG_PLAN_APPLY 2

/**
 * Creates the cgroup in every hierarchy and moves a process in.
 *
 * A cgroup that exists already is joined: the call uses its directories, and moves the process
 * into a unit that is active and has processes. With KATACG_APPLY_SET the existing cgroup gets the
 * manager's resources, as by katacg_manager_set. With KATACG_APPLY_EXCLUSIVE an existing directory
 * or unit is an error.
 *
 * On v1 the manager's own cpuset and realtime values are written even without KATACG_APPLY_SET,
 * because no process could enter otherwise. On failure the directories that this call created are
 * removed and the process is back where it was.
 *
 * With systemd, one call creates the unit with the process in it and, with KATACG_APPLY_SET, with
 * its limits. The library waits until systemd has finished. It then handles the hierarchies that
 * systemd does not manage, and writes the remaining files.
 *
 * systemd creates a scope only together with a process. With pid -1 the call works on a scope that
 * is active, which gets the limits. A slice is created empty, and the process is moved in
 * afterwards. On failure the process is put back first and the unit is stopped then, because
 * stopping a unit kills the processes in it.
 *
 * @param manager  the manager
 * @param pid      the process; -1 moves none
 * @param flags    KATACG_APPLY_* combined with |, or 0
 * @param err      filled in on failure; may be NULL
 *
 * Return: 0 on success. A rootless caller that gave opts.name but no path gets the number of
 * hierarchies in which the cgroup could not be created and that are left out.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL, or a flag is unknown
 *   -ESRCH   (KATACG_ERR_SYSTEM)    the process does not exist or is a zombie; nothing was done
 *   -EEXIST  (KATACG_ERR_SYSTEM)    with KATACG_APPLY_EXCLUSIVE: a directory or the unit exists
 *   -ENOENT  (KATACG_ERR_DELETED)   another process keeps removing the cgroup
 *   -EACCES  (KATACG_ERR_ROOTLESS)  a rootless caller without a path asks for limits
 *   -EPERM   (KATACG_ERR_ROOTLESS)  the same
 *   -EROFS   (KATACG_ERR_ROOTLESS)  the same
 *   -errno   (KATACG_ERR_SYSTEM)    mkdir(2), open(2) or write(2) failed
 * With KATACG_APPLY_SET also the errors of katacg_manager_set.
 * Errors from systemd:
 *   -EBUSY         (KATACG_ERR_BUSY)         a unit of this name is there without a process, and
 *                                            did not go away within a second; a failed unit does
 *                                            not count
 *   -ENOENT        (KATACG_ERR_SYSTEM)       pid is -1 and the scope does not exist
 *   -ETIMEDOUT     (KATACG_ERR_TIMEOUT)      no answer within 25 s, or the job did not end within
 *                                            30 s
 *   -EOPNOTSUPP    (KATACG_ERR_UNSUPPORTED)  systemd does not know a property, cannot express a
 *                                            device rule, or is in another PID namespace, where
 *                                            pid means another process
 *   -EINVAL        (KATACG_ERR_ARGUMENT)     systemd refuses a value, or the environment's bus
 *                                            address is invalid
 *   -ECONNREFUSED  (KATACG_ERR_BUS)          no bus, or no systemd on the bus; sys_errno is from
 *                                            connect(2)
 *   -EIO           (KATACG_ERR_SYSTEM)       the job failed or was canceled, or an answer makes no
 *                                            sense
 *   -EACCES        (KATACG_ERR_SYSTEM)       only root may do this on the system's bus
 *   -ECONNRESET    (KATACG_ERR_SYSTEM)       the connection was lost twice
 *   -ESHUTDOWN     (KATACG_ERR_SYSTEM)       the unit is masked, or the system is shutting down
 *   -ENOBUFS       (KATACG_ERR_SYSTEM)       the bus reached its limits
 *   -ENOMEM        (KATACG_ERR_SYSTEM)       the same
 *   -errno         (KATACG_ERR_SYSTEM)       the errno that another error of systemd is named
 *                                            after
 * Threads: any. Fork: safe, unless another thread was in a call on this manager.
 */
KATACG_MUST_USE
int katacg_manager_apply(const struct katacg_manager *manager,
                         int32_t pid,
                         uint32_t flags,
                         struct katacg_error *err);

/**
 * Sets resources of the cgroup. Resources that the JSON leaves out stay as they are.
 *
 * If a write fails, the values that this call changed are restored in reverse order. The message
 * says which values were restored and which could not be. KATACG_MANAGER_NO_ROLLBACK turns this
 * off.
 *
 * If all resources were set, they become part of the manager's own (see katacg_manager_state).
 *
 * Managers for one cgroup take turns, across processes and whatever subsystems they have joined.
 * The lock is flock(2) on a file that only the cgroup's owner can open: devices.deny,
 * memory.force_empty, blkio.reset_stats or cgroup.kill. Only a cgroup in none of these hierarchies
 * is locked by its cgroup.procs, which everybody can open. After 2 s a call continues without the
 * lock, with a warning.
 *
 * With systemd, the unit's properties come first, all or none. They last until the next boot. The
 * files come next, for limits without a property. On v1 the processes are frozen while device
 * rules change.
 *
 * The JSON is an OCI linux.resources object, not a config.json or its linux object, which are
 * errors. A member that the library does not know is a warning that names it and the nearest one
 * that it knows; in strict mode it is an error. null is 0, "" or an empty object, as in Go.
 *
 * pids.limit 0 is a limit, as in runtime-spec 1.3 and later: the kernel gets 1, so that no process
 * can fork. A pids object without a limit keeps the current one; -1 lifts it. katacg_manager_new
 * reads the version of the specification from a config.json.
 *
 * A list of device rules is whole: it takes the place of the rules that this library enforces. On
 * v2 another program may have a device program in the cgroup (a container of runc or crun), and
 * both must allow a device. If that program denies what the list allows, the call fails, and the
 * message names the program: its owner can change its rules, and katacg_manager_device_allow can
 * allow single devices. If that cannot be told from its instructions, the library warns.
 *
 * If the caller gave a list in opts.subsystems, resources of other subsystems are a warning; in
 * strict mode they are an error.
 *
 * In "unified", a file of one value gets its text without the blanks around it. A file of lines,
 * such as io.max, gets one write for each line that is not blank. Only files that hold a limit are
 * accepted: of cgroup.*, only cgroup.max.depth and cgroup.max.descendants. Use
 * katacg_manager_write for the others.
 *
 * @param manager         the manager
 * @param resources_json  an OCI linux.resources object; NULL sets the manager's own resources
 * @param len             its length in bytes; 0 with NULL
 * @param err             filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -EINVAL      (KATACG_ERR_JSON)         the JSON is malformed, or is no linux.resources object;
 *                                          the message has line and column
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     manager is NULL
 *   -ERANGE      (KATACG_ERR_VALUE)        a value is invalid; nothing was written
 *   -ERANGE      (KATACG_ERR_CLAMPED)      the kernel stored another value
 *   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)   the cgroup lacks a controller; the message lists what
 *                                          it has
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  device rules that the caller may not enforce, systemd
 *                                          cannot express or another's device program denies,
 *                                          without KATACG_MANAGER_SKIP_DEVICES; "unified" on v1;
 *                                          or what would be a warning, with KATACG_MANAGER_STRICT
 *   -EPERM       (KATACG_ERR_ROOTLESS)     the manager has no cgroup (see katacg_manager_apply)
 *   -ENOENT      (KATACG_ERR_DELETED)      the cgroup or unit does not exist; a scope ends with
 *                                          its last process
 *   -ENOENT      (KATACG_ERR_SYSTEM)       the kernel lacks the file
 *   -EBUSY       (KATACG_ERR_SYSTEM)       the limit is below the current usage
 *   -errno       (KATACG_ERR_SYSTEM)       write(2) failed
 * Also the errors from systemd of katacg_manager_apply, except KATACG_ERR_BUSY.
 * Threads: any. Fork: safe, unless another thread was in a call on this manager.
 */
KATACG_MUST_USE
int katacg_manager_set(const struct katacg_manager *manager,
                       const char *resources_json,
                       size_t len,
                       struct katacg_error *err);

/**
 * Returns what katacg_manager_set or katacg_manager_apply would do, without doing it.
 *
 * A plan changes nothing and needs no privilege. The plan of a unit depends on the version of
 * systemd. The library asks systemd for it unless opts.systemd_version is set.
 *
 * The JSON is {"steps":[STEP,...],"warnings":[TEXT,...]}. A step has "op" and some of these
 * members:
 *
 *   op            "create", "inherit", "enable", "settle", "check", "write", "devices",
 *                 "delegate", "attach"; for a unit also "start", "property", "freeze", "thaw"
 *   hierarchy     the controllers of a v1 hierarchy, or "cgroup2"
 *   controller    the controller of the file
 *   file, value   the interface file and what is written
 *   if_missing    if the file does not exist: "skip", "warn", or another write to do instead
 *   retry_after   the file after which a refused write is tried once more
 *   read_back     true: the value is read back and compared
 *   rules         of "devices": the rules in their final form, the first for all devices
 *   program       of "devices" on cgroup2: the instructions of the BPF program
 *   limit, swap   of "check": memory.current must be below these
 *   unit          the name of the unit
 *   properties    of "start" and "property": pairs of name and value, the value as GVariant text
 *   resources     of "start": the properties that hold the limits, in the same form
 *
 * The text has one line per step, with tabs between the fields: operation, controller, file,
 * value. For a unit the fields are operation, "systemd", unit, and NAME=VALUE with spaces between.
 *
 * @param manager         the manager
 * @param resources_json  as for katacg_manager_set
 * @param len             its length in bytes; 0 with NULL
 * @param flags           KATACG_PLAN_* combined with |, or 0
 * @param buf             receives the result; may be NULL if buf_len is 0
 * @param buf_len         size of buf in bytes; 0 asks for the length only
 * @param err             filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL, or a flag is unknown
 * Also the errors of katacg_manager_set that come before the first write.
 * Threads: any. Fork: safe, unless another thread was in a call on this manager.
 */
KATACG_MUST_USE
int katacg_manager_plan(const struct katacg_manager *manager,
                        const char *resources_json,
                        size_t len,
                        uint32_t flags,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/* ================================================================================================
 * Manager: paths, state, unit, log
 */

/**
 * Returns the directories of the cgroup, one for each subsystem. They need not exist yet.
 *
 * The result is JSON: {"cpu":"/sys/fs/cgroup/cpu/x",...}. The key of cgroup2 is "". A path that is
 * not UTF-8 appears as {"hex":"..."}.
 *
 * @param manager  the manager
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_paths(const struct katacg_manager *manager,
                         char *buf,
                         size_t buf_len,
                         struct katacg_error *err);

/**
 * Returns the directory of the cgroup for one subsystem.
 *
 * @param manager    the manager
 * @param subsystem  a v1 subsystem, or "" for cgroup2. On a unified host every name gives the one
 *                   directory.
 * @param buf        receives the result; may be NULL if buf_len is 0
 * @param buf_len    size of buf in bytes; 0 asks for the length only
 * @param err        filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  the manager has not joined this subsystem
 *   -EINVAL  (KATACG_ERR_ARGUMENT)     manager or subsystem is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_path(const struct katacg_manager *manager,
                        const char *subsystem,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/**
 * Returns the state of the manager, for katacg_manager_load.
 *
 * With it, another process, or this one after a restart, continues with the same cgroup.
 *
 * @param manager  the manager
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit. The state is JSON.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
 * Threads: any. Fork: safe, unless another thread was in a call on this manager.
 */
KATACG_MUST_USE
int katacg_manager_state(const struct katacg_manager *manager,
                         char *buf,
                         size_t buf_len,
                         struct katacg_error *err);

/**
 * Returns the name of the systemd unit: "prefix-name.scope", "name.scope" or "name.slice".
 *
 * @param manager  the manager
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit. It is 0 if the cgroup
 * is no unit. That is so with the cgroupfs driver, and for the parent of a unit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_unit(const struct katacg_manager *manager,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/**
 * Sets where warnings go from now on.
 *
 * The arguments mean what opts.log_fd and opts.log_level mean. A manager that katacg_manager_new
 * did not create is silent at first.
 *
 * @param manager  the manager
 * @param fd       the descriptor. The caller owns it. It must stay open while the manager is used,
 *                 or until the next call of this function.
 * @param level    0: silent. 1: warnings.
 * @param err      filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL, fd is negative, or level is unknown
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_log(const struct katacg_manager *manager,
                       int32_t fd,
                       uint32_t level,
                       struct katacg_error *err);

/* ================================================================================================
 * Manager: interface files
 */

/**
 * Reads one file of the cgroup.
 *
 * @param manager    the manager
 * @param subsystem  as for katacg_manager_path
 * @param file       the name of the file, without a slash
 * @param buf        receives the result; may be NULL if buf_len is 0
 * @param buf_len    size of buf in bytes; 0 asks for the length only
 * @param err        filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  the manager has not joined this subsystem
 *   -ENOENT  (KATACG_ERR_DELETED)      the cgroup does not exist
 *   -EINVAL  (KATACG_ERR_ARGUMENT)     an argument is NULL, or file is not a file name
 *   -errno   (KATACG_ERR_SYSTEM)       openat2(2) or read(2) failed
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_read(const struct katacg_manager *manager,
                        const char *subsystem,
                        const char *file,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/**
 * Writes one file of the cgroup in one write(2).
 *
 * Use it for files that no resource stands for.
 *
 * @param manager    the manager
 * @param subsystem  as for katacg_manager_path
 * @param file       the name of the file, without a slash
 * @param value      the bytes to write
 * @param len        their number
 * @param err        filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  the manager has not joined this subsystem
 *   -ENOENT  (KATACG_ERR_DELETED)      the cgroup does not exist
 *   -EINVAL  (KATACG_ERR_ARGUMENT)     an argument is NULL, or file is not a file name
 *   -errno   (KATACG_ERR_SYSTEM)       openat2(2) or write(2) failed
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_write(const struct katacg_manager *manager,
                         const char *subsystem,
                         const char *file,
                         const char *value,
                         size_t len,
                         struct katacg_error *err);

/* ================================================================================================
 * Processes
 *
 * Moves processes and threads in and out, and lists them.
 */

/**
 * Flag of katacg_manager_add: the ids are thread ids.
 */
#define KATACG_ADD_THREADS 1

/**
 * Flag of katacg_manager_add: creates the subcgroup. With KATACG_ADD_THREADS on v2 it is a
 * threaded one.
 */
#define KATACG_ADD_CREATE 2

/**
 * Moves processes or threads into the cgroup, in every hierarchy.
 *
 * If one id cannot be moved, those that were moved are put back.
 *
 * For a unit of a user's systemd, systemd moves the processes (AttachProcessesToUnit, systemd
 * 238), because it may do so where the user may not. A systemd in another PID namespace is not
 * asked.
 *
 * @param manager  the manager
 * @param ids      process ids, or thread ids with KATACG_ADD_THREADS. On v2, threads move only
 *                 within one threaded subtree.
 * @param ids_len  the number of ids
 * @param flags    KATACG_ADD_* combined with |, or 0
 * @param below    a subcgroup, relative to the manager's cgroup; NULL or "" is the cgroup itself
 * @param err      filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ENOENT      (KATACG_ERR_DELETED)      the cgroup or the subcgroup does not exist
 *   -ESRCH       (KATACG_ERR_SYSTEM)       a process or thread does not exist
 *   -EBUSY       (KATACG_ERR_SYSTEM)       a v2 cgroup has controllers enabled for its children
 *   -EOPNOTSUPP  (KATACG_ERR_SYSTEM)       v2 does not allow this mix of threaded and domain
 *                                          cgroups
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the user's systemd is in another PID namespace
 *   -EINVAL      (KATACG_ERR_PATH)         below leaves the cgroup, or would be a child of a
 *                                          hierarchy's root
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     manager or ids is NULL, or a flag is unknown
 *   -EPERM       (KATACG_ERR_ROOTLESS)     the manager has no cgroup (see katacg_manager_apply)
 *   -errno       (KATACG_ERR_SYSTEM)       open(2) or write(2) failed
 * For a unit of a user's systemd, also the errors from systemd of katacg_manager_set.
 * Threads: any. Fork: safe, unless another thread was in a call on this manager.
 */
KATACG_MUST_USE
int katacg_manager_add(const struct katacg_manager *manager,
                       const int32_t *ids,
                       size_t ids_len,
                       uint32_t flags,
                       const char *below,
                       struct katacg_error *err);

/**
 * Lists the processes in the cgroup.
 *
 * The ids are thread group ids. In a v2 threaded cgroup they are thread ids. On v1 this function,
 * katacg_manager_all_pids and katacg_manager_threads read the devices hierarchy, or the first that
 * is joined if devices is not. A process is listed if any of its threads is in the cgroup.
 *
 * @param manager   the manager
 * @param pids      receives the ids; may be NULL if pids_len is 0
 * @param pids_len  how many ids fit; 0 asks for their number
 * @param err       filled in on failure; may be NULL
 *
 * Return: the number of processes, even if they did not fit.
 * Errors:
 *   -ENOENT  (KATACG_ERR_DELETED)   the cgroup does not exist
 *   -EPERM   (KATACG_ERR_ROOTLESS)  the manager has no cgroup (see katacg_manager_apply)
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
 *   -errno   (KATACG_ERR_SYSTEM)    open(2) or read(2) failed
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_pids(const struct katacg_manager *manager,
                        int32_t *pids,
                        size_t pids_len,
                        struct katacg_error *err);

/**
 * Lists the processes in the cgroup and in all cgroups below it, each once.
 *
 * If the cgroup itself is a v2 threaded one, the threads are listed.
 *
 * @param manager   the manager
 * @param pids      receives the ids; may be NULL if pids_len is 0
 * @param pids_len  how many ids fit; 0 asks for their number
 * @param err       filled in on failure; may be NULL
 *
 * Return: the number of processes, even if they did not fit.
 * Errors: as for katacg_manager_pids.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_all_pids(const struct katacg_manager *manager,
                            int32_t *pids,
                            size_t pids_len,
                            struct katacg_error *err);

/**
 * Lists the threads in the cgroup.
 *
 * @param manager   the manager
 * @param tids      receives the ids; may be NULL if tids_len is 0
 * @param tids_len  how many ids fit; 0 asks for their number
 * @param err       filled in on failure; may be NULL
 *
 * Return: the number of threads, even if they did not fit.
 * Errors: as for katacg_manager_pids.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_threads(const struct katacg_manager *manager,
                           int32_t *tids,
                           size_t tids_len,
                           struct katacg_error *err);

/**
 * Moves everything in the cgroup and below it to another cgroup, which must exist.
 *
 * It works in every hierarchy that the other manager has joined:
 *
 * - Both have joined it, v1: the threads inside move, not the whole processes they belong to.
 * - Both have joined it, v2: processes move, or the threads of threaded cgroups.
 * - Only the other has joined it: the processes of this cgroup move there as a whole.
 *
 * A hierarchy that only this manager has joined is left alone. Tasks that end meanwhile are
 * skipped.
 *
 * @param manager  the manager
 * @param to       a manager on the same host, or on a host with the same mounts
 * @param err      filled in on failure; may be NULL
 *
 * Return: the number of moves.
 * Errors:
 *   -ENOENT  (KATACG_ERR_DELETED)   one of the cgroups does not exist
 *   -EINVAL  (KATACG_ERR_PATH)      manager is the root of a hierarchy, or to is one with
 *                                   KATACG_MANAGER_STRICT
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  an argument is NULL, both are one cgroup, or the mounts differ
 *   -EBUSY   (KATACG_ERR_BUSY)      some tasks could not be moved, such as those of another PID
 *                                   namespace
 *   -errno   (KATACG_ERR_SYSTEM)    open(2) or write(2) failed
 * After -EBUSY and KATACG_ERR_SYSTEM some tasks have moved.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_move_to(const struct katacg_manager *manager,
                           const struct katacg_manager *to,
                           struct katacg_error *err);

/**
 * Creates a manager for the parent cgroup, as a place to move processes to.
 *
 * The parent of "/a/b" is "/a". The parent of "/a" is the root of the hierarchy. The parent of a
 * unit is the cgroup of its slice. On cgroup2 a slice that contains units takes no processes
 * itself.
 *
 * KATACG_MANAGER_STRICT refuses the root. Without it, a manager of the root can take processes and
 * be read. Calls that would change the root or reach every process in it are -EINVAL
 * (KATACG_ERR_PATH). These are apply, set, write, freeze, thaw, kill, destroy, move_to, and add
 * with a subcgroup.
 *
 * @param manager  the manager
 * @param out      receives the new manager; NULL on failure
 * @param err      filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ENOENT  (KATACG_ERR_DELETED)   the parent does not exist
 *   -EINVAL  (KATACG_ERR_PATH)      the parent is the root, with KATACG_MANAGER_STRICT
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  an argument is NULL
 *   -errno   (KATACG_ERR_SYSTEM)    openat2(2) failed
 * Ownership: free the manager with katacg_manager_free.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_parent(const struct katacg_manager *manager,
                          struct katacg_manager **out,
                          struct katacg_error *err);

/* ================================================================================================
 * Freezer and removal
 *
 * Freezes, signals and removes the cgroup.
 */

/**
 * Result of katacg_manager_freezer_state: the processes run.
 */
#define KATACG_FREEZER_THAWED 1

/**
 * Result of katacg_manager_freezer_state: the cgroup was asked to freeze, and some task still
 * runs.
 */
#define KATACG_FREEZER_FREEZING 2

/**
 * Result of katacg_manager_freezer_state: every process is frozen.
 */
#define KATACG_FREEZER_FROZEN 3

/**
 * Freezes every process in the cgroup and its descendants.
 *
 * Waits until all are frozen. On failure the cgroup is thawed again. If another caller thaws the
 * cgroup during the call, it is frozen again: the thaw counts as the earlier of the two.
 *
 * @param manager     the manager
 * @param timeout_ms  how long to wait, in milliseconds
 * @param err         filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ETIMEDOUT   (KATACG_ERR_TIMEOUT)     some process did not freeze in time, or other callers
 *                                         kept thawing the cgroup
 *   -EINVAL      (KATACG_ERR_ARGUMENT)    manager is NULL, or the caller is in the cgroup and
 *                                         could not thaw itself
 *   -ENOENT      (KATACG_ERR_DELETED)     the cgroup does not exist
 *   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)  there is no freezer
 *   -errno       (KATACG_ERR_SYSTEM)      write(2) failed
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_freeze(const struct katacg_manager *manager,
                          uint32_t timeout_ms,
                          struct katacg_error *err);

/**
 * Lets the processes of the cgroup run again.
 *
 * Processes below a frozen ancestor stay frozen.
 *
 * @param manager  the manager
 * @param err      filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors: as for katacg_manager_freeze, except -ETIMEDOUT.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_thaw(const struct katacg_manager *manager,
                        struct katacg_error *err);

/**
 * Returns the cgroup's own freezer state.
 *
 * The state is thawed if only an ancestor is frozen.
 *
 * @param manager  the manager
 * @param err      filled in on failure; may be NULL
 *
 * Return: one of KATACG_FREEZER_*.
 * Errors: as for katacg_manager_thaw.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_freezer_state(const struct katacg_manager *manager,
                                 struct katacg_error *err);

/**
 * Sends a signal to every process in the cgroup and its descendants.
 *
 * SIGKILL goes through cgroup.kill where the kernel has it (unified, Linux 5.14). Otherwise the
 * cgroup is frozen, signalled and thawed, so that no process escapes by forking. If it cannot be
 * frozen within 2 s, the processes are signalled in several passes instead.
 *
 * A process gets the signal even if only some of its threads are in the cgroup (v1, see
 * katacg_manager_pids). A cgroup that was frozen before stays frozen, except for SIGKILL.
 *
 * The function does not wait for processes to end. katacg_manager_destroy does.
 *
 * @param manager  the manager
 * @param signal   the number of the signal
 * @param err      filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ENOENT  (KATACG_ERR_DELETED)   the cgroup does not exist
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL, or signal is not a signal
 *   -errno   (KATACG_ERR_SYSTEM)    kill(2) failed with another error than ESRCH
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_kill(const struct katacg_manager *manager,
                        int32_t signal,
                        struct katacg_error *err);

/**
 * Returns how many processes of the cgroup the OOM killer has killed.
 *
 * @param manager  the manager
 * @param out      receives the number; not written on failure
 * @param err      filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
 *   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)   there is no memory controller
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the kernel does not count OOM kills
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     manager or out is NULL
 *   -errno       (KATACG_ERR_SYSTEM)       open(2) or read(2) failed
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_oom_kills(const struct katacg_manager *manager,
                             uint64_t *out,
                             struct katacg_error *err);

/**
 * Tells whether the cgroup exists in any hierarchy of the manager.
 *
 * @param manager  the manager
 * @param err      filled in on failure; may be NULL
 *
 * Return: 1 if it exists; 0 if nothing is left to destroy.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
 *   -errno   (KATACG_ERR_SYSTEM)    openat2(2) failed with another error than ENOENT
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_exists(const struct katacg_manager *manager,
                          struct katacg_error *err);

/**
 * Removes the cgroup and its children from every hierarchy.
 *
 * Waits up to about a second in all for processes that are ending. Processes are neither moved nor
 * killed. Ancestors stay, even those that katacg_manager_apply created. A cgroup that is already
 * gone counts as removed, so the function can be called again.
 *
 * A systemd unit is stopped too. Stopping a unit kills its processes, so the directories are
 * removed first. If processes are left after about a second, the function fails before it asks
 * systemd. It also fails in these cases:
 *
 * - Something is left in a slice.
 * - A unit of this name has its cgroup elsewhere: it is another unit.
 * - The unit has processes that the caller cannot see, as in a cgroup namespace of its own.
 *
 * A unit that another program starts in the slice at that very moment is stopped with the slice.
 *
 * @param manager  the manager
 * @param err      filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -EBUSY   (KATACG_ERR_BUSY)      processes are left, and the message names some; empty cgroups
 *                                   are removed
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
 *   -errno   (KATACG_ERR_SYSTEM)    rmdir(2) failed
 * Also KATACG_ERR_TIMEOUT, KATACG_ERR_BUS and KATACG_ERR_SYSTEM from systemd, as for
 * katacg_manager_apply.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_destroy(const struct katacg_manager *manager,
                           struct katacg_error *err);

/**
 * Lets go of the cgroup without ending the processes in it.
 *
 * The function kills, moves and waits for no process, so the caller may be in the cgroup itself,
 * as Kata's shim is. It removes empty directories. It abandons a systemd scope with processes
 * (AbandonScope), which then ends with its last process. A slice with units or processes inside
 * stays unchanged.
 *
 * A directory with processes stays until katacg_manager_destroy removes it, in this process or in
 * one that has loaded the state. On v1 that includes the directories of a scope in hierarchies
 * that systemd does not manage.
 *
 * @param manager  the manager
 * @param err      filled in on failure; may be NULL
 *
 * Return: 0 if nothing is left; 1 if something is left.
 * Errors:
 *   -EBUSY   (KATACG_ERR_BUSY)      a unit of this name has its cgroup elsewhere
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
 *   -errno   (KATACG_ERR_SYSTEM)    rmdir(2) failed with another error than EBUSY
 * Also KATACG_ERR_TIMEOUT, KATACG_ERR_BUS and KATACG_ERR_SYSTEM from systemd, as for
 * katacg_manager_apply.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_release(const struct katacg_manager *manager,
                           struct katacg_error *err);

/* ================================================================================================
 * Device rules
 *
 * A device is given as the path of a node, such as "/dev/kvm", or as a kind and numbers, such as
 * "c 10:232" or "b 8:*" (c character, b block; major:minor; * every number). A node must not be a
 * symbolic link. An access is some of the letters r (open for reading), w (open for writing) and m
 * (create a node with mknod(2)). NULL means all three.
 */

/**
 * Set of katacg_device_rules: the devices that a runtime allows to every container. A runtime
 * appends these rules to those of the container's specification.
 */
#define KATACG_DEVICES_RUNTIME 1

/**
 * Set of katacg_device_rules: the devices that a hypervisor needs, if this host has them.
 *
 * /dev/kvm or /dev/mshv must exist. /dev/vhost-net, /dev/vfio/vfio, /dev/vhost-vsock and
 * /dev/vhost-vdpa-0 are allowed if they exist. Disks, loop devices and VFIO groups (/dev/vfio/N)
 * are not in the list.
 */
#define KATACG_DEVICES_HYPERVISOR 2

/**
 * Returns a well-known list of device rules.
 *
 * @param set      KATACG_DEVICES_RUNTIME or KATACG_DEVICES_HYPERVISOR
 * @param buf      receives the rules; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result in bytes without its NUL, even if it did not fit. The result is
 * a JSON array of OCI rules, as in linux.resources.devices.
 * Errors:
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     the set is unknown, or a path of the hypervisor's
 *                                          devices is no device
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the host has neither /dev/kvm nor /dev/mshv
 *   -errno       (KATACG_ERR_SYSTEM)       stat(2) of a node failed, other than with ENOENT
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_device_rules(uint32_t set,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/**
 * Tells whether device rules allow an access to a device. Does not look at any cgroup.
 *
 * The rules apply in order and start from "deny all". The access is allowed only if the rules
 * allow each of its letters.
 *
 * @param rules_json  a JSON array of OCI rules, as in linux.resources.devices
 * @param len         its length in bytes
 * @param device      one device: a node's path, or a kind and two numbers
 * @param access      some of "rwm"; NULL means all
 * @param err         filled in on failure; may be NULL
 *
 * Return: 1 if the access is allowed, 0 if it is denied.
 * Errors:
 *   -EINVAL  (KATACG_ERR_JSON)      the JSON is malformed; the message has line and column
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  an argument is NULL, device is not one device, or access has
 *                                   other letters
 *   -ERANGE  (KATACG_ERR_VALUE)     a rule has no access or an impossible number, or reverses an
 *                                   earlier, wider rule for some of its devices; the message has
 *                                   the rule's index
 *   -errno   (KATACG_ERR_SYSTEM)    stat(2) of the node failed
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_device_check(const char *rules_json,
                        size_t len,
                        const char *device,
                        const char *access,
                        struct katacg_error *err);

/**
 * Allows a device in addition to the rules in force, for instance one that is plugged in later.
 *
 * While the rules change, no device is denied that both the old and the new rules allow. Calls for
 * one cgroup take turns, even those of different processes. Allowing an allowed device is no
 * error. Other processes that use this library find the changed rules. In a systemd unit, the
 * library tells systemd as well, so that a daemon-reload keeps the device.
 *
 * On v2, a cgroup that a container runtime has made (a manager with KATACG_MANAGER_EXISTING) has
 * the runtime's device programs, and each of them must allow the device. The library replaces each
 * program that does not by the same program with code in front that allows the device. The
 * runtime's next change of its rules removes that code. Device programs of ancestors and
 * descendants stay as they are, and must allow the device too. crun with systemd attaches its
 * program in the cgroup "container" below the scope: allow the device with a manager of the scope
 * and with a manager of "container".
 *
 * A manager with the cgroupfs driver on the path of a systemd unit cannot tell systemd, so the
 * device is denied again after the next daemon-reload or change of the unit. The call warns of
 * that; in strict mode it fails. Use the systemd driver, also for a unit that another program has
 * made.
 *
 * @param manager  the cgroup, which must exist
 * @param device   a node such as "/dev/kvm", or a kind and numbers such as "c 10:232" or "b 8:*"
 * @param access   some of "rwm"; NULL means all
 * @param err      filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     manager or device is NULL, device is no device, or
 *                                          access has other letters
 *   -ERANGE      (KATACG_ERR_VALUE)        a wider rule denies the device together with others
 *                                          ("deny c 1:*", then "c 1:3"). A v1 cgroup that allows
 *                                          devices by default does not show what it denies: there
 *                                          the call returns 0, and the device stays denied
 *   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
 *   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)   the cgroup is in no hierarchy with devices
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  another owner's device program cannot be extended,
 *                                          because the kernel hides its instructions or it calls
 *                                          functions (the message names the program); the unit is
 *                                          of a user's systemd; a unit on v1 would have rules that
 *                                          systemd cannot express; or, in strict mode, the
 *                                          cgroupfs driver on a unit's path
 *   -EPERM       (KATACG_ERR_SYSTEM)       v1: the parent cgroup does not allow the device; the
 *                                          message names the parent
 *   -EPERM       (KATACG_ERR_UNSUPPORTED)  the caller may not change device rules
 *   -errno       (KATACG_ERR_UNSUPPORTED)  v2: bpf(2) failed with EACCES, EINVAL or ENOSYS, as on
 *                                          a kernel without device programs
 *   -errno       (KATACG_ERR_SYSTEM)       stat(2) of the node or another system call failed
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_device_allow(const struct katacg_manager *manager,
                                const char *device,
                                const char *access,
                                struct katacg_error *err);

/**
 * Denies a device in addition to the rules in force, for instance one that is unplugged.
 *
 * Denying a denied device is no error. Processes that have the device open keep it. On v2, the
 * library removes the code that katacg_manager_device_allow has put in front of another owner's
 * device program. If no program of another owner denies the device, this library's program does.
 *
 * @param manager  the cgroup, which must exist
 * @param device   as for katacg_manager_device_allow
 * @param access   some of "rwm"; NULL means all
 * @param err      filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors: as for katacg_manager_device_allow. KATACG_ERR_VALUE means that a wider rule allows the
 * device together with others ("allow c 1:*", then "c 1:3").
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_device_deny(const struct katacg_manager *manager,
                               const char *device,
                               const char *access,
                               struct katacg_error *err);

/**
 * Reads the device rules in force.
 *
 * On v1 the rules are those of devices.list. A cgroup that allows devices by default shows there
 * only that, and not the devices that it denies. On v2 the rules are those of this library's
 * device program, whichever process attached the program; a cgroup without device programs allows
 * every device. In a unit of v2 the rules are systemd's, if systemd's device program is attached.
 * Rules of ancestors are not included.
 *
 * @param manager  the cgroup, which must exist
 * @param buf      receives the rules; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result in bytes without its NUL, even if it did not fit. The result is
 * a JSON array of OCI rules. The first rule is of type "a" and is the default for all devices.
 * Errors:
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     manager is NULL
 *   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
 *   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)   the cgroup is in no hierarchy with devices
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  v2: another owner's device program is attached (the
 *                                          message names the program, and the devices that this
 *                                          library allows in front of it), or this library's
 *                                          program cannot be read back
 *   -errno       (KATACG_ERR_SYSTEM)       a system call failed
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_devices(const struct katacg_manager *manager,
                           char *buf,
                           size_t buf_len,
                           struct katacg_error *err);

/* ================================================================================================
 * Statistics: what is valid
 *
 * The bits of katacg_stats.valid, each with its fields. A bit is set if all of its fields were
 * read.
 */

/**
 * Bit of valid: cpu_usage_ns.
 */
#define KATACG_STATS_HAS_CPU_USAGE 1

/**
 * Bit of valid: cpu_user_ns, cpu_system_ns.
 */
#define KATACG_STATS_HAS_CPU_TIMES 2

/**
 * Bit of valid: cpu_nice_ns.
 */
#define KATACG_STATS_HAS_CPU_NICE 4

/**
 * Bit of valid: cpu_periods, cpu_throttled_periods, cpu_throttled_ns.
 */
#define KATACG_STATS_HAS_CPU_THROTTLING 8

/**
 * Bit of valid: cpu_bursts, cpu_burst_ns.
 */
#define KATACG_STATS_HAS_CPU_BURST 16

/**
 * Bit of valid: cpu_throttled_local_ns.
 */
#define KATACG_STATS_HAS_CPU_LOCAL 32

/**
 * Bit of valid: memory_usage.
 */
#define KATACG_STATS_HAS_MEMORY_USAGE 64

/**
 * Bit of valid: memory_peak.
 */
#define KATACG_STATS_HAS_MEMORY_PEAK 128

/**
 * Bit of valid: memory_limit.
 */
#define KATACG_STATS_HAS_MEMORY_LIMIT 256

/**
 * Bit of valid: memory_reservation.
 */
#define KATACG_STATS_HAS_MEMORY_RESERVATION 512

/**
 * Bit of valid: memory_failcnt.
 */
#define KATACG_STATS_HAS_MEMORY_FAILCNT 1024

/**
 * Bit of valid: memory_working_set.
 */
#define KATACG_STATS_HAS_WORKING_SET 2048

/**
 * Bit of valid: swap_usage.
 */
#define KATACG_STATS_HAS_SWAP_USAGE 4096

/**
 * Bit of valid: swap_peak.
 */
#define KATACG_STATS_HAS_SWAP_PEAK 8192

/**
 * Bit of valid: swap_limit.
 */
#define KATACG_STATS_HAS_SWAP_LIMIT 16384

/**
 * Bit of valid: memsw_usage, memsw_peak, memsw_limit, memsw_failcnt.
 */
#define KATACG_STATS_HAS_MEMSW 32768

/**
 * Bit of valid: memory_kernel.
 */
#define KATACG_STATS_HAS_KERNEL 65536

/**
 * Bit of valid: memory_kernel_peak, memory_kernel_limit, memory_kernel_failcnt.
 */
#define KATACG_STATS_HAS_KERNEL_LIMIT 131072

/**
 * Bit of valid: memory_kernel_tcp, memory_kernel_tcp_peak, memory_kernel_tcp_limit,
 * memory_kernel_tcp_failcnt.
 */
#define KATACG_STATS_HAS_KERNEL_TCP 262144

/**
 * Bit of valid: memory_anon.
 */
#define KATACG_STATS_HAS_ANON 524288

/**
 * Bit of valid: memory_file.
 */
#define KATACG_STATS_HAS_FILE 1048576

/**
 * Bit of valid: memory_shmem.
 */
#define KATACG_STATS_HAS_SHMEM 2097152

/**
 * Bit of valid: memory_file_mapped.
 */
#define KATACG_STATS_HAS_FILE_MAPPED 4194304

/**
 * Bit of valid: memory_file_dirty, memory_file_writeback.
 */
#define KATACG_STATS_HAS_FILE_DIRTY 8388608

/**
 * Bit of valid: memory_inactive_anon, memory_active_anon, memory_inactive_file,
 * memory_active_file, memory_unevictable.
 */
#define KATACG_STATS_HAS_LRU 16777216

/**
 * Bit of valid: memory_slab_reclaimable, memory_slab_unreclaimable.
 */
#define KATACG_STATS_HAS_SLAB 33554432

/**
 * Bit of valid: memory_kernel_stack.
 */
#define KATACG_STATS_HAS_KERNEL_STACK 67108864

/**
 * Bit of valid: memory_pagetables.
 */
#define KATACG_STATS_HAS_PAGETABLES 134217728

/**
 * Bit of valid: memory_percpu.
 */
#define KATACG_STATS_HAS_PERCPU 268435456

/**
 * Bit of valid: memory_sock.
 */
#define KATACG_STATS_HAS_SOCK 536870912

/**
 * Bit of valid: memory_pgfault, memory_pgmajfault.
 */
#define KATACG_STATS_HAS_FAULTS 1073741824

/**
 * Bit of valid: memory_events_low, memory_events_high, memory_events_max, memory_events_oom.
 */
#define KATACG_STATS_HAS_MEMORY_EVENTS 2147483648

/**
 * Bit of valid: memory_events_oom_kill.
 */
#define KATACG_STATS_HAS_OOM_KILLS 4294967296

/**
 * Bit of valid: memory_events_oom_group_kill.
 */
#define KATACG_STATS_HAS_OOM_GROUP_KILLS 8589934592

/**
 * Bit of valid: memory_events_sock_throttled.
 */
#define KATACG_STATS_HAS_SOCK_THROTTLED 17179869184

/**
 * Bit of valid: memory_events_local_low, memory_events_local_high, memory_events_local_max,
 * memory_events_local_oom.
 */
#define KATACG_STATS_HAS_MEMORY_EVENTS_LOCAL 34359738368

/**
 * Bit of valid: memory_events_local_oom_kill.
 */
#define KATACG_STATS_HAS_OOM_KILLS_LOCAL 68719476736

/**
 * Bit of valid: memory_events_local_oom_group_kill.
 */
#define KATACG_STATS_HAS_OOM_GROUP_KILLS_LOCAL 137438953472

/**
 * Bit of valid: pids_current.
 */
#define KATACG_STATS_HAS_PIDS_CURRENT 274877906944

/**
 * Bit of valid: pids_limit.
 */
#define KATACG_STATS_HAS_PIDS_LIMIT 549755813888

/**
 * Bit of valid: pids_peak.
 */
#define KATACG_STATS_HAS_PIDS_PEAK 1099511627776

/**
 * Bit of valid: pids_events_max.
 */
#define KATACG_STATS_HAS_PIDS_EVENTS 2199023255552

/**
 * Bit of valid: io_read_bytes, io_write_bytes.
 */
#define KATACG_STATS_HAS_IO_BYTES 4398046511104

/**
 * Bit of valid: io_read_ops, io_write_ops.
 */
#define KATACG_STATS_HAS_IO_OPS 8796093022208

/**
 * Bit of valid: io_discard_bytes, io_discard_ops.
 */
#define KATACG_STATS_HAS_IO_DISCARD 17592186044416

/**
 * Bit of valid: hugetlb_usage.
 */
#define KATACG_STATS_HAS_HUGETLB_USAGE 35184372088832

/**
 * Bit of valid: hugetlb_failures.
 */
#define KATACG_STATS_HAS_HUGETLB_FAILURES 70368744177664

/**
 * Bit of valid: descendants, dying_descendants.
 */
#define KATACG_STATS_HAS_DESCENDANTS 140737488355328

/**
 * Bit of valid: frozen_ns.
 */
#define KATACG_STATS_HAS_FROZEN_TIME 281474976710656

/**
 * Bit of valid: is_populated, is_frozen.
 */
#define KATACG_STATS_HAS_STATE 562949953421312

/**
 * Bit of valid: cpu_some.
 */
#define KATACG_STATS_HAS_CPU_SOME 1125899906842624

/**
 * Bit of valid: cpu_full.
 */
#define KATACG_STATS_HAS_CPU_FULL 2251799813685248

/**
 * Bit of valid: memory_some, memory_full.
 */
#define KATACG_STATS_HAS_MEMORY_PRESSURE 4503599627370496

/**
 * Bit of valid: io_some, io_full.
 */
#define KATACG_STATS_HAS_IO_PRESSURE 9007199254740992

/**
 * Bit of valid: irq_full.
 */
#define KATACG_STATS_HAS_IRQ_PRESSURE 18014398509481984

/* ================================================================================================
 * Statistics
 *
 * What the kernel counts for a cgroup. The same struct serves v1 and v2. docs/kernel-features.md
 * names the file behind each field. A bit of valid says that all of its fields could be read. If
 * the bit is not set, its fields have no meaning.
 */

/**
 * Controller of statistics: CPU time and throttling.
 */
#define KATACG_STATS_CPU 1

/**
 * Controller of statistics: memory, swap, and memory events.
 */
#define KATACG_STATS_MEMORY 2

/**
 * Controller of statistics: numbers of processes and threads.
 */
#define KATACG_STATS_PIDS 4

/**
 * Controller of statistics: block I/O.
 */
#define KATACG_STATS_IO 8

/**
 * Controller of statistics: huge pages.
 */
#define KATACG_STATS_HUGETLB 16

/**
 * Controller of statistics: RDMA. Its numbers are in katacg_manager_resource_stats and the JSON,
 * not in struct katacg_stats.
 */
#define KATACG_STATS_RDMA 32

/**
 * Controller of statistics: misc, which counts scalar resources of the host. Its numbers are where
 * those of KATACG_STATS_RDMA are.
 */
#define KATACG_STATS_MISC 64

/**
 * Controller of statistics: pressure (PSI). It needs cgroup2.
 */
#define KATACG_STATS_PRESSURE 128

/**
 * Controller of statistics: the state of the cgroup itself. It needs cgroup2.
 */
#define KATACG_STATS_CGROUP 256

/**
 * Combined with controllers: reads only one file for each of CPU, memory, processes and block I/O.
 * The fields are cpu_usage_ns (v2: all of cpu.stat), memory_usage, pids_current, and the bytes of
 * I/O (v2: all of io.stat). Other controllers are read as without this bit. v1 has a file of I/O
 * for each of up to three I/O policies: until one of them names a device, a reading has one or two
 * files more.
 */
#define KATACG_STATS_BRIEF 4294967296

/**
 * Value of a limit that is not set.
 */
#define KATACG_STATS_MAX_VALUE UINT64_MAX

/**
 * Time in which processes waited for a resource. Kernel: accounting/psi.rst.
 */
struct katacg_pressure {
  /**
   * Share of the last 10 seconds, in hundredths of a percent.
   */
  uint64_t avg10;
  /**
   * Share of the last 60 seconds, in hundredths of a percent.
   */
  uint64_t avg60;
  /**
   * Share of the last 300 seconds, in hundredths of a percent.
   */
  uint64_t avg300;
  /**
   * Time of waiting since the cgroup was made, in steps of 1000 ns.
   */
  uint64_t total_ns;
};

/**
 * Statistics of a cgroup. New versions add fields at the end only.
 */
struct katacg_stats {
  /**
   * KATACG_STATS_HAS_* combined with |: the fields that were read.
   */
  uint64_t valid;
  /**
   * KATACG_STATS_CPU to KATACG_STATS_CGROUP combined with |: controllers that the caller asked
   * for and of which no file could be read, for instance because the cgroup does not have the
   * controller.
   */
  uint64_t missing;
  /**
   * CPU time in user space and in the kernel.
   */
  uint64_t cpu_usage_ns;
  /**
   * CPU time in user space. v1: in steps of 10 ms.
   */
  uint64_t cpu_user_ns;
  /**
   * CPU time in the kernel. v1: in steps of 10 ms.
   */
  uint64_t cpu_system_ns;
  /**
   * CPU time of processes with a positive nice value. v2, Linux 6.13 (and updates of 6.12).
   */
  uint64_t cpu_nice_ns;
  /**
   * Periods of the CPU quota that have passed.
   */
  uint64_t cpu_periods;
  /**
   * Periods in which the quota was used up.
   */
  uint64_t cpu_throttled_periods;
  /**
   * Time for which the cgroup's own quota throttled it, added up over all processors.
   */
  uint64_t cpu_throttled_ns;
  /**
   * Periods with a burst. Linux 5.15.
   */
  uint64_t cpu_bursts;
  /**
   * CPU time beyond the quota, in bursts. Linux 5.15.
   */
  uint64_t cpu_burst_ns;
  /**
   * Time for which its own or an ancestor's quota kept tasks of the cgroup from running, added
   * up over all processors. Linux 6.6.
   */
  uint64_t cpu_throttled_local_ns;
  /**
   * Memory in use, in bytes, with the page cache.
   */
  uint64_t memory_usage;
  /**
   * The highest value that memory_usage had. v2: Linux 5.19.
   */
  uint64_t memory_peak;
  /**
   * The limit, in bytes, or KATACG_STATS_MAX_VALUE, as for all limits.
   */
  uint64_t memory_limit;
  /**
   * v1: the soft limit, in bytes. v2: memory.low, in bytes.
   */
  uint64_t memory_reservation;
  /**
   * How often the limit was hit. v1.
   */
  uint64_t memory_failcnt;
  /**
   * memory_usage less memory_inactive_file, in bytes, as the kubelet computes it.
   */
  uint64_t memory_working_set;
  /**
   * Swap in use, in bytes, without memory.
   */
  uint64_t swap_usage;
  /**
   * The highest value that swap_usage had. v2, Linux 6.5.
   */
  uint64_t swap_peak;
  /**
   * The limit of swap, in bytes. v2.
   */
  uint64_t swap_limit;
  /**
   * Memory and swap in use, in bytes. v1.
   */
  uint64_t memsw_usage;
  /**
   * The highest value that memsw_usage had. v1.
   */
  uint64_t memsw_peak;
  /**
   * The limit of memory and swap, in bytes. v1.
   */
  uint64_t memsw_limit;
  /**
   * How often the limit of memory and swap was hit. v1.
   */
  uint64_t memsw_failcnt;
  /**
   * Memory that the kernel uses for the cgroup, in bytes. v2: Linux 5.18.
   */
  uint64_t memory_kernel;
  /**
   * The highest value that memory_kernel had. v1.
   */
  uint64_t memory_kernel_peak;
  /**
   * The limit of memory_kernel, in bytes. v1.
   */
  uint64_t memory_kernel_limit;
  /**
   * How often memory_kernel_limit was hit. v1.
   */
  uint64_t memory_kernel_failcnt;
  /**
   * TCP buffers, in bytes. v1.
   */
  uint64_t memory_kernel_tcp;
  /**
   * The highest value that memory_kernel_tcp had. v1.
   */
  uint64_t memory_kernel_tcp_peak;
  /**
   * The limit of memory_kernel_tcp, in bytes. v1.
   */
  uint64_t memory_kernel_tcp_limit;
  /**
   * How often memory_kernel_tcp_limit was hit. v1.
   */
  uint64_t memory_kernel_tcp_failcnt;
  /**
   * Anonymous memory, in bytes. v1: total_rss.
   */
  uint64_t memory_anon;
  /**
   * Page cache, in bytes. v1: total_cache.
   */
  uint64_t memory_file;
  /**
   * Shared memory and tmpfs, in bytes.
   */
  uint64_t memory_shmem;
  /**
   * Page cache that processes have mapped, in bytes.
   */
  uint64_t memory_file_mapped;
  /**
   * Page cache that is still to be written to storage, in bytes.
   */
  uint64_t memory_file_dirty;
  /**
   * Page cache that is being written to storage, in bytes.
   */
  uint64_t memory_file_writeback;
  /**
   * Anonymous memory on the inactive list, in bytes.
   */
  uint64_t memory_inactive_anon;
  /**
   * Anonymous memory on the active list, in bytes.
   */
  uint64_t memory_active_anon;
  /**
   * Page cache on the inactive list, in bytes.
   */
  uint64_t memory_inactive_file;
  /**
   * Page cache on the active list, in bytes.
   */
  uint64_t memory_active_file;
  /**
   * Memory that cannot be reclaimed, in bytes.
   */
  uint64_t memory_unevictable;
  /**
   * Slab memory (kernel objects) that can be reclaimed, in bytes. v2.
   */
  uint64_t memory_slab_reclaimable;
  /**
   * Slab memory (kernel objects) that cannot be reclaimed, in bytes. v2.
   */
  uint64_t memory_slab_unreclaimable;
  /**
   * Kernel stacks of the cgroup's tasks, in bytes. v2.
   */
  uint64_t memory_kernel_stack;
  /**
   * Page tables, in bytes. v2, Linux 5.11.
   */
  uint64_t memory_pagetables;
  /**
   * Per-CPU data of the kernel, in bytes. v2, Linux 5.9.
   */
  uint64_t memory_percpu;
  /**
   * Network buffers, in bytes. v2.
   */
  uint64_t memory_sock;
  /**
   * Number of page faults.
   */
  uint64_t memory_pgfault;
  /**
   * Number of page faults that needed I/O.
   */
  uint64_t memory_pgmajfault;
  /**
   * How often the kernel reclaimed memory of the cgroup while usage was below memory.low. v2.
   */
  uint64_t memory_events_low;
  /**
   * How often the kernel reclaimed memory because usage exceeded memory.high. v2.
   */
  uint64_t memory_events_high;
  /**
   * How often usage was about to exceed the limit. v2.
   */
  uint64_t memory_events_max;
  /**
   * How often usage reached the limit and an allocation was about to fail. v2.
   */
  uint64_t memory_events_oom;
  /**
   * Processes that the OOM killer killed. v1: without descendants.
   */
  uint64_t memory_events_oom_kill;
  /**
   * How often the OOM killer killed all of a cgroup (memory.oom.group). v2, Linux 5.17.
   */
  uint64_t memory_events_oom_group_kill;
  /**
   * How often network sockets were throttled. v2, Linux 6.19.
   */
  uint64_t memory_events_sock_throttled;
  /**
   * As memory_events_low, without descendants. v2, Linux 5.2, as the next four.
   */
  uint64_t memory_events_local_low;
  /**
   * As memory_events_high, without descendants.
   */
  uint64_t memory_events_local_high;
  /**
   * As memory_events_max, without descendants.
   */
  uint64_t memory_events_local_max;
  /**
   * As memory_events_oom, without descendants.
   */
  uint64_t memory_events_local_oom;
  /**
   * As memory_events_oom_kill, without descendants.
   */
  uint64_t memory_events_local_oom_kill;
  /**
   * As memory_events_oom_group_kill, without descendants. v2, Linux 5.17.
   */
  uint64_t memory_events_local_oom_group_kill;
  /**
   * Number of processes and threads.
   */
  uint64_t pids_current;
  /**
   * The limit of pids_current, or KATACG_STATS_MAX_VALUE.
   */
  uint64_t pids_limit;
  /**
   * The highest value that pids_current had. Linux 6.1.
   */
  uint64_t pids_peak;
  /**
   * Forks that failed because of a limit of processes.
   */
  uint64_t pids_events_max;
  /**
   * Bytes read, from all devices together. I/O of a device-mapper device can count again for the
   * disk below it.
   */
  uint64_t io_read_bytes;
  /**
   * Bytes written, to all devices together.
   */
  uint64_t io_write_bytes;
  /**
   * Number of reads.
   */
  uint64_t io_read_ops;
  /**
   * Number of writes.
   */
  uint64_t io_write_ops;
  /**
   * Bytes discarded. Linux 4.19.
   */
  uint64_t io_discard_bytes;
  /**
   * Number of discards. Linux 4.19.
   */
  uint64_t io_discard_ops;
  /**
   * Huge pages in use, in bytes, of all page sizes together.
   */
  uint64_t hugetlb_usage;
  /**
   * How often a limit refused huge pages, of all page sizes together.
   */
  uint64_t hugetlb_failures;
  /**
   * Number of cgroups below this one. v2.
   */
  uint64_t descendants;
  /**
   * Number of removed cgroups below this one that still hold memory. v2.
   */
  uint64_t dying_descendants;
  /**
   * Time for which cgroup2's freezer has frozen the cgroup. v2, Linux 6.18. On a hybrid host
   * without the time for which v1's freezer has frozen it.
   */
  uint64_t frozen_ns;
  /**
   * 1 if the cgroup or a descendant has processes. v2. Shares a bit of valid with is_frozen.
   */
  uint64_t is_populated;
  /**
   * 1 if the cgroup is frozen, whether by itself or by an ancestor. v2, Linux 5.2. On a hybrid
   * host 1 also if v1's freezer has frozen the cgroup.
   */
  uint64_t is_frozen;
  /**
   * Time in which some process waited for CPU time. v2, Linux 4.20, as all pressure.
   */
  struct katacg_pressure cpu_some;
  /**
   * Time in which all processes waited for CPU time at once. Linux 5.13.
   */
  struct katacg_pressure cpu_full;
  /**
   * Time in which some process waited for memory.
   */
  struct katacg_pressure memory_some;
  /**
   * Time in which all processes waited for memory at once.
   */
  struct katacg_pressure memory_full;
  /**
   * Time in which some process waited for I/O.
   */
  struct katacg_pressure io_some;
  /**
   * Time in which all processes waited for I/O at once.
   */
  struct katacg_pressure io_full;
  /**
   * Time in which interrupts kept all processes from running. Linux 6.1.
   */
  struct katacg_pressure irq_full;
};

/**
 * Reads the statistics of the cgroup.
 *
 * If the cgroup does not have a controller, the controller is in out->missing, its fields are not
 * valid, and the call warns (see katacg_manager_log). The call does not fail for that. On a hybrid
 * host, each controller is read in its own hierarchy, v1 or cgroup2. Each file costs three system
 * calls; with katacg_stats_reader_read one.
 *
 * @param manager      the manager
 * @param controllers  KATACG_STATS_CPU to KATACG_STATS_CGROUP combined with |, or 0 for all; with
 *                     KATACG_STATS_BRIEF to read few files
 * @param out          receives the statistics; not written on failure
 * @param out_size     sizeof(struct katacg_stats). No more than this is written.
 * @param err          filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ENOENT  (KATACG_ERR_DELETED)   the cgroup does not exist
 *   -EPERM   (KATACG_ERR_ROOTLESS)  the manager has no cgroup (see katacg_manager_apply)
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager or out is NULL, a bit is unknown, or out_size is not a
 *                                   multiple of 8 from 16 to 4096
 *   -errno   (KATACG_ERR_SYSTEM)    openat2(2) failed, for instance with EMFILE
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_stats(const struct katacg_manager *manager,
                         uint64_t controllers,
                         struct katacg_stats *out,
                         size_t out_size,
                         struct katacg_error *err);

/**
 * Returns the statistics as JSON, in the shape of the member "data" of `runc events --stats`.
 *
 * The members are cpu, cpuset, memory, pids, blkio and hugetlb, whose members have runc's names.
 * Numbers that could not be read are left out. Three members are not runc's: io has every key of
 * io.stat, rdma and misc have the controllers' files current and max. memory.raw has every key of
 * memory.stat.
 *
 * @param manager      the manager
 * @param controllers  KATACG_STATS_CPU to KATACG_STATS_CGROUP combined with |, or 0 for all. The
 *                     members psi need KATACG_STATS_PRESSURE too.
 * @param buf          receives the result; may be NULL if buf_len is 0
 * @param buf_len      size of buf in bytes; 0 asks for the length only. Each call reads the files
 *                     anew, so the next result may be longer.
 * @param err          filled in on failure; may be NULL
 *
 * Return: the length of the result in bytes without its NUL, even if it did not fit.
 * Errors: as for katacg_manager_stats.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_stats_json(const struct katacg_manager *manager,
                              uint64_t controllers,
                              char *buf,
                              size_t buf_len,
                              struct katacg_error *err);

/* Starts a struct katacg_stats. */
#define KATACG_STATS_INIT { 0 }

/* ================================================================================================
 * Statistics: reader
 *
 * A reader reads one cgroup's statistics again and again. It keeps the files open, so each reading
 * costs one pread(2) for each file.
 */

/**
 * Open statistics files of one cgroup.
 *
 * A reader has a descriptor (close-on-exec) for each file: for memory on v1 some 20. A reader may
 * outlive its manager and its host.
 */
struct katacg_stats_reader;

/**
 * Opens the files of the statistics.
 *
 * @param manager      the manager
 * @param controllers  KATACG_STATS_CPU to KATACG_STATS_CGROUP combined with |, or 0 for all; with
 *                     KATACG_STATS_BRIEF to read few files
 * @param out          receives the new reader; NULL on failure
 * @param err          filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ENOENT  (KATACG_ERR_DELETED)   the cgroup does not exist
 *   -EPERM   (KATACG_ERR_ROOTLESS)  the manager has no cgroup (see katacg_manager_apply)
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  manager or out is NULL, or a bit is unknown
 *   -errno   (KATACG_ERR_SYSTEM)    openat2(2) failed, for instance with EMFILE
 * Ownership: free the reader with katacg_stats_reader_free.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_stats_reader_open(const struct katacg_manager *manager,
                             uint64_t controllers,
                             struct katacg_stats_reader **out,
                             struct katacg_error *err);

/**
 * Reads the statistics, with one pread(2) for each file.
 *
 * The call returns 1 if it has opened the files anew. Counts may then start from 0 again. The
 * reasons are: the cgroup was removed and made again (on v1, in at least one hierarchy); a v2
 * controller or pressure was turned off, or on again; the v1 file of I/O no longer names a device,
 * for instance because the device has another I/O scheduler.
 *
 * If the cgroup loses a controller, the controller is in out->missing, and each reading looks for
 * its files, which costs an openat2(2) for each. The reader does not look for a controller that
 * the cgroup did not have when the reader was opened: open another reader.
 *
 * @param reader    the reader
 * @param out       receives the statistics; not written on failure
 * @param out_size  sizeof(struct katacg_stats). No more than this is written.
 * @param err       filled in on failure; may be NULL
 *
 * Return: 0, or 1 if the files were opened anew since the last call.
 * Errors:
 *   -ENODEV  (KATACG_ERR_DELETED)   the cgroup was removed. A later call succeeds if the cgroup
 *                                   exists again.
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  reader or out is NULL, or out_size is not a multiple of 8 from
 *                                   16 to 4096
 *   -errno   (KATACG_ERR_SYSTEM)    openat2(2) failed when the files were opened anew
 * Threads: one at a time for one reader. Fork: safe.
 */
KATACG_MUST_USE
int katacg_stats_reader_read(struct katacg_stats_reader *reader,
                             struct katacg_stats *out,
                             size_t out_size,
                             struct katacg_error *err);

/**
 * Frees a reader and closes its descriptors.
 *
 * @param reader  the reader, not to be used again; NULL does nothing
 *
 * Errors: none.
 * Threads: no other call on this reader at the same time. Fork: safe.
 */
void katacg_stats_reader_free(struct katacg_stats_reader *reader);

/* ================================================================================================
 * Statistics: entries
 *
 * The entries of the lists: numbers for each device, page size, processor or NUMA node, and every
 * value of a file by name. docs/kernel-features.md names the file behind each field.
 *
 * A number whose bit is not in valid has no meaning. New versions add fields at the end only.
 */

/**
 * Bit of katacg_io_stats.valid: read_bytes, write_bytes.
 */
#define KATACG_IO_HAS_BYTES 1

/**
 * Bit of katacg_io_stats.valid: read_ops, write_ops.
 */
#define KATACG_IO_HAS_OPS 2

/**
 * Bit of katacg_io_stats.valid: discard_bytes.
 */
#define KATACG_IO_HAS_DISCARD_BYTES 4

/**
 * Bit of katacg_io_stats.valid: discard_ops.
 */
#define KATACG_IO_HAS_DISCARD_OPS 8

/**
 * Bit of katacg_io_stats.valid: cost_usage_ns.
 */
#define KATACG_IO_HAS_COST_USAGE 16

/**
 * Bit of katacg_io_stats.valid: cost_wait_ns, cost_indebt_ns, cost_indelay_ns.
 */
#define KATACG_IO_HAS_COST_WAIT 32

/**
 * Bit of katacg_hugetlb_stats.valid: usage.
 */
#define KATACG_HUGETLB_HAS_USAGE 1

/**
 * Bit of katacg_hugetlb_stats.valid: peak.
 */
#define KATACG_HUGETLB_HAS_PEAK 2

/**
 * Bit of katacg_hugetlb_stats.valid: limit.
 */
#define KATACG_HUGETLB_HAS_LIMIT 4

/**
 * Bit of katacg_hugetlb_stats.valid: failures.
 */
#define KATACG_HUGETLB_HAS_FAILURES 8

/**
 * Bit of katacg_hugetlb_stats.valid: reserved.
 */
#define KATACG_HUGETLB_HAS_RESERVED 16

/**
 * Bit of katacg_hugetlb_stats.valid: reserved_peak.
 */
#define KATACG_HUGETLB_HAS_RESERVED_PEAK 32

/**
 * Bit of katacg_hugetlb_stats.valid: reserved_limit.
 */
#define KATACG_HUGETLB_HAS_RESERVED_LIMIT 64

/**
 * Bit of katacg_hugetlb_stats.valid: reserved_failures.
 */
#define KATACG_HUGETLB_HAS_RESERVED_FAILURES 128

/**
 * Bit of katacg_resource_stats.valid: current.
 */
#define KATACG_RESOURCE_HAS_CURRENT 1

/**
 * Bit of katacg_resource_stats.valid: peak.
 */
#define KATACG_RESOURCE_HAS_PEAK 2

/**
 * Bit of katacg_resource_stats.valid: limit.
 */
#define KATACG_RESOURCE_HAS_LIMIT 4

/**
 * Bit of katacg_resource_stats.valid: events.
 */
#define KATACG_RESOURCE_HAS_EVENTS 8

/**
 * Bit of katacg_cpu_stats.valid: usage_ns.
 */
#define KATACG_CPU_HAS_USAGE 1

/**
 * Bit of katacg_cpu_stats.valid: user_ns, system_ns.
 */
#define KATACG_CPU_HAS_TIMES 2

/**
 * Bit of katacg_numa_stats.valid: anon.
 */
#define KATACG_NUMA_HAS_ANON 1

/**
 * Bit of katacg_numa_stats.valid: file.
 */
#define KATACG_NUMA_HAS_FILE 2

/**
 * Bit of katacg_numa_stats.valid: unevictable.
 */
#define KATACG_NUMA_HAS_UNEVICTABLE 4

/**
 * Bit of katacg_numa_stats.valid: kernel_stack.
 */
#define KATACG_NUMA_HAS_KERNEL_STACK 8

/**
 * Bit of katacg_numa_stats.valid: pagetables.
 */
#define KATACG_NUMA_HAS_PAGETABLES 16

/**
 * Bit of katacg_numa_stats.valid: shmem.
 */
#define KATACG_NUMA_HAS_SHMEM 32

/**
 * Bit of katacg_numa_stats.valid: file_mapped.
 */
#define KATACG_NUMA_HAS_FILE_MAPPED 64

/**
 * Bit of katacg_numa_stats.valid: file_dirty, file_writeback.
 */
#define KATACG_NUMA_HAS_FILE_DIRTY 128

/**
 * Bit of katacg_numa_stats.valid: inactive_anon, active_anon, inactive_file, active_file.
 */
#define KATACG_NUMA_HAS_LRU 256

/**
 * Bit of katacg_numa_stats.valid: slab_reclaimable, slab_unreclaimable.
 */
#define KATACG_NUMA_HAS_SLAB 512

/**
 * Bit of katacg_keyed_value.valid: value.
 */
#define KATACG_KEYED_HAS_VALUE 1

/**
 * Block I/O of one device.
 */
struct katacg_io_stats {
  /**
   * KATACG_IO_HAS_* combined with |: the fields that were read. major and minor are always
   * valid.
   */
  uint64_t valid;
  /**
   * The device's major number.
   */
  uint64_t major;
  /**
   * The device's minor number.
   */
  uint64_t minor;
  /**
   * Bytes read.
   */
  uint64_t read_bytes;
  /**
   * Bytes written.
   */
  uint64_t write_bytes;
  /**
   * Number of reads.
   */
  uint64_t read_ops;
  /**
   * Number of writes.
   */
  uint64_t write_ops;
  /**
   * Bytes discarded. Linux 4.19.
   */
  uint64_t discard_bytes;
  /**
   * Number of discards. Linux 4.19.
   */
  uint64_t discard_ops;
  /**
   * Time of the device that the io.cost model charges to the cgroup. v2, Linux 5.10.
   */
  uint64_t cost_usage_ns;
  /**
   * Time for which I/O waited because of the io.cost model. v2, Linux 5.10, if the kernel's
   * blkcg_debug_stats is on, as the next two.
   */
  uint64_t cost_wait_ns;
  /**
   * Time for which the cgroup owed the io.cost model time of the device.
   */
  uint64_t cost_indebt_ns;
  /**
   * Time for which the kernel delayed the cgroup's processes because of that debt.
   */
  uint64_t cost_indelay_ns;
};

/**
 * Huge pages of one size.
 */
struct katacg_hugetlb_stats {
  /**
   * KATACG_HUGETLB_HAS_* combined with |: the fields that were read. size and page_size are
   * always valid.
   */
  uint64_t valid;
  /**
   * The size as the kernel spells it, such as 2MB.
   */
  char size[16];
  /**
   * The size in bytes.
   */
  uint64_t page_size;
  /**
   * Bytes in use.
   */
  uint64_t usage;
  /**
   * The highest value that usage had. v1.
   */
  uint64_t peak;
  /**
   * The limit in bytes, or KATACG_STATS_MAX_VALUE.
   */
  uint64_t limit;
  /**
   * How often the limit refused a page.
   */
  uint64_t failures;
  /**
   * Bytes reserved, whether in use or not. Linux 5.7, as the next three.
   */
  uint64_t reserved;
  /**
   * The highest value that reserved had. v1.
   */
  uint64_t reserved_peak;
  /**
   * The limit of reservations in bytes, or KATACG_STATS_MAX_VALUE.
   */
  uint64_t reserved_limit;
  /**
   * How often the limit refused a reservation. v1.
   */
  uint64_t reserved_failures;
};

/**
 * A resource of the controllers rdma, misc or dmem.
 */
struct katacg_resource_stats {
  /**
   * KATACG_RESOURCE_HAS_* combined with |: the numbers that were read.
   */
  uint64_t valid;
  /**
   * "rdma", "misc" or "dmem".
   */
  char controller[16];
  /**
   * rdma: the device. misc: the resource. dmem: the region of device memory. A name of more than
   * 63 bytes is cut.
   */
  char name[64];
  /**
   * rdma: the object, hca_handle or hca_object. misc and dmem: empty.
   */
  char resource[32];
  /**
   * How much is in use. dmem: in bytes. rdma and misc: a number of objects.
   */
  uint64_t current;
  /**
   * The highest value that current had. misc, Linux 6.11.
   */
  uint64_t peak;
  /**
   * The limit, in the unit of current, or KATACG_STATS_MAX_VALUE.
   */
  uint64_t limit;
  /**
   * How often usage was about to exceed the limit. misc, Linux 5.16.
   */
  uint64_t events;
};

/**
 * CPU time on one processor.
 */
struct katacg_cpu_stats {
  /**
   * KATACG_CPU_HAS_* combined with |: the times that were read.
   */
  uint64_t valid;
  /**
   * The processor's number. The kernel lists usage_ns without numbers: there, this is the
   * processor's place among the possible processors, from 0.
   */
  uint64_t cpu;
  /**
   * CPU time in user space and in the kernel.
   */
  uint64_t usage_ns;
  /**
   * CPU time in user space. Linux 4.8.
   */
  uint64_t user_ns;
  /**
   * CPU time in the kernel. Linux 4.8.
   */
  uint64_t system_ns;
};

/**
 * Memory on one NUMA node, in bytes, with the descendants.
 */
struct katacg_numa_stats {
  /**
   * KATACG_NUMA_HAS_* combined with |: the numbers that were read. v1 has the first three.
   */
  uint64_t valid;
  /**
   * The node's number.
   */
  uint64_t node;
  /**
   * Anonymous memory.
   */
  uint64_t anon;
  /**
   * Page cache.
   */
  uint64_t file;
  /**
   * Memory that cannot be reclaimed.
   */
  uint64_t unevictable;
  /**
   * Kernel stacks.
   */
  uint64_t kernel_stack;
  /**
   * Page tables. Linux 5.11.
   */
  uint64_t pagetables;
  /**
   * Shared memory and tmpfs.
   */
  uint64_t shmem;
  /**
   * Page cache that processes have mapped.
   */
  uint64_t file_mapped;
  /**
   * Page cache that is still to be written to storage.
   */
  uint64_t file_dirty;
  /**
   * Page cache that is being written to storage.
   */
  uint64_t file_writeback;
  /**
   * Anonymous memory on the inactive list.
   */
  uint64_t inactive_anon;
  /**
   * Anonymous memory on the active list.
   */
  uint64_t active_anon;
  /**
   * Page cache on the inactive list.
   */
  uint64_t inactive_file;
  /**
   * Page cache on the active list.
   */
  uint64_t active_file;
  /**
   * Slab memory that can be reclaimed.
   */
  uint64_t slab_reclaimable;
  /**
   * Slab memory that cannot be reclaimed.
   */
  uint64_t slab_unreclaimable;
};

/**
 * One value of a file. Strings that are longer than their arrays are cut.
 */
struct katacg_keyed_value {
  /**
   * KATACG_KEYED_HAS_VALUE if text is a number or "max".
   */
  uint64_t valid;
  /**
   * The device or other first word of a line with several values. Empty in files of one value,
   * and in files of lines with a key and a value.
   */
  char name[64];
  /**
   * The key. Empty in files of one value.
   */
  char key[64];
  /**
   * The value as the kernel writes it.
   */
  char text[32];
  /**
   * The number of text; KATACG_STATS_MAX_VALUE for "max".
   */
  uint64_t value;
};

/* ================================================================================================
 * Statistics: lists
 *
 * The caller passes an array, the number of its entries, and the size of one entry in the caller's
 * program. A newer library fills the smaller structs of an older program.
 *
 * Like snprintf(3), the functions return how many entries there are, and fill in as many as fit.
 * Each call reads the files anew, so the next call may find more entries.
 */

/**
 * Lists block I/O by device.
 *
 * v1 has several files for the same numbers. The first one that names a device is used, in this
 * order: the files of BFQ, of CFQ, and of the throttling layer, with descendants before without
 * (docs/kernel-features.md). A device that the cgroup has not used is not listed.
 *
 * @param manager     the manager
 * @param out         receives the entries; may be NULL if n is 0
 * @param entry_size  sizeof(struct katacg_io_stats)
 * @param n           how many entries out has room for; 0 asks for the number only
 * @param err         filled in on failure; may be NULL
 *
 * Return: how many entries there are, even if they did not fit.
 * Errors:
 *   -ENOENT      (KATACG_ERR_DELETED)     the cgroup does not exist
 *   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)  the cgroup has no io or blkio controller
 *   -EPERM       (KATACG_ERR_ROOTLESS)    the manager has no cgroup (see katacg_manager_apply)
 *   -EINVAL      (KATACG_ERR_ARGUMENT)    manager or out is NULL, or entry_size is not a multiple
 *                                         of 8 from 16 to 4096
 *   -errno       (KATACG_ERR_SYSTEM)      openat2(2) or read(2) failed, for instance with EMFILE
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_io_stats(const struct katacg_manager *manager,
                            struct katacg_io_stats *out,
                            size_t entry_size,
                            size_t n,
                            struct katacg_error *err);

/**
 * Lists huge pages by page size.
 *
 * @param manager     the manager
 * @param out         receives the entries; may be NULL if n is 0
 * @param entry_size  sizeof(struct katacg_hugetlb_stats)
 * @param n           how many entries out has room for; 0 asks for the number only
 * @param err         filled in on failure; may be NULL
 *
 * Return: how many entries there are, even if they did not fit.
 * Errors:
 *   -ENOENT      (KATACG_ERR_DELETED)     the cgroup does not exist
 *   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)  the cgroup has no hugetlb controller
 *   -EPERM       (KATACG_ERR_ROOTLESS)    the manager has no cgroup (see katacg_manager_apply)
 *   -EINVAL      (KATACG_ERR_ARGUMENT)    manager or out is NULL, or entry_size is not a multiple
 *                                         of 8 from 16 to 4096
 *   -errno       (KATACG_ERR_SYSTEM)      openat2(2) or read(2) failed, for instance with EMFILE
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_hugetlb_stats(const struct katacg_manager *manager,
                                 struct katacg_hugetlb_stats *out,
                                 size_t entry_size,
                                 size_t n,
                                 struct katacg_error *err);

/**
 * Lists the resources of three controllers: rdma by device and object, misc by resource, and dmem
 * by region of device memory.
 *
 * If the cgroup has some but not all of the three controllers, the call warns (see
 * katacg_manager_log).
 *
 * @param manager     the manager
 * @param out         receives the entries; may be NULL if n is 0
 * @param entry_size  sizeof(struct katacg_resource_stats)
 * @param n           how many entries out has room for; 0 asks for the number only
 * @param err         filled in on failure; may be NULL
 *
 * Return: how many entries there are, even if they did not fit.
 * Errors:
 *   -ENOENT      (KATACG_ERR_DELETED)     the cgroup does not exist
 *   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)  the cgroup has none of rdma, misc and dmem
 *   -EPERM       (KATACG_ERR_ROOTLESS)    the manager has no cgroup (see katacg_manager_apply)
 *   -EINVAL      (KATACG_ERR_ARGUMENT)    manager or out is NULL, or entry_size is not a multiple
 *                                         of 8 from 16 to 4096
 *   -errno       (KATACG_ERR_SYSTEM)      openat2(2) or read(2) failed, for instance with EMFILE
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_resource_stats(const struct katacg_manager *manager,
                                  struct katacg_resource_stats *out,
                                  size_t entry_size,
                                  size_t n,
                                  struct katacg_error *err);

/**
 * Lists CPU time by processor. Only v1 counts it.
 *
 * @param manager     the manager
 * @param out         receives the entries; may be NULL if n is 0
 * @param entry_size  sizeof(struct katacg_cpu_stats)
 * @param n           how many entries out has room for; 0 asks for the number only
 * @param err         filled in on failure; may be NULL
 *
 * Return: how many entries there are, even if they did not fit.
 * Errors:
 *   -ENOENT      (KATACG_ERR_DELETED)     the cgroup does not exist
 *   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)  the cgroup has no v1 cpuacct controller; cgroup2
 *                                         does not count by processor
 *   -EPERM       (KATACG_ERR_ROOTLESS)    the manager has no cgroup (see katacg_manager_apply)
 *   -EINVAL      (KATACG_ERR_ARGUMENT)    manager or out is NULL, or entry_size is not a multiple
 *                                         of 8 from 16 to 4096
 *   -errno       (KATACG_ERR_SYSTEM)      openat2(2) or read(2) failed, for instance with EMFILE
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_cpu_stats(const struct katacg_manager *manager,
                             struct katacg_cpu_stats *out,
                             size_t entry_size,
                             size_t n,
                             struct katacg_error *err);

/**
 * Lists memory by NUMA node.
 *
 * @param manager     the manager
 * @param out         receives the entries; may be NULL if n is 0
 * @param entry_size  sizeof(struct katacg_numa_stats)
 * @param n           how many entries out has room for; 0 asks for the number only
 * @param err         filled in on failure; may be NULL
 *
 * Return: how many entries there are, even if they did not fit.
 * Errors:
 *   -ENOENT      (KATACG_ERR_DELETED)     the cgroup does not exist
 *   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)  the cgroup has no memory controller, or the kernel
 *                                         has no memory.numa_stat
 *   -EPERM       (KATACG_ERR_ROOTLESS)    the manager has no cgroup (see katacg_manager_apply)
 *   -EINVAL      (KATACG_ERR_ARGUMENT)    manager or out is NULL, or entry_size is not a multiple
 *                                         of 8 from 16 to 4096
 *   -errno       (KATACG_ERR_SYSTEM)      openat2(2) or read(2) failed, for instance with EMFILE
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_numa_stats(const struct katacg_manager *manager,
                              struct katacg_numa_stats *out,
                              size_t entry_size,
                              size_t n,
                              struct katacg_error *err);

/**
 * Lists every value of one file by name, even of keys that this library does not know.
 *
 * For memory.stat, each entry has a key and a value. For io.stat, each entry has a device as its
 * name, a key and a value. For pids.current, the one entry has a value, and neither name nor key.
 * The file may have any format of cgroup-v2.rst, or be one of v1's statistics.
 *
 * @param manager     the manager
 * @param subsystem   as for katacg_manager_path
 * @param file        the name of the file, without a slash
 * @param out         receives the values; may be NULL if n is 0
 * @param entry_size  sizeof(struct katacg_keyed_value)
 * @param n           how many entries out has room for; 0 asks for the number only
 * @param err         filled in on failure; may be NULL
 *
 * Return: how many values there are, even if they did not fit.
 * Errors:
 *   -ENOENT      (KATACG_ERR_NOT_MOUNTED)  the manager has not joined this subsystem
 *   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
 *   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)   the file's controller is not available in the cgroup
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     an argument is NULL, file is not a file name, or
 *                                          entry_size is not a multiple of 8 from 16 to 4096
 *   -errno       (KATACG_ERR_SYSTEM)       openat2(2) or read(2) failed
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_read_keyed(const struct katacg_manager *manager,
                              const char *subsystem,
                              const char *file,
                              struct katacg_keyed_value *out,
                              size_t entry_size,
                              size_t n,
                              struct katacg_error *err);

/* ================================================================================================
 * Events
 *
 * A watch reports what happens to a cgroup, through one descriptor that poll(2), epoll(7) or an
 * event loop can wait for. The library uses no thread and no signal handler for that.
 *
 * On v2 the kernel wakes the descriptor, at most 10 ms late. Only a memory threshold needs a timer
 * there. On v1 the kernel wakes the descriptor for OOM, thresholds and pressure, and when a
 * process ends that the watch has chosen. For the freezer, refused forks and processes that are
 * moved to another cgroup, v1 wakes nobody, so a timer wakes the descriptor every 100 ms.
 *
 * inotify on the parent cgroup reports the removal. On v1, a watch of OOM, OOM kills, a threshold
 * or pressure gets it from the memory controller instead, 50 to 70 ms late. All watches of one
 * host share one inotify instance, because a user has only 128. So give the managers of many
 * cgroups one katacg_host. A wake may then be for another watch of the host: katacg_events_read
 * passes the event on to that watch, and returns 0. Where inotify cannot be used, a timer wakes
 * the watch of a cgroup without processes every 100 ms.
 *
 * The kernel's counts (OOM, kills, memory.high, memory.max, refused forks) lose nothing while the
 * cgroup exists. The last counts before a removal may not have been read: KATACG_EVENT_REMOVED
 * says how sure the counts are. They are exact when this process removes the cgroup through a
 * manager of the same host.
 */

/**
 * Kind of event: the cgroup ran out of memory. v1: the cgroup or an ancestor was at its limit.
 */
#define KATACG_EVENT_OOM 1

/**
 * Kind of event: the OOM killer killed a process. v1 signals no kill because the host ran out of
 * memory: the next katacg_events_read reports it.
 */
#define KATACG_EVENT_OOM_KILL 2

/**
 * Kind of event: the OOM killer killed all processes of a cgroup (memory.oom.group). v2, Linux
 * 5.17.
 */
#define KATACG_EVENT_OOM_GROUP_KILL 4

/**
 * Kind of event: memory.high was exceeded. v2.
 */
#define KATACG_EVENT_MEMORY_HIGH 8

/**
 * Kind of event: the memory limit was hit. v2.
 */
#define KATACG_EVENT_MEMORY_MAX 16

/**
 * Kind of event: the last process of the cgroup and its descendants has ended or left. v1 without
 * cgroup2: the last process of the cgroup itself, in the hierarchy of the memory controller if
 * there is one; reported up to 100 ms late if that process was moved to another cgroup. A cgroup
 * that was empty at one reading and is empty at the next causes no event.
 */
#define KATACG_EVENT_EMPTY 32

/**
 * Kind of event: the cgroup became frozen: by v1's freezer where it is mounted, else by cgroup2's.
 * A freeze that ends before the next reading causes no event.
 */
#define KATACG_EVENT_FROZEN 64

/**
 * Kind of event: the cgroup was thawed.
 */
#define KATACG_EVENT_THAWED 128

/**
 * Kind of event: the limit of processes refused a fork. v1, and v2 before Linux 6.11, count in the
 * cgroup that forks, whichever ancestor has the limit. Later, v2 counts in the cgroup that has the
 * limit, and in its ancestors.
 */
#define KATACG_EVENT_PIDS_MAX 256

/**
 * Kind of event: tasks waited for memory, CPU time or I/O as long as katacg_events_opts says, or
 * memory pressure reached v1's level. opts.kinds 0 does not include this kind.
 */
#define KATACG_EVENT_PRESSURE 512

/**
 * Kind of event: memory use crossed opts.threshold_bytes, up or down. opts.kinds 0 does not
 * include this kind.
 */
#define KATACG_EVENT_THRESHOLD 1024

/**
 * Kind of event: the cgroup was removed. It is the last event.
 */
#define KATACG_EVENT_REMOVED 2048

/**
 * Value of KATACG_EVENT_REMOVED: the reported counts of OOMs, OOM kills and group kills are
 * complete. This process removed the cgroup, or the parent's memory.events shows no other ones,
 * or, on v1, the counts were read after the last process had left and no OOM was signalled since.
 * Also the value if the watch is for no kind that the kernel counts.
 */
#define KATACG_EVENT_EXACT 0

/**
 * Value of KATACG_EVENT_REMOVED: there may have been more OOMs or kills than were reported. After
 * the last reading the parent counted some, which may have been a sibling's, or v1 gave signals
 * that may have been an OOM's or the removal's.
 */
#define KATACG_EVENT_AT_LEAST 1

/**
 * Value of KATACG_EVENT_REMOVED: another process removed the cgroup before its last counts could
 * be read, and no file has these counts: the parent is the root of cgroup2, or is gone too, or
 * cgroup2 is mounted with memory_localevents, or the memory controller is v1's, or the watch is
 * for no kind of the memory controller.
 */
#define KATACG_EVENT_UNKNOWN 2

/**
 * opts.pressure_resource: tasks wait for memory.
 */
#define KATACG_PRESSURE_MEMORY 0

/**
 * opts.pressure_resource: tasks wait for CPU time.
 */
#define KATACG_PRESSURE_CPU 1

/**
 * opts.pressure_resource: tasks wait for I/O.
 */
#define KATACG_PRESSURE_IO 2

/**
 * opts.pressure_level: the level low of v1's memory.pressure_level.
 */
#define KATACG_PRESSURE_LOW 0

/**
 * opts.pressure_level: the level medium.
 */
#define KATACG_PRESSURE_MEDIUM 1

/**
 * opts.pressure_level: the level critical.
 */
#define KATACG_PRESSURE_CRITICAL 2

/**
 * opts.pressure_mode: v1 reports pressure in the cgroup, and in a descendant unless a cgroup
 * between the two has a watch of pressure.
 */
#define KATACG_PRESSURE_MODE_DEFAULT 0

/**
 * opts.pressure_mode: v1 reports pressure in the cgroup and in all its descendants.
 */
#define KATACG_PRESSURE_MODE_HIERARCHY 1

/**
 * opts.pressure_mode: v1 reports pressure in the cgroup itself only.
 */
#define KATACG_PRESSURE_MODE_LOCAL 2

/**
 * A watch of one cgroup's events. It may outlive its manager and its host.
 */
struct katacg_events;

/**
 * Options of katacg_events_open. New versions add fields at the end only.
 *
 * KATACG_EVENT_PRESSURE, on v2 and in the cgroup2 directory of a hybrid host: reported when some
 * tasks of the cgroup (or all, see pressure_full) waited for the resource for
 * pressure_threshold_us within pressure_window_us; at most once per window. Without
 * CAP_SYS_RESOURCE the window must be 2, 4, 6, 8 or 10 seconds. With CAP_SYS_RESOURCE any window
 * up to 10 s is allowed (Linux before 6.5: from 0.5 s), and the trigger costs a kernel thread for
 * the cgroup. Only the cgroup's owner may set a trigger. While pressure is turned off in the
 * cgroup (cgroup.pressure), a timer wakes the descriptor every 100 ms, and katacg_events_read sets
 * the trigger again once pressure is on.
 *
 * KATACG_EVENT_PRESSURE, on v1 without the pressure file of cgroup2: reported when memory pressure
 * in the cgroup reaches pressure_level. v1 has no pressure of other resources, and no threshold of
 * time.
 *
 * KATACG_EVENT_THRESHOLD: reported each time memory use (memory.usage_in_bytes, memory.current)
 * crosses threshold_bytes. v1 signals the crossing. v2 does not, so katacg_events_read compares,
 * and a timer wakes the descriptor every threshold_interval_ms. A crossing and the way back
 * between two readings are missed.
 */
struct katacg_events_opts {
  /**
   * KATACG_EVENT_* combined with |. 0: all kinds that the cgroup can report, without
   * KATACG_EVENT_PRESSURE and KATACG_EVENT_THRESHOLD.
   */
  uint64_t kinds;
  /**
   * v2: KATACG_PRESSURE_MEMORY, _CPU or _IO.
   */
  uint64_t pressure_resource;
  /**
   * v2: 1 counts the time in which all tasks waited, 0 the time in which some task did.
   */
  uint64_t pressure_full;
  /**
   * v2: the time of waiting in microseconds; 0 for 200 ms.
   */
  uint64_t pressure_threshold_us;
  /**
   * v2: the window in microseconds; 0 for 2 s.
   */
  uint64_t pressure_window_us;
  /**
   * v1: KATACG_PRESSURE_LOW, _MEDIUM or _CRITICAL.
   */
  uint64_t pressure_level;
  /**
   * v1: KATACG_PRESSURE_MODE_*.
   */
  uint64_t pressure_mode;
  /**
   * The threshold in bytes of memory in use. Must not be 0 with KATACG_EVENT_THRESHOLD.
   */
  uint64_t threshold_bytes;
  /**
   * v2: how often memory use is compared with the threshold, in milliseconds. Must not be 0 with
   * KATACG_EVENT_THRESHOLD. v1 ignores it.
   */
  uint64_t threshold_interval_ms;
};

/**
 * What happened to a cgroup, and how often.
 */
struct katacg_event {
  /**
   * One of KATACG_EVENT_*.
   */
  uint64_t kind;
  /**
   * How often this kind happened since it was reported last, or since katacg_events_open.
   */
  uint64_t count;
  /**
   * KATACG_EVENT_REMOVED: KATACG_EVENT_EXACT, KATACG_EVENT_AT_LEAST or KATACG_EVENT_UNKNOWN.
   * KATACG_EVENT_THRESHOLD: the bytes in use. KATACG_EVENT_PRESSURE: the microseconds of waiting
   * since the cgroup was made, or 0 where they cannot be read, as on v1. Other kinds: the
   * kernel's count since the cgroup was made, or 0 where the kernel has no count.
   */
  uint64_t value;
};

/**
 * Begins to watch a cgroup.
 *
 * The watch reports only what happens after this call. A watch of all kinds has some eight
 * descriptors, all close-on-exec, and uses the host's inotify instance.
 *
 * @param manager    the manager
 * @param opts       the options; NULL is the same as KATACG_EVENTS_OPTS_INIT
 * @param opts_size  sizeof(struct katacg_events_opts); 0 with NULL
 * @param out        receives the watch; NULL on failure
 * @param err        filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  no file of the cgroup reports one of opts.kinds: the
 *                                          layout has no such file, its controller is off, or the
 *                                          kernel has pressure off (psi=0); or a threshold on v2
 *                                          without threshold_interval_ms
 *   -ENOENT      (KATACG_ERR_UNSUPPORTED)  v2: the cgroup has no pressure file, for instance with
 *                                          cgroup_disable=pressure
 *   -EPERM       (KATACG_ERR_ROOTLESS)     the manager has no cgroup (see katacg_manager_apply)
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     manager or out is NULL, a kind or a pressure_* value is
 *                                          unknown, or threshold_bytes is 0
 *   -EINVAL      (KATACG_ERR_SYSTEM)       the kernel refuses the pressure window or threshold
 *   -EACCES      (KATACG_ERR_SYSTEM)       the caller is not the cgroup's owner, who alone may set
 *                                          a pressure trigger
 *   -EPERM       (KATACG_ERR_SYSTEM)       the kernel wants CAP_SYS_RESOURCE for pressure triggers
 *   -E2BIG       (KATACG_ERR_TOO_NEW)      opts sets fields that this version does not know
 *   -errno       (KATACG_ERR_SYSTEM)       a descriptor could not be made, or on v1 the eventfd
 *                                          could not be registered (-EROFS: read-only mount)
 * Ownership: free the watch with katacg_events_free.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_events_open(const struct katacg_manager *manager,
                       const struct katacg_events_opts *opts,
                       size_t opts_size,
                       struct katacg_events **out,
                       struct katacg_error *err);

/**
 * Returns the descriptor to wait for. It is readable (POLLIN) when there may be events.
 *
 * The descriptor may become readable without an event, and stays readable until katacg_events_read
 * has reported the events. Use the descriptor for waiting only, never for read(2). An
 * edge-triggered epoll(7) works if katacg_events_read follows every wake.
 *
 * @param events  the watch
 * @param err     filled in on failure; may be NULL
 *
 * Return: the descriptor.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  events is NULL
 * Ownership: the watch owns the descriptor; do not close it.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE int katacg_events_fd(const struct katacg_events *events, struct katacg_error *err);

/**
 * Reports what happened since the last call. Never waits.
 *
 * There is at most one event of each kind; its count says how often the kind happened. The next
 * call reports the events that do not fit in the array. The descriptor is readable until then.
 *
 * When the cgroup was removed, the last event is KATACG_EVENT_REMOVED, and the descriptor is not
 * readable afterwards. On v1, KATACG_EVENT_REMOVED can come 200 ms late if the cgroup ran out of
 * memory just before the removal.
 *
 * @param events  the watch
 * @param out     receives the events
 * @param n       number of events that out has room for, at least 1; 12 is room for all kinds
 * @param err     filled in on failure; may be NULL
 *
 * Return: the number of events, which may be 0.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  events or out is NULL, or n is 0
 *   -errno   (KATACG_ERR_SYSTEM)    the timer could not be set
 * Threads: one at a time for one watch. Fork: a child must not read its parent's watch; both would
 * miss events. It may free the watch, and open its own, also with its parent's host.
 */
KATACG_MUST_USE
int katacg_events_read(struct katacg_events *events,
                       struct katacg_event *out,
                       size_t n,
                       struct katacg_error *err);

/**
 * Ends a watch and closes its descriptors.
 *
 * With KATACG_EVENT_PRESSURE on v2 the call takes some 20 to 60 ms: the kernel waits until nobody
 * uses the trigger.
 *
 * @param events  the watch, not to be used again; NULL does nothing
 *
 * Errors: none.
 * Threads: no other call on this watch at the same time. Fork: safe.
 */
void katacg_events_free(struct katacg_events *events);

/* Starts a struct katacg_events_opts. */
#define KATACG_EVENTS_OPTS_INIT { 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* ================================================================================================
 * Attach
 *
 * A child of fork(2) joins the cgroup by itself, before it calls exec. That is the fastest way on
 * v1. On cgroup2 a child can start in the cgroup, with katacg_manager_dirfd.
 */

/**
 * Most descriptors that a struct katacg_attach holds.
 */
#define KATACG_ATTACH_MAX 30

/**
 * Flag of katacg_attach_open: leaves cgroup2 out, for a child that clone3(CLONE_INTO_CGROUP) puts
 * there.
 */
#define KATACG_ATTACH_V1_ONLY 1

/**
 * Open descriptors through which a process joins a cgroup by itself.
 *
 * The struct is the caller's memory. katacg_attach_open fills it and katacg_attach_close closes
 * the descriptors.
 */
struct katacg_attach {
  /**
   * Number of descriptors in fds.
   */
  uint32_t count;
  /**
   * Always 0.
   */
  uint32_t reserved;
  /**
   * The descriptors, close-on-exec.
   */
  int32_t fds[KATACG_ATTACH_MAX];
};

/**
 * Opens the descriptors that katacg_attach_self needs. The cgroup must exist.
 *
 * @param manager  the manager
 * @param flags    KATACG_ATTACH_V1_ONLY or 0
 * @param out      receives the descriptors. Old contents are overwritten: close them first. The
 *                 count is 0 on failure.
 * @param err      filled in on failure; may be NULL
 *
 * Return: the number of descriptors. It is 0 for a rootless caller without a cgroup, and
 * katacg_attach_self then does nothing.
 * Errors:
 *   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  there are more than KATACG_ATTACH_MAX hierarchies
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     manager or out is NULL, or a flag is unknown
 *   -errno       (KATACG_ERR_SYSTEM)       openat2(2) failed
 * Ownership: the caller owns the descriptors. katacg_attach_close closes them.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_attach_open(const struct katacg_manager *manager,
                       uint32_t flags,
                       struct katacg_attach *out,
                       struct katacg_error *err);

/**
 * Moves the calling process into the cgroup, between fork and exec.
 *
 * The caller should have one thread, as a child after fork(2) has. With more threads, only the
 * calling thread moves on v1.
 *
 * The function is async-signal-safe. It calls write(2) only, allocates nothing, takes no lock and
 * keeps errno. Where only v1 is joined, it avoids the kernel's RCU grace period, for which a move
 * from outside waits.
 *
 * A process that joins a frozen cgroup stops until the cgroup is thawed.
 *
 * @param attach  filled by katacg_attach_open
 *
 * Return: 0 on success.
 * Errors:
 *   -EINVAL  attach is NULL
 *   -EBADF   a descriptor is not open
 *   -errno   write(2) failed in one hierarchy; the hierarchies before it are joined
 * Threads: any. Fork: made for the child of a fork.
 */
KATACG_MUST_USE int katacg_attach_self(const struct katacg_attach *attach);

/**
 * Closes the descriptors that katacg_attach_open opened.
 *
 * The function is async-signal-safe. It sets count to 0, so that a second call does nothing.
 *
 * @param attach  filled by katacg_attach_open; NULL does nothing
 *
 * Errors: none.
 * Threads: no other call on this struct at the same time. Fork: safe.
 */
void katacg_attach_close(struct katacg_attach *attach);

/**
 * Opens the cgroup's cgroup2 directory.
 *
 * Its uses:
 *
 * - CLONE_INTO_CGROUP of clone3(2) starts a child in the cgroup, without the wait of a move. In Go
 *   that is SysProcAttr.CgroupFD.
 * - openat(2) opens files in the cgroup. cgroup.events can be polled.
 *
 * @param manager  the manager
 * @param err      filled in on failure; may be NULL
 *
 * Return: a descriptor, close-on-exec.
 * Errors:
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the manager has joined v1 hierarchies only
 *   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     manager is NULL
 *   -errno       (KATACG_ERR_SYSTEM)       openat2(2) failed
 * Ownership: the caller owns the descriptor and closes it.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_manager_dirfd(const struct katacg_manager *manager,
                         struct katacg_error *err);

/* ================================================================================================
 * Cgroup
 *
 * Functions in the manner of containerd's cgroups package, for Kata's Go code.
 */

/**
 * Creates a cgroup on a set of subsystems and sets its resources, as containerd's cgroups.New
 * does.
 *
 * The manager's functions stand for the methods: katacg_manager_add for Add and AddTask,
 * katacg_manager_set for Update, katacg_manager_move_to for MoveTo, katacg_manager_destroy for
 * Delete. katacg_manager_parent gives the parent.
 *
 * CPU shares outside the kernel's range (v1: 2 to 262144) are a warning, also in a later
 * katacg_manager_set of this manager: containerd sets the nearest value in silence. Managers of
 * katacg_manager_new return KATACG_ERR_CLAMPED, as runc does.
 *
 * Device rules are ignored. A systemd slice can be created so. A scope needs a process: use
 * katacg_manager_new and katacg_manager_apply.
 *
 * On a unified host, only controllers that the resources need are turned on in the ancestors.
 * Without such resources katacg_manager_move_to can move processes to the parent.
 *
 * @param host            as for katacg_manager_new
 * @param subsystems      comma-separated, as katacg_subsystems returns them. Each must be mounted.
 *                        NULL means all that are mounted. "" is -EINVAL: katacg_subsystems returns
 *                        it for a set of which the host has nothing. A unified host ignores this
 *                        argument.
 * @param path            the path of the cgroup
 * @param resources_json  an OCI linux.resources object, or NULL for none
 * @param len             its length in bytes; 0 with NULL
 * @param out             receives the new manager; NULL on failure, and then nothing was created
 * @param err             filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     path or out is NULL, or subsystems is ""
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  path is a scope
 * Also the errors of katacg_manager_new and katacg_manager_apply.
 * Ownership: free the manager with katacg_manager_free.
 * Threads: any. Fork: safe.
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
 * Creates a manager for a cgroup that exists, as containerd's cgroups.Load does.
 *
 * The manager joins those of the subsystems in which the cgroup exists. If the subsystems are all
 * that katacg_subsystems returns, or NULL, that includes cgroup2 on a hybrid host. CPU shares are
 * treated as in katacg_cgroup_new.
 *
 * The path "/" gives the root of the hierarchies; see katacg_manager_parent for what a manager of
 * the root can do.
 *
 * @param host        as for katacg_manager_new
 * @param subsystems  as for katacg_cgroup_new
 * @param path        the path of the cgroup
 * @param out         receives the new manager; NULL on failure
 * @param err         filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ENOENT  (KATACG_ERR_DELETED)  the cgroup exists in none of the subsystems
 * Also the errors of katacg_manager_new.
 * Ownership: free the manager with katacg_manager_free.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_cgroup_load(const struct katacg_host *host,
                       const char *subsystems,
                       const char *path,
                       struct katacg_manager **out,
                       struct katacg_error *err);

/**
 * Creates a cgroup as katacg_cgroup_new does, with options.
 *
 * @param host            as for katacg_manager_new
 * @param resources_json  an OCI linux.resources object, or NULL for none
 * @param len             its length in bytes; 0 with NULL
 * @param opts            the options. opts.path is the path of the cgroup, and opts.subsystems are
 *                        the subsystems. KATACG_MANAGER_SKIP_DEVICES is always in force.
 * @param opts_size       sizeof(struct katacg_manager_opts)
 * @param out             receives the new manager; NULL on failure, and then nothing was created
 * @param err             filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -EINVAL      (KATACG_ERR_ARGUMENT)     opts.path or out is NULL, or an option is invalid
 *   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the cgroup is a scope
 * Also the errors of katacg_manager_new and katacg_manager_apply.
 * Ownership: free the manager with katacg_manager_free.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_cgroup_new_opts(const struct katacg_host *host,
                           const char *resources_json,
                           size_t len,
                           const struct katacg_manager_opts *opts,
                           size_t opts_size,
                           struct katacg_manager **out,
                           struct katacg_error *err);

/**
 * Creates a manager for a cgroup that exists, as katacg_cgroup_load does, with options.
 *
 * @param host       as for katacg_manager_new
 * @param opts       as for katacg_cgroup_new_opts
 * @param opts_size  sizeof(struct katacg_manager_opts)
 * @param out        receives the new manager; NULL on failure
 * @param err        filled in on failure; may be NULL
 *
 * Return: 0 on success.
 * Errors:
 *   -ENOENT  (KATACG_ERR_DELETED)   the cgroup exists in none of the subsystems
 *   -EINVAL  (KATACG_ERR_PATH)      the path is "/", with KATACG_MANAGER_STRICT
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  opts.path or out is NULL, or an option is invalid
 * Also the errors of katacg_manager_new.
 * Ownership: free the manager with katacg_manager_free.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_cgroup_load_opts(const struct katacg_host *host,
                            const struct katacg_manager_opts *opts,
                            size_t opts_size,
                            struct katacg_manager **out,
                            struct katacg_error *err);

/* ================================================================================================
 * Kata's rules: paths
 *
 * These functions compute a path from text. They do not look at the host.
 */

/**
 * Flag of katacg_path_validate: the runtime was told to use systemd.
 */
#define KATACG_PATH_SYSTEMD 1

/**
 * Flag of katacg_path_validate: also refuses paths that Kata's rules accept but no caller can
 * mean.
 */
#define KATACG_PATH_STRICT 2

/**
 * Flag of katacg_path_validate: uses the rules of the last Kata 1.x release.
 */
#define KATACG_PATH_K1 4

/**
 * Flag of katacg_path_validate: uses the rules of Kata 3.x.
 */
#define KATACG_PATH_K3 8

/**
 * Flag of katacg_path_validate, with KATACG_PATH_K3: the host is unified.
 */
#define KATACG_PATH_V2 16

/**
 * Tells whether a path is a systemd path by Kata's oldest rule.
 *
 * The rule: three parts between colons, each of letters, digits and dots. The rule allows no '-',
 * so every real slice of a kubelet fails it. See katacg_path_is_systemd_slice.
 *
 * @param path  the path
 *
 * Return: 1 or 0; 0 for NULL.
 * Errors: none.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE int katacg_path_is_systemd(const char *path);

/**
 * Tells whether a path is a systemd path by the rule of the last Kata 1.x release and of Kata 3.x.
 *
 * The rule: exactly three parts between colons, the first ending in ".slice".
 *
 * @param path  the path
 *
 * Return: 1 or 0; 0 for NULL.
 * Errors: none.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE int katacg_path_is_systemd_slice(const char *path);

/**
 * Returns the path that Kata uses for the cgroup of a sandbox.
 *
 * A systemd path stays as it is. An absolute path is cleaned. A relative path goes below "/vc".
 * The last element gets the prefix "kata_", except by the rules of Kata 3.x.
 *
 * Without KATACG_PATH_K1 and KATACG_PATH_K3 the rules are those of Kata's Go code of January 2020.
 *
 * By the rules of Kata 3.x on a unified host, a systemd path gets "/" in front. To
 * katacg_manager_new that is a directory: give it the original path instead.
 *
 * @param path     the path
 * @param flags    KATACG_PATH_* combined with |, or 0
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_PATH)      KATACG_PATH_SYSTEMD asks for a systemd path and path is none,
 *                                   or KATACG_PATH_STRICT refuses it
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL, or flags are unknown or contradict each other
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_validate(const char *path,
                         uint32_t flags,
                         char *buf,
                         size_t buf_len,
                         struct katacg_error *err);

/**
 * Puts "kata_" in front of the last element of a path.
 *
 * The prefix keeps cAdvisor from taking the sandbox for a container.
 *
 * @param path     the path
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_PATH)      path is empty
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_rename(const char *path,
                       char *buf,
                       size_t buf_len,
                       struct katacg_error *err);

/**
 * Puts "kata_" in front of the last element of a path, by the rules of Kata 3.x.
 *
 * "" and "." stand for "/vc".
 *
 * @param path     the path
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_rename_k3(const char *path,
                          char *buf,
                          size_t buf_len,
                          struct katacg_error *err);

/**
 * Returns the path below "/kata", for the part of a sandbox to which no limits apply.
 *
 * @param path     the path
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_no_constraints(const char *path,
                               char *buf,
                               size_t buf_len,
                               struct katacg_error *err);

/**
 * Returns the parent of a path. The path counts from the root, with or without a leading '/'.
 *
 * @param path     the path
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_parent(const char *path,
                       char *buf,
                       size_t buf_len,
                       struct katacg_error *err);

/**
 * Returns the path to use inside the guest.
 *
 * For a systemd path (by katacg_path_is_systemd) it is "/prefix/name". Other paths are unchanged.
 *
 * @param path     the path
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_guest(const char *path,
                      char *buf,
                      size_t buf_len,
                      struct katacg_error *err);

/* ================================================================================================
 * Kata's rules: slices and scopes
 */

/**
 * Returns the path of a slice from its name.
 *
 * "a-b.slice" is "/a.slice/a-b.slice", and "-.slice" is "/".
 *
 * @param slice    the name of the slice
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_PATH)      slice is not the name of a slice
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  slice is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_slice_expand(const char *slice,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/**
 * Returns the slice of a systemd path: "x.slice" of "x.slice:prefix:name".
 *
 * @param path     the path
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_PATH)      path does not have this form
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_slice(const char *path,
                      char *buf,
                      size_t buf_len,
                      struct katacg_error *err);

/**
 * Returns the scope of a systemd path by the rule of Kata 3.x.
 *
 * It is "prefix-name.scope" of "x.slice:prefix:name". A manager also creates scopes without a
 * prefix, and slices. katacg_manager_unit returns the name that it uses.
 *
 * @param path     the path
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_PATH)      path does not have this form
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_path_unit(const char *path,
                     char *buf,
                     size_t buf_len,
                     struct katacg_error *err);

/* ================================================================================================
 * Kata's rules: v1 mounts and subsystems
 */

/**
 * Set of katacg_subsystems: those that may limit a hypervisor (cpuset, cpu, cpuacct).
 */
#define KATACG_SUBSYSTEMS_CONSTRAINTS 1

/**
 * Set of katacg_subsystems: those that must not limit a hypervisor (memory).
 */
#define KATACG_SUBSYSTEMS_NO_CONSTRAINTS 2

/**
 * Set of katacg_subsystems: every v1 subsystem, and the named hierarchy "systemd".
 */
#define KATACG_SUBSYSTEMS_ALL 3

/**
 * Returns the directory of a cgroup: root, subsystem and path, joined and cleaned.
 *
 * The function looks at the text only. ".." in the path climbs up, as in Kata's Go code.
 *
 * @param root       the directory that holds the v1 hierarchies
 * @param subsystem  the subsystem
 * @param path       the path of the cgroup
 * @param buf        receives the result; may be NULL if buf_len is 0
 * @param buf_len    size of buf in bytes; 0 asks for the length only
 * @param err        filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  an argument is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_subsystem_path(const char *root,
                          const char *subsystem,
                          const char *path,
                          char *buf,
                          size_t buf_len,
                          struct katacg_error *err);

/**
 * Returns the directory that holds the v1 hierarchies, from the text of a mountinfo file.
 *
 * This is Kata's old rule: the parent of the first mount of type cgroup. katacg_host_mountpoint
 * returns the real mount point of any controller.
 *
 * @param mountinfo  text in the format of /proc/self/mountinfo, with lines of any length; NULL
 *                   with len 0 is empty
 * @param len        its length in bytes
 * @param buf        receives the result; may be NULL if buf_len is 0
 * @param buf_len    size of buf in bytes; 0 asks for the length only
 * @param err        filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit. Escapes are decoded.
 * Errors:
 *   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  there is no v1 mount, or a malformed line comes before it
 *   -EINVAL  (KATACG_ERR_ARGUMENT)     mountinfo is NULL and len is not 0
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_v1_mountpoint_parse(const char *mountinfo,
                               size_t len,
                               char *buf,
                               size_t buf_len,
                               struct katacg_error *err);

/**
 * Returns the directory that holds the v1 hierarchies, from /proc/self/mountinfo.
 *
 * The rule is that of katacg_v1_mountpoint_parse.
 *
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit.
 * Errors:
 *   -errno  (KATACG_ERR_SYSTEM)  open(2) or read(2) failed
 * Also the errors of katacg_v1_mountpoint_parse.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE int katacg_v1_mountpoint(char *buf, size_t buf_len, struct katacg_error *err);

/**
 * Lists the subsystems of one of Kata's sets that the host has.
 *
 * The host has a subsystem if lstat(2) of root/name succeeds.
 *
 * @param root     the directory that holds the v1 hierarchies (see katacg_v1_mountpoint)
 * @param set      one of KATACG_SUBSYSTEMS_*
 * @param buf      receives the result; may be NULL if buf_len is 0
 * @param buf_len  size of buf in bytes; 0 asks for the length only
 * @param err      filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit. It is 0 if the host
 * has none. The result is separated by commas.
 * Errors:
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  root is NULL, or set is unknown
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_subsystems(const char *root,
                      uint32_t set,
                      char *buf,
                      size_t buf_len,
                      struct katacg_error *err);

/* ================================================================================================
 * Kata's rules: CPU
 */

/**
 * Flag of katacg_cpu_aggregate_with: a container without a quota makes a sandbox without a quota.
 */
#define KATACG_CPU_UNLIMITED 1

/**
 * Cleans CPU resources as Kata does first.
 *
 * Each of shares, quota, period, realtimeRuntime and realtimePeriod that is below 1 becomes unset.
 * A quota of -1 is therefore dropped.
 *
 * @param cpu_json  an OCI linux.resources.cpu object, or null
 * @param len       its length in bytes
 * @param buf       receives the result; may be NULL if buf_len is 0
 * @param buf_len   size of buf in bytes; 0 asks for the length only
 * @param err       filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit. The result is JSON.
 * Errors:
 *   -EINVAL  (KATACG_ERR_JSON)      the JSON is malformed or a number is out of range; the message
 *                                   has line and column
 *   -EINVAL  (KATACG_ERR_ARGUMENT)  an argument is NULL
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_cpu_validate(const char *cpu_json,
                        size_t len,
                        char *buf,
                        size_t buf_len,
                        struct katacg_error *err);

/**
 * Computes the CPU resources of a sandbox from those of its containers.
 *
 * Shares and period are the largest values. Quota and realtime values are sums. CPUs and memory
 * nodes are joined. The result is then cleaned as by katacg_cpu_validate. Shares and period pass
 * through a double, as they do in Kata's Go code.
 *
 * As in Kata's Go code, a quota of -1 (no limit) is added like any other number: -1 and 50000 make
 * 49999, so the unlimited container is throttled. katacg_cpu_aggregate_with can do otherwise.
 *
 * @param cpus_json  a JSON array of OCI linux.resources.cpu objects and nulls
 * @param len        its length in bytes
 * @param buf        receives the result; may be NULL if buf_len is 0
 * @param buf_len    size of buf in bytes; 0 asks for the length only
 * @param err        filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit. The result is JSON.
 * Errors: as for katacg_cpu_validate.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_cpu_aggregate(const char *cpus_json,
                         size_t len,
                         char *buf,
                         size_t buf_len,
                         struct katacg_error *err);

/**
 * Computes the CPU resources of a sandbox as katacg_cpu_aggregate does, with flags.
 *
 * With KATACG_CPU_UNLIMITED an unlimited container makes an unlimited sandbox: the result has a
 * quota of -1 if some container has no quota, a quota below 1, or no CPU resources (null). Leave
 * out a container that needs no CPU time, such as a pod's pause container.
 *
 * @param cpus_json  a JSON array of OCI linux.resources.cpu objects and nulls
 * @param len        its length in bytes
 * @param flags      KATACG_CPU_UNLIMITED or 0
 * @param buf        receives the result; may be NULL if buf_len is 0
 * @param buf_len    size of buf in bytes; 0 asks for the length only
 * @param err        filled in on failure; may be NULL
 *
 * Return: the length of the result without its NUL, even if it did not fit. The result is JSON.
 * Errors: as for katacg_cpu_validate, and -EINVAL (KATACG_ERR_ARGUMENT) for an unknown flag.
 * Threads: any. Fork: safe.
 */
KATACG_MUST_USE
int katacg_cpu_aggregate_with(const char *cpus_json,
                              size_t len,
                              uint32_t flags,
                              char *buf,
                              size_t buf_len,
                              struct katacg_error *err);

#ifdef __cplusplus
}
#endif

#endif /* KATACG_H */
