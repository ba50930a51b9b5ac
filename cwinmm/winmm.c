#include "winmm.h"

#include "memory.h"

void onset_driver_hold(struct onset_driver *driver)
{
    onset_hold(&driver->refs);
}

void onset_driver_drop(struct onset_driver *driver)
{
    if (onset_let_go(&driver->refs))
        driver->calls->destroy(driver);
}
