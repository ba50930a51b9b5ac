// A lock and a datagram: the callback queues the message under a lock and wakes the consumer, which
// waits in recv, with a datagram over the loopback interface; how MIDIMonster's backend hands over.
// A datagram is only sent when the queue was empty: otherwise the consumer is awake.
#ifndef ONSET_DATAGRAM_H
#define ONSET_DATAGRAM_H

#include "rival.h"

struct datagram;

// Opens it. NULL: failed says which call, result how, if it is one of WinMM's.
struct datagram *datagram_open(const struct rival *rival, int in, int out, const char **failed,
                               MMRESULT *result);
// Receives on the calling thread until datagram_stop.
void datagram_receive(struct datagram *datagram);
bool datagram_drained(struct datagram *datagram);
void datagram_stop(struct datagram *datagram);
void datagram_free(struct datagram *datagram); // once the receiver has returned

#endif
