/*
 * How much of a file is there for good: whoever writes to it holds an advisory lock (fcntl(2), of
 * the open file description) from where the bytes begin that may still be taken back, to infinity.
 * So it is known to any process that can open the file for reading, costs no file of its own, and
 * ends with the writer, whatever that dies of. Nobody ever waits for the lock.
 *
 * Any thread.
 */
#ifndef PBU_COMMITTED_H
#define PBU_COMMITTED_H

#include <stdbool.h>
#include <stdint.h>

/* For the writer, with a descriptor that is open for writing: bytes from `from` on may be taken
 * back. False, with errno: readers can't tell. */
bool committed_hold(int fd, uint64_t from);

/* Those of `from` up to, not including, `to` are there for good. False, with errno: as before. */
bool committed_release(int fd, uint64_t from, uint64_t to);

/* All of them are, and nothing more is written with this descriptor. False, with errno. */
bool committed_let_go(int fd);

/* For readers: whether somebody writes to the file, and then in *bytes how many from its beginning
 * on are there for good; else it is left as it is. */
bool committed_ask(int fd, uint64_t *bytes);

#endif
