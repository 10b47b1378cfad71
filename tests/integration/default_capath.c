/* A libcurl that was built with the folder DEFAULT_CAPATH of authorities, by LD_PRELOAD: each of
 * its handles begins with it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#include <curl/curl.h>

CURL *
curl_easy_init(void)
{
	CURL *(*init)(void) = (CURL * (*)(void)) dlsym(RTLD_NEXT, "curl_easy_init");
	CURL *easy = init();

	if (easy != NULL)
		curl_easy_setopt(easy, CURLOPT_CAPATH, getenv("DEFAULT_CAPATH"));
	return easy;
}
