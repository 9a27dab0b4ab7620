/*
 * A disk that answers late, under a program that knows nothing of it.
 *
 * Preloaded (LD_PRELOAD), it holds every fsync of the files below one folder for as long as the test says. tests/src/lag.rs is the
 * other side.
 *
 *   ZARNITSA_LAG         file of `struct shared`, both sides map it
 *   ZARNITSA_LAG_FOLDER  the folder, with all below it
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct shared {
    _Atomic uint64_t held;    /* 1 while nothing is made durable */
    _Atomic uint64_t waiting; /* fsyncs that wait now */
};

static struct shared *disk;
static char folder[PATH_MAX];
static size_t folder_length;
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void) {
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    const char *shared = getenv("ZARNITSA_LAG"), *of = getenv("ZARNITSA_LAG_FOLDER");
    if (!shared || !of || !realpath(of, folder)) return;
    folder_length = strlen(folder);
    int file = open(shared, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) disk = mapped;
}

static int is_below(int file) {
    char link[32], name[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length <= 0) return 0;
    name[length] = 0;
    return !strncmp(name, folder, folder_length) && name[folder_length] == '/';
}

static void wait_for_the_disk(int file) {
    if (!disk || !disk->held || !is_below(file)) return;
    disk->waiting++;
    while (disk->held) usleep(1000);
    disk->waiting--;
}

int fsync(int file) {
    wait_for_the_disk(file);
    return real_fsync(file);
}

int fdatasync(int file) {
    wait_for_the_disk(file);
    return real_fdatasync(file);
}
