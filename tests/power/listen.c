/* listen PORT PROGRAM: makes a listening TCP socket descriptor 0, as spawn-fcgi would, and becomes
 * the program. Linked statically, since it is all by itself in the guest. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 3)
		return 2;
	/* Connections of one that was killed may linger. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	address.sin_port = htons((unsigned short)atoi(argv[1]));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, SOMAXCONN) < 0 || dup2(fd, STDIN_FILENO) < 0) {
		perror("listen");
		return 1;
	}
	close(fd);
	execl(argv[2], argv[2], (char *)NULL);
	perror(argv[2]);
	return 1;
}
