// What a program can ask of the machine that it runs on, and what that tells: sleeping and power.
// For the whole process.
#ifndef ONSET_MACHINE_H
#define ONSET_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

// What asking the system for something came to: 0, its own error number, or that it has no such
// thing.
typedef uint32_t onset_grant;
#define ONSET_GRANTED   0
#define ONSET_NO_SUCH   0xFFFFFFFF
#define ONSET_HALF_ONLY 0xFFFFFFFE // onset_unthrottle: but timers may be as coarse as it likes

// Keeps the machine from going to sleep by itself, until request is given up. The user can still
// send it to sleep, and so does a lid.
onset_grant onset_stay_awake(uintptr_t *request);
void onset_may_sleep(uintptr_t request);

// Says whether the system may run the process at less than full speed to save power: it decides
// itself at first.
onset_grant onset_unthrottle(bool full_speed);

// How long the machine has slept since it was started, as far as its clocks show. It may be told a
// little late, never too early.
uint64_t onset_slept_ns(void);

// Has the system tell when the machine wakes up, from now on. Once a process.
onset_grant onset_hear_waking(void);
// How often it has. A waking may show here later than in onset_slept_ns, or, where the machine
// sleeps with its clocks running, here alone.
uint32_t onset_wakings(void);

#endif
