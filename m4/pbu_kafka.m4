# PBU_KAFKA
# librdkafka's header, for src/kafka: where it is there, unless --without-kafka. The library is not linked:
# a program that is told of brokers loads it when it starts (src/kafka/kafka.c).
AC_DEFUN([PBU_KAFKA],
[AC_ARG_WITH([kafka],
	[AS_HELP_STRING([--with-kafka@<:@=yes|no|auto@:>@],
		[publish to Kafka, and pbu-log-writer, by librdkafka; auto (the default): where its header is there])],
	[], [with_kafka=auto])
AS_IF([test "x$with_kafka" != xno],
	[PKG_CHECK_MODULES([RDKAFKA], [rdkafka >= 2.0.2],
		[with_kafka=yes
		AC_DEFINE([HAVE_KAFKA], [1], [Define to have Kafka, by librdkafka.])
		AC_SEARCH_LIBS([dlopen], [dl])],
		[AS_IF([test "x$with_kafka" = xyes],
			[AC_MSG_ERROR([--with-kafka needs librdkafka (Debian: librdkafka-dev)])])
		with_kafka=no])])
AM_CONDITIONAL([WITH_KAFKA], [test "x$with_kafka" = xyes])
])
