#include "base/confine.h"

#include "base/diag.h"
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifdef HAVE_SECCOMP

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * What is allowed, and not what is forbidden: a system call that nobody thought of is refused. It
 * is refused with ENOSYS, as by a kernel that does not have it, because that is what every C
 * library is ready for: one that is newer than this list falls back on the older call. (EPERM would
 * make glibc's pthread_create() fail for clone3(), and killing would make every such call a way to
 * stop the server.) Names that libseccomp or the architecture does not know are left out; one
 * call may have names of several ages. Those of 32 bits are not here: configure refuses such
 * systems.
 */
static const char *const allowed[] = {
    /* files: the logs, the tokens, the time zone; in memory, the requests. (What writes is for
       sockets and stderr, too.) */
    "access", "close", "close_range", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64",
    "fcntl", "fstat", "fstatfs", "getcwd", "getdents", "getdents64", "lseek", "lstat",
    "memfd_create", "newfstatat", "pread64", "preadv", "preadv2", "read", "readlink", "readlinkat",
    "readv", "stat", "statfs", "statx", "write", "writev",
    /* requests: those who connect, and waiting for them */
    "accept", "accept4", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
    "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "getpeername", "getsockname", "getsockopt",
    "poll", "ppoll", "pselect6", "recv", "recvfrom", "recvmsg", "select", "send", "sendmsg",
    "sendto", "setsockopt", "shutdown",
    /* memory */
    "brk", "madvise", "mremap", "munmap",
    /* threads of its own, and signals to itself */
    "exit", "exit_group", "futex", "get_robust_list", "getpid", "gettid", "membarrier",
    "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
    "rt_sigtimedwait", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_yield",
    "set_robust_list", "set_tid_address",
    "sigaltstack", /* time, and what it is told about itself */
    "clock_getres", "clock_gettime", "clock_nanosleep", "getcpu", "getegid", "geteuid", "getgid",
    "getrandom", "getrlimit", "getrusage", "gettimeofday", "getuid", "nanosleep", "sysinfo", "time",
    "times", "uname"};

static const char *const allowed_to_write[] = {"fallocate", "fdatasync", "flock", "fsync",
    "ftruncate", "link", "linkat", "mkdir", "mkdirat", "open", "openat", "pwrite64", "pwritev",
    "pwritev2", "rename", "renameat", "renameat2", "sync_file_range", "umask", "unlink",
    "unlinkat"};

/* And it is told of what others do to files. */
static const char *const allowed_to_read[] = {
    "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch"};

/* And it connects to others: librdkafka, libcurl, and the C library where it looks a name up. */
static const char *const allowed_to_connect[] = {
    "bind", "connect", "pipe", "pipe2", "recvmmsg", "sendmmsg", "socketpair"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Several times what libseccomp allocates for all of it. */
#define LIBRARY_BYTES (1024 * 1024)

/* clone()'s flags are its second argument there. */
#if defined(__s390__) || defined(__s390x__)
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* Those that are allowed for one purpose only. */
struct condition {
	const char *name;
	struct scmp_arg_cmp only;
};

static const struct condition conditions[] = {
    /* A thread, but no process. (The flags of clone3() can't be seen: it is not allowed at all.) */
    {"clone", {CLONE_FLAGS, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD}},
    /* sd_notify()'s. */
    {"socket", {0, SCMP_CMP_EQ, AF_UNIX, 0}},
    /* Memory that can be written and executed, or becomes executable, is code made at run time. */
    {"mmap", {2, SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC, PROT_WRITE}},
    {"mmap", {2, SCMP_CMP_MASKED_EQ, PROT_WRITE, 0}},
    {"mprotect", {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
    /* Limits are read, as for a thread's stack, and not changed. */
    {"prlimit64", {2, SCMP_CMP_EQ, 0, 0}},
    /* stdio: whether it is a terminal. Never TIOCSTI, which types on one. */
    {"ioctl", {1, SCMP_CMP_EQ, TCGETS, 0}},
    /* What confine() did can be looked at. */
    {"prctl", {0, SCMP_CMP_EQ, PR_GET_NO_NEW_PRIVS, 0}},
    {"prctl", {0, SCMP_CMP_EQ, PR_GET_DUMPABLE, 0}},
};

static const struct condition connecting_conditions[] = {
    {"socket", {0, SCMP_CMP_EQ, AF_INET, 0}},
    {"socket", {0, SCMP_CMP_EQ, AF_INET6, 0}},
    /* Which addresses this machine has: getaddrinfo(). */
    {"socket", {0, SCMP_CMP_EQ, AF_NETLINK, 0}},
    {"ioctl", {1, SCMP_CMP_EQ, FIONREAD, 0}},
    {"ioctl", {1, SCMP_CMP_EQ, FIONBIO, 0}},
    /* Threads are given names. */
    {"prctl", {0, SCMP_CMP_EQ, PR_SET_NAME, 0}},
};

/* What of open() could change a file; O_TMPFILE needs to write. */
#define OPEN_CHANGES (O_ACCMODE | O_CREAT | O_TRUNC)

static const struct condition reading_conditions[] = {
    {"open", {1, SCMP_CMP_MASKED_EQ, OPEN_CHANGES, O_RDONLY}},
    {"openat", {2, SCMP_CMP_MASKED_EQ, OPEN_CHANGES, O_RDONLY}},
    /* Files in memory, and never what it was started with: stderr may be a file. */
    {"ftruncate", {0, SCMP_CMP_GT, STDERR_FILENO, 0}},
    {"pwrite64", {0, SCMP_CMP_GT, STDERR_FILENO, 0}},
};

/* The code of a compiled expression: memory of its own, of no file. */
static const struct scmp_arg_cmp code[] = {
    {2, SCMP_CMP_EQ, PROT_READ | PROT_WRITE | PROT_EXEC, 0},
    {3, SCMP_CMP_EQ, MAP_PRIVATE | MAP_ANONYMOUS, 0},
};

/* 0, or an errno below 0. Without conditions: whatever the arguments are. */
static int
allow(scmp_filter_ctx filter, const char *name, unsigned count, const struct scmp_arg_cmp *only)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, only);
}

static int
allow_all(scmp_filter_ctx filter, const char *const names[], size_t count)
{
	int error = 0;

	for (size_t i = 0; error == 0 && i < count; i++)
		error = allow(filter, names[i], 0, NULL);
	return error;
}

static int
allow_on_conditions(scmp_filter_ctx filter, const struct condition *c, size_t count)
{
	int error = 0;

	for (size_t i = 0; error == 0 && i < count; i++)
		error = allow(filter, c[i].name, 1, &c[i].only);
	return error;
}

static int
add_reading_rules(scmp_filter_ctx filter)
{
	int error = allow_all(filter, allowed_to_read, COUNT(allowed_to_read));

	if (error == 0)
		error = allow_on_conditions(filter, reading_conditions, COUNT(reading_conditions));
	if (error == 0)
		error = allow(filter, "mmap", COUNT(code), code);
	return error;
}

static int
add_rules(scmp_filter_ctx filter, unsigned what)
{
	/* abort(), when the C library or the compiler's checks find the memory damaged. */
	const struct scmp_arg_cmp itself = {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};
	int error = allow(filter, "tgkill", 1, &itself);

	if (error == 0)
		error = allow_all(filter, allowed, COUNT(allowed));
	if (error == 0)
		error = allow_on_conditions(filter, conditions, COUNT(conditions));
	if (error == 0 && (what & CONFINE_WRITES) != 0)
		error = allow_all(filter, allowed_to_write, COUNT(allowed_to_write));
	if (error == 0 && (what & CONFINE_READS) != 0)
		error = add_reading_rules(filter);
	if (error == 0 && (what & CONFINE_CONNECTS) != 0)
		error = allow_all(filter, allowed_to_connect, COUNT(allowed_to_connect));
	if (error == 0 && (what & CONFINE_CONNECTS) != 0)
		error = allow_on_conditions(
		    filter, connecting_conditions, COUNT(connecting_conditions));
	return error;
}

/*
 * Whether there is the memory that libseccomp takes. Where it gets none in the middle of its work,
 * it crashes, spins, or loads another filter (2.5.4), so it is not begun without.
 */
static bool
memory_is_there(void)
{
	void *memory =
	    mmap(NULL, LIBRARY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	munmap(memory, LIBRARY_BYTES);
	return true;
}

/* 0 or an errno. */
static int
filter_calls(unsigned what)
{
	scmp_filter_ctx filter;
	int error;

	filter = memory_is_there() ? seccomp_init(SCMP_ACT_ERRNO(ENOSYS)) : NULL;
	if (filter == NULL)
		return ENOMEM;
	error = add_rules(filter, what);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return -error;
}

#else

static int
filter_calls(unsigned what)
{
	(void)what;
	return 0;
}

#endif

/* A sanitizer looks into the process from another one. */
#ifdef WITH_SANITIZERS
#define DUMPABLE 1
#else
#define DUMPABLE 0
#endif

void
confine(unsigned what)
{
	const struct rlimit no_core = {0, 0};
	int error;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		diag_warn("no_new_privs cannot be set: %s", diag_reason(errno));
	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		diag_warn("the size of a core file cannot be limited: %s", diag_reason(errno));
	if (prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0) < 0)
		diag_warn("the memory cannot be closed to others: %s", diag_reason(errno));
	error = filter_calls(what);
	if (error != 0)
		diag_warn("system calls are not filtered: %s", diag_reason(error));
}
