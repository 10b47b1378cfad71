#include "confine.h"

#include "config.h"
#include "diag.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifdef HAVE_SECCOMP

#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * What is allowed, and not what is forbidden: a system call that nobody thought of is refused. It
 * is refused with ENOSYS, as by a kernel that does not have it, because that is what every C
 * library is ready for: one that is newer than this list falls back on the older call. (EPERM would
 * make glibc's pthread_create() fail for clone3(), and killing would make every such call a way to
 * stop the server.) Names that libseccomp or the architecture does not know are left out; for one
 * call there are those of 32 and of 64 bits, and of several ages.
 */
static const char *const allowed[] = {
    /* files: the logs, the tokens, the time zone */
    "access", "close", "close_range", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64",
    "fadvise64_64", "fallocate", "fcntl", "fcntl64", "fdatasync", "flock", "fstat", "fstat64",
    "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "getcwd", "getdents",
    "getdents64", "link", "linkat", "lseek", "_llseek", "lstat", "lstat64", "mkdir", "mkdirat",
    "newfstatat", "open", "openat", "pread64", "preadv", "preadv2", "pwrite64", "pwritev",
    "pwritev2", "read", "readlink", "readlinkat", "readv", "rename", "renameat", "renameat2",
    "stat", "stat64", "statfs", "statfs64", "statx", "sync_file_range", "umask", "unlink",
    "unlinkat", "write", "writev",
    /* requests: those who connect, and waiting for them; never connect() */
    "_newselect", "accept", "accept4", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
    "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "getpeername", "getsockname", "getsockopt",
    "poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "recv", "recvfrom", "recvmsg",
    "select", "send", "sendmsg", "sendto", "setsockopt", "shutdown",
    /* memory */
    "brk", "madvise", "mremap", "munmap",
    /* threads of its own, and signals to itself */
    "exit", "exit_group", "futex", "futex_time64", "get_robust_list", "getpid", "gettid",
    "membarrier", "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
    "rt_sigreturn", "rt_sigtimedwait", "rt_sigtimedwait_time64", "sched_getaffinity",
    "sched_getparam", "sched_getscheduler", "sched_yield", "set_robust_list", "set_tid_address",
    "sigaltstack", "sigreturn", "ugetrlimit",
    /* time, and what it is told about itself */
    "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
    "clock_nanosleep_time64", "getcpu", "getegid", "getegid32", "geteuid", "geteuid32", "getgid",
    "getgid32", "getrandom", "getrlimit", "getrusage", "gettimeofday", "getuid", "getuid32",
    "nanosleep", "sysinfo", "time", "times", "uname"};

/* Several times what libseccomp allocates for all of it. */
#define LIBRARY_BYTES (1024 * 1024)

/* clone()'s flags are its second argument there. */
#if defined(__s390__) || defined(__s390x__)
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* Those that are allowed for one purpose only. */
static const struct {
	const char *name;
	struct scmp_arg_cmp only;
} conditions[] = {
    /* A thread, but no process. (The flags of clone3() can't be seen: it is not allowed at all.) */
    {"clone", {CLONE_FLAGS, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD}},
    /* sd_notify()'s; one of a network never. */
    {"socket", {0, SCMP_CMP_EQ, AF_UNIX, 0}},
    /* Memory that can be written and executed, or becomes executable, is code made at run time. */
    {"mmap", {2, SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC, PROT_WRITE}},
    {"mmap", {2, SCMP_CMP_MASKED_EQ, PROT_WRITE, 0}},
    {"mmap2", {2, SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC, PROT_WRITE}},
    {"mmap2", {2, SCMP_CMP_MASKED_EQ, PROT_WRITE, 0}},
    {"mprotect", {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
    /* Limits are read, as for a thread's stack, and not changed. */
    {"prlimit64", {2, SCMP_CMP_EQ, 0, 0}},
    /* stdio: whether it is a terminal. Never TIOCSTI, which types on one. */
    {"ioctl", {1, SCMP_CMP_EQ, TCGETS, 0}},
    /* What confine() did can be looked at. */
    {"prctl", {0, SCMP_CMP_EQ, PR_GET_NO_NEW_PRIVS, 0}},
    {"prctl", {0, SCMP_CMP_EQ, PR_GET_DUMPABLE, 0}},
};

/* 0, or an errno below 0. A NULL condition: whatever the arguments are. */
static int
allow(scmp_filter_ctx filter, const char *name, const struct scmp_arg_cmp *only)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, only != NULL, only);
}

static int
add_rules(scmp_filter_ctx filter)
{
	/* abort(), when the C library or the compiler's checks find the memory damaged. */
	const struct scmp_arg_cmp itself = {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};
	int error = allow(filter, "tgkill", &itself);

	for (size_t i = 0; error == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		error = allow(filter, allowed[i], NULL);
	for (size_t i = 0; error == 0 && i < sizeof(conditions) / sizeof(conditions[0]); i++)
		error = allow(filter, conditions[i].name, &conditions[i].only);
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
filter_calls(void)
{
	scmp_filter_ctx filter;
	int error;

	filter = memory_is_there() ? seccomp_init(SCMP_ACT_ERRNO(ENOSYS)) : NULL;
	if (filter == NULL)
		return ENOMEM;
	error = add_rules(filter);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return -error;
}

#else

static int
filter_calls(void)
{
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
confine(void)
{
	const struct rlimit no_core = {0, 0};
	int error;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		diag_warn("no_new_privs cannot be set: %s", diag_reason(errno));
	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		diag_warn("the size of a core file cannot be limited: %s", diag_reason(errno));
	if (prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0) < 0)
		diag_warn("the memory cannot be closed to others: %s", diag_reason(errno));
	error = filter_calls();
	if (error != 0)
		diag_warn("system calls are not filtered: %s", diag_reason(error));
}
