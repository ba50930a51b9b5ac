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

// Memory of size bytes (rounded up) at an address that align, a power of two, divides; or NULL.
// onset_alloc's is zeroed.
void *onset_alloc(size_t size, size_t align);
void *onset_alloc_raw(size_t size, size_t align);
void onset_free(void *memory); // NULL: nothing

// How many blocks of memory there are in the whole process that have not been freed.
int64_t onset_blocks(void);

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
