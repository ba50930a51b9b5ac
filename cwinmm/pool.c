#include "pool.h"

#include "clock.h"
#include "memory.h"
#include "thread.h"

static _Atomic uint32_t kept_pools;

struct onset_pool *onset_pool_new(uint32_t count, uint32_t size)
{
    size_t headers = (count * sizeof(MIDIHDR) + ONSET_APART - 1) & ~(size_t)(ONSET_APART - 1);
    struct onset_pool *pool =
        onset_alloc(sizeof *pool + headers + (size_t)count * size, ONSET_APART);
    if (!pool)
        return NULL;
    pool->count = count;
    pool->size = size;
    pool->headers = (MIDIHDR *)(pool + 1);
    pool->refs = 1;
    char *memory = (char *)(pool + 1) + headers;
    for (uint32_t i = 0; i < count; i++) {
        pool->headers[i].lpData = memory + (size_t)i * size;
        pool->headers[i].dwBufferLength = size;
        pool->headers[i].dwUser = i;
    }
    return pool;
}

void onset_pool_hold(struct onset_pool *pool)
{
    onset_hold(&pool->refs);
}

void onset_pool_drop(struct onset_pool *pool)
{
    if (onset_let_go(&pool->refs) && !pool->kept)
        onset_free(pool);
}

void onset_pool_return(struct onset_pool *pool, uint32_t number)
{
    uint64_t written = atomic_load_explicit(&pool->home_written, memory_order_relaxed);
    // There is room: no buffer is on the way twice, and there are no more of them than places.
    pool->home[written % ONSET_BUFFERS] = (uint8_t)number;
    // Release: the number, and the reading of the buffer, which may be filled again (next_home).
    atomic_store_explicit(&pool->home_written, written + 1, memory_order_release);
}

static bool next_stray(struct onset_pool *pool, uint32_t *number)
{
    for (uint32_t i = 0; i < ONSET_BUFFERS / 64; i++) {
        // Seq_cst: read between arm and sleep. Pairs with onset_pool_stray.
        uint64_t bits = atomic_load(&pool->strays[i]);
        if (bits) {
            *number = 64 * i + (uint32_t)__builtin_ctzll(bits);
            atomic_fetch_and(&pool->strays[i], ~(bits & -bits));
            return true;
        }
    }
    return false;
}

static bool next_home(struct onset_pool *pool, uint32_t *number)
{
    // Seq_cst: read between arm and sleep. Pairs with onset_pool_return.
    if (pool->home_read == atomic_load(&pool->home_written))
        return false;
    *number = pool->home[pool->home_read++ % ONSET_BUFFERS];
    return true;
}

static MMRESULT give(struct onset_pool *pool, struct onset_driver *driver, HMIDIIN in,
                     struct onset_service *service, uint32_t number)
{
    onset_service_calling(service, "midiInAddBuffer");
    // First, because the driver may give it back at once. Relaxed: nobody waits for it to grow.
    atomic_fetch_add_explicit(&pool->away, 1, memory_order_relaxed);
    pool->headers[number].dwBytesRecorded = 0;
    MMRESULT result = driver->calls->in_add_buffer(driver, in, &pool->headers[number]);
    if (result != MMSYSERR_NOERROR)
        onset_pool_came_back(pool);
    return result;
}

MMRESULT onset_pool_fill(struct onset_pool *pool, struct onset_driver *driver, HMIDIIN in,
                         struct onset_service *service)
{
    for (uint32_t i = 0; i < pool->count; i++) {
        onset_service_calling(service, "midiInPrepareHeader");
        MMRESULT result = driver->calls->in_prepare(driver, in, &pool->headers[i]);
        if (result != MMSYSERR_NOERROR)
            return result;
        pool->prepared++;
        result = give(pool, driver, in, service, i);
        if (result != MMSYSERR_NOERROR)
            return result;
    }
    return MMSYSERR_NOERROR;
}

bool onset_pool_refill(struct onset_pool *pool, struct onset_driver *driver, HMIDIIN in,
                       struct onset_service *service, _Atomic uint64_t *failed)
{
    uint32_t number;
    bool any = false;
    while (next_home(pool, &number) || next_stray(pool, &number)) {
        pool->refused[number / 64] |= 1ull << number % 64;
        any = true;
    }
    for (number = 0; any && number < pool->count; number++) {
        uint64_t bit = 1ull << number % 64;
        if (!(pool->refused[number / 64] & bit))
            continue;
        if (give(pool, driver, in, service, number) == MMSYSERR_NOERROR)
            pool->refused[number / 64] &= ~bit;
        else
            atomic_fetch_add_explicit(failed, 1, memory_order_relaxed);
    }
    return any;
}

static void keep(struct onset_pool *pool)
{
    if (!pool->kept)
        atomic_fetch_add(&kept_pools, 1);
    pool->kept = true;
}

void onset_pool_await(struct onset_pool *pool, int64_t limit_ns)
{
    uint64_t due_ns = onset_os_ns() + (uint64_t)limit_ns;
    // Acquire: what callbacks did with the buffers (onset_pool_came_back).
    while (atomic_load_explicit(&pool->away, memory_order_acquire)) {
        if (onset_os_ns() >= due_ns) {
            keep(pool);
            return;
        }
        onset_sleep(500000);
    }
}

MMRESULT onset_pool_empty(struct onset_pool *pool, struct onset_driver *driver, HMIDIIN in,
                          struct onset_service *service)
{
    MMRESULT first = MMSYSERR_NOERROR;
    for (uint32_t i = 0; i < pool->prepared; i++) {
        onset_service_calling(service, "midiInUnprepareHeader");
        MMRESULT result = driver->calls->in_unprepare(driver, in, &pool->headers[i]);
        if (result == MIDIERR_STILLPLAYING)
            keep(pool);
        if (result != MMSYSERR_NOERROR && first == MMSYSERR_NOERROR)
            first = result;
    }
    return first;
}

uint32_t onset_kept_pools(void)
{
    return atomic_load(&kept_pools);
}
