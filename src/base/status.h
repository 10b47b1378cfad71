/* The HTTP statuses of the programs' own answers; nginx has more (429, 504). */
#ifndef PBU_STATUS_H
#define PBU_STATUS_H

/* Number and reason phrase (RFC 9110, 15). To add one is a line here; it is counted in the metrics
 * by itself. */
#define STATUS_LIST(X)                                                                             \
	X(200, "OK")                                                                               \
	X(400, "Bad Request")                                                                      \
	X(401, "Unauthorized")                                                                     \
	X(403, "Forbidden")                                                                        \
	X(404, "Not Found")                                                                        \
	X(405, "Method Not Allowed")                                                               \
	X(410, "Gone")                                                                             \
	X(411, "Length Required")                                                                  \
	X(413, "Content Too Large")                                                                \
	X(415, "Unsupported Media Type")                                                           \
	X(500, "Internal Server Error")                                                            \
	X(502, "Bad Gateway")                                                                      \
	X(503, "Service Unavailable")

/* STATUS_200 is 200, and so on: one that is not in the list can't be answered by mistake. */
#define STATUS_NUMBER(number, reason) STATUS_##number = (number),
enum status { STATUS_LIST(STATUS_NUMBER) };
#undef STATUS_NUMBER

#define STATUS_PLACE(number, reason) STATUS_PLACE_##number,
enum { STATUS_LIST(STATUS_PLACE) STATUS_COUNT };
#undef STATUS_PLACE

/* "Not Found" of 404; of a number that is not in the list, what 500 has. */
const char *status_reason(int status);

/* The place of a status in the list, below STATUS_COUNT; 500's for one that is not in it. */
int status_index(int status);

/* The status at a place in the list. */
enum status status_at(int index);

#endif
