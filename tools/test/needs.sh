# What the stages install, beside what the programs need: lists as tools/packages.sh has them. Sourced by test.sh.
# shellcheck shell=bash

test_needs=(
	libcmocka-dev=library:cmocka
	libfaketime=file:/usr/share/doc/libfaketime
	faketime=program:faketime
	clang=program:clang
	clang-format=program:clang-format
	shellcheck=program:shellcheck
	tzdata=file:/usr/share/zoneinfo/Europe/Berlin
	xz-utils=program:xz
	libseccomp-dev=library:libseccomp
	libsystemd-dev=library:libsystemd
	librdkafka-dev=library:rdkafka
	libcurl4-openssl-dev=library:libcurl
	binutils=program:readelf
	lnav=program:lnav
	slowhttptest=program:slowhttptest
	python3=program:python3
	python3-venv=python:ensurepip
)

page_needs=(
	chromium=program:chromium
	chromium-driver=program:chromedriver
	fonts-dejavu-core=file:/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf
)
# For the types and axe: both are packages of npm's.
page_slow_needs=(
	"${page_needs[@]}"
	nodejs=program:node
	npm=program:npm
	openssl=program:openssl
)

# What the stages that only compute install, each for itself; all of it before they run beside others.
static_needs=(clang-tidy=program:clang-tidy cppcheck=program:cppcheck)
m32_needs=(gcc-multilib=file:/usr/lib32/crt1.o)
fuzz_needs=("libclang-rt-dev=clang:libclang_rt.fuzzer-$(uname -m).a")

# Containers of our own making, and what goes into them.
deploy_needs=(
	debootstrap=program:debootstrap
	podman=program:podman
	runc=program:runc
	docker.io=program:dockerd
	docker-compose=program:docker-compose
	podman-compose=program:podman-compose
	containernetworking-plugins=file:/usr/lib/cni/bridge
	iptables=program:iptables
	iproute2=program:ip
	openssl=program:openssl
	git=program:git
	testssl.sh=program:testssl
	libsystemd-dev=library:libsystemd
	librdkafka-dev=library:rdkafka
	libcurl4-openssl-dev=library:libcurl
	maven=program:mvn
	debhelper=program:dh
	dpkg-dev=program:dpkg-buildpackage
	systemd=program:systemd-analyze
	systemd=library:systemd
	binutils=program:readelf
	lintian=program:lintian
	mandoc=program:mandoc
	logrotate=program:logrotate
)
