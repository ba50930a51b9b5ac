#include "trace.h"

#include "memory.h"

struct onset_trace *onset_trace_new(uint64_t count)
{
    enum { COLUMNS = 7, PAGE = 4096 };
    size_t column = (count * sizeof(uint64_t) + PAGE - 1) & ~(size_t)(PAGE - 1);
    char *memory = onset_alloc(PAGE + (COLUMNS + 1) * column, PAGE);
    if (!memory)
        return NULL;
    struct onset_trace *trace = (struct onset_trace *)memory;
    uint64_t *columns[COLUMNS];
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = (uint64_t *)(memory + PAGE + (size_t)i * column);
    *trace = (struct onset_trace){
        .count = count,
        .at_ns = columns[0],
        .late_ns = columns[1],
        .sent = columns[2],
        .left = columns[3],
        .entered = columns[4],
        .arrived = columns[5],
        .reached = columns[6],
        .message = (uint32_t *)(memory + PAGE + COLUMNS * column),
    };
    return trace;
}

void onset_trace_free(struct onset_trace *trace)
{
    onset_free(trace);
}
