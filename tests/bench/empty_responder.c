/*
 * What the server is measured against: a libfcgi responder that only appends a line of 80 bytes
 * to a file and answers 200. Every thread accepts and serves by itself, and keeps its connection,
 * as libfcgi's documentation shows it.
 *
 *   empty_responder THREADS FILE      on descriptor 0, a listening socket
 */
#include <fcgiapp.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES  80
#define THREADS_MAX 1024

static const char answer[] = "Status: 200 OK\r\nContent-Type: application/json\r\n"
			     "Content-Length: 16\r\n\r\n{\"status\": true}";

static void *
serve(void *argument)
{
	int fd = *(int *)argument;
	char line[LINE_BYTES], body[8192];
	FCGX_Request request;

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	FCGX_InitRequest(&request, 0, 0);
	while (FCGX_Accept_r(&request) == 0) {
		while (FCGX_GetStr(body, sizeof(body), request.in) > 0)
			continue;
		if (write(fd, line, sizeof(line)) != (ssize_t)sizeof(line))
			abort();
		FCGX_PutStr(answer, sizeof(answer) - 1, request.out);
		FCGX_Finish_r(&request);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	int threads = argc == 3 ? atoi(argv[1]) : 0, fd;
	pthread_t thread[THREADS_MAX];

	if (threads < 1 || threads > THREADS_MAX) {
		fprintf(stderr, "usage: empty_responder THREADS FILE\n");
		return 2;
	}
	fd = open(argv[2], O_WRONLY | O_APPEND | O_CREAT, 0640);
	if (fd < 0 || FCGX_Init() != 0) {
		perror(argv[2]);
		return 1;
	}
	signal(SIGTERM, SIG_DFL); /* libfcgi only notes it, for the next accept() */
	for (int i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, serve, &fd);
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
