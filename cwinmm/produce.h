// A producer without a driver, to test and measure the ring alone.
#ifndef ONSET_PRODUCE_H
#define ONSET_PRODUCE_H

#include "ring.h"
#include "wait.h"

// Pushes count events; the n-th has n, from first on, in every field. With wait it waits for room
// (then first must be the number of events pushed before). Returns how many were not refused.
uint64_t onset_produce(struct onset_ring *ring, uint64_t first, uint64_t count, bool wait);

// Pushes one event, as the callback does one of its kind. False: it was refused.
bool onset_produce_one(struct onset_ring *ring, struct onset_event event);

// Has message lost count times, each as a concurrent callback's loss is: noted, then absorbed.
void onset_produce_losses(struct onset_ring *ring, uint32_t message, uint64_t count);

// Pushes count events and notifies waiter of each, a little while after the one before was taken:
// about when the consumer is going to sleep.
void onset_produce_singly(struct onset_ring *ring, struct onset_waiter *waiter, uint64_t count);

#endif
