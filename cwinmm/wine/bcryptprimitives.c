// The one export of bcryptprimitives.dll that Go's runtime needs to start and Wine 8 does not have.
#include <windows.h>

// RtlGenRandom, under the name advapi32 exports it by.
BOOLEAN NTAPI SystemFunction036(void *buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *buffer, SIZE_T length)
{
    while (length > 0) {
        ULONG part = length < MAXLONG ? (ULONG)length : MAXLONG;
        if (!SystemFunction036(buffer, part))
            return FALSE;
        buffer += part;
        length -= part;
    }
    return TRUE;
}
