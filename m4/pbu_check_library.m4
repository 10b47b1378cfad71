# PBU_CHECK_LIBRARY(VARIABLE-PREFIX, PKG-CONFIG MODULE, DEBIAN PACKAGE)
# Finds a library by pkg-config, or stops with the name of the package to install.
AC_DEFUN([PBU_CHECK_LIBRARY],
[PKG_CHECK_MODULES([$1], [$2], [],
	[AC_MSG_ERROR([$2 was not found by pkg-config.
  On Debian and Ubuntu: apt-get install $3
  Elsewhere: install the library with its headers, or set $1_CFLAGS and $1_LIBS.
  pkg-config says: $$1_PKG_ERRORS])])
])
