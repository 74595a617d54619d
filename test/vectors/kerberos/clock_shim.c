/* Preloaded into a program, its clock is CLOCK_AHEAD seconds off. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long ahead(void)
{
    const char *seconds = getenv("CLOCK_AHEAD");
    return seconds == NULL ? 0 : atol(seconds);
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    int (*real)(struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
    int result = real(tv, tz);
    if (result == 0 && tv != NULL) tv->tv_sec += ahead();
    return result;
}

time_t time(time_t *out)
{
    time_t (*real)(time_t *) = dlsym(RTLD_NEXT, "time");
    time_t now = real(NULL) + ahead();
    if (out != NULL) *out = now;
    return now;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, ts);
    if (result == 0 && clock == CLOCK_REALTIME) ts->tv_sec += ahead();
    return result;
}
