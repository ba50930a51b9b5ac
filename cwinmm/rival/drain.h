// The ring alone, without a driver: a producer, and a consumer in C to compare Ring.Look and
// Ring.Next with.
#ifndef ONSET_DRAIN_H
#define ONSET_DRAIN_H

#include <stdint.h>

#include "../ring.h"

// Pushes count events as fast as the consumer makes room. The n-th has n for its data.
void drain_fill(struct onset_ring *ring, uint32_t count);

// Takes count events, spinning, and returns the sum of their data.
uint64_t drain_take(struct onset_ring *ring, uint32_t count);

#endif
