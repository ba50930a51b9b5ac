// A producer without a driver, to test and measure the ring alone.
#ifndef ONSET_PRODUCE_H
#define ONSET_PRODUCE_H

#include "ring.h"

// Pushes count events; the n-th has n, from first on, in every field. With wait it waits for room
// (then first must be the number of events pushed before). Returns how many were not refused.
uint64_t onset_produce(struct onset_ring *ring, uint64_t first, uint64_t count, bool wait);

#endif
