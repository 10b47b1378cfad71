# PBU_SYSTEMD
# libsystemd, to tell systemd when the server is ready: where it is there, unless --without-systemd.
# Sets SERVICE_TYPE, what the unit says of it, and systemdsystemunitdir and sysusersdir.
AC_DEFUN([PBU_SYSTEMD],
[AC_ARG_WITH([systemd],
	[AS_HELP_STRING([--without-systemd], [build without libsystemd: the unit is Type=simple])],
	[], [with_systemd=check])
AS_IF([test "x$with_systemd" != xno],
	[PKG_CHECK_MODULES([SYSTEMD], [libsystemd],
		[with_systemd=yes
		AC_DEFINE([HAVE_LIBSYSTEMD], [1], [Define to tell systemd by sd_notify().])],
		[AS_IF([test "x$with_systemd" = xyes],
			[AC_MSG_ERROR([--with-systemd needs libsystemd (Debian: libsystemd-dev)])])
		with_systemd=no])])
AS_IF([test "x$with_systemd" = xyes], [SERVICE_TYPE=notify], [SERVICE_TYPE=simple])
AC_SUBST([SERVICE_TYPE])

AC_ARG_WITH([systemdsystemunitdir],
	[AS_HELP_STRING([--with-systemdsystemunitdir=DIR],
		[where the units go (default: PREFIX/lib/systemd/system; yes: where systemd has its own; no: nowhere)])],
	[], [with_systemdsystemunitdir='${prefix}/lib/systemd/system'])
AS_IF([test "x$with_systemdsystemunitdir" = xyes],
	[PKG_CHECK_VAR([SYSTEMD_UNITDIR], [systemd], [systemdsystemunitdir],
		[with_systemdsystemunitdir=$SYSTEMD_UNITDIR],
		[AC_MSG_ERROR([pkg-config does not know where systemd has its units; give the folder])])])
AC_SUBST([systemdsystemunitdir], [$with_systemdsystemunitdir])
AM_CONDITIONAL([INSTALL_UNITS], [test "x$with_systemdsystemunitdir" != xno])
AC_SUBST([sysusersdir], ['${prefix}/lib/sysusers.d'])
])
