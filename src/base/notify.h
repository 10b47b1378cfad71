/* Tells systemd how the server is, by sd_notify(3); the only user of sd-daemon.h. Where it was not
 * systemd that started the server, or it is built without, nothing happens. */
#ifndef PBU_NOTIFY_H
#define PBU_NOTIFY_H

/* Requests are served; status is a line for `systemctl status`. */
void notify_ready(const char *status);

/* Files and tokens are being read again; notify_ready() ends it. */
void notify_reloading(void);

/* The end was asked for; what is in flight is finished. */
void notify_stopping(void);

#endif
