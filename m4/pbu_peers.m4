# PBU_PEERS
# libcurl, by which the reader asks its peers (READ_PEERS): where it is there, unless --without-peers.
AC_DEFUN([PBU_PEERS],
[AC_ARG_WITH([peers],
	[AS_HELP_STRING([--with-peers@<:@=yes|no|auto@:>@],
		[read several servers as one, by libcurl; auto (the default): where it is there])],
	[], [with_peers=auto])
AS_IF([test "x$with_peers" != xno],
	[PKG_CHECK_MODULES([CURL], [libcurl >= 7.68],
		[with_peers=yes],
		[AS_IF([test "x$with_peers" = xyes],
			[AC_MSG_ERROR([--with-peers needs libcurl (Debian: libcurl4-openssl-dev)])])
		with_peers=no])])
AM_CONDITIONAL([WITH_PEERS], [test "x$with_peers" = xyes])
])
