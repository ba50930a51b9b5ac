/* (c) Opening and closing an input: callbacks in flight, the handle's thread, who opens and closes, the poller.
 *
 * Stands for
 *   input.c    onset_input_open, take_slot, serve, open_up, attend, fold, take_gate, shut, shut_down, let_go,
 *              shut_early, onset_input_close, onset_input_release, onset_input_return, enter, leave, publish, deliver_long, finish
 *   service.c  onset_service_start, onset_service_stop, leave, tell, onset_service_opened, onset_service_closed
 *   service.h  onset_service_stopping
 *   pool.[ch]  onset_pool_fill, onset_pool_refill, next_home, next_stray, give, onset_pool_await, onset_pool_empty,
 *              onset_pool_came_back, onset_pool_stray, onset_pool_return, onset_pool_drop
 *   wait.h     onset_notify, onset_arm, onset_rest, onset_disarm: the bell
 *   input.go   OpenInput, Input.Bytes, Return, Close, Free
 *   engine/engine.go  removeInput, adopt, letGo, settle; engine/input.go  shut; engine/read.go  ReadInto
 *
 * There is one place in the table, so that it is used again as soon as it may, and one buffer. Memory is x86-TSO
 * (tso.pml). Every wait with a limit may end at any moment, with DEADLINES; without, none does, and nobody may be left
 * waiting. The driver may fail to open or start, call back whenever it likes from midiInOpen on and also after
 * midiInClose, and with DEADLINES keep the buffer, or never return.
 *
 * ■ is an invariant of the design.
 *   ALIVE    ■ never freed under a live callback: nobody touches a ring, pool, header or waiter that has been freed
 *   OWN      ■ a callback that comes after the end touches nothing; nor does anybody else what another opening holds
 *   ONE      ■ the driver's buffers are given by the input's thread alone, and each is in one place at a time
 *   LEFT     what was held is given up in the end, unless the thread never came back or the driver kept the buffer;
 *            the place can be used again
 *   HEARD    with nobody closing (-DSTAYS): the thread does not sleep while a note, a stray or a buffer on its way
 *            home waits
 *   IDLE     the thread takes the gate to fold only if there is something, or a callback is just noting it
 *   COUNTED  who closes gets the counters of its own opening
 *   LAST     nothing goes into the ring behind the last counts, but where a callback was inside for longer than the
 *            closer looks
 *   ENDED    who opens or closes does not wait for ever; nor does anybody else (END, spin's own check of final states)
 *
 * Left out: what is in the ring (ring.pml), how the poller sleeps (park.pml), the device that vanishes, the filter, more
 * buffers than one and those that the driver refuses (onset_pool.refused), the driver's own reference (as the waiter's),
 * that the thread which cannot fold does something else before it tries again.
 */

#ifndef OPENINGS
#define OPENINGS 1
#endif
#ifndef CALLBACKS
#define CALLBACKS 2 /* threads of the driver's, for the first opening */
#endif
#ifndef CALLS
#define CALLS 1 /* of each */
#endif
#ifndef DEADLINES
#define DEADLINES 0
#endif

/* enum onset_phase */
#define FREE      0
#define OPENING   1
#define FAILED    2
#define OPEN      3
#define CLOSING   4
#define CLOSED    5
#define ABANDONED 6

/* The gate: four times the opening's number, and */
#define BUSY 1
#define SHUT 2

#define AWAKE   0
#define ASLEEP  1
#define CLAIMED 2

/* Words. */
#define GATE   0
#define PHASE  1
#define BELL   2
#define HELD   3 /* in->ring, pool, waiter: whose they are, 1 for the first opening */
#define COUNTERS 4 /* the counters: whose they are */
#define CONCURRENT 5
#define NOTED  6 /* refused.lost_by */
#define AWAY   7 /* of the first opening's pool */
#define STRAY  8
#define HOME   9
#define WORDS  10

#define CALLBACK(n) (n)
#define THREAD(o)   (CALLBACKS + o)
#define USER(o)     (CALLBACKS + OPENINGS + o)
#define POLLER      (CALLBACKS + 2 * OPENINGS)
#define PROCESSES   (CALLBACKS + 2 * OPENINGS + 1)

#include "tso.pml"

/* 0, and in front of an assertion to name it. */
hidden byte ALIVE, OWN, ONE, LEFT, HEARD, IDLE, COUNTED, LAST, ENDED;

/* What is held, by opening. 0: freed. */
byte ring_refs[OPENINGS], pool_refs[OPENINGS], waiter_refs = 1;
bool kept; /* onset_pool.kept */
bool spent; /* onset_input.spent */
byte folded; /* onset_input.folded */

#define POOL_ALIVE(o) (pool_refs[o] > 0 || ((o) == 0 && kept))

/* Where the first opening's buffer is. */
#define NOWHERE  0
#define DRIVER   1
#define CALLING  2
#define IN_RING  3
#define CONSUMER 4
#define ON_WAY   5 /* a stray, or home */
byte where;

bool live;                         /* the driver knows the first opening */
bool thread_sleeps;                /* on the bell */
bool user_sleeps[OPENINGS];        /* on the phase */
bool mu;                           /* Input.mu, of the first */
bool c_set;                        /* Input.c is not nil, of the first */
bool known;                        /* the poller knows the first opening */
bool closing;                      /* Input.Close has begun, of the first */
bool told;                         /* a ghost: the last counts have been read, behind the gate, of the first */
bool retired[OPENINGS], gone[OPENINGS];
bool polling = true;               /* Engine.polling */
byte users_left = OPENINGS, noting, stuck; /* ghosts */

#ifdef TWIN_BELL_WITHOUT_FENCE
#define IS_AWAKE(me) state = LOAD(me, BELL)
#else
#define IS_AWAKE(me) d_step { FENCE(me) -> state = LOAD(me, BELL) }
#endif

/* onset_notify */
#define NOTIFY(me) \
	IS_AWAKE(me); \
	if \
	:: state == AWAKE \
	:: else -> \
		d_step { \
			DRAINED(me) -> \
			if \
			:: memory[BELL] == ASLEEP -> memory[BELL] = CLAIMED \
			:: else \
			fi; \
			state = 0 \
		} \
		thread_sleeps = false \
	fi

#define INSIDE  1
#define OUTSIDE 2 /* enum entry's CONCURRENT */
#define LATE    3
#define STALE   4

#define FIRST 4 /* the first opening's token */

/* A call of the driver's for the first opening. */
proctype callback(byte me)
{
	byte calls, entry, state;
	bool is_long;
	do
	:: atomic {
		live && calls < CALLS ->
		calls++;
		if
		:: true
		:: where == DRIVER -> where = CALLING; is_long = true
		fi
	}
		/* enter */
		if
		:: d_step { DRAINED(me) && memory[GATE] == FIRST -> memory[GATE] = FIRST + BUSY; entry = INSIDE }
		:: d_step { DRAINED(me) && memory[GATE] == FIRST + BUSY -> entry = OUTSIDE; noting++ }
		:: d_step { DRAINED(me) && memory[GATE] == FIRST + SHUT -> entry = LATE }
		:: d_step { DRAINED(me) && memory[GATE] / 4 != FIRST / 4 -> entry = STALE }
		fi;
		if
		:: entry == STALE ->
			if
			:: is_long -> where = NOWHERE
			:: else
			fi
		:: else ->
			if
			:: entry == OUTSIDE ->
				d_step { DRAINED(me) -> memory[NOTED]++ } /* onset_gap_note */
				d_step { DRAINED(me) -> memory[CONCURRENT]++; noting-- }
				NOTIFY(me)
			:: else
			fi;
			if
			:: is_long ->
#ifdef TWIN_CAME_BACK_FIRST
				d_step { DRAINED(me) -> memory[AWAY]-- }
#endif
				/* the header; then in->pool */
				assert(ALIVE || POOL_ALIVE(0));
				if
				:: entry == OUTSIDE ->
					d_step { assert(OWN || LOAD(me, HELD) == 1); assert(ALIVE || POOL_ALIVE(0)) }
					d_step { DRAINED(me) -> memory[STRAY] = 1; where = ON_WAY }
				:: entry == LATE -> where = NOWHERE
				:: else
				fi;
#ifndef TWIN_CAME_BACK_FIRST
				d_step {
					DRAINED(me) ->
					assert(OWN || LOAD(me, HELD) == 1);
					assert(ALIVE || POOL_ALIVE(0));
					memory[AWAY]-- /* onset_pool_came_back */
				}
#endif
				if
				:: entry == OUTSIDE -> NOTIFY(me)
				:: else
				fi
			:: else
			fi;
			if
			:: entry == INSIDE ->
				d_step {
					/* onset_ring_push */
					assert(OWN || LOAD(me, HELD) == 1);
					assert(ALIVE || ring_refs[0] > 0);
					assert(LAST || !told);
					if
					:: is_long -> assert(ONE || where == CALLING); where = IN_RING
					:: else
					fi
				}
#ifdef TWIN_LEAVE_BEFORE_WAKING
				STORE(me, GATE, FIRST);
				assert(ALIVE || waiter_refs > 0)
#else
				/* finish; after it only the waiter's address is used */
				d_step { FENCE(me) -> assert(OWN || LOAD(me, HELD) == 1); assert(ALIVE || waiter_refs > 0) }
				STORE(me, GATE, FIRST) /* leave */
#endif
			:: else
			fi
		fi;
		d_step { entry = 0; is_long = false }
	:: calls == CALLS -> break
	od
}

#define STOPPING(me) (LOAD(me, PHASE) == CLOSING || LOAD(me, PHASE) == ABANDONED)

/* take_gate */
#define TAKE_GATE(mark) d_step { DRAINED(me) && memory[GATE] == token -> memory[GATE] = token + mark }

/* give: onset_pool.away first, then midiInAddBuffer */
inline give()
{
	d_step { DRAINED(me) -> memory[AWAY]++ }
	d_step { assert(ONE || where == NOWHERE); assert(ALIVE || POOL_ALIVE(0)); where = DRIVER }
}

inline shut_down()
{
#ifdef TWIN_SHUT_WITHOUT_WAITING
	d_step { DRAINED(me) -> memory[GATE] = token + SHUT }
#else
	if
	:: TAKE_GATE(SHUT) /* shut */
	:: LOAD(me, GATE) == token + SHUT
	fi;
#endif
	if
	:: LOAD(me, NOTED) > 0 ->
		assert(ALIVE || ring_refs[o] > 0); /* onset_ring_absorb */
		d_step { DRAINED(me) -> folded = folded + memory[NOTED]; memory[NOTED] = 0 }
	:: else
	fi;
	/* midiInStop, midiInReset, in which a buffer comes back: deliver_long with LATE */
	if
	:: o == 0 ->
		if
		:: d_step { where == DRIVER && DRAINED(me) -> where = NOWHERE; memory[AWAY]-- }
		:: where != DRIVER
#if DEADLINES
		:: where == DRIVER /* the driver keeps it */
		:: true -> stuck++; goto stuck_
#endif
		fi;
		/* onset_pool_await */
#ifndef TWIN_NO_AWAIT
		if
		:: LOAD(me, AWAY) == 0
#if DEADLINES
		:: LOAD(me, AWAY) > 0 -> kept = true
#endif
		fi;
#endif
		/* onset_pool_empty: MIDIERR_STILLPLAYING */
		if
		:: where == DRIVER -> kept = true
		:: else
		fi;
#ifdef TWIN_KEPT_IS_FREED
		kept = false;
#else
		spent = kept
#endif
	:: else
	fi
	/* midiInClose */
}

inline let_go()
{
	d_step { DRAINED(me) -> ring_refs[o]-- }
	d_step { DRAINED(me) -> pool_refs[o]-- }
	d_step { DRAINED(me) -> waiter_refs-- }
#ifdef TWIN_SAME_TOKEN
	STORE(me, GATE, token - 4 + SHUT)
#else
	STORE(me, GATE, token + 4 + SHUT)
#endif
}

/* tell, in service.c, into wanted */
inline tell(from, to)
{
	d_step {
		DRAINED(me) ->
		if
		:: memory[PHASE] == from -> memory[PHASE] = to; wanted = true
		:: else -> wanted = false
		fi
	}
	if
	:: wanted -> user_sleeps[o] = false /* onset_wake_all */
	:: else
	fi
}

proctype thread(byte me, o)
{
	byte token, n;
	bool wanted, any;
	byte home_read;

	/* open_up */
	token = LOAD(me, GATE);
	if
	:: o == 0 -> live = true
	:: else
	fi;
	if
#if DEADLINES
	:: stuck++; goto stuck_
#endif
	:: TAKE_GATE(SHUT) -> /* midiInOpen failed */
		let_go();
		tell(OPENING, FAILED);
		goto ended
	:: true ->
		if
		:: o == 0 -> give() /* onset_pool_fill */
		:: else
		fi;
		if
		:: true
		:: true -> /* midiInStart failed */
			shut_down();
			let_go();
			tell(OPENING, FAILED);
			goto ended
		fi
	fi;
	tell(OPENING, OPEN);

	/* serve */
	do
	:: STOPPING(me) -> break
	:: else ->
		d_step { DRAINED(me) -> memory[BELL] = ASLEEP } /* onset_arm */
		/* attend: fold */
		if
#ifdef TWIN_FOLD_BY_COUNT
		:: LOAD(me, CONCURRENT) != folded ->
#else
		:: LOAD(me, NOTED) > 0 ->
#endif
			if
			:: TAKE_GATE(BUSY) ->
				assert(ALIVE || ring_refs[o] > 0); /* onset_ring_absorb */
				d_step { DRAINED(me) -> n = memory[NOTED]; memory[NOTED] = 0; assert(IDLE || n > 0 || noting > 0) }
				d_step { CAN_STORE(me) -> PUT(me, GATE, token); folded = folded + n; n = 0; any = true } /* leave */
				assert(ALIVE || waiter_refs > 0) /* onset_notify(in->waiter) */
			:: LOAD(me, GATE) == token + SHUT
			fi
		:: else
		fi;
		if
		:: o == 0 -> /* onset_pool_refill */
			if
			:: LOAD(me, HOME) != home_read ->
				d_step { home_read++; any = true; assert(ONE || where == ON_WAY); where = NOWHERE }
				give()
			:: else
			fi;
			if
			:: LOAD(me, STRAY) -> 
				d_step {
					DRAINED(me) ->
					memory[STRAY] = 0; any = true;
					assert(ONE || where == ON_WAY);
					where = NOWHERE
				}
				give()
			:: else
			fi
		:: else
		fi;
#ifdef TWIN_STOP_SEEN_BEFORE_ARM
		if
		:: !any ->
#else
		if
		:: !any && !STOPPING(me) ->
#endif
			/* onset_rest */
			if
			:: d_step { LOAD(me, BELL) == ASLEEP -> thread_sleeps = true }
			:: LOAD(me, BELL) != ASLEEP
			fi;
#ifdef STAYS
end:
#endif
			!thread_sleeps
		:: else
		fi;
		any = false;
		STORE(me, BELL, AWAKE) /* onset_disarm */
	od;
	shut_down();
	let_go();
	tell(CLOSING, CLOSED);
ended:
	if
	:: !wanted && !spent -> STORE(me, PHASE, FREE) /* onset_input_release */
	:: else
	fi;
	goto over;
stuck_:
end_stuck:
	false;
over:
	skip
}

/* leave, in service.c, into phase */
inline leave(from)
{
	do
	:: phase = LOAD(me, PHASE);
		if
		:: phase != from -> break
		:: else ->
			/* onset_wait */
			if
			:: d_step { memory[PHASE] == from -> user_sleeps[o] = true }
				if
				:: !user_sleeps[o]
#if DEADLINES
				:: user_sleeps[o] = false
#endif
				fi
			:: memory[PHASE] != from
#if DEADLINES
			:: d_step { DRAINED(me) && memory[PHASE] == from -> memory[PHASE] = ABANDONED; phase = ABANDONED }
				break
#endif
			fi
		fi
	od
}

inline release()
{
	if
	:: !spent -> STORE(me, PHASE, FREE)
	:: else
	fi
}

/* OpenInput, and then Close. */
proctype user(byte me, o)
{
	byte phase, opening, last, state;
	/* take_slot */
end:
	atomic { DRAINED(me) && memory[PHASE] == FREE && (o == 0 || live) -> memory[PHASE] = OPENING };
	/* onset_input_open */
	d_step { ring_refs[o] = 2; pool_refs[o] = 2; waiter_refs++; opening = LOAD(me, GATE) / 4 + 1 }
	STORE(me, HELD, o + 1);
#ifndef TWIN_COUNTERS_BEFORE_GATE
	STORE(me, GATE, opening * 4 + SHUT);
#endif
	STORE(me, COUNTERS, o + 1);
	STORE(me, CONCURRENT, 0);
	folded = 0;
	STORE(me, NOTED, 0);
	STORE(me, GATE, opening * 4);
	atomic { DRAINED(me) -> run thread(THREAD(o), o) };
	leave(OPENING);
	if
	:: phase == OPEN ->
		if
		:: o == 0 -> d_step { c_set = true; known = true } /* addInput */
		:: else
		fi;
#ifdef STAYS
end_stays:	false;
#endif
		/* Input.Close */
		if
		:: o == 0 -> atomic { !mu -> closing = true }
		:: else
		fi;
		/* onset_input_close, onset_service_stop */
#ifdef TWIN_BELL_WITHOUT_FENCE
		STORE(me, PHASE, CLOSING);
#else
		d_step { DRAINED(me) -> memory[PHASE] = CLOSING }
#endif
		NOTIFY(me);
		leave(CLOSING);
		if
		:: phase == ABANDONED ->
			/* shut_early */
			if
#ifdef TWIN_NOT_SHUT_EARLY
			:: told = (o == 0)
#else
			:: d_step { DRAINED(me) && memory[GATE] == opening * 4 -> memory[GATE] = opening * 4 + SHUT; told = (o == 0) }
			:: d_step { DRAINED(me) && memory[GATE] != opening * 4 -> told = (o == 0 && memory[GATE] != opening * 4 + BUSY) }
#endif
			fi
		:: else -> told = (o == 0)
		fi;
		last = LOAD(me, COUNTERS);
		assert(COUNTED || LOAD(me, GATE) / 4 - opening > 1 || last == o + 1);
		if
		:: o == 0 -> atomic { !mu -> mu = true }
		:: else
		fi;
#ifdef TWIN_ABANDONED_IS_RELEASED
		release();
#else
		if
		:: phase == CLOSED -> release()
		:: else
		fi;
#endif
		if
		:: o == 0 -> d_step { c_set = false; mu = false }
		:: else
		fi;
		/* removeInput, and Input.shut in engine */
		atomic {
			if
			:: polling -> retired[o] = true
			:: else -> ring_refs[o]--; pool_refs[o]--; gone[o] = true
			fi
		}
		gone[o]
	:: phase == FAILED -> release(); goto failed
	:: phase == ABANDONED ->
failed:		atomic { ring_refs[o]--; pool_refs[o]-- }
	fi;
	atomic {
		users_left--;
		if
		:: users_left == 0 -> waiter_refs-- /* Engine.Close, settle */
		:: else
		fi
	}
}

/* letGo */
inline let_go_retired()
{
	d_step {
		if
		:: retired[0] -> retired[0] = false; ring_refs[0]--; pool_refs[0]--; gone[0] = true
		:: else
		fi;
#if OPENINGS > 1
		if
		:: retired[1] -> retired[1] = false; ring_refs[1]--; pool_refs[1]--; gone[1] = true
		:: else
		fi
#endif
	}
}

proctype poller()
{
	byte me = POLLER, state, written;
end:
	do
	:: retired[0] -> let_go_retired() /* adopt */
#if OPENINGS > 1
	:: retired[1] -> let_go_retired()
#endif
	:: d_step { where == IN_RING && known && !gone[0] -> assert(ALIVE || ring_refs[0] > 0); where = CONSUMER }
#ifdef TWIN_READ_INTO_LETS_GO
		/* ReadInto returns, and is called again */
		d_step { polling = false }
		let_go_retired();
		assert(ALIVE || POOL_ALIVE(0)); /* Event.SysEx */
		polling = true;
		if
		:: gone[0] -> where = NOWHERE; goto end
		:: else
		fi;
#else
		assert(ALIVE || POOL_ALIVE(0)); /* Event.SysEx */
#endif
		/* Input.Return */
		atomic { !mu -> mu = true }
		if
#ifdef TWIN_RETURN_WHILE_CLOSING
		:: c_set ->
#else
		:: c_set && !closing ->
#endif
			/* onset_input_return */
			d_step {
				CAN_STORE(me) ->
				assert(OWN || LOAD(me, HELD) == 1);
				assert(ALIVE || POOL_ALIVE(0));
				where = ON_WAY;
				written++;
				PUT(me, HOME, written)
			}
			NOTIFY(me)
		:: else -> where = NOWHERE
		fi;
		mu = false
	od
}

/* When nothing moves any more. */
proctype rest()
{
end:
	timeout ->
#ifdef STAYS
	assert(HEARD || memory[PHASE] != OPEN ||
		(thread_sleeps && !memory[NOTED] && where != ON_WAY))
#else
	if
	:: stuck
	:: else ->
		assert(ENDED || users_left == 0 || (OPENINGS == 2 && users_left == 1 && spent));
		assert(LEFT || (ring_refs[0] == 0 && (pool_refs[0] == 0 || kept) && waiter_refs == (users_left > 0)));
		assert(LEFT || memory[PHASE] == FREE || spent)
	fi
#endif
}

init {
	atomic {
		run callback(0);
#if CALLBACKS > 1
		run callback(1);
#endif
		run user(USER(0), 0);
#if OPENINGS > 1
		run user(USER(1), 1);
#endif
		run poller();
		run drain();
		run rest()
	}
}
