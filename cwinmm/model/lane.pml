/* (d) The claim on an output and its queue: callbacks that send directly, a sender in Go, the output's thread.
 *
 * Stands for
 *   output.c   send, send_inline, enqueue, drop_oldest, leave_rest, get, is_ready, begin, done_with, claim, take, give_up,
 *              demote, of transmit the lane, discard, drain, drain_short, give_way, onset_output_send_now, serve; of
 *              onset_output_route send
 *   queue.c    onset_queue_put, onset_queue_get, onset_queue_get_all, look_at, take, onset_queue_ready
 *   wait.h     onset_notify, onset_arm, onset_rest, onset_disarm: the thread's bell; onset_wait on the claim
 *
 * Each callback is one input's, whose messages come one after the other (its gate); the sender in Go is the poller, with
 * what it routes. Each sends single messages and groups of two. Memory is x86-TSO (tso.pml): the claim and the bell are
 * words of it. What is changed with locked instructions alone (waiting, put, got, claimants) need not be; nor what is
 * written under the claim, the lane and what is left of a group; nor a cell and its turn, since who has written one loads
 * nothing before its next locked instruction that another could have meant by it: to see it late is as if it had been
 * written late.
 *
 * ■ is an invariant of the design.
 *   ONE      one thread at a time calls the driver, with the claim
 *   ORDER    ■ messages of one sender do not overtake each other, and none is sent twice
 *   GROUP    ■ nothing comes between messages that belong together, and none of them without those before
 *   WOKEN    the thread does not sleep while a message can be sent that nobody is about to
 *   LOST     ■ nothing is lost silently: what is not sent is counted as refused or dropped
 *   SLOW     an output that is slow costs a callback one slow call, and one more each time it has been taken for quick
 *            again
 *   STUCK    one that never returns from a call (-DHANGS) holds up no callback but the one in it
 *   END      nobody waits for ever
 *
 * Left out: closing, indices that wrap, bytes (a message is its sender and number), what becomes of a long message once it has
 * left the queue (long.c), the time: whether a call is slow, and an output calm, may be decided either way, SLOWS and
 * CALMS times. A call that fails is to a callback as one that is slow.
 */

#ifndef CALLBACKS
#define CALLBACKS 2
#endif
#ifndef MESSAGES
#define MESSAGES 2 /* of each */
#endif
#ifndef GO
#define GO 1 /* those of the sender in Go; 0: there is none */
#endif
#ifndef CAPACITY
#define CAPACITY 4
#endif
#ifndef SLOWS
#define SLOWS 1
#endif
#ifndef CALMS
#define CALMS 0
#endif
#ifndef LONGS
#define LONGS 0 /* 1: of those in Go, the last is a long one */
#endif
#ifndef NOW
#define NOW 0 /* 1: of those in Go, the very last is sent by SendNow */
#endif
#ifndef TRIES
#define TRIES 2 /* of enqueue, to make room */
#endif
#define GROUPS 2 /* messages that belong together */

#if GO
#define SENDERS (CALLBACKS + 1)
#else
#define SENDERS CALLBACKS
#endif

/* Words. */
#define CLAIM 0
#define BELL  1
#define WORDS 2

#define OWN(me) ((me) < CALLBACKS -> MESSAGES : GO)
#define PLAIN(me) ((me) < CALLBACKS -> MESSAGES : GO - LONGS - NOW)
#define TOTAL (CALLBACKS * MESSAGES + GO)

#define THREAD SENDERS
#define PROCESSES (SENDERS + 1)

#include "tso.pml"

#define AWAKE   0
#define ASLEEP  1
#define CLAIMED 2

#define INLINE   0
#define THREADED 1

/* 0, and in front of an assertion to name it. */
hidden byte ONE, ORDER, GROUP, WOKEN, LOST, SLOW, STUCK;

/* A message: its sender, its number from 1 on, and */
#define BELONGS 1
#define GOES_ON 2
#define LONG    4
#define MESSAGE(sender, number) ((sender) * 64 + (number) * 8)
#define NUMBER(m) ((m) / 8 % 8)
#define SENDER(m) ((m) / 64)

byte lane, waiting, claimants;
byte left, rest;
bool within;                      /* a group of the queue's */
byte put, got, turns[CAPACITY], cell[CAPACITY];
bool thread_sleeps;               /* on the bell */
#if NOW
bool claim_sleeps;                /* who sends now, on the claim */
bool gone_sleeps;                 /* on long_gone */
byte long_gone;
#endif

/* Ghosts. */
#define NOBODY 255
byte owner = NOBODY;              /* of the claim */
byte last[SENDERS], before;       /* number sent last, by sender; the message, if it goes on */
byte sent, gone;                  /* gone: refused, dropped */
byte slows = SLOWS, calms = CALMS, slow[SENDERS + 1];
byte finished;                    /* senders */
bool stuck;                       /* somebody is, in the driver */

/* The i-th of those that a sender has in hand. */
#define ITEM(i) (MESSAGE(me, number + 1 + (i)) + ((i) > 0 -> BELONGS : 0) + ((i) + 1 < count -> GOES_ON : 0) + mark)

#define CELL(index) ((index) % CAPACITY)
#define HAND_ON(at) turns[CELL(at)] = (at) + CAPACITY

/* onset_notify, which park.pml takes apart. */
#define NOTIFY(me) d_step { \
	FENCE(me) -> \
	if \
	:: memory[BELL] == ASLEEP -> memory[BELL] = CLAIMED; thread_sleeps = false \
	:: memory[BELL] == CLAIMED -> thread_sleeps = false \
	:: else \
	fi \
}

/* claim */
#define CLAIM_IT(me) d_step { DRAINED(me) && memory[CLAIM] == 0 -> memory[CLAIM] = 1; owner = me }
#define CLAIM_TAKEN(me) d_step { DRAINED(me) && memory[CLAIM] != 0 }

/* What may be one step where nobody takes messages without the claim. */
#ifdef DROPS
#define TOGETHER
#else
#define TOGETHER atomic
#endif

/* The driver's call, and what follows from how long it takes; ghosts say whether it should have been made. For within an
 * atomic sequence. */
inline transmit()
{
	assert(ONE || owner == me);
	assert(ORDER || NUMBER(item) > last[SENDER(item)]);
	assert(GROUP || ((item & BELONGS) != 0) == ((before & GOES_ON) != 0));
	assert(GROUP || !(item & BELONGS) || (SENDER(item) == SENDER(before) && NUMBER(item) == NUMBER(before) + 1));
	last[SENDER(item)] = NUMBER(item);
	before = (item & GOES_ON -> item : 0);
	sent++;
	if
#ifdef HANGS
	:: !stuck -> stuck = true; goto hung
#endif
	:: slows > 0 && !(item & LONG) -> /* demote */
		slows--;
		slow[me]++;
		assert(SLOW || me >= CALLBACKS || slow[me] <= 1 + CALMS - calms);
#ifndef TWIN_STAYS_QUICK
		lane = THREADED
#endif
	:: calms > 0 && lane == THREADED && !(item & LONG) -> calms--; lane = INLINE
	:: true
	fi
}

/* is_ready, into ready */
inline look()
{
	ready = (left > 0);
	if
	:: ready
	:: !ready -> /* onset_queue_ready */
		index = got;
		d_step { ready = (turns[CELL(index)] == index + 1); index = 0 }
	fi
}

inline give_up()
{
#ifdef TWIN_CLAIM_BY_STORE
	d_step { CAN_STORE(me) -> PUT(me, CLAIM, 0); owner = NOBODY };
#else
	d_step { DRAINED(me) -> memory[CLAIM] = 0; owner = NOBODY };
#endif
#if NOW
	d_step { /* onset_wake_all */
		if
		:: claimants > 0 -> claim_sleeps = false
		:: else
		fi
	};
#endif
#ifndef TWIN_GIVE_UP_SILENTLY
	look();
	if
	:: ready -> NOTIFY(me); ready = false
	:: else
	fi
#endif
}

/* take */
inline take()
{
	do
	:: CLAIM_IT(me) -> break
#if NOW
	:: CLAIM_TAKEN(me) ->
#ifndef TWIN_CLAIMANTS_UNCOUNTED
		claimants++;
#endif
		if /* onset_wait */
		:: d_step { memory[CLAIM] == 1 -> claim_sleeps = true }; !claim_sleeps
		:: memory[CLAIM] != 1
		fi;
#ifndef TWIN_CLAIMANTS_UNCOUNTED
		claimants--
#endif
#endif
	od
}

/* get, into item; 0: nothing. */
inline get(only_short)
{
	if
#ifdef TWIN_REST_LAST
	:: left > 0 && turns[CELL(got)] != got + 1 -> d_step { item = rest; rest = 0; left = 0 }
#else
	:: left > 0 -> d_step { item = rest; rest = 0; left = 0 }
#endif
	:: else -> /* onset_queue_get */
		TOGETHER {
			index = got;
			do
			:: turns[CELL(index)] < index + 1 -> break /* look_at */
			:: turns[CELL(index)] > index + 1 -> index = got
			:: turns[CELL(index)] == index + 1 ->
				item = cell[CELL(index)];
				if
				:: only_short && item & LONG -> item = 0; break
				:: else
				fi;
				if
				:: d_step { DRAINED(me) && got == index -> got++; within = ((item & GOES_ON) != 0) } ->
#ifndef DROPS
					cell[CELL(index)] = 0; /* nobody will look */
#endif
					HAND_ON(index);
					break
				:: d_step { DRAINED(me) && got != index -> index = got; item = 0 }
				fi
			od;
			index = 0
		}
	fi
}

/* drain, drain_short; transmit_item, transmit_long */
inline drain_queue(only_short)
{
	do
	:: get(only_short);
		if
		:: item == 0 -> break
		:: else ->
			atomic {
				transmit();
#if NOW
				if
				:: item & LONG -> long_gone++; gone_sleeps = false /* count_long */
				:: else
				fi;
#endif
				waiting--; /* done_with */
				item = 0
			}
		fi
	od
}

/* drop_oldest */
inline drop_oldest()
{
	index = got; /* onset_queue_get_all */
	do
	:: turns[CELL(index + n)] < index + n + 1 -> n = 0; break
	:: turns[CELL(index + n)] > index + n + 1 -> atomic { index = got; n = 0 }
	:: turns[CELL(index + n)] == index + n + 1 ->
		item = cell[CELL(index + n)];
		if
		:: me < CALLBACKS && item & LONG -> n = 0; break
#ifndef TWIN_DROP_FROM_THE_MIDST
		:: n == 0 && item & BELONGS -> break
#endif
		:: else ->
			n++;
			if
#ifndef TWIN_DROP_SINGLY
			:: item & GOES_ON
#endif
			:: else ->
				if
#ifdef TWIN_TAKE_BY_STORE
				:: d_step { DRAINED(me) -> got = index + n } ->
#else
				:: d_step { DRAINED(me) && got != index -> index = got; n = 0 }
				:: d_step { DRAINED(me) && got == index -> got = index + n } ->
#endif
					HAND_ON(index);
					if
					:: n == 2 -> HAND_ON(index + 1)
					:: else
					fi;
					break
				fi
			fi
		fi
	od;
	atomic { /* discard */
		DRAINED(me) ->
		waiting = waiting - n;
		gone = gone + n;
		drops = drops + (n > 0);
		index = 0;
		item = 0;
		n = 0
	}
}

/* onset_queue_put, of so many of those in hand from one on, into ok */
inline put_items(from, how_many)
{
	index = put;
	do
	:: turns[CELL(index + n)] < index + n -> break
	:: turns[CELL(index + n)] > index + n -> atomic { index = put; n = 0 }
	:: turns[CELL(index + n)] == index + n ->
		n++;
		if
		:: n < how_many
		:: d_step { n == how_many && DRAINED(me) && put == index -> put = index + n; ok = true } -> break
		:: d_step { n == how_many && DRAINED(me) && put != index -> index = put; n = 0 }
		fi
	od;
	n = 0;
	do
	:: d_step {
		ok && n < how_many ->
#ifdef TWIN_TURN_BEFORE_ITEM
		turns[CELL(index + n)] = index + n + 1;
	}
	d_step {
#endif
		cell[CELL(index + n)] = ITEM(from + n);
#ifndef TWIN_TURN_BEFORE_ITEM
		turns[CELL(index + n)] = index + n + 1;
#endif
		n++
	}
	:: !ok || n == how_many -> break
	od;
	atomic { index = 0; n = 0 }
}

proctype sender(byte me)
{
	byte number, count, i, n, index, item, tries, drops, mark, until;
	bool ready, first, ok;
#ifdef QUEUED /* two of those in Go are, a short one and a long one */
	if
	:: me >= CALLBACKS -> number = 2
	:: else
	fi;
#endif
	do
	:: number < OWN(me) ->
		if
		:: number < PLAIN(me) -> count = 1
		:: number + GROUPS <= PLAIN(me) -> count = GROUPS
#if LONGS
		:: number == PLAIN(me) -> atomic { count = 1; mark = LONG }; goto queue
#endif
#if NOW
		:: number == PLAIN(me) + LONGS -> count = 1; goto send_now
#endif
		fi;

		/* send_inline */
#ifdef TWIN_CALLBACK_WAITS
		take();
#else
		if
		:: lane == THREADED -> goto queue
		:: lane == INLINE
		fi;
		if
#ifdef TWIN_CLAIM_BY_LOOK
		:: LOAD(me, CLAIM) == 0 -> d_step { DRAINED(me) -> memory[CLAIM] = 1; owner = me }
#else
		:: CLAIM_IT(me)
#endif
		:: CLAIM_TAKEN(me) -> goto queue
		fi;
#endif
#ifdef TWIN_QUEUE_OVERTAKEN
		first = true;
#else
		first = (waiting == 0);
#endif
		do
		:: !first || i == count -> break
#ifndef TWIN_GROUP_SENT_ON
		:: atomic {
			first && i > 0 && i < count && lane == THREADED -> /* leave_rest */
#ifdef TWIN_REST_QUEUED
			waiting++;
			put_items(i, 1);
			ok = false
#else
#ifndef TWIN_REST_UNCOUNTED
			waiting++;
#endif
			rest = ITEM(i);
			left = 1
#endif
			}
			break
		:: atomic {
			first && i < count && (i == 0 || lane == INLINE) ->
#else
		:: atomic {
			first && i < count ->
#endif
			item = ITEM(i);
			transmit();
			i++;
			item = 0
		}
		od;
		give_up();
		if
		:: first -> goto next
		:: !first
		fi;

queue:		/* enqueue */
#ifndef TWIN_COUNTED_WHEN_QUEUED
		atomic { DRAINED(me) -> waiting = waiting + count } /* begin */
#endif
#ifdef TWIN_PUT_SINGLY
		put_items(0, 1);
		if
		:: ok && count == 2 -> ok = false; put_items(1, 1)
		:: else
		fi;
#else
		put_items(0, count);
#endif
#ifdef DROPS
		do
		:: !ok && tries < TRIES ->
			if
			:: drops < count -> drop_oldest()
			:: else
			fi;
			put_items(0, count);
			tries++
		:: else -> break
		od;
#endif
#ifdef TWIN_COUNTED_WHEN_QUEUED
		atomic { DRAINED(me) -> waiting = waiting + count }
#endif
		if
		:: !ok ->
			d_step { DRAINED(me) -> waiting = waiting - count; gone = gone + count }; /* done_with */
#ifndef TWIN_DROPPED_SILENTLY
			if
			:: drops > 0 -> NOTIFY(me)
			:: else
			fi
#endif
		:: ok ->
#ifndef TWIN_QUEUED_SILENTLY
			NOTIFY(me)
#endif
		fi;
		goto next;

#if NOW
send_now:	/* onset_output_send_now */
		take();
		until = put;
		drain_queue(true);
#ifndef TWIN_NOW_BEFORE_OTHERS
		do
#ifdef TWIN_NOW_WITHIN
		:: left > 0 || got < until ->
#else
		:: left > 0 || within || got < until ->
#endif
			/* give_way */
#ifndef TWIN_GONE_READ_LATE
			n = long_gone;
#endif
			index = got; /* onset_queue_long_is_next */
			d_step {
				ok = (turns[CELL(index)] == index + 1 && cell[CELL(index)] & LONG);
				index = 0
			}
			give_up();
			if
			:: ok ->
#ifdef TWIN_GONE_READ_LATE
				n = long_gone;
#endif
				if /* onset_wait */
				:: d_step { long_gone == n -> gone_sleeps = true }; !gone_sleeps
				:: long_gone != n
				fi
			:: else
			fi;
			d_step { ok = false; n = 0 }
			take();
			drain_queue(true)
		:: else -> break
		od;
#endif
		atomic { item = ITEM(0); transmit() }
		give_up();
#endif
next:
		atomic {
			number = number + count;
			count = 0; i = 0; tries = 0; drops = 0; mark = 0; until = 0; item = 0; first = false; ok = false
		}
	:: number == OWN(me) -> break
	od;
	finished++;
	goto over;
hung:
end_hung:
	false;
over:
	skip
}

/* serve */
proctype thread(byte me)
{
	byte index, item;
	bool ready;
	do
	::
#ifdef TWIN_LOOK_BEFORE_ARM
		look();
		d_step { DRAINED(me) -> memory[BELL] = ASLEEP };
#else
		d_step { DRAINED(me) -> memory[BELL] = ASLEEP }; /* onset_arm */
		look();
#endif
		if
		:: !ready || memory[CLAIM] != 0 ->
			if /* onset_rest */
			:: d_step { LOAD(me, BELL) == ASLEEP -> thread_sleeps = true }
			:: LOAD(me, BELL) != ASLEEP
			fi;
end:			!thread_sleeps
		:: ready && memory[CLAIM] == 0
		fi;
		d_step { CAN_STORE(me) -> PUT(me, BELL, AWAKE); ready = false }; /* onset_disarm */
		if
		:: CLAIM_IT(me) -> drain_queue(false); give_up()
		:: CLAIM_TAKEN(me)
		fi
	od;
hung:
end_hung:
	false
}

/* When nothing moves any more. */
proctype at_rest()
{
end:
	timeout ->
#ifdef HANGS
	assert(STUCK || finished + (owner < SENDERS) == SENDERS)
#else
	assert(WOKEN || (thread_sleeps && left == 0 && got == put));
	assert(LOST || (sent + gone == TOTAL && waiting == 0));
	assert(finished == SENDERS)
#endif
}

init {
	atomic {
		byte i;
		do
		:: i < CAPACITY -> turns[i] = i; i++
		:: else -> break
		od;
#ifdef QUEUED
		put = 2;
		waiting = 2;
		cell[0] = MESSAGE(CALLBACKS, 1);
		cell[1] = MESSAGE(CALLBACKS, 2) + LONG;
		turns[0] = 1;
		turns[1] = 2;
#endif
		run sender(0);
#if SENDERS > 1
		run sender(1);
#endif
#if SENDERS > 2
		run sender(2);
#endif
		run thread(THREAD);
		run drain();
		run at_rest()
	}
}
