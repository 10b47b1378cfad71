# PBU_SANITIZERS
# --enable-sanitizers[=LIST]: builds with -fsanitize=LIST (address,undefined by default).
AC_DEFUN([PBU_SANITIZERS],
[AC_ARG_ENABLE([sanitizers],
	[AS_HELP_STRING([--enable-sanitizers@<:@=LIST@:>@],
		[build with sanitizers, address,undefined by default; thread is another])],
	[], [enable_sanitizers=no])
AS_CASE([$enable_sanitizers],
	[no], [SANITIZER_FLAGS=],
	[yes], [SANITIZER_FLAGS="-fsanitize=address,undefined"],
	[SANITIZER_FLAGS="-fsanitize=$enable_sanitizers"])
AS_IF([test -n "$SANITIZER_FLAGS"],
	[SANITIZER_FLAGS="$SANITIZER_FLAGS -fno-sanitize-recover=all -fno-omit-frame-pointer"
	AC_MSG_CHECKING([whether $CC takes $SANITIZER_FLAGS])
	pbu_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS $SANITIZER_FLAGS"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
		[AC_MSG_RESULT([no])
		AC_MSG_ERROR([the compiler cannot link with $SANITIZER_FLAGS])])
	CFLAGS=$pbu_save_CFLAGS])
AC_SUBST([SANITIZER_FLAGS])
AM_CONDITIONAL([WITH_TSAN], [test "x$enable_sanitizers" = xthread])
])
