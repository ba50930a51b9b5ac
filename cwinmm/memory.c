#include "memory.h"

#ifdef _WIN32
#include <malloc.h>
#endif

static _Atomic int64_t blocks;

void *onset_alloc_raw(size_t size, size_t align)
{
    size = (size + align - 1) & ~(align - 1);
#ifdef _WIN32
    void *memory = _aligned_malloc(size, align);
#else
    void *memory = aligned_alloc(align, size);
#endif
    // Relaxed, here and below: a count, which guards nothing.
    if (memory)
        atomic_fetch_add_explicit(&blocks, 1, memory_order_relaxed);
    return memory;
}

void *onset_alloc(size_t size, size_t align)
{
    void *memory = onset_alloc_raw(size, align);
    return memory ? memset(memory, 0, size) : NULL;
}

void onset_free(void *memory)
{
    if (!memory)
        return;
    atomic_fetch_sub_explicit(&blocks, 1, memory_order_relaxed);
#ifdef _WIN32
    _aligned_free(memory);
#else
    free(memory);
#endif
}

int64_t onset_blocks(void)
{
    return atomic_load_explicit(&blocks, memory_order_relaxed);
}
