# PBU_NGINX
# Sets nginxdir, the folder of nginx's settings, for the site and the snippets that are installed there.
AC_DEFUN([PBU_NGINX],
[AC_ARG_WITH([nginxdir],
	[AS_HELP_STRING([--with-nginxdir=DIR],
		[where nginx has its sites-available and snippets (default: SYSCONFDIR/nginx); no: don't install them])],
	[], [with_nginxdir=yes])
AS_IF([test "x$with_nginxdir" = xyes], [with_nginxdir='${sysconfdir}/nginx'])
AC_SUBST([nginxdir], [$with_nginxdir])
AM_CONDITIONAL([INSTALL_NGINX], [test "x$with_nginxdir" != xno])
])
