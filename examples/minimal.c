/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a container's cgroup, as the header shows it: create, limit, update, remove. */
#include <katacg.h>
#include <signal.h>
#include <string.h>

int contain(const char *path, int32_t pid, struct katacg_error *err) {
    const char *spec = "{\"resources\":{\"memory\":{\"limit\":67108864}}}";
    const char *update = "{\"memory\":{\"limit\":134217728}}";
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager;
    int result;

    opts.path = path;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    result = katacg_manager_new(NULL, spec, strlen(spec), &opts, sizeof(opts), &manager, err);
    if (result < 0)
        return result;
    result = katacg_manager_apply(manager, pid, KATACG_APPLY_SET, err);
    if (result >= 0) {
        result = katacg_manager_set(manager, update, strlen(update), err);
        if (katacg_manager_kill(manager, SIGKILL, err) < 0 ||
            katacg_manager_destroy(manager, err) < 0)
            result = -1;
    }
    katacg_manager_free(manager);
    return result;
}
/* The header's example ends here. */

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    struct katacg_error err = KATACG_ERROR_INIT;
    char path[64];
    pid_t child;
    int result;

    snprintf(path, sizeof(path), "/katacg-test-%d", (int)getpid());
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    if (child < 0) {
        perror("fork");
        return 1;
    }
    result = contain(path, (int32_t)child, &err);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (result < 0) {
        printf("no cgroup can be made here: %s\n", err.message);
        return err.code != KATACG_ERR_NOT_MOUNTED && err.sys_errno != EACCES &&
               err.sys_errno != EPERM && err.sys_errno != EROFS;
    }
    printf("%s: created, updated, ended, removed\n", path);
    return 0;
}
