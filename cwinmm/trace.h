// The record of a measurement: a row for each message, with what was planned and when what happened
// to it. Everybody writes columns of their own, so that nobody waits for another's cache line, and
// nothing is computed while it is being measured.
#ifndef ONSET_TRACE_H
#define ONSET_TRACE_H

#include <stdint.h>

struct onset_trace {
    uint64_t count; // rows
    // The plan.
    uint64_t *at_ns;   // when to send it, from the start; never less than the row before
    uint32_t *message; // what to send; its data bytes are the row's number modulo 2^14, the low 7
                       // bits first, so that it is known again
    // What happened, in ticks of the clock; 0: it did not.
    uint64_t *late_ns; // the source: how long after its time it was sent (no ticks, and 0 is 0)
    uint64_t *sent;    //   just before it called the callback
    uint64_t *left;    //   just after it
    uint64_t *entered; // the consumer: the callback's stamp
    uint64_t *arrived; //   the handler's first instruction
    uint64_t *reached; // the sink: the output driver was given it
};

// Makes a trace of count rows in memory that has been touched, so that writing to it faults on no
// page. NULL: no memory.
struct onset_trace *onset_trace_new(uint64_t count);
void onset_trace_free(struct onset_trace *trace);

#endif
