/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the layout of this host's cgroup hierarchies, and where each controller is mounted. */
#include <katacg.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    struct katacg_error err = KATACG_ERROR_INIT;
    struct katacg_host *host;
    char list[1024], mount[4096], own[4096];
    char *name;

    if (katacg_host_open(&host, &err) < 0 ||
        katacg_host_controllers(host, list, sizeof(list), &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    switch (katacg_host_layout(host, &err)) {
    case KATACG_LAYOUT_UNIFIED:
        puts("layout: unified");
        break;
    case KATACG_LAYOUT_HYBRID:
        puts("layout: hybrid");
        break;
    case KATACG_LAYOUT_LEGACY:
        puts("layout: legacy");
        break;
    }
    printf("%-14s %-30s %s\n", "controller", "mounted on", "this process is in");
    for (name = strtok(list, ","); name; name = strtok(NULL, ",")) {
        const char *controller = strcmp(name, "cgroup2") ? name : "";
        if (katacg_host_mountpoint(host, controller, mount, sizeof(mount), &err) < 0 ||
            katacg_host_own_cgroup(host, controller, own, sizeof(own), &err) < 0)
            printf("%-14s %s\n", name, err.message);
        else
            printf("%-14s %-30s %s\n", name, mount, own);
    }
    katacg_host_free(host);
    return 0;
}
