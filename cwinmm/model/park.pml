/* (b) Park and wake: producers, each with a ring of its own, somebody with a command, and one poller.
 *
 * Stands for
 *   wait.h     onset_is_awake, onset_claim, onset_notify, onset_command, onset_disarm, onset_rest; enum onset_sleep
 *   wait_linux.c, wait_windows.c  onset_wait, onset_wake_one: to compare and to fall asleep is one step
 *   waiter.go  Waiter.Arm, Disarm, Wait, Command, Tell
 *   input.c    finish, finish_waking
 *   ring.c, ring.h  of publishing and refusing the last store
 *   ring.go    Ring.Look, News
 *   engine/poller.go  run, changed, obey, pass, sleep, news
 *
 * Memory is x86-TSO (tso.pml). The disarming is a plain store, as in C; that of Go is a locked instruction.
 *
 * ■ is an invariant of the design.
 *   WOKEN    the park and wake hand-shake: the poller does not sleep, with nobody about to wake it, while an event, a
 *            loss (■ nothing is lost silently) or a command waits
 *   STOPPED  the same where a producer has been stopped for good after it has claimed the waking and before it has
 *            woken: others that come after it find `claimed`, and wake. What it has published itself is excused.
 *   BUSY     a poller that does not sleep finds something (no cycle without progress; -DPARK: without the spinning)
 *   END      nobody else waits for ever
 *
 * Left out: what is in the rings (ring.pml), the gate, within which all this happens but for the waking (close.pml), the
 * waker and the tether, which only say where the poller runs, and the time: no wait here has a limit.
 */

#define AWAKE   0
#define ASLEEP  1
#define CLAIMED 2

#ifndef RINGS
#define RINGS 2
#endif
#ifndef ITEMS
#define ITEMS 2 /* that each producer publishes or refuses */
#endif
#ifndef COMMANDS
#define COMMANDS 0
#endif
#ifndef STOPS
#define STOPS 1 /* producers that are stopped, at most */
#endif

/* The words that are shared. */
#define STATE   0
#define COMMAND 1
#define WHAT    2 /* what it is about */
#define HEAD    3 /* of each ring */
#define LOST    (HEAD + RINGS)
#define WORDS   (LOST + RINGS)

#define POLLER  RINGS
#define TELLER  (RINGS + 1)
#if COMMANDS
#define PROCESSES (RINGS + 2)
#else
#define PROCESSES (RINGS + 1)
#endif

#include "tso.pml"

/* 0, and in front of an assertion to name it. */
hidden byte WOKEN, STOPPED;

bool sleeping;                  /* the poller is, in the kernel */
byte next[RINGS], told[RINGS];  /* the poller's own */
byte obeyed;
byte posted[RINGS], stops = STOPS; /* ghosts */
bool excused[RINGS];

/* onset_is_awake, into state */
#ifdef TWIN_NO_FENCE
#define IS_AWAKE(me) state = LOAD(me, STATE)
#else
#define IS_AWAKE(me) d_step { FENCE(me) -> state = LOAD(me, STATE) }
#endif

/* of onset_claim the compare and exchange */
#define CLAIM(me) d_step { \
	DRAINED(me) -> \
	if \
	:: memory[STATE] == ASLEEP -> memory[STATE] = CLAIMED \
	:: else \
	fi; \
	state = 0 \
}

/* onset_wake_one */
#define WAKE sleeping = false

#ifdef TWIN_CLAIMED_IS_ENOUGH
#define NOTHING_TO_DO (state != ASLEEP)
#else
#define NOTHING_TO_DO (state == AWAKE)
#endif

proctype producer(byte me)
{
	byte state;
	do
#ifdef TWIN_LOSS_NOT_NOTIFIED
	:: d_step { posted[me] < ITEMS && CAN_STORE(me) -> PUT(me, LOST + me, LOAD(me, LOST + me) + 1); posted[me]++ }
#endif
	:: posted[me] < ITEMS ->
#ifdef TWIN_NOTIFY_BEFORE_PUBLISH
		IS_AWAKE(me);
#endif
		if
		:: d_step { CAN_STORE(me) -> PUT(me, HEAD + me, LOAD(me, HEAD + me) + 1); posted[me]++ } /* onset_ring_publish */
#ifndef TWIN_LOSS_NOT_NOTIFIED
		:: d_step { CAN_STORE(me) -> PUT(me, LOST + me, LOAD(me, LOST + me) + 1); posted[me]++ } /* onset_ring_refuse */
#endif
		fi;
		/* finish */
#ifndef TWIN_NOTIFY_BEFORE_PUBLISH
		IS_AWAKE(me);
#endif
		if
		:: NOTHING_TO_DO -> state = 0
		:: else ->
			CLAIM(me);
			if
			:: WAKE
			:: d_step { stops > 0 -> stops--; excused[me] = true }
end:				false
			fi
		fi
	:: else -> break
	od
}

/* Whoever closes, opens, cancels: onset_command */
proctype teller()
{
	byte said, state;
	do
	:: said < COMMANDS ->
		d_step { CAN_STORE(TELLER) -> said++; PUT(TELLER, WHAT, said) }
		d_step { DRAINED(TELLER) -> memory[COMMAND]++ } /* atomic_fetch_add */
#ifndef TWIN_COMMAND_NOT_NOTIFIED
		IS_AWAKE(TELLER);
		if
		:: NOTHING_TO_DO -> state = 0
		:: else -> CLAIM(TELLER); WAKE
		fi
#endif
	:: else -> break
	od
}

proctype poller()
{
	byte command, lost_seen, ring;
	bool any;

#define CHANGED (LOAD(POLLER, COMMAND) != command)

	do
	:: true ->
		/* run: obey */
		if
		:: CHANGED ->
#ifdef TWIN_COMMAND_READ_LAST
			obeyed = LOAD(POLLER, WHAT);
			command = LOAD(POLLER, COMMAND);
#else
			command = LOAD(POLLER, COMMAND);
			obeyed = LOAD(POLLER, WHAT);
#endif
progress_obeyed:	skip
		:: else
		fi;
		/* pass */
		do
		:: ring < RINGS ->
			lost_seen = LOAD(POLLER, LOST + ring); /* Look */
			d_step {
				if
#ifdef TWIN_LOSSES_NOT_TOLD
				:: LOAD(POLLER, HEAD + ring) != next[ring] ->
#else
				:: LOAD(POLLER, HEAD + ring) != next[ring] || lost_seen > told[ring] ->
#endif
					next[ring] = LOAD(POLLER, HEAD + ring);
#ifndef TWIN_LOSSES_NOT_TOLD
					told[ring] = lost_seen;
#endif
					any = true
				:: else
				fi;
				ring++;
				lost_seen = 0
			}
		:: else -> ring = 0; break
		od;
		/* rest, sleep */
		if
		:: any ->
progress_found:		any = false
#ifndef PARK
		:: !any /* watch */
#endif
		:: !any ->
#ifdef TWIN_ARM_WITHOUT_LOCK
			STORE(POLLER, STATE, ASLEEP);
#else
			d_step { DRAINED(POLLER) -> memory[STATE] = ASLEEP }; /* Arm */
#endif
#ifndef TWIN_NO_SECOND_LOOK
			do /* news */
			:: ring < RINGS && !any ->
#ifndef TWIN_NEWS_WITHOUT_LOSSES
				any = (LOAD(POLLER, LOST + ring) > told[ring]);
#endif
				d_step { any = (any || LOAD(POLLER, HEAD + ring) != next[ring]); ring++ }
			:: else -> ring = 0; break
			od;
			any = (any || CHANGED);
#endif
			if
			:: any -> any = false
			:: else ->
				/* Wait */
				if
				:: d_step { LOAD(POLLER, STATE) == ASLEEP -> sleeping = true }
				:: LOAD(POLLER, STATE) != ASLEEP
				fi;
end:				!sleeping
			fi;
			STORE(POLLER, STATE, AWAKE) /* Disarm */
		fi
	od
}

#define TAKEN(r) (posted[r] - next[r] - told[r] <= excused[r])
#define RESTS(r) assert(WOKEN || stops < STOPS || TAKEN(r)); assert(STOPPED || TAKEN(r))

/* When nothing moves any more. */
proctype rest()
{
end:
	timeout ->
	assert(sleeping);
	RESTS(0);
#if RINGS > 1
	RESTS(1);
#endif
#if RINGS > 2
	RESTS(2);
#endif
	assert(WOKEN || obeyed == memory[WHAT])
}

init {
	atomic {
		run poller();
		run producer(0);
#if RINGS > 1
		run producer(1);
#endif
#if RINGS > 2
		run producer(2);
#endif
#if COMMANDS
		run teller();
#endif
		run drain();
		run rest()
	}
}
