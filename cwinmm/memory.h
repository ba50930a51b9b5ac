// Memory that several threads share the end of: the last to let go frees it. That is how a ring or
// a wait word outlives an input whose driver never came back.
#ifndef ONSET_MEMORY_H
#define ONSET_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <malloc.h>
#endif

// Zeroed memory of size bytes (rounded up) at an address that align, a power of two, divides; or
// NULL.
static inline void *onset_alloc(size_t size, size_t align)
{
    size = (size + align - 1) & ~(align - 1);
#ifdef _WIN32
    void *memory = _aligned_malloc(size, align);
#else
    void *memory = aligned_alloc(align, size);
#endif
    return memory ? memset(memory, 0, size) : NULL;
}

static inline void onset_free(void *memory)
{
#ifdef _WIN32
    _aligned_free(memory);
#else
    free(memory);
#endif
}

static inline void onset_hold(_Atomic uint32_t *refs)
{
    atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

// True for the last one, which may free: acquire-release orders everyone's last use before that.
static inline bool onset_let_go(_Atomic uint32_t *refs)
{
    return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

#endif
