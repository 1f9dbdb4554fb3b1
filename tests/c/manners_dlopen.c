/* SPDX-License-Identifier: Apache-2.0 */
/* Loads, uses and closes the library repeatedly with dlopen, as a plugin does, in several threads.
 */
#include <dlfcn.h>
#include <pthread.h>

#include "check.h"

static const char *library;

typedef int (*validate)(const char *, uint32_t, char *, size_t, struct katacg_error *);
typedef int (*open_host)(struct katacg_host **, struct katacg_error *);
typedef void (*free_host)(struct katacg_host *);

/* dlsym returns a pointer to data, which C99 cannot cast to a function pointer. */
static void look_up(void *handle, const char *name, void *function) {
    void *symbol = dlsym(handle, name);

    MUST(symbol);
    memcpy(function, &symbol, sizeof(symbol));
}

static void *use(void *unused) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    struct katacg_error err = KATACG_ERROR_INIT;
    struct katacg_host *host = NULL;
    validate check_path;
    open_host open;
    free_host close_host;
    char buf[64];

    (void)unused;
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    look_up(handle, "katacg_path_validate", &check_path);
    look_up(handle, "katacg_host_open", &open);
    look_up(handle, "katacg_host_free", &close_host);
    CHECK(check_path("/a", 0, buf, sizeof(buf), &err) == 7 && strcmp(buf, "/kata_a") == 0, "%s",
          buf);
    CHECK(check_path("a", KATACG_PATH_SYSTEMD, buf, sizeof(buf), &err) == -EINVAL, "");
    if (open(&host, &err) == 0)
        close_host(host);
    CHECK(dlclose(handle) == 0, "%s", dlerror());
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t thread;
    int i;

    MUST(argc == 2);
    library = argv[1];
    for (i = 0; i < 10; i++)
        use(NULL);
    /* The thread ends, and its destructors run, after the last handle is closed. */
    for (i = 0; i < 10; i++) {
        MUST(pthread_create(&thread, NULL, use, NULL) == 0);
        pthread_join(thread, NULL);
    }
    /* The library is linked with -z nodelete, so it stays loaded. */
    CHECK(dlopen(library, RTLD_NOW | RTLD_NOLOAD) != NULL, "unloaded by the last dlclose");
    return finish();
}
