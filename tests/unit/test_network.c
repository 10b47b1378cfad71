#include "base/network.h"
#include "unit.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What systemd does for RestrictAddressFamilies=AF_UNIX and these. */
static bool
allow_families(unsigned family)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 4),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, family, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* What it says of a process that has these families. */
static void
says_of(unsigned family, bool mistaken)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct buf mistakes = BUF_INIT;

		if (!allow_families(family))
			_exit(2);
		network_check("KAFKA_BROKERS", &mistakes);
		buf_putc(&mistakes, '\0');
		_exit(mistaken ? strstr(mistakes.data, "KAFKA_BROKERS: ") != mistakes.data ||
				     strstr(mistakes.data, "network.conf") == NULL
			       : mistakes.len != 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
a_unit_without_network_is_a_mistake(void **state)
{
	(void)state;
	says_of(AF_UNIX, true);
}

static void
one_family_is_enough(void **state)
{
	(void)state;
	says_of(AF_INET, false);
	says_of(AF_INET6, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_unit_without_network_is_a_mistake),
	    cmocka_unit_test(one_family_is_enough),
	};

	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
