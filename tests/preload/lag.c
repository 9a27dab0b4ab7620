/*
 * A disk that answers late, under a program that knows nothing of it: it holds every fsync of the files below one folder for as
 * long as the test says. tests/src/lag.rs is the other side.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>

#include "folder.h"

struct shared {
    _Atomic uint64_t held;    /* 1 while nothing is made durable */
    _Atomic uint64_t waiting; /* fsyncs that wait now */
};

static struct shared *disk;
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void) {
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    disk = map_shared(sizeof *disk);
}

static void wait_for_the_disk(int file) {
    char name[PATH_MAX];
    if (!disk || !disk->held || !name_below(file, name)) return;
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
