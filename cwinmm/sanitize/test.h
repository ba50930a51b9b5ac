// What the tests of the C core share. They are run by main.c, and end by themselves.
#ifndef TEST_H
#define TEST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../loopback.h"
#include "../wait.h"

// Ends the program if something does not hold.
#define CHECK(holds) ((holds) ? (void)0 : test_fail(__FILE__, __LINE__, #holds))
__attribute__((noreturn)) void test_fail(const char *file, int line, const char *what);

// How many of a hundred: the usual amount of work is that of 100 percent.
uint64_t test_share(uint64_t hundred);

pthread_t test_start(void *(*run)(void *), void *arg);
void test_join(pthread_t thread);

// A number below limit, from a plain congruential generator.
static inline uint32_t test_draw(uint32_t *state, uint32_t limit)
{
    *state = *state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(*state >> 8) * limit >> 24);
}

// Waits a moment for another thread, in a loop that looks whether it is time.
static inline void test_pause(void)
{
    static _Thread_local uint32_t times;
    if (++times % 256)
        onset_pause();
    else
        onset_yield();
}

// Cables, named by their numbers.
struct onset_driver *test_cables(uint32_t count);

#define TEST_DEADLINE_NS 30000000000 // far more than anything takes, under any tool

// The tests. Each checks its own books: nothing lost, twice, torn or out of order.
void test_ring(void);
void test_sleep(void);
void test_close(void);
void test_send(void);
void test_route(void);

#endif
