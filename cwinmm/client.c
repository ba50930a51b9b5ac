#include "client.h"

#include "memory.h"
#include "thread.h"
#include "wait.h"

static void note(struct onset_client *client, uint32_t message, DWORD_PTR param, DWORD_PTR stamp)
{
    uint32_t place = atomic_fetch_add(&client->taken, 1);
    if (place < ONSET_CLIENT_HEARD) {
        struct onset_heard *heard = &client->heard[place];
        *heard = (struct onset_heard){message, (uint32_t)param, (uint32_t)stamp, 0, 0, 0};
        heard->thread = onset_thread_id();
        if (message == MIM_LONGDATA || message == MIM_LONGERROR || message == MOM_DONE) {
            const MIDIHDR *header = (const MIDIHDR *)param;
            heard->param = (uint32_t)(header - client->headers);
            heard->bytes = header->dwBytesRecorded;
            heard->flags = header->dwFlags;
        }
    }
    while (atomic_load(&client->noted) != place)
        onset_yield(); // two threads may call at once
    atomic_store(&client->noted, place + 1);
}

static void CALLBACK hear_in(HMIDIIN handle, UINT message, DWORD_PTR instance, DWORD_PTR param1,
                             DWORD_PTR param2)
{
    struct onset_client *client = (struct onset_client *)instance;
    note(client, message, param1, param2);
    while (atomic_load(&client->held))
        onset_wait(&client->held, 1, ONSET_FOREVER);
    if (message == MIM_LONGDATA && atomic_load(&client->again) > 0) {
        atomic_fetch_sub(&client->again, 1);
        client->driver->calls->in_add_buffer(client->driver, handle, (MIDIHDR *)param1);
    }
}

static void CALLBACK hear_out(HMIDIOUT handle, UINT message, DWORD_PTR instance, DWORD_PTR param1,
                              DWORD_PTR param2)
{
    (void)handle;
    note((struct onset_client *)instance, message, param1, param2);
}

struct onset_client *onset_client_new(struct onset_driver *driver)
{
    struct onset_client *client = onset_alloc(sizeof *client, _Alignof(max_align_t));
    if (!client)
        return NULL;
    onset_driver_hold(driver);
    client->driver = driver;
    for (int i = 0; i < ONSET_CLIENT_HEADERS; i++) {
        client->headers[i].lpData = client->bytes[i];
        client->headers[i].dwBufferLength = ONSET_CLIENT_BYTES;
    }
    return client;
}

void onset_client_free(struct onset_client *client)
{
    onset_driver_drop(client->driver);
    onset_free(client);
}

MMRESULT onset_client_call(struct onset_client *client, enum onset_call call, uint32_t argument)
{
    struct onset_driver *driver = client->driver;
    const struct onset_winmm *calls = driver->calls;
    MIDIHDR *header = &client->headers[argument % ONSET_CLIENT_HEADERS];
    DWORD_PTR instance = (DWORD_PTR)client;
    switch (call) {
    case ONSET_IN_COUNT:
        return calls->in_count(driver); // no result, but who asks knows
    case ONSET_IN_CAPS:
        return calls->in_caps(driver, argument, &client->caps);
    case ONSET_OUT_CAPS:
        return calls->out_caps(driver, argument, &client->caps);
    case ONSET_IN_OPEN:
        return calls->in_open(driver, argument, hear_in, instance, &client->in);
    case ONSET_IN_PREPARE:
        return calls->in_prepare(driver, client->in, header);
    case ONSET_IN_UNPREPARE:
        return calls->in_unprepare(driver, client->in, header);
    case ONSET_IN_ADD_BUFFER:
        return calls->in_add_buffer(driver, client->in, header);
    case ONSET_IN_START:
        return calls->in_start(driver, client->in);
    case ONSET_IN_STOP:
        return calls->in_stop(driver, client->in);
    case ONSET_IN_RESET:
        return calls->in_reset(driver, client->in);
    case ONSET_IN_CLOSE:
        return calls->in_close(driver, client->in);
    case ONSET_OUT_OPEN:
        return calls->out_open(driver, argument, hear_out, instance, &client->out);
    case ONSET_OUT_SHORT:
        return calls->out_short(driver, client->out, argument);
    case ONSET_OUT_PREPARE:
        return calls->out_prepare(driver, client->out, header);
    case ONSET_OUT_UNPREPARE:
        return calls->out_unprepare(driver, client->out, header);
    case ONSET_OUT_LONG:
        return calls->out_long(driver, client->out, header);
    case ONSET_OUT_RESET:
        return calls->out_reset(driver, client->out);
    case ONSET_OUT_CLOSE:
        return calls->out_close(driver, client->out);
    default:
        break;
    }
    return MMSYSERR_NOTSUPPORTED;
}

void onset_client_size(struct onset_client *client, uint32_t header, uint32_t size)
{
    client->headers[header].dwBufferLength = size;
}

char *onset_client_bytes(struct onset_client *client, uint32_t header)
{
    return client->bytes[header];
}

uint32_t onset_client_flags(struct onset_client *client, uint32_t header)
{
    return client->headers[header].dwFlags;
}

void onset_client_again(struct onset_client *client, int32_t count)
{
    atomic_store(&client->again, count);
}

void onset_client_hold(struct onset_client *client, bool hold)
{
    atomic_store(&client->held, hold);
    onset_wake_all(&client->held);
}

uint32_t onset_client_noted(struct onset_client *client)
{
    return atomic_load(&client->noted);
}
