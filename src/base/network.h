/* Whether there is a network for the settings that need one. */
#ifndef PBU_NETWORK_H
#define PBU_NETWORK_H

#include "base/buf.h"

/*
 * Adds a line to mistakes, for the setting of that name, where this process may not even open a
 * socket of the Internet: in a systemd unit without a network (RestrictAddressFamilies). Says
 * nothing of whether somebody can be reached.
 */
void network_check(const char *setting, struct buf *mistakes);

#endif
