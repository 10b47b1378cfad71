# PBU_SECCOMP
# libseccomp, for the filter of system calls that src/base/confine.c sets: where it is there, unless
# --without-seccomp. After PBU_SANITIZERS: what a sanitizer calls is not the filter's to know.
AC_DEFUN([PBU_SECCOMP],
[AC_REQUIRE([PBU_SANITIZERS])
AC_ARG_WITH([seccomp],
	[AS_HELP_STRING([--with-seccomp@<:@=yes|no|auto@:>@],
		[allow the running server only the system calls it needs, by libseccomp; auto (the default): where it is there])],
	[], [with_seccomp=auto])
AS_IF([test -n "$SANITIZER_FLAGS"],
	[AS_IF([test "x$with_seccomp" = xyes], [AC_MSG_ERROR([--with-seccomp can't be had with sanitizers])])
	with_seccomp=no
	AC_DEFINE([WITH_SANITIZERS], [1], [Define when built with sanitizers, whose work would be hindered.])])
AS_IF([test "x$with_seccomp" != xno],
	[PKG_CHECK_MODULES([SECCOMP], [libseccomp >= 2.4],
		[with_seccomp=yes
		AC_DEFINE([HAVE_SECCOMP], [1], [Define to filter system calls by libseccomp.])],
		[AS_IF([test "x$with_seccomp" = xyes],
			[AC_MSG_ERROR([--with-seccomp needs libseccomp (Debian: libseccomp-dev)])])
		with_seccomp=no])])
])
