/*
 * LD_PRELOAD shim: what a program has written and not synced is lost when the power goes.
 *
 * Watches writes to files below POWERCUT_DIR. Of each 4 KiB page that was written since the file's last sync it keeps what
 * stood there before each write. On SIGURG it lets syncs hang, so that the cut hits unsynced work; a few ms later it
 * stops all writers, takes back a random number of the newest writes of each page, as a disk that reorders does, and ends the
 * process without a word. Appended bytes are cut off at a random place.
 *
 * A sync covers what was written to its file before it began. A write through a descriptor opened with O_DSYNC or O_SYNC is lost or
 * torn like any other until it returns, then it is synced, and with it the sectors that it touched; what other descriptors, or
 * other such writes that have not returned, wrote beside it is not.
 *
 * Before the cut the first sync or synchronous write hangs for ever, and of those after it about every other one: a disk with several
 * requests does the later one first. Or synchronous writes are spared, so that they get ahead of a file that is being synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
/* What a disk writes whole. */
#define SECTOR 512
#define FILES 4096

struct change {
  struct change *before; /* of the same file, newest first */
  unsigned long seq;
  off_t offset;
  size_t length;  /* at most a page, within one page */
  size_t existed; /* bytes of it that the file had */
  struct span *covers; /* of a synchronous write: the sectors that are synced when it returns */
  unsigned char bytes[];
};

struct span {
  off_t offset;
  size_t length;
  unsigned char bytes[];
};

struct file {
  dev_t dev;
  ino_t ino;
  int fd; /* a descriptor of our own, for the undoing */
  int appends;
  off_t synced_size;
  struct change *newest;
};

static struct file files[FILES];
static int file_count;
static unsigned long seq;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t cut;
static sem_t hanging;
static volatile int is_armed;
static volatile int spares_writes;
static const char *dir;
static size_t dir_length;
static unsigned long undone;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

static struct file *file_of(int fd) {
  char link[64], path[4096];
  struct stat st;
  if (dir == NULL || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return NULL;
  for (int i = 0; i < file_count; i++)
    if (files[i].dev == st.st_dev && files[i].ino == st.st_ino) return &files[i];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return NULL;
  path[length] = 0;
  if (strncmp(path, dir, dir_length) != 0 || file_count == FILES) return NULL;
  int own = open(path, O_RDWR | O_CLOEXEC);
  if (own < 0) return NULL;
  struct file *file = &files[file_count++];
  file->dev = st.st_dev;
  file->ino = st.st_ino;
  file->fd = own;
  file->appends = (fcntl(fd, F_GETFL) & O_APPEND) != 0;
  file->synced_size = st.st_size;
  file->newest = NULL;
  return file;
}

static int syncs_itself(int fd) { return (fcntl(fd, F_GETFL) & (O_DSYNC | O_SYNC)) != 0; }

/* Keeps what stands where `length` bytes are about to be written. */
static void keep(struct file *file, off_t offset, size_t length) {
  if (file->appends) return;
  while (length > 0) {
    size_t piece = PAGE - (size_t)(offset % PAGE);
    if (piece > length) piece = length;
    struct change *change = malloc(sizeof *change + piece);
    if (change == NULL) abort();
    ssize_t existed = pread(file->fd, change->bytes, piece, offset);
    change->existed = existed > 0 ? (size_t)existed : 0;
    change->seq = ++seq;
    change->offset = offset;
    change->length = piece;
    change->covers = NULL;
    change->before = file->newest;
    file->newest = change;
    offset += (off_t)piece;
    length -= piece;
  }
}

static void drop(struct change *change) {
  free(change->covers);
  free(change);
}

static void forget(struct file *file, unsigned long covered, off_t size) {
  struct change **link = &file->newest;
  while (*link != NULL && (*link)->seq > covered) link = &(*link)->before;
  struct change *old = *link;
  *link = NULL;
  while (old != NULL) {
    struct change *before = old->before;
    drop(old);
    old = before;
  }
  if (size > file->synced_size) file->synced_size = size;
}

/* Keeps what stands in the sectors of the changes after `since`, which one synchronous write has just made. */
static void cover(struct file *file, unsigned long since) {
  for (struct change *change = file->newest; change != NULL && change->seq > since; change = change->before) {
    off_t from = change->offset / SECTOR * SECTOR;
    off_t to = (change->offset + (off_t)change->length + SECTOR - 1) / SECTOR * SECTOR;
    struct span *span = calloc(1, sizeof *span + (size_t)(to - from));
    if (span == NULL) abort();
    span->offset = from;
    ssize_t length = pread(file->fd, span->bytes, (size_t)(to - from), from);
    span->length = length > 0 ? (size_t)length : 0;
    change->covers = span;
  }
}

/* An older change that is taken back leaves these bytes as they are. */
static void spare(struct change *change, const struct span *synced) {
  off_t from = synced->offset > change->offset ? synced->offset : change->offset;
  off_t to = synced->offset + (off_t)synced->length;
  if (to > change->offset + (off_t)change->length) to = change->offset + (off_t)change->length;
  if (to <= from) return;
  size_t start = (size_t)(from - change->offset), end = (size_t)(to - change->offset);
  if (start > change->existed) memset(change->bytes + change->existed, 0, start - change->existed);
  memcpy(change->bytes + start, synced->bytes + (from - synced->offset), end - start);
  if (end > change->existed) change->existed = end;
}

/* A synchronous write returns: the changes after `since` up to `last`, which are its own, are on the disk. */
static void forget_own(struct file *file, unsigned long since, unsigned long last, off_t size) {
  struct change **link = &file->newest;
  while (*link != NULL && (*link)->seq > last) link = &(*link)->before;
  while (*link != NULL && (*link)->seq > since) {
    struct change *own = *link;
    for (struct change *older = own->before; older != NULL; older = older->before)
      if (own->covers != NULL) spare(older, own->covers);
    *link = own->before;
    drop(own);
  }
  if (size > file->synced_size) file->synced_size = size;
}

static off_t place(int fd, struct file *file) {
  struct stat st;
  if (file->appends) return fstat(fd, &st) == 0 ? st.st_size : 0;
  return lseek(fd, 0, SEEK_CUR);
}

/* What is left to do, without the lock, when a write is done. */
struct written {
  struct file *file; /* NULL unless the write syncs itself */
  unsigned long since, last;
  off_t size;
};

/* The disk no longer answers. */
static void hang(void) {
  sem_post(&hanging);
  for (;;) pause();
}

/* The first one does, else nothing would be under way when the power goes. */
static int must_hang(void) {
  static int has_hung;
  return !__atomic_exchange_n(&has_hung, 1, __ATOMIC_SEQ_CST) || rand() % 2;
}

/* Under the lock. */
static struct written note_written(int fd, struct file *file, unsigned long since) {
  struct written written = {NULL, since, seq, 0};
  struct stat st;
  if (file == NULL || !syncs_itself(fd) || fstat(fd, &st) != 0) return written;
  cover(file, since);
  written.file = file;
  written.size = st.st_size;
  return written;
}

static void settle(struct written written) {
  if (written.file == NULL) return;
  if (is_armed && !spares_writes && must_hang()) hang();
  pthread_mutex_lock(&lock);
  forget_own(written.file, written.since, written.last, written.size);
  pthread_mutex_unlock(&lock);
}

#define WATCHED(fd, offset_of, length_of, call)               \
  pthread_mutex_lock(&lock);                                  \
  struct file *file = file_of(fd);                            \
  unsigned long since = seq;                                  \
  if (file != NULL) keep(file, offset_of, length_of);         \
  ssize_t result = call;                                      \
  int failure = errno;                                        \
  struct written written = note_written(fd, file, since);     \
  pthread_mutex_unlock(&lock);                                \
  settle(written);                                            \
  errno = failure;                                            \
  return result;

static size_t total(const struct iovec *parts, int count) {
  size_t sum = 0;
  for (int i = 0; i < count; i++) sum += parts[i].iov_len;
  return sum;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  if (dir == NULL) return real_write ? real_write(fd, bytes, length) : -1;
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return real_write(fd, bytes, length);
  WATCHED(fd, place(fd, file), length, real_write(fd, bytes, length))
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  WATCHED(fd, offset, length, real_pwrite(fd, bytes, length, offset))
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite(fd, bytes, length, offset);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  struct stat st;
  if (dir == NULL || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return real_writev(fd, parts, count);
  WATCHED(fd, place(fd, file), total(parts, count), real_writev(fd, parts, count))
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  WATCHED(fd, offset, total(parts, count), real_pwritev(fd, parts, count, offset))
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) {
  return pwritev(fd, parts, count, offset);
}

static int synced(int fd, int (*sync)(int)) {
  struct stat st = {0};
  pthread_mutex_lock(&lock);
  struct file *file = file_of(fd);
  unsigned long covered = seq;
  if (file != NULL) fstat(fd, &st);
  int has_unsynced = file != NULL && (file->newest != NULL || (file->appends && st.st_size > file->synced_size));
  pthread_mutex_unlock(&lock);
  if (is_armed && has_unsynced && must_hang()) hang();
  int result = sync(fd);
  if (file == NULL || result != 0) return result;
  pthread_mutex_lock(&lock);
  forget(file, covered, st.st_size);
  pthread_mutex_unlock(&lock);
  return result;
}
int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

/* Everything is lost; or of each page what is drawn; or so, but the first pages reached the disk before all others, which is the worst
 * for a file that says at its beginning what is valid. */
enum loss { EVERYTHING, DRAWN, DRAWN_BEHIND_FRONT, LOSSES };
#define FRONT 2

static int reached_disk(enum loss loss, off_t page) {
  if (loss == EVERYTHING) return 0;
  return (loss == DRAWN_BEHIND_FRONT && page < FRONT) || rand() % 2;
}

/* Takes back, page by page, a number of the newest writes. */
static void lose(struct file *file, enum loss loss) {
  if (file->appends) {
    struct stat st;
    if (fstat(file->fd, &st) != 0 || st.st_size <= file->synced_size) return;
    off_t kept = loss == EVERYTHING ? 0 : rand() % (st.st_size - file->synced_size + 1);
    undone += (unsigned long)(st.st_size - file->synced_size - kept);
    if (ftruncate(file->fd, file->synced_size + kept) != 0) _exit(98);
    return;
  }
  for (struct change *first = file->newest; first != NULL; first = first->before) {
    if (first->length == 0) continue;
    off_t page = first->offset / PAGE;
    int keeps = reached_disk(loss, page);
    for (struct change *change = first; change != NULL; change = change->before) {
      if (change->length == 0 || change->offset / PAGE != page) continue;
      if (!keeps) {
        memset(change->bytes + change->existed, 0, change->length - change->existed);
        if (real_pwrite(file->fd, change->bytes, change->length, change->offset) < 0) _exit(98);
        undone += change->length;
        /* The next older write of this page may have reached the disk. */
        keeps = reached_disk(loss, page);
      }
      change->length = 0;
    }
  }
}

static void *wait_for_cut(void *unused) {
  (void)unused;
  while (sem_wait(&cut) != 0) {}
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  srand((unsigned)(now.tv_nsec ^ getpid()));
  spares_writes = rand() % 2;
  is_armed = 1;
  /* Without load nothing syncs for a while; then there is little to lose. */
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += 1;
  while (sem_timedwait(&hanging, &end) != 0 && errno == EINTR) {}
  /* What others write while the disk hangs is lost or torn too. */
  usleep((useconds_t)(rand() % 5000));
  pthread_mutex_lock(&lock);
  enum loss loss = (enum loss)(rand() % LOSSES);
  for (int i = 0; i < file_count; i++) lose(&files[i], loss);
  char text[96];
  int length = snprintf(text, sizeof text, "power-cut: %lu unsynced bytes lost\n", undone);
  if (real_write(2, text, (size_t)length) < 0) _exit(98);
  _exit(99);
}

static void on_signal(int number) {
  (void)number;
  sem_post(&cut);
}

__attribute__((constructor)) static void begin(void) {
  real_write = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  real_pwrite = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
  real_writev = (ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
  real_pwritev = (ssize_t(*)(int, const struct iovec *, int, off_t))dlsym(RTLD_NEXT, "pwritev64");
  real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  const char *named = getenv("POWERCUT_DIR");
  if (named == NULL) return;
  sem_init(&cut, 0, 0);
  sem_init(&hanging, 0, 0);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGURG, &action, NULL);
  pthread_t thread;
  if (pthread_create(&thread, NULL, wait_for_cut, NULL) != 0) abort();
  /* A copy: Redis writes its title over its environment. */
  dir_length = strlen(named);
  dir = strdup(named);
}
