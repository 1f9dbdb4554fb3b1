/* SPDX-License-Identifier: Apache-2.0 */
/* See cgroups.h. */
#include "cgroups.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

struct mount mounts[MOUNTS];
int mount_count;

static char parent[96];
static pid_t owner;
static pid_t children[64];

/* In mountinfo, the mountpoint is field 5. Type and super options follow the separator " - ". */
static void read_mounts(void) {
    FILE *file = fopen("/proc/self/mountinfo", "r");
    char line[4096], type[64], options[1024];

    MUST(file);
    while (fgets(line, sizeof(line), file) && mount_count < MOUNTS) {
        struct mount *m = &mounts[mount_count];
        char *behind = strstr(line, " - "), *option;

        if (!behind || sscanf(line, "%*s %*s %*s %*s %511s", m->path) != 1 ||
            sscanf(behind, " - %63s %*s %1023s", type, options) != 2 ||
            strncmp(type, "cgroup", 6) != 0 || strncmp(m->path, "/sys/fs/cgroup", 14) != 0)
            continue;
        m->controllers[0] = '\0';
        m->v2 = strcmp(type, "cgroup2") == 0;
        for (option = strtok(options, ","); option && !m->v2; option = strtok(NULL, ",")) {
            static const char *const known =
                " cpu cpuacct cpuset memory devices freezer blkio pids hugetlb net_cls net_prio "
                "perf_event rdma misc ";
            char word[64];

            snprintf(word, sizeof(word), " %.60s ", option);
            if (!strstr(known, word) && strncmp(option, "name=", 5) != 0)
                continue;
            if (m->controllers[0])
                strcat(m->controllers, ",");
            strcat(m->controllers, option);
        }
        mount_count++;
    }
    fclose(file);
}

static const char *at(const struct mount *mount, const char *cgroup, const char *file) {
    static char path[4096];

    snprintf(path, sizeof(path), "%s%s%s%s", mount->path, cgroup, file[0] ? "/" : "", file);
    return path;
}

void remove_all(void) {
    size_t i;
    int m;

    if (getpid() != owner)
        return;
    for (i = 0; i < sizeof(children) / sizeof(children[0]); i++)
        if (children[i] > 0)
            end_child(children[i]);
    for (m = 0; m < mount_count; m++)
        remove_cgroup(&mounts[m], parent);
}

const char *parent_cgroup(void) {
    const char *prefix = getenv("KATACG_C_NAME");
    unsigned int random = 0;
    int fd;

    if (parent[0])
        return parent;
    fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    MUST(fd >= 0 && read(fd, &random, sizeof(random)) == sizeof(random));
    close(fd);
    snprintf(parent, sizeof(parent), "/%.40s-%08x", prefix ? prefix : "katacg-test-c", random);
    owner = getpid();
    read_mounts();
    atexit(remove_all);
    return parent;
}

const char *test_cgroup(const char *name) {
    static char path[4][256];
    static int next;

    next = (next + 1) % 4;
    snprintf(path[next], sizeof(path[next]), "%s/%s", parent_cgroup(), name);
    return path[next];
}

static const char *cannot_make(const struct mount *mount) {
    if (mkdir(at(mount, parent, ""), 0755) != 0)
        return "cannot create cgroups";
    remove_cgroup(mount, parent);
    return NULL;
}

const char *no_cgroups(void) {
    parent_cgroup();
    if (geteuid() != 0)
        return "not root";
    return mount_count == 0 ? "no cgroup mounts" : cannot_make(&mounts[0]);
}

const char *no_v1(void) {
    const struct mount *m;

    parent_cgroup();
    m = mount_of("cpuset");
    if (geteuid() != 0)
        return "not root";
    if (!m || !mount_of("memory") || !mount_of("cpu") || !mount_of("pids"))
        return "no cgroup v1 mounts with cpuset, memory, cpu and pids";
    return cannot_make(m);
}

const char *no_limits(void) {
    const char *why = no_cgroups();

    return why || (mount_count == 1 && mounts[0].v2) ? why : no_v1();
}

const struct mount *mount_of(const char *controller) {
    size_t len = strlen(controller);
    int m;

    for (m = 0; m < mount_count; m++) {
        const char *found = strstr(mounts[m].controllers, controller);

        if (len == 0 && mounts[m].v2)
            return &mounts[m];
        if (len == 0 || mounts[m].v2)
            continue;
        /* Compare whole names: "cpuacct" and "cpuset" begin with "cpu". */
        for (; found; found = strstr(found + 1, controller))
            if ((found == mounts[m].controllers || found[-1] == ',') &&
                (found[len] == '\0' || found[len] == ','))
                return &mounts[m];
    }
    return NULL;
}

int is_there(const struct mount *mount, const char *cgroup) {
    struct stat status;

    return stat(at(mount, cgroup, ""), &status) == 0;
}

int count_there(const char *cgroup) {
    int m, count = 0;

    for (m = 0; m < mount_count; m++)
        count += is_there(&mounts[m], cgroup);
    return count;
}

void make_cgroup(const struct mount *mount, const char *cgroup) {
    MUST(mkdir(at(mount, cgroup, ""), 0755) == 0);
}

void remove_cgroup(const struct mount *mount, const char *cgroup) {
    DIR *dir = opendir(at(mount, cgroup, ""));
    struct dirent *entry;
    int tries;

    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        char child[1024];

        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        snprintf(child, sizeof(child), "%s/%s", cgroup, entry->d_name);
        remove_cgroup(mount, child);
    }
    closedir(dir);
    /* The kernel keeps a cgroup busy for a moment after its last process has ended. */
    for (tries = 0; tries < 200 && rmdir(at(mount, cgroup, "")) != 0 && errno == EBUSY; tries++)
        usleep(10000);
}

const char *file_value(const char *controller, const char *cgroup, const char *file) {
    static char text[4][4096];
    static int next;
    const struct mount *m = mount_of(controller);
    char *out = text[next = (next + 1) % 4];
    ssize_t got;
    int fd;

    if (!m)
        return "(no mount)";
    fd = open(at(m, cgroup, file), O_RDONLY | O_CLOEXEC);
    got = fd < 0 ? -1 : read(fd, out, sizeof(text[0]) - 1);
    if (got < 0)
        snprintf(out, sizeof(text[0]), "(%d)", errno);
    else
        out[got && out[got - 1] == '\n' ? got - 1 : got] = '\0';
    if (fd >= 0)
        close(fd);
    return out;
}

void set_file_value(const char *controller, const char *cgroup, const char *file,
                    const char *value) {
    int fd = open(at(mount_of(controller), cgroup, file), O_WRONLY | O_CLOEXEC);

    MUST(fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value));
    close(fd);
}

const char *cgroup_of(pid_t pid, const struct mount *mount) {
    static char line[4096];
    char name[64], *controllers, *path;
    FILE *file;

    snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
    file = fopen(name, "r");
    while (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        MUST((controllers = strchr(line, ':')) && (path = strchr(++controllers, ':')));
        *path++ = '\0';
        if (strcmp(controllers, mount->controllers) == 0) {
            fclose(file);
            return path;
        }
    }
    if (file)
        fclose(file);
    return "";
}

int count_in(pid_t pid, const char *cgroup) {
    int m, count = 0;

    for (m = 0; m < mount_count; m++)
        count += strcmp(cgroup_of(pid, &mounts[m]), cgroup) == 0;
    return count;
}

pid_t start_child(void) {
    size_t i = 0;
    pid_t pid;

    while (i < sizeof(children) / sizeof(children[0]) && children[i] > 0)
        i++;
    MUST(i < sizeof(children) / sizeof(children[0]));
    fflush(NULL);
    pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return children[i] = pid;
}

void end_child(pid_t pid) {
    size_t i;

    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (i = 0; i < sizeof(children) / sizeof(children[0]); i++)
        if (children[i] == pid)
            children[i] = 0;
}
