#define _GNU_SOURCE
#include "thread.h"

#include "clock.h"
#include "memory.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct start {
    void (*run)(void *);
    void *arg;
};

static void *begin(void *arg)
{
    struct start start = *(struct start *)arg;
    onset_free(arg);
    start.run(start.arg);
    return NULL;
}

bool onset_thread_start(void (*run)(void *), void *arg)
{
    struct start *start = onset_alloc(sizeof *start, _Alignof(max_align_t));
    if (!start)
        return false;
    *start = (struct start){run, arg};
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    bool started = pthread_create(&thread, &detached, begin, start) == 0;
    pthread_attr_destroy(&detached);
    if (!started)
        onset_free(start);
    return started;
}

uint64_t onset_thread_id(void)
{
    return (uint64_t)syscall(SYS_gettid);
}

void onset_sleep(uint64_t ns)
{
    struct timespec time = {.tv_sec = (time_t)(ns / 1000000000),
                            .tv_nsec = (long)(ns % 1000000000)};
    nanosleep(&time, NULL);
}

void onset_sleep_until(uint64_t os_ns)
{
    struct timespec time = {.tv_sec = (time_t)(os_ns / 1000000000),
                            .tv_nsec = (long)(os_ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
        ;
}

void onset_yield(void)
{
    sched_yield();
}

uint64_t onset_thread_cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

bool onset_thread_pin(int processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (processor >= CPU_SETSIZE)
        return false;
    if (processor >= 0)
        CPU_SET(processor, &set);
    else
        for (int i = 0; i < CPU_SETSIZE; i++)
            CPU_SET(i, &set); // the kernel leaves out what there is not
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

uint32_t onset_processor(void)
{
    return (uint32_t)sched_getcpu();
}

static_assert(sizeof(cpu_set_t) == sizeof(struct onset_affinity), "thread.h keeps a cpu_set_t");

bool onset_affinity_keep(struct onset_affinity *affinity)
{
    return sched_getaffinity(0, sizeof(cpu_set_t), (cpu_set_t *)affinity) == 0;
}

bool onset_affinity_narrow(const struct onset_affinity *affinity, uint32_t processor)
{
    return processor < CPU_SETSIZE && CPU_ISSET(processor, (const cpu_set_t *)affinity) &&
           onset_thread_pin((int)processor);
}

void onset_affinity_widen(const struct onset_affinity *affinity)
{
    onset_affinity_widen_other(affinity, 0);
}

bool onset_thread_refer(onset_thread *thread)
{
    *thread = (onset_thread)onset_thread_id();
    return true;
}

void onset_thread_forget(onset_thread thread)
{
    (void)thread;
}

void onset_affinity_widen_other(const struct onset_affinity *affinity, onset_thread thread)
{
    sched_setaffinity(thread, sizeof(cpu_set_t), (const cpu_set_t *)affinity);
}

// In the middle of the range, below the kernel's own interrupt threads (50).
#define FIFO_PRIORITY 40

#define LEAST_NICE (-20)

static bool set_policy(int policy, int priority)
{
    struct sched_param param = {.sched_priority = priority};
    // A child process must not inherit it.
    return sched_setscheduler(0, policy | SCHED_RESET_ON_FORK, &param) == 0;
}

enum onset_priority onset_thread_raise(bool busy, uintptr_t *task)
{
    *task = 0;
    if (busy) {
        // The kernel takes a thread of real-time priority off its processor for 50 ms of each
        // second that it does not sleep in.
        int before = getpriority(PRIO_PROCESS, 0); // a thread's own, on Linux
        *task = (uintptr_t)(before - LEAST_NICE);
        bool nice = set_policy(SCHED_OTHER, 0) && setpriority(PRIO_PROCESS, 0, LEAST_NICE) == 0;
        return nice ? ONSET_PRIORITY_NICE : ONSET_PRIORITY_NORMAL;
    }
    return set_policy(SCHED_FIFO, FIFO_PRIORITY) ? ONSET_PRIORITY_FIFO : ONSET_PRIORITY_NORMAL;
}

void onset_thread_lower(enum onset_priority granted, uintptr_t task)
{
    struct sched_param param = {0};
    if (granted == ONSET_PRIORITY_NICE)
        setpriority(PRIO_PROCESS, 0, (int)task + LEAST_NICE);
    if (granted != ONSET_PRIORITY_NORMAL)
        sched_setscheduler(0, SCHED_OTHER, &param);
}
