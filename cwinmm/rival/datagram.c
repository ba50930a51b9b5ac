#ifdef _WIN32
#include <winsock2.h> // wants to come before windows.h
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
typedef int SOCKET;
#define INVALID_SOCKET (-1)
#define closesocket    close
#endif

#include "datagram.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../ring.h"
#include "../thread.h"

#define QUEUE 4096 // messages, as many as an input's ring holds

struct datagram {
    struct rival rival;
    SOCKET receiver, sender;
    _Atomic bool stopping;
    onset_mutex lock; // over what follows
    uint32_t waiting;
    struct onset_event queue[QUEUE];
    // The receiver's own.
    struct onset_event taken[QUEUE];
    _Atomic uint32_t busy; // messages taken and not yet delivered
};

static void CALLBACK enqueue(HMIDIIN handle, UINT message, DWORD_PTR instance, DWORD_PTR param1,
                             DWORD_PTR param2)
{
    struct datagram *d = (struct datagram *)instance;
    (void)handle;
    if (!rival_is_short(&d->rival, message, param1))
        return;
    struct onset_event event = {
        .ticks = onset_ticks(d->rival.clock),
        .data = (uint32_t)param1,
        .driver_ms = (uint32_t)param2,
    };
    onset_lock(&d->lock);
    bool first = d->waiting == 0;
    if (d->waiting < QUEUE)
        d->queue[d->waiting++] = event;
    onset_unlock(&d->lock);
    if (first)
        send(d->sender, "", 1, 0);
}

static bool connect_pair(struct datagram *d)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    d->receiver = socket(AF_INET, SOCK_DGRAM, 0);
    d->sender = socket(AF_INET, SOCK_DGRAM, 0);
    return d->receiver != INVALID_SOCKET && d->sender != INVALID_SOCKET &&
           bind(d->receiver, (struct sockaddr *)&address, sizeof address) == 0 &&
           getsockname(d->receiver, (struct sockaddr *)&address, &length) == 0 &&
           connect(d->sender, (struct sockaddr *)&address, sizeof address) == 0;
}

struct datagram *datagram_open(const struct rival *rival, int in, int out, const char **failed,
                               MMRESULT *result)
{
    *result = MMSYSERR_NOMEM;
    *failed = "datagram";
    struct datagram *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->rival = *rival;
    d->receiver = d->sender = INVALID_SOCKET;
#ifdef _WIN32
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data); // counted: datagram_free takes it back
#endif
    if (connect_pair(d))
        *failed = rival_open(&d->rival, in, out, enqueue, d, result);
    else
        *failed = "socket";
    if (!*failed)
        return d;
    datagram_free(d);
    return NULL;
}

void datagram_receive(struct datagram *d)
{
    char byte;
    while (!atomic_load(&d->stopping)) {
        recv(d->receiver, &byte, 1, 0);
        onset_lock(&d->lock);
        uint32_t count = d->waiting;
        memcpy(d->taken, d->queue, count * sizeof d->taken[0]);
        atomic_store(&d->busy, count);
        d->waiting = 0;
        onset_unlock(&d->lock);
        for (uint32_t i = 0; i < count; i++) {
            rival_arrive(&d->rival, d->taken[i].driver_ms, d->taken[i].ticks);
            rival_send(&d->rival, d->taken[i].data);
        }
        atomic_store(&d->busy, 0);
    }
}

bool datagram_drained(struct datagram *d)
{
    onset_lock(&d->lock);
    bool drained = d->waiting == 0 && atomic_load(&d->busy) == 0;
    onset_unlock(&d->lock);
    return drained;
}

void datagram_stop(struct datagram *d)
{
    atomic_store(&d->stopping, true);
    send(d->sender, "", 1, 0);
}

void datagram_free(struct datagram *d)
{
    rival_close(&d->rival);
    if (d->receiver != INVALID_SOCKET)
        closesocket(d->receiver);
    if (d->sender != INVALID_SOCKET)
        closesocket(d->sender);
#ifdef _WIN32
    WSACleanup();
#endif
    free(d);
}
