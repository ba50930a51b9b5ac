#include "rival.h"

const char *rival_open_output(struct rival *rival, int out, MMRESULT *result)
{
    *result = MMSYSERR_NOERROR;
    if (out >= 0)
        *result = rival->driver->calls->out_open(rival->driver, (UINT)out, NULL, 0, &rival->out);
    return *result == MMSYSERR_NOERROR ? NULL : "midiOutOpen";
}

const char *rival_open(struct rival *rival, int in, int out, onset_callback callback,
                       void *instance, MMRESULT *result)
{
    const struct onset_winmm *calls = rival->driver->calls;
    const char *failed = rival_open_output(rival, out, result);
    if (failed)
        return failed;
    *result = calls->in_open(rival->driver, (UINT)in, callback, (DWORD_PTR)instance, &rival->in);
    if (*result != MMSYSERR_NOERROR)
        failed = "midiInOpen";
    for (int i = 0; i < RIVAL_BUFFERS && !failed; i++) {
        MIDIHDR *header = &rival->headers[i];
        *header = (MIDIHDR){.lpData = rival->bytes[i], .dwBufferLength = sizeof rival->bytes[i]};
        *result = calls->in_prepare(rival->driver, rival->in, header);
        if (*result == MMSYSERR_NOERROR)
            *result = calls->in_add_buffer(rival->driver, rival->in, header);
        if (*result != MMSYSERR_NOERROR)
            failed = "midiInAddBuffer";
    }
    if (!failed) {
        *result = calls->in_start(rival->driver, rival->in);
        if (*result != MMSYSERR_NOERROR)
            failed = "midiInStart";
    }
    if (failed)
        rival_close(rival);
    return failed;
}

void rival_close(struct rival *rival)
{
    const struct onset_winmm *calls = rival->driver->calls;
    if (rival->in) {
        atomic_store_explicit(&rival->closing, true, memory_order_relaxed);
        calls->in_stop(rival->driver, rival->in);
        calls->in_reset(rival->driver, rival->in);
        for (int i = 0; i < RIVAL_BUFFERS; i++)
            calls->in_unprepare(rival->driver, rival->in, &rival->headers[i]);
        calls->in_close(rival->driver, rival->in);
        rival->in = NULL;
    }
    if (rival->out) {
        calls->out_close(rival->driver, rival->out);
        rival->out = NULL;
    }
}
