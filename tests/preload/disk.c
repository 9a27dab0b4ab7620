/*
 * A disk that fails on purpose, under a program that knows nothing of it.
 *
 * Preloaded (LD_PRELOAD), it stands between the program and libc for the files of one folder, and counts what is
 * written to them, what is fsynced, and what is read. At the one that was chosen it does what disks do: the power
 * goes, the disk is full, an fsync fails, a read fails. tests/src/disk.rs is the other side, with the words for it.
 *
 * What is not fsynced is not on disk. For each file the bytes that a write replaces are kept until the file's next
 * fsync; a power cut puts them back, the newest first, and kills the process. So whatever a file system may lose is
 * lost, at once and always. Where it tears, one write of each file that is not fsynced arrived in part, its first half:
 * the first since the fsync, with nothing that came later, or the last, with all that came before. Names are another
 * matter: making, renaming and removing a file counts as done when the call returns, as on a journalling file system,
 * while a file that was never fsynced is found with nothing in it, or with half of a write.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>

#include "folder.h"

enum strike { NOTHING, POWER_BEFORE_SYNC, POWER_AFTER_SYNC, FULL, SYNC_FAILS, READ_FAILS, TEARS_FIRST, TEARS_LAST };

/* All counts begin with the file, not with the process: it outlives both sides. */
struct shared {
    _Atomic uint64_t syncs, writes, reads;
    _Atomic uint64_t strike; /* enum strike */
    _Atomic uint64_t at;     /* the count of its kind at which it strikes */
    _Atomic uint64_t struck; /* 1 once it has */
    char where[208];         /* the file that was struck, below the folder */
};

/* What a write replaced. */
struct undo {
    struct undo *older;
    dev_t device;
    ino_t inode;
    int file; /* our own descriptor, for reading and writing */
    off_t offset, size_before;
    size_t written; /* so much was to be written there */
    size_t length;  /* so much of it was there before */
    char bytes[];
};

static struct shared *disk;
static struct undo *newest;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static size_t (*real_fread)(void *, size_t, size_t, FILE *);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);

static void find_real(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_read = dlsym(RTLD_NEXT, "read");
    real_pread = dlsym(RTLD_NEXT, "pread64");
    real_fread = dlsym(RTLD_NEXT, "fread_unlocked");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
}

__attribute__((constructor)) static void begin(void) {
    find_real();
    disk = map_shared(sizeof *disk);
}

/* The file's name below the folder; none for what lies elsewhere, is no file, or is the log, which nobody reads back. */
static const char *name_of(int file, char name[PATH_MAX]) {
    struct stat status;
    if (!disk || file < 0 || fstat(file, &status) || !S_ISREG(status.st_mode)) return NULL;
    const char *below = name_below(file, name);
    return below && strstr(below, "node.log") ? NULL : below;
}

/* Whether the disk strikes at this one. */
static int strikes(enum strike strike, uint64_t count, const char *name) {
    if (disk->strike != (uint64_t)strike || disk->struck || count != disk->at) return 0;
    snprintf(disk->where, sizeof disk->where, "%s", name);
    disk->struck = 1;
    return 1;
}

static int is_of(const struct undo *undo, const struct stat *status) {
    return undo->device == status->st_dev && undo->inode == status->st_ino;
}

static int own_descriptor(int file, const struct stat *status) {
    for (struct undo *undo = newest; undo; undo = undo->older)
        if (is_of(undo, status)) return undo->file;
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    return open(link, O_RDWR | O_CLOEXEC);
}

/* Keeps what is about to be replaced: `length` bytes from `offset`, as far as the file has them. `written` of them are
 * written anew, the others cut off. */
static void remember(int file, off_t offset, size_t length, size_t written) {
    struct stat status;
    if (fstat(file, &status)) return;
    off_t there = status.st_size > offset ? status.st_size - offset : 0;
    size_t kept = (off_t)length < there ? length : (size_t)there;
    struct undo *undo = malloc(sizeof *undo + kept);
    int own = own_descriptor(file, &status);
    if (!undo || own < 0) abort();
    ssize_t got = kept ? real_pread(own, undo->bytes, kept, offset) : 0;
    *undo = (struct undo){
        newest, status.st_dev, status.st_ino, own, offset, status.st_size, written, got < 0 ? 0 : (size_t)got};
    newest = undo;
}

/* Takes a write back, but for so many bytes of it that arrived. */
static void take_back(const struct undo *undo, size_t arrived) {
    off_t end = undo->offset + (off_t)arrived;
    if (undo->length > arrived)
        (void)!real_pwrite(undo->file, undo->bytes + arrived, undo->length - arrived, end);
    (void)!real_ftruncate(undo->file, arrived && end > undo->size_before ? end : undo->size_before);
}

/* Whether one of the list from `from` up to, not with, `to` is of the same file as `of`. */
static int is_among(const struct undo *from, const struct undo *to, const struct undo *of) {
    for (; from && from != to; from = from->older)
        if (from->device == of->device && from->inode == of->inode) return 1;
    return 0;
}

/* One write of each file arrived in part: its first or its last one. */
static void tear(enum strike strike) {
    for (const struct undo *undo = newest; undo; undo = undo->older) {
        if (strike == TEARS_FIRST)
            take_back(undo, is_among(undo->older, NULL, undo) ? 0 : undo->written / 2);
        else if (!is_among(newest, undo, undo))
            take_back(undo, undo->written / 2);
    }
}

/* The file's writes are on disk, or, where `lost`, never come there. NULL is every file. */
static void settle(const struct stat *of, int lost) {
    int close_it = -1;
    for (struct undo **place = &newest; *place;) {
        struct undo *undo = *place;
        if (of && !is_of(undo, of)) {
            place = &undo->older;
            continue;
        }
        if (lost) take_back(undo, 0);
        close_it = undo->file;
        *place = undo->older;
        free(undo);
    }
    if (of && close_it >= 0) close(close_it);
}

/* Nothing is written after this: whoever would waits for its turn. */
static void cut_power(enum strike strike) {
    if (strike == TEARS_FIRST || strike == TEARS_LAST)
        tear(strike);
    else
        settle(NULL, 1);
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int is_full(void) { return disk->strike == FULL && disk->struck; }

/* A database that a full disk struck cannot be closed: its threads live as long as the process does. Destructors that run
 * beside them, at exit(), can meet them; here they always do. */
__attribute__((destructor)) static void meet_destructors(void) {
    if (disk && is_full()) abort();
}

/* What a disk writes as a whole or not at all. */
enum { SECTOR = 512 };

/* How many of `length` bytes may be written; -1 for an error. The write that fills the disk is cut in half, unless it
 * is smaller than a sector. */
static ssize_t room(const char *name, size_t length) {
    if (is_full()) {
        errno = ENOSPC;
        return -1;
    }
    if (!strikes(FULL, ++disk->writes, name)) return (ssize_t)length;
    if (length >= SECTOR) return (ssize_t)(length / 2);
    errno = ENOSPC;
    return -1;
}

static ssize_t write_at(int file, const char *name, const void *bytes, size_t length, const off_t *offset) {
    pthread_mutex_lock(&turn);
    ssize_t done = room(name, length);
    if (done >= 0) {
        off_t at = offset ? *offset : lseek(file, 0, fcntl(file, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
        remember(file, at, (size_t)done, (size_t)done);
        done = offset ? real_pwrite(file, bytes, (size_t)done, at) : real_write(file, bytes, (size_t)done);
    }
    int error = errno;
    pthread_mutex_unlock(&turn);
    errno = error;
    return done;
}

ssize_t write(int file, const void *bytes, size_t length) {
    char name[PATH_MAX];
    const char *below = name_of(file, name);
    return below ? write_at(file, below, bytes, length, NULL) : real_write(file, bytes, length);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off_t offset) {
    char name[PATH_MAX];
    const char *below = name_of(file, name);
    return below ? write_at(file, below, bytes, length, &offset) : real_pwrite(file, bytes, length, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
    return pwrite64(file, bytes, length, offset);
}

int ftruncate64(int file, off_t length) {
    char name[PATH_MAX];
    struct stat status;
    if (!name_of(file, name) || fstat(file, &status)) return real_ftruncate(file, length);
    pthread_mutex_lock(&turn);
    remember(file, length, status.st_size > length ? (size_t)(status.st_size - length) : 0, 0);
    int result = real_ftruncate(file, length), error = errno;
    pthread_mutex_unlock(&turn);
    errno = error;
    return result;
}

int ftruncate(int file, off_t length) { return ftruncate64(file, length); }

static int sync_by(int (*real)(int), int file) {
    char name[PATH_MAX];
    struct stat status;
    const char *below = name_of(file, name);
    if (!below || fstat(file, &status)) return real(file);
    pthread_mutex_lock(&turn);
    uint64_t count = ++disk->syncs;
    if (strikes(POWER_BEFORE_SYNC, count, below)) cut_power(POWER_BEFORE_SYNC);
    if (strikes(TEARS_FIRST, count, below)) cut_power(TEARS_FIRST);
    if (strikes(TEARS_LAST, count, below)) cut_power(TEARS_LAST);
    int result = 0, error = 0;
    if (strikes(SYNC_FAILS, count, below)) {
        /* The pages are dropped, and the kernel says so once: a second try succeeds, and is believed by fools. */
        settle(&status, 1);
        result = -1, error = EIO;
    } else {
        result = real(file), error = errno;
        settle(&status, 0);
        if (strikes(POWER_AFTER_SYNC, count, below)) cut_power(POWER_AFTER_SYNC);
    }
    pthread_mutex_unlock(&turn);
    errno = error;
    return result;
}

int fsync(int file) { return sync_by(real_fsync, file); }

int fdatasync(int file) { return sync_by(real_fdatasync, file); }

/* Whether this read fails. */
static int fails_to_read(int file) {
    char name[PATH_MAX];
    const char *below = name_of(file, name);
    if (!below || !strikes(READ_FAILS, ++disk->reads, below)) return 0;
    errno = EIO;
    return 1;
}

ssize_t read(int file, void *bytes, size_t length) {
    return fails_to_read(file) ? -1 : real_read(file, bytes, length);
}

ssize_t pread64(int file, void *bytes, size_t length, off_t offset) {
    return fails_to_read(file) ? -1 : real_pread(file, bytes, length, offset);
}

ssize_t pread(int file, void *bytes, size_t length, off_t offset) { return pread64(file, bytes, length, offset); }

/* RocksDB reads its log by this one; <stdio.h> may have made a macro of it. */
#undef fread_unlocked
size_t fread_unlocked(void *bytes, size_t size, size_t count, FILE *file) {
    return fails_to_read(fileno(file)) ? 0 : real_fread(bytes, size, count, file);
}
