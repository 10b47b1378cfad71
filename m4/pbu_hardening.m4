# PBU_HARDENING_CFLAG(FLAG), PBU_HARDENING_LDFLAG(FLAG)
# Adds a flag to HARDENING_CFLAGS or HARDENING_LDFLAGS when the compiler takes it without a word. A
# CFLAG has to pass alone, too: some that are not for this processor clang minds only without linking.
AC_DEFUN([PBU_HARDENING_CFLAG],
[AC_MSG_CHECKING([whether $CC compiles with $1])
pbu_save_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS $1 -Werror"
pbu_taken=no
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
	[AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [pbu_taken=yes])])
AC_MSG_RESULT([$pbu_taken])
AS_IF([test $pbu_taken = yes], [HARDENING_CFLAGS="$HARDENING_CFLAGS $1"])
CFLAGS=$pbu_save_CFLAGS
])

AC_DEFUN([PBU_HARDENING_LDFLAG],
[AC_MSG_CHECKING([whether $CC links with $1])
pbu_save_CFLAGS=$CFLAGS
pbu_save_LDFLAGS=$LDFLAGS
CFLAGS="$CFLAGS $HARDENING_CFLAGS -Werror"
LDFLAGS="$LDFLAGS $1"
pbu_taken=no
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [pbu_taken=yes])
AC_MSG_RESULT([$pbu_taken])
AS_IF([test $pbu_taken = yes], [HARDENING_LDFLAGS="$HARDENING_LDFLAGS $1"])
CFLAGS=$pbu_save_CFLAGS
LDFLAGS=$pbu_save_LDFLAGS
])

# PBU_FORTIFY(LEVEL)
# Adds _FORTIFY_SOURCE when the C library has this level, the compiler optimises (it is of no use, and
# warned of, otherwise), and CFLAGS don't set it to something else. A level that the compiler or
# CPPFLAGS, as those of dpkg-buildflags, set before is replaced: -U keeps that from being warned of.
AC_DEFUN([PBU_FORTIFY],
[AS_CASE([$HARDENING_CFLAGS], [*_FORTIFY_SOURCE*], [],
	[AC_MSG_CHECKING([whether $CC takes _FORTIFY_SOURCE=$1])
	pbu_save_CFLAGS=$CFLAGS
	pbu_save_CPPFLAGS=$CPPFLAGS
	# In the order of the makefile, which is not configure's own.
	CFLAGS="$CPPFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$1 $CFLAGS -Werror"
	CPPFLAGS=
	AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>
			#if !defined __OPTIMIZE__ || !defined __USE_FORTIFY_LEVEL || __USE_FORTIFY_LEVEL < $1
			#error "not this level"
			#endif]], [])],
		[AC_MSG_RESULT([yes])
		HARDENING_CFLAGS="$HARDENING_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$1"],
		[AC_MSG_RESULT([no])])
	CFLAGS=$pbu_save_CFLAGS
	CPPFLAGS=$pbu_save_CPPFLAGS])
])

# PBU_HARDENING
# Sets HARDENING_CFLAGS and HARDENING_LDFLAGS to what makes errors harder to exploit, as far as compiler
# and linker know it; --disable-hardening leaves them empty. After PBU_SANITIZERS: a sanitizer has its
# own checks of what _FORTIFY_SOURCE checks.
AC_DEFUN([PBU_HARDENING],
[AC_REQUIRE([PBU_SANITIZERS])
AC_ARG_ENABLE([hardening],
	[AS_HELP_STRING([--disable-hardening], [leave out the flags that make errors harder to exploit])],
	[], [enable_hardening=yes])
HARDENING_CFLAGS=
HARDENING_LDFLAGS=
AS_IF([test "x$enable_hardening" != xno],
	[# At an address that nobody knows.
	PBU_HARDENING_CFLAG([-fPIE])
	PBU_HARDENING_LDFLAG([-pie])
	# Function pointers of libraries are found at start, and read-only from then on.
	PBU_HARDENING_LDFLAG([-Wl,-z,relro])
	PBU_HARDENING_LDFLAG([-Wl,-z,now])
	PBU_HARDENING_LDFLAG([-Wl,-z,noexecstack])
	# The stack: overwritten return addresses are noticed, and it can't grow over a guard page.
	PBU_HARDENING_CFLAG([-fstack-protector-strong])
	PBU_HARDENING_CFLAG([-fstack-clash-protection])
	# Jumps and returns lead where they should: checked by the processor, on x86 and on ARM. (clang's
	# own -fsanitize=cfi needs link-time optimisation of everything, and costs.)
	PBU_HARDENING_CFLAG([-fcf-protection=full])
	PBU_HARDENING_CFLAG([-mbranch-protection=standard])
	AS_IF([test -z "$SANITIZER_FLAGS"],
		[PBU_FORTIFY([3])
		PBU_FORTIFY([2])])])
AC_SUBST([HARDENING_CFLAGS])
AC_SUBST([HARDENING_LDFLAGS])
])
