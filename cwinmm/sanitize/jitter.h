// Delays at the atomics, for ThreadSanitizer and AddressSanitizer: whatever can come in between
// does. Given to gcc with -include, for the whole program; its <stdatomic.h> is made of these
// built-ins.
#ifndef JITTER_H
#define JITTER_H

// No header: the files that follow say first what they want of those.
int sched_yield(void);

static inline void jitter(void)
{
    static _Thread_local unsigned state;
    if (!state)
        state = (unsigned)(unsigned long)&state | 1;
    state = state * 1664525 + 1013904223;
    unsigned drawn = state >> 16;
    if (drawn % 1024 == 0)
        sched_yield();
    else if (drawn % 16 == 0)
        for (unsigned i = drawn >> 8; i > 0; i--)
            __asm__ volatile("");
}

#define __atomic_load(...)             (jitter(), __atomic_load(__VA_ARGS__))
#define __atomic_store(...)            (jitter(), __atomic_store(__VA_ARGS__))
#define __atomic_exchange(...)         (jitter(), __atomic_exchange(__VA_ARGS__))
#define __atomic_compare_exchange(...) (jitter(), __atomic_compare_exchange(__VA_ARGS__))
#define __atomic_fetch_add(...)        (jitter(), __atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_sub(...)        (jitter(), __atomic_fetch_sub(__VA_ARGS__))
#define __atomic_fetch_or(...)         (jitter(), __atomic_fetch_or(__VA_ARGS__))
#define __atomic_fetch_and(...)        (jitter(), __atomic_fetch_and(__VA_ARGS__))

#endif
