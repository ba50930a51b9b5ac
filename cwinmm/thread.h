// Threads, a lock for where one may be taken, and what a thread can ask of the scheduler.
#ifndef ONSET_THREAD_H
#define ONSET_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#ifdef _WIN32
#include <windows.h>
typedef SRWLOCK onset_mutex;
static inline void onset_lock(onset_mutex *mutex)
{
    AcquireSRWLockExclusive(mutex);
}
static inline void onset_unlock(onset_mutex *mutex)
{
    ReleaseSRWLockExclusive(mutex);
}
#else
#include <pthread.h>
typedef pthread_mutex_t onset_mutex; // zeroed is unlocked, as an SRWLOCK is
static inline void onset_lock(onset_mutex *mutex)
{
    pthread_mutex_lock(mutex);
}
static inline void onset_unlock(onset_mutex *mutex)
{
    pthread_mutex_unlock(mutex);
}
#endif

// Starts a thread that nobody joins: what it does is told by words that others wait on. False: the
// system gave none.
bool onset_thread_start(void (*run)(void *), void *arg);

uint64_t onset_thread_id(void);
uint64_t onset_thread_cpu_ns(void); // processor time the calling thread has used
void onset_sleep(uint64_t ns);
void onset_sleep_until(uint64_t os_ns); // of onset_os_ns; returns at once if that has passed
void onset_yield(void);

// Keeps the calling thread on one processor, numbered from 0; below 0: lets it go anywhere again.
// False: not granted.
bool onset_thread_pin(int processor);
uint32_t onset_processor(void); // that the calling thread is on at the moment

// Where a thread may run. keep remembers that of the calling thread; narrow keeps it to one of
// those processors, and is false if it is none of them; widen lets it go anywhere it could before.
struct onset_affinity {
#ifdef _WIN32
    DWORD_PTR mask;
#else
    unsigned char mask[128]; // a cpu_set_t
#endif
};
bool onset_affinity_keep(struct onset_affinity *affinity);
bool onset_affinity_narrow(const struct onset_affinity *affinity, uint32_t processor);
void onset_affinity_widen(const struct onset_affinity *affinity);

// The calling thread, for others to widen where it may run. False: not granted. forget ends that,
// before the thread does.
#ifdef _WIN32
typedef HANDLE onset_thread;
#else
typedef int onset_thread;
#endif
bool onset_thread_refer(onset_thread *thread);
void onset_thread_forget(onset_thread thread);
void onset_affinity_widen_other(const struct onset_affinity *affinity, onset_thread thread);

// Gives the processor a hint that this is a busy wait.
static inline void onset_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// What raising a thread's priority came to.
enum onset_priority {
    ONSET_PRIORITY_NORMAL = 0,
    ONSET_PRIORITY_FIFO = 1,          // Linux: SCHED_FIFO
    ONSET_PRIORITY_PRO_AUDIO = 2,     // Windows: MMCSS task "Pro Audio"
    ONSET_PRIORITY_TIME_CRITICAL = 3, // Windows: THREAD_PRIORITY_TIME_CRITICAL
    ONSET_PRIORITY_NICE = 4,          // Linux: nice -20
};

// Raises the calling thread and says to what; NORMAL: not granted. busy: it may use up a processor
// for long, which Linux does not let a thread of SCHED_FIFO do. lower undoes it on the same thread,
// given what raise returned and set.
enum onset_priority onset_thread_raise(bool busy, uintptr_t *task);
void onset_thread_lower(enum onset_priority granted, uintptr_t task);

#endif
