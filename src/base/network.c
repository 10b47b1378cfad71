#include "base/network.h"

#include <sys/socket.h>
#include <unistd.h>

static bool
opens(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

void
network_check(const char *setting, struct buf *mistakes)
{
	if (opens(AF_INET) || opens(AF_INET6))
		return;
	buf_printf(mistakes,
	    "%s: this process may not open a socket of the network; its systemd unit needs the "
	    "drop-in examples/network.conf for that (doc/deploy.md)\n",
	    setting);
}
