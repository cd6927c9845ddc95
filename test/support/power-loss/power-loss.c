/*
 * Remembers what a power cut would leave behind. Preloaded into a process (LD_PRELOAD), it watches the files of one
 * folder and keeps, in a second folder (the shadow), each file as of its last fsync or fdatasync, and the folder's list
 * of names as of the folder's last fsync. When the process has been killed, restore.ts puts that state back: everything
 * that was written but never synced is gone, as after a power cut.
 *
 * Files are known by inode and birth time, since names move and inodes are used again. A file met for the first time
 * may hold unsynced writes of a process before this one: its first sync takes all of it over.
 *
 * Not watched, because the programs under test do not use them: memory-mapped files, O_SYNC, sync_file_range, folders
 * within the folder.
 *
 * POWER_LOSS_FOLDER    the watched folder, as its real path
 * POWER_LOSS_SHADOW    where the synced state is kept
 * POWER_LOSS_FULL      while a file of this name exists, the disk is full: writes fail with ENOSPC
 * POWER_LOSS_SYNC_FAILS the number of the sync that fails with EIO. Its writes are lost although the kernel still
 *                      shows them, and later syncs succeed: what Linux does with pages it could not write back
 * POWER_LOSS_JOURNAL   any text: the sync of a file keeps the folder's names, too, as file systems with a journal do (ext4:
 *                      the sync commits what was done to names before). LevelDB counts on that
 * POWER_LOSS_READ_ONLY any text: files of the folder cannot be opened for writing
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define RANGES_MAX 128
#define FILES_MAX 4096
#define KEY_CHARACTERS 64

struct range {
  off_t start, end;
};

struct file {
  uint64_t inode;
  int64_t born_seconds;
  uint32_t born_nanoseconds;
  struct range ranges[RANGES_MAX];
  int range_count;
};

static const char *folder, *shadow, *full_flag;
static bool is_read_only, has_journal;
static long sync_fails_at, sync_count;
static struct file files[FILES_MAX];
static int file_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fallocate)(int, int, off_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

static void fail(const char *what) {
  fprintf(stderr, "power-loss: %s: %s\n", what, strerror(errno));
  _exit(97);
}

/* A copy: Chromium writes its processes' titles over their environments. */
static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? NULL : strdup(value);
}

__attribute__((constructor)) static void start(void) {
  real_open = dlsym(RTLD_NEXT, "open");
  real_openat = dlsym(RTLD_NEXT, "openat");
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwritev = dlsym(RTLD_NEXT, "pwritev64");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_fallocate = dlsym(RTLD_NEXT, "fallocate64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  folder = variable("POWER_LOSS_FOLDER");
  shadow = variable("POWER_LOSS_SHADOW");
  full_flag = variable("POWER_LOSS_FULL");
  has_journal = getenv("POWER_LOSS_JOURNAL") != NULL;
  is_read_only = getenv("POWER_LOSS_READ_ONLY") != NULL;
  const char *at = getenv("POWER_LOSS_SYNC_FAILS");
  sync_fails_at = at == NULL ? 0 : atol(at);
}

static bool is_in_folder(const char *path) {
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool is_fd_in_folder(int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return false;
  path[length] = '\0';
  return is_in_folder(path);
}

static bool identify(int directory, const char *name, struct file *file, mode_t *mode, off_t *size) {
  struct statx status;
  int flags = name[0] == '\0' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  if (statx(directory, name, flags, STATX_INO | STATX_BTIME | STATX_SIZE | STATX_TYPE, &status) != 0) return false;
  file->inode = status.stx_ino;
  file->born_seconds = status.stx_btime.tv_sec;
  file->born_nanoseconds = status.stx_btime.tv_nsec;
  *mode = status.stx_mode;
  *size = (off_t)status.stx_size;
  return true;
}

static void key_of(const struct file *file, char *key) {
  int64_t born = file->born_seconds * 1000000000LL + file->born_nanoseconds;
  snprintf(key, KEY_CHARACTERS, "%llu-%lld", (unsigned long long)file->inode, (long long)born);
}

/* The watched regular file behind a descriptor, with the lock held; NULL for any other. */
static struct file *watched(int fd, off_t *size) {
  struct file file;
  mode_t mode;
  if (folder == NULL || shadow == NULL || !identify(fd, "", &file, &mode, size) || !S_ISREG(mode)) return NULL;
  for (int index = 0; index < file_count; index++) {
    struct file *known = &files[index];
    if (known->inode == file.inode && known->born_seconds == file.born_seconds &&
        known->born_nanoseconds == file.born_nanoseconds)
      return known;
  }
  if (!is_fd_in_folder(fd)) return NULL;
  if (file_count == FILES_MAX) fail("more files than it has room for");
  struct file *added = &files[file_count++];
  *added = file;
  added->range_count = 1;
  added->ranges[0] = (struct range){0, *size};
  return added;
}

static void add_range(struct file *file, off_t start, off_t end) {
  for (int index = 0; index < file->range_count; index++) {
    struct range *range = &file->ranges[index];
    if (start > range->end || end < range->start) continue;
    if (start < range->start) range->start = start;
    if (end > range->end) range->end = end;
    return;
  }
  if (file->range_count < RANGES_MAX) {
    file->ranges[file->range_count++] = (struct range){start, end};
    return;
  }
  /* Too many to tell apart: one range over all of them. */
  struct range all = {start, end};
  for (int index = 0; index < file->range_count; index++) {
    if (file->ranges[index].start < all.start) all.start = file->ranges[index].start;
    if (file->ranges[index].end > all.end) all.end = file->ranges[index].end;
  }
  file->ranges[0] = all;
  file->range_count = 1;
}

static void note_write(int fd, off_t start, ssize_t length) {
  if (length <= 0) return;
  pthread_mutex_lock(&lock);
  off_t size;
  struct file *file = watched(fd, &size);
  if (file != NULL) add_range(file, start, start + length);
  pthread_mutex_unlock(&lock);
}

static void copy_range(int from, int to, struct range range) {
  static char buffer[1 << 20];
  for (off_t at = range.start; at < range.end;) {
    size_t wanted = (size_t)(range.end - at) < sizeof buffer ? (size_t)(range.end - at) : sizeof buffer;
    ssize_t count = pread(from, buffer, wanted, at);
    if (count < 0) fail("read of a watched file");
    if (count == 0) return;
    if (real_pwrite(to, buffer, (size_t)count, at) != count) fail("write of the shadow");
    at += count;
  }
}

/*
 * Takes over into the shadow what the file has changed since its last sync. Reads through the descriptor itself: opening
 * and closing another one would end the locks that the process has on the file. LevelDB opens its files for writing
 * only, and has locks on none of them but its file LOCK, which it never syncs: there another descriptor has to do.
 */
static void keep_file(int fd, struct file *file, off_t size) {
  char key[KEY_CHARACTERS], path[PATH_MAX], self[64];
  int from = fd;
  if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    from = real_open(self, O_RDONLY | O_CLOEXEC);
    if (from < 0) fail("open of a watched file for reading");
  }
  key_of(file, key);
  snprintf(path, sizeof path, "%s/%s", shadow, key);
  int to = real_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (to < 0) fail("open for the shadow");
  if (real_ftruncate(to, size) != 0) fail("size of the shadow");
  for (int index = 0; index < file->range_count; index++) copy_range(from, to, file->ranges[index]);
  file->range_count = 0;
  close(to);
  if (from != fd) close(from);
}

/* Takes over the folder's list of names. */
static void keep_names(int fd) {
  char path[PATH_MAX], temporary[PATH_MAX];
  snprintf(path, sizeof path, "%s/NAMES", shadow);
  snprintf(temporary, sizeof temporary, "%s/NAMES.new", shadow);
  FILE *names = fopen(temporary, "w");
  DIR *directory = opendir(folder);
  if (names == NULL || directory == NULL) fail("list of names");
  (void)fd;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    struct file file;
    mode_t mode;
    off_t size;
    char key[KEY_CHARACTERS];
    if (!identify(dirfd(directory), entry->d_name, &file, &mode, &size) || !S_ISREG(mode)) continue;
    key_of(&file, key);
    fprintf(names, "%s %s\n", key, entry->d_name);
  }
  closedir(directory);
  if (fclose(names) != 0 || rename(temporary, path) != 0) fail("list of names");
}

static bool is_directory(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

static int synced(int fd, int (*real)(int)) {
  if (folder == NULL || shadow == NULL || !is_fd_in_folder(fd)) return real(fd);
  int result = 0;
  pthread_mutex_lock(&lock);
  sync_count += 1;
  bool fails = sync_fails_at != 0 && sync_count == sync_fails_at;
  off_t size;
  struct file *file = watched(fd, &size);
  if (fails) {
    if (file != NULL) file->range_count = 0;
    errno = EIO;
    result = -1;
  } else if (file != NULL) {
    keep_file(fd, file, size);
    if (has_journal) keep_names(fd);
  } else if (is_directory(fd)) {
    keep_names(fd);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

static bool is_full(int fd) {
  if (full_flag == NULL || folder == NULL || access(full_flag, F_OK) != 0 || !is_fd_in_folder(fd)) return false;
  errno = ENOSPC;
  return true;
}

static bool is_refused(int directory, const char *path, int flags) {
  if (!is_read_only || folder == NULL || (flags & O_ACCMODE) == O_RDONLY) return false;
  char absolute[PATH_MAX];
  if (path[0] == '/') snprintf(absolute, sizeof absolute, "%s", path);
  else if (directory != AT_FDCWD || realpath(".", absolute) == NULL) return false;
  if (!is_in_folder(absolute)) return false;
  errno = EROFS;
  return true;
}

#define OPEN_MODE(mode, flags, last)            \
  mode_t mode = 0;                              \
  if (((flags)&O_CREAT) != 0) {                 \
    va_list parameters;                         \
    va_start(parameters, last);                 \
    mode = va_arg(parameters, mode_t);          \
    va_end(parameters);                         \
  }

int open(const char *path, int flags, ...) {
  OPEN_MODE(mode, flags, flags)
  return is_refused(AT_FDCWD, path, flags) ? -1 : real_open(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  OPEN_MODE(mode, flags, flags)
  return is_refused(AT_FDCWD, path, flags) ? -1 : real_open(path, flags | O_LARGEFILE, mode);
}

int openat(int directory, const char *path, int flags, ...) {
  OPEN_MODE(mode, flags, flags)
  return is_refused(directory, path, flags) ? -1 : real_openat(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...) {
  OPEN_MODE(mode, flags, flags)
  return is_refused(directory, path, flags) ? -1 : real_openat(directory, path, flags | O_LARGEFILE, mode);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  if (is_full(fd)) return -1;
  off_t start = folder == NULL ? 0 : lseek(fd, 0, SEEK_CUR);
  ssize_t written = real_write(fd, bytes, length);
  if (folder != NULL && written > 0) {
    int saved = errno;
    off_t end = lseek(fd, 0, SEEK_CUR);
    /* A file opened for appending is written at its end, wherever it stood before. */
    if (start >= 0 && end >= 0) note_write(fd, end - written, written);
    errno = saved;
  }
  return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  if (is_full(fd)) return -1;
  ssize_t written = real_pwrite(fd, bytes, length, offset);
  note_write(fd, offset, written);
  return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (is_full(fd)) return -1;
  ssize_t written = real_writev(fd, parts, count);
  if (folder != NULL && written > 0) {
    off_t end = lseek(fd, 0, SEEK_CUR);
    if (end >= 0) note_write(fd, end - written, written);
  }
  return written;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) {
  if (is_full(fd)) return -1;
  ssize_t written = real_pwritev(fd, parts, count, offset);
  note_write(fd, offset, written);
  return written;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return pwritev64(fd, parts, count, offset);
}

int ftruncate64(int fd, off_t length) {
  off_t before = 0;
  struct stat status;
  if (fstat(fd, &status) == 0) before = status.st_size;
  if (length > before && is_full(fd)) return -1;
  int result = real_ftruncate(fd, length);
  if (result == 0 && length > before) note_write(fd, before, length - before);
  return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int fallocate64(int fd, int mode, off_t offset, off_t length) {
  if (is_full(fd)) return -1;
  int result = real_fallocate(fd, mode, offset, length);
  if (result == 0) note_write(fd, offset, length);
  return result;
}

int fallocate(int fd, int mode, off_t offset, off_t length) { return fallocate64(fd, mode, offset, length); }

int fsync(int fd) { return synced(fd, real_fsync); }

int fdatasync(int fd) { return synced(fd, real_fdatasync); }
