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
    if (*result != MMSYSERR_NOERROR) {
        failed = "midiInOpen";
    } else {
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
        calls->in_stop(rival->driver, rival->in);
        calls->in_reset(rival->driver, rival->in);
        calls->in_close(rival->driver, rival->in);
        rival->in = NULL;
    }
    if (rival->out) {
        calls->out_close(rival->driver, rival->out);
        rival->out = NULL;
    }
}
