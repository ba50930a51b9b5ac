// Runs the tests of the C core.
//     core [PERCENT [TEST...]]    of the usual amount of work; the tests that are named, or all
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../memory.h"
#include "../service.h"
#include "test.h"

static uint64_t percent = 100;

void test_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    _Exit(1); // the other threads go on
}

uint64_t test_share(uint64_t hundred)
{
    uint64_t share = hundred * percent / 100;
    return share ? share : 1;
}

pthread_t test_start(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run, arg) == 0);
    return thread;
}

void test_join(pthread_t thread)
{
    CHECK(pthread_join(thread, NULL) == 0);
}

struct onset_driver *test_cables(uint32_t count)
{
    uint16_t names[4][32] = {{0}};
    for (uint16_t i = 0; i < 4; i++)
        names[i][0] = '0' + i;
    CHECK(count <= 4);
    struct onset_driver *driver = onset_loopback_new(names, count);
    CHECK(driver);
    return driver;
}

// Cables' threads end by themselves.
static void await_blocks(void)
{
    uint64_t due_ns = onset_os_ns() + TEST_DEADLINE_NS;
    while (onset_blocks() != 0 && onset_os_ns() < due_ns)
        onset_sleep(1000000);
    CHECK(onset_blocks() == 0);
    onset_sleep(20000000); // from their last word to their end
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"ring", test_ring}, {"sleep", test_sleep}, {"close", test_close},
        {"send", test_send}, {"route", test_route},
    };
    if (argc > 1)
        percent = strtoull(argv[1], NULL, 10);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        bool wanted = argc <= 2;
        for (int n = 2; n < argc; n++)
            wanted |= strcmp(argv[n], tests[i].name) == 0;
        uint64_t start = onset_os_ns();
        if (!wanted)
            continue;
        tests[i].run();
        await_blocks();
        CHECK(onset_abandoned() == 0);
        printf(" (%.1f s)\n", (double)(onset_os_ns() - start) / 1e9);
        fflush(stdout);
    }
    return 0;
}
