#include "callback.h"

#include "_cgo_export.h"

static void CALLBACK call_go(HMIDIIN handle, UINT message, DWORD_PTR instance, DWORD_PTR param1,
                             DWORD_PTR param2)
{
    struct exported *exported = (struct exported *)instance;
    (void)handle;
    if (rival_is_short(&exported->rival, message, param1))
        onsetRivalDeliver(exported->handle, onset_ticks(exported->rival.clock), (uint32_t)param1,
                          (uint32_t)param2);
}

const char *exported_open(struct exported *exported, int in, int out, MMRESULT *result)
{
    return rival_open(&exported->rival, in, out, call_go, exported, result);
}

void rival_send_on(const struct rival *rival, uint32_t message)
{
    rival_send(rival, message);
}

static void CALLBACK send_on(HMIDIIN handle, UINT message, DWORD_PTR instance, DWORD_PTR param1,
                             DWORD_PTR param2)
{
    struct rival *rival = (struct rival *)instance;
    (void)handle;
    if (!rival_is_short(rival, message, param1))
        return;
    uint64_t now = onset_ticks(rival->clock);
    rival_send(rival, (uint32_t)param1);
    if (param2 < rival->trace->count)
        rival->trace->entered[param2] = now;
}

const char *in_callback_open(struct rival *rival, int in, int out, MMRESULT *result)
{
    return rival_open(rival, in, out, send_on, rival, result);
}
