#include "watch.h"

#include <windows.h>

#include <cfgmgr32.h>

// cfgmgr32.dll (Windows 8 for these), which the program does not need to start.
typedef CONFIGRET WINAPI registering(PCM_NOTIFY_FILTER filter, PVOID context,
                                     PCM_NOTIFY_CALLBACK callback, PHCMNOTIFICATION notification);
typedef CONFIGRET WINAPI unregistering(HCMNOTIFICATION notification);

// On a thread of the system's, with each device interface, of whatever kind, that comes or goes.
static DWORD CALLBACK heard(HCMNOTIFICATION notification, PVOID context, CM_NOTIFY_ACTION action,
                            PCM_NOTIFY_EVENT_DATA data, DWORD size)
{
    (void)notification, (void)action, (void)data, (void)size;
    struct onset_watch *watch = context;
    // Seq_cst, before the bell: pairs with the look between arm and rest (watch.c). Once is enough.
    if (!atomic_exchange(&watch->hurried, true))
        onset_notify(&watch->service.bell);
    return ERROR_SUCCESS;
}

// cfgmgr32.dll stays loaded: a call that has been waited for may still be on its way out of it.
static void *find(const char *function)
{
    HMODULE library = LoadLibraryExW(L"cfgmgr32.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    return library ? (void *)GetProcAddress(library, function) : NULL;
}

void onset_notify_begin(struct onset_watch *watch)
{
    registering *ask = (registering *)find("CM_Register_Notification");
    // Of every class: drivers' ports appear under several, and one look more is cheap.
    CM_NOTIFY_FILTER filter = {
        .cbSize = sizeof filter,
        .Flags = CM_NOTIFY_FILTER_FLAG_ALL_INTERFACE_CLASSES,
        .FilterType = CM_NOTIFY_FILTER_TYPE_DEVICEINTERFACE,
    };
    HCMNOTIFICATION notification = NULL;
    if (ask && ask(&filter, watch, heard, &notification) == CR_SUCCESS)
        watch->notification = notification;
}

void onset_notify_end(struct onset_watch *watch)
{
    if (!watch->notification)
        return;
    unregistering *end = (unregistering *)find("CM_Unregister_Notification");
    if (end)
        end(watch->notification); // waits for the calls under way
}
