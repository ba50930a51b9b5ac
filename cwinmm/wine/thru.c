// The floor of in-to-out: a program that sends each short message on, first thing in its callback.
//     thru INPUT OUTPUT        port names; runs until its standard input ends
// The page of MidiInProc forbids it (it names the few functions that may be called), and many
// programs do it.

#include <windows.h>

#include <mmsystem.h>

#include <stdio.h>
#include <string.h>

static HMIDIOUT out; // written before the input is started

static void CALLBACK callback(HMIDIIN in, UINT message, DWORD_PTR instance, DWORD_PTR param1,
                              DWORD_PTR param2)
{
    (void)in, (void)instance, (void)param2;
    if (message == MIM_DATA)
        midiOutShortMsg(out, (DWORD)param1);
}

static UINT find_input(const char *name)
{
    MIDIINCAPSA caps;
    for (UINT id = 0; midiInGetDevCapsA(id, &caps, sizeof caps) == MMSYSERR_NOERROR; id++)
        if (!strcmp(caps.szPname, name))
            return id;
    return midiInGetNumDevs(); // an id that nothing has
}

static UINT find_output(const char *name)
{
    MIDIOUTCAPSA caps;
    for (UINT id = 0; midiOutGetDevCapsA(id, &caps, sizeof caps) == MMSYSERR_NOERROR; id++)
        if (!strcmp(caps.szPname, name))
            return id;
    return midiOutGetNumDevs();
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: thru INPUT OUTPUT\n");
        return 2;
    }
    HMIDIIN in;
    MMRESULT result = midiOutOpen(&out, find_output(argv[2]), 0, 0, CALLBACK_NULL);
    if (!result)
        result = midiInOpen(&in, find_input(argv[1]), (DWORD_PTR)callback, 0, CALLBACK_FUNCTION);
    if (!result)
        result = midiInStart(in);
    if (result) {
        fprintf(stderr, "thru: MMRESULT %u\n", result);
        return 1;
    }
    printf("running\n");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    midiInStop(in);
    midiInClose(in);
    midiOutClose(out);
    return 0;
}
