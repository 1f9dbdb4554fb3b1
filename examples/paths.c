/* SPDX-License-Identifier: Apache-2.0 */
/* Prints, for each argument, the path that Kata uses for that cgroup path. */
#include <katacg.h>
#include <stdio.h>

static void show(const char *path) {
    struct katacg_error err = KATACG_ERROR_INIT;
    char result[4096];

    if (katacg_path_validate(path, 0, result, sizeof(result), &err) < 0)
        printf("%-40s refused: %s\n", path, err.message);
    else if (katacg_path_validate(path, KATACG_PATH_STRICT, NULL, 0, &err) < 0)
        printf("%-40s %s (strict: %s)\n", path, result, err.message);
    else
        printf("%-40s %s\n", path, result);
}

int main(int argc, char **argv) {
    static const char *const samples[] = {
        "/docker/2f410d7230024840", "sandbox-1", "system.slice:kata:2f41", "../../etc", "", "/",
    };
    size_t i;

    for (i = 0; argc == 1 && i < sizeof(samples) / sizeof(samples[0]); i++)
        show(samples[i]);
    for (i = 1; i < (size_t)argc; i++)
        show(argv[i]);
    return 0;
}
