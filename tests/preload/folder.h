/*
 * What stands between a program and the files of one folder, preloaded (LD_PRELOAD). tests/src/preload.rs builds it and is
 * the other side.
 *
 *   ZARNITSA_PRELOAD         a file that both sides map
 *   ZARNITSA_PRELOAD_FOLDER  the folder, with all below it
 */
#ifndef ZARNITSA_FOLDER_H
#define ZARNITSA_FOLDER_H

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char folder[PATH_MAX];
static size_t folder_length;

/* What both sides share; none in a program that is not to be disturbed. */
static void *map_shared(size_t length) {
    const char *shared = getenv("ZARNITSA_PRELOAD"), *of = getenv("ZARNITSA_PRELOAD_FOLDER");
    if (!shared || !of || !realpath(of, folder)) return NULL;
    folder_length = strlen(folder);
    int file = open(shared, O_RDWR | O_CLOEXEC);
    if (file < 0) return NULL;
    void *mapped = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return mapped == MAP_FAILED ? NULL : mapped;
}

/* The file's name below the folder; none for what lies elsewhere. */
static const char *name_below(int file, char name[PATH_MAX]) {
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, PATH_MAX - 1);
    if (length <= 0) return NULL;
    name[length] = 0;
    if (strncmp(name, folder, folder_length) || name[folder_length] != '/') return NULL;
    return name + folder_length + 1;
}

#endif
