// A thread that looks at the list of devices again and again, and tells a waiter when it has
// changed. In C, so that a program with nothing to do wakes up once for each look and no more: a
// goroutine's timer has Go's scheduler wake up several times.
#ifndef ONSET_WATCH_H
#define ONSET_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "service.h"
#include "wait.h"
#include "winmm.h"

struct onset_watch {
    struct onset_service service;
    struct onset_driver *driver;
    struct onset_waiter *told;
    int64_t every_ns;
    _Atomic bool hurried;   // by the system, which tells of devices that come and go
    _Atomic bool insistent; // see onset_watch_insist
    _Atomic uint32_t refs;  // the thread holds one
    void *notification;     // notify_windows.c
};

// Starts a thread that looks every so often, and sooner when the system tells of a device, where it
// does that, but then no more often than once a second. After a look that finds another list than
// the one before, or that any port in the process has lost its device since, told is commanded, and
// after the first in any case. The thread keeps a reference of driver and told. A driver that does
// not return from a look can be seen (service.h): until it does, nothing is told. NULL: outcome
// says why.
struct onset_watch *onset_watch_start(struct onset_driver *driver, struct onset_waiter *told,
                                      int64_t every_ns, struct onset_outcome *outcome);

// Has told commanded after every look, or no longer: from the next look that begins. Any thread.
void onset_watch_insist(struct onset_watch *watch, bool insistent);

// Ends it, once. False: the driver does not return from a look in time; the thread is abandoned.
bool onset_watch_stop(struct onset_watch *watch, int64_t deadline_ns,
                      struct onset_outcome *outcome);

// There is news of some port: it has lost its device, an output has moved to its thread or back, or
// messages go round. The watches' next look finds that. It wakes nobody; who has to know sooner is
// told otherwise. Any thread.
void onset_note_news(void);

// notify_windows.c, notify_linux.c: has the system set hurried and ring the bell, if it can, until
// the end.
void onset_notify_begin(struct onset_watch *watch);
void onset_notify_end(struct onset_watch *watch);

#endif
