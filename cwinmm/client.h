// A client of the seam that makes the calls it is told to and notes what it hears, to test drivers.
#ifndef ONSET_CLIENT_H
#define ONSET_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "faults.h"
#include "winmm.h"

enum { ONSET_CLIENT_HEADERS = 8, ONSET_CLIENT_BYTES = 70000, ONSET_CLIENT_HEARD = 8192 };

// A callback, as it came.
struct onset_heard {
    uint32_t message; // MIM_ or MOM_
    uint32_t param;   // of a long message: the header's number
    uint32_t stamp;
    uint32_t bytes, flags; // of a long message: dwBytesRecorded, dwFlags
    uint64_t thread;
};

struct onset_client {
    struct onset_driver *driver;
    HMIDIIN in;
    HMIDIOUT out;
    struct onset_caps caps;
    _Atomic int32_t again; // so many buffers are added again from within the callback
    _Atomic uint32_t held; // 1: the input's callback does not return
    MIDIHDR headers[ONSET_CLIENT_HEADERS];
    char bytes[ONSET_CLIENT_HEADERS][ONSET_CLIENT_BYTES];
    _Atomic uint32_t taken, noted; // places in heard, and those of them that are written
    struct onset_heard heard[ONSET_CLIENT_HEARD];
};

struct onset_client *onset_client_new(struct onset_driver *driver);
void onset_client_free(struct onset_client *client);

// Makes a call. argument: the device's id, the header's number or the message.
MMRESULT onset_client_call(struct onset_client *client, enum onset_call call, uint32_t argument);

// Headers are behind functions because Go cannot see into them on Windows, where they are packed.
void onset_client_size(struct onset_client *client, uint32_t header, uint32_t size);
char *onset_client_bytes(struct onset_client *client, uint32_t header);
uint32_t onset_client_flags(struct onset_client *client, uint32_t header);
// Has the next count buffers that come home added again from within the callback.
void onset_client_again(struct onset_client *client, int32_t count);
// Keeps the driver's thread in the input's callback, until released.
void onset_client_hold(struct onset_client *client, bool hold);
// How many callbacks stand in heard.
uint32_t onset_client_noted(struct onset_client *client);

#endif
