#include "base/confine.h"
#include "config.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* For a process of its own, which is confined. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: not so: %s (%s)\n", __LINE__, #condition,        \
			    strerror(errno));                                                      \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

#define REFUSED(call) MUST((call) == -1 && errno == ENOSYS)

static void
in_confinement(unsigned what, void (*f)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		confine(what);
		f();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
gives_up_privileges_and_cores(void)
{
	struct rlimit core;

	MUST(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
	MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
#ifndef WITH_SANITIZERS
	MUST(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
#endif
}

static void
no_privileges_and_no_core(void **state)
{
	(void)state;
	in_confinement(CONFINE_WRITES, gives_up_privileges_and_cores);
	in_confinement(CONFINE_READS, gives_up_privileges_and_cores);
}

#ifdef HAVE_SECCOMP

static void
refused_is_a_program(void)
{
	char name[] = "true", *const argv[] = {name, NULL}, *const none[] = {NULL};

	REFUSED(execve("/bin/true", argv, none));
	REFUSED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, none, 0));
	REFUSED(fork());
	REFUSED(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	REFUSED(syscall(SYS_clone3, NULL, 0));
#ifdef SYS_vfork
	REFUSED(syscall(SYS_vfork));
#endif
}

static void
starts_no_program(void **state)
{
	(void)state;
	in_confinement(CONFINE_WRITES, refused_is_a_program);
	in_confinement(CONFINE_READS, refused_is_a_program);
}

static void
refused_is_the_network(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/nonexistent"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	MUST(fd >= 0);
	REFUSED(connect(fd, (struct sockaddr *)&address, sizeof(address)));
	REFUSED(bind(fd, (struct sockaddr *)&address, sizeof(address)));
	REFUSED(listen(fd, 1));
	/* As sd_notify() does. */
	MUST(sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)) == -1);
	MUST(errno == ENOENT);
	REFUSED(socket(AF_INET, SOCK_STREAM, 0));
	REFUSED(socket(AF_INET6, SOCK_DGRAM, 0));
	REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
	REFUSED(socket(AF_PACKET, SOCK_RAW, 0));
	REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0));
}

static void
reaches_no_network(void **state)
{
	(void)state;
	in_confinement(CONFINE_WRITES, refused_is_the_network);
	in_confinement(CONFINE_READS, refused_is_the_network);
}

static void
refused_is_what_harms(void)
{
	const struct rlimit limit = {1, 1};
	char stack[16];

	REFUSED(syscall(SYS_ptrace, 0, 0, 0, 0));
	REFUSED(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
	REFUSED(kill(getppid(), 0));
	REFUSED(syscall(SYS_tgkill, getppid(), getppid(), 0));
	REFUSED(setuid(0));
	REFUSED(setgid(0));
	REFUSED(chroot("/"));
	REFUSED(syscall(SYS_chmod, "/nonexistent", 0));
	REFUSED(syscall(SYS_chown, "/nonexistent", 0, 0));
	REFUSED(syscall(SYS_mount, "a", "b", "c", 0, NULL));
	REFUSED(syscall(SYS_unshare, 0));
	REFUSED(syscall(SYS_setns, -1, 0));
	REFUSED(syscall(SYS_bpf, 0, NULL, 0));
	REFUSED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	REFUSED(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
	REFUSED(syscall(SYS_io_uring_setup, 1, stack));
	REFUSED(syscall(SYS_userfaultfd, 0));
	REFUSED(syscall(SYS_open_by_handle_at, -1, NULL, 0));
	REFUSED(syscall(SYS_init_module, NULL, 0, ""));
	REFUSED(syscall(SYS_finit_module, -1, "", 0));
	REFUSED(syscall(SYS_kexec_load, 0, 0, NULL, 0));
	REFUSED(syscall(SYS_reboot, 0, 0, 0, NULL));
	REFUSED(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	REFUSED(setrlimit(RLIMIT_CORE, &limit));
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(page != MAP_FAILED);
	REFUSED(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static void
does_no_harm(void **state)
{
	(void)state;
	in_confinement(CONFINE_WRITES, refused_is_what_harms);
	in_confinement(CONFINE_READS, refused_is_what_harms);
}

static void
allowed_is_to_connect(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct addrinfo *found = NULL;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), ends[2];

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(fd >= 0);
	MUST(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno != ENOSYS);
	REFUSED(listen(fd, 1));
	MUST(socket(AF_INET6, SOCK_DGRAM, 0) >= 0 || errno != ENOSYS);
	MUST(getaddrinfo("localhost", "9", NULL, &found) == 0);
	freeaddrinfo(found);
	MUST(pipe2(ends, O_CLOEXEC) == 0);
	REFUSED(socket(AF_PACKET, SOCK_RAW, 0));
	REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0));
}

static void
connects_where_it_may(void **state)
{
	(void)state;
	in_confinement(CONFINE_WRITES | CONFINE_CONNECTS, allowed_is_to_connect);
	in_confinement(CONFINE_READS | CONFINE_CONNECTS, allowed_is_to_connect);
	in_confinement(CONFINE_READS | CONFINE_CONNECTS, refused_is_a_program);
	in_confinement(CONFINE_READS | CONFINE_CONNECTS, refused_is_what_harms);
}

static void
refused_is_code_made_at_run_time(void)
{
	MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0) == MAP_FAILED);
}

static void
makes_no_code(void **state)
{
	(void)state;
	in_confinement(CONFINE_WRITES, refused_is_code_made_at_run_time);
}

static char path[] = "/tmp/pbu-test-confine-file";

static void
refused_is_what_changes_files(void)
{
	int directory = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct timespec times[2] = {{0}, {0}};
	char byte;

	MUST(directory >= 0 && fd >= 0 && read(fd, &byte, 1) == 1 && byte == 'x');
	MUST(pread(fd, &byte, 1, 0) == 1 && write(fd, &byte, 1) == -1 && errno == EBADF);
	REFUSED(open(path, O_WRONLY | O_CLOEXEC));
	REFUSED(open(path, O_RDWR | O_CLOEXEC));
	REFUSED(open(path, O_RDWR | O_APPEND | O_CLOEXEC));
	REFUSED(open(path, O_RDONLY | O_TRUNC | O_CLOEXEC));
	REFUSED(open("/tmp/pbu-test-confine-new", O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
	REFUSED(open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
	REFUSED(openat(directory, path + 5, O_WRONLY | O_CLOEXEC));
	REFUSED(syscall(SYS_open, path, O_WRONLY));
	REFUSED(syscall(SYS_creat, path, 0600));
	REFUSED(syscall(SYS_openat2, directory, path + 5, NULL, 0));
	REFUSED(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	MUST(ftruncate(fd, 0) == -1);
	REFUSED(ftruncate(STDERR_FILENO, 0));
	REFUSED(pwrite(STDERR_FILENO, "x", 1, 0));
	REFUSED(syscall(SYS_truncate, path, 0));
	REFUSED(fallocate(fd, 0, 0, 1));
	REFUSED(unlink(path));
	REFUSED(unlinkat(directory, path + 5, 0));
	REFUSED(rename(path, "/tmp/pbu-test-confine-new"));
	REFUSED(syscall(SYS_renameat2, directory, path + 5, directory, "new", 0));
	REFUSED(link(path, "/tmp/pbu-test-confine-new"));
	REFUSED(symlink(path, "/tmp/pbu-test-confine-new"));
	REFUSED(mkdir("/tmp/pbu-test-confine-new", 0700));
	REFUSED(rmdir("/tmp/pbu-test-confine-new"));
	REFUSED(mknod("/tmp/pbu-test-confine-new", 0600, 0));
	REFUSED(chmod(path, 0));
	REFUSED(fchmod(fd, 0));
	REFUSED(chown(path, 1, 1));
	REFUSED(futimens(fd, times));
	REFUSED(setxattr(path, "user.x", "x", 1, 0));
	REFUSED(syscall(SYS_copy_file_range, fd, NULL, fd, NULL, 1, 0));
	REFUSED(syscall(SYS_sendfile, fd, fd, NULL, 1));
	REFUSED(syscall(SYS_splice, fd, NULL, fd, NULL, 1, 0));
	REFUSED(flock(fd, LOCK_EX));
	REFUSED(fsync(fd));
	MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
}

static void
changes_no_file(void **state)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(write(fd, "x", 1), 1);
	in_confinement(CONFINE_READS, refused_is_what_changes_files);
	/* As it was. */
	assert_int_equal(lseek(fd, 0, SEEK_END), 1);
	close(fd);
	assert_int_equal(unlink(path), 0);
}

static void *
thread(void *at)
{
	char name[] = "true", *const argv[] = {name, NULL}, *const none[] = {NULL};
	char *memory = malloc(1024 * 1024);

	MUST(memory != NULL);
	memset(memory, 1, 1024 * 1024);
	free(memory);
	REFUSED(execve("/bin/true", argv, none));
	*(bool *)at = true;
	return NULL;
}

static void
needed_is_allowed(void)
{
	char name[] = "/tmp/pbu-test-confine-XXXXXX";
	bool done = false;
	pthread_t t;
	int fd;

	MUST(pthread_create(&t, NULL, thread, &done) == 0 && pthread_join(t, NULL) == 0 && done);
	fd = mkstemp(name);
	MUST(fd >= 0 && write(fd, "x", 1) == 1 && fdatasync(fd) == 0 && ftruncate(fd, 0) == 0);
	MUST(unlink(name) == 0 && close(fd) == 0);
	/* What libfcgi reads requests from. */
	fd = memfd_create("x", MFD_CLOEXEC);
	MUST(
	    fd >= 0 && pwrite(fd, "x", 1, 0) == 1 && lseek(fd, 0, SEEK_SET) == 0 && close(fd) == 0);
	/* A zone that was not read before. */
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	printf("# a line for stdio\n");
	fflush(stdout);
}

static void
needed_to_read_is_allowed(void)
{
	unsigned char *page;
	bool done = false;
	pthread_t t;
	int fd;

	MUST(pthread_create(&t, NULL, thread, &done) == 0 && pthread_join(t, NULL) == 0 && done);
	/* What libfcgi reads requests from. */
	fd = memfd_create("x", MFD_CLOEXEC);
	MUST(fd >= 0 && ftruncate(fd, 100) == 0 && pwrite(fd, "x", 1, 0) == 1 && close(fd) == 0);
	/* The tail. */
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	MUST(fd >= 0 && inotify_add_watch(fd, "/tmp", IN_MODIFY) >= 0 && close(fd) == 0);
	/* A zone that was not read before. */
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	/* PCRE2's code, but none of a file's. */
	page = mmap(
	    NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(page != MAP_FAILED);
	fd = memfd_create("x", MFD_CLOEXEC);
	MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0) == MAP_FAILED);
	printf("# a line for stdio\n");
	fflush(stdout);
}

static void
still_works(void **state)
{
	(void)state;
	in_confinement(CONFINE_WRITES, needed_is_allowed);
	in_confinement(CONFINE_READS, needed_to_read_is_allowed);
}

static void
dies_of_abort(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		confine(CONFINE_WRITES);
		abort();
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_false(WCOREDUMP(status));
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_privileges_and_no_core),
#ifdef HAVE_SECCOMP
	    cmocka_unit_test(starts_no_program),
	    cmocka_unit_test(reaches_no_network),
	    cmocka_unit_test(does_no_harm),
	    cmocka_unit_test(connects_where_it_may),
	    cmocka_unit_test(makes_no_code),
	    cmocka_unit_test(changes_no_file),
	    cmocka_unit_test(still_works),
	    cmocka_unit_test(dies_of_abort),
#endif
	};

	return cmocka_run_group_tests_name("confine", tests, NULL, NULL);
}
