/* (d) The replacement of an input's routes: callbacks that run them, who replaces and closes, the handle's thread, which
 * frees them, and the poller, which sends what the callbacks do not.
 *
 * Stands for
 *   input.c    deliver, deliver_routed, enter, publish, route, leave, onset_input_route, is_free, free_retired, serve, shut, let_go
 *   routes.c   of onset_routes_run that it reads its tables, onset_routes_free
 *   ring.[ch]  onset_ring_push_soon, onset_ring_push, onset_ring_hurry; of onset_ring_refuse and write_gap the order
 *   ring.go    Ring.Look, Next, Meet, Lost, Calm, settled
 *   routes_cgo.go  Input.Route; input.go  of Input.Close that it sets ending
 *   engine/route.go  routeNow, adoptRoutes, calm, Expects; engine/stream.go  take; engine/poller.go  run, obey, pass, calm
 *
 * Events are numbered in the order in which they pass the gate, and lead to one message each. One that does not fit into
 * the ring ends something, which the poller sends where it tells the loss. Memory is x86-TSO (tso.pml): the gate is a
 * word of it. The rest is changed with locked instructions, or (head, lost, soon) with stores after which nothing is loaded
 * before the next of those: to see them late is as if they had been made late.
 *
 * ■ is an invariant of the design.
 *   ALIVE    ■ nobody reads routes that have been freed
 *   FREED    routes are freed once, and in the end: those that have been replaced, and all when the input is closed
 *   WHOLE    ■ an event is sent along one table, and is told to have been sent along that
 *   EXPECTED events that have been sent along routes are handled while those are expected (Expects)
 *   ORDER    ■ no message overtakes another of the same input, and none is sent twice
 *   LOST     ■ none is not sent
 *   BEGUN    new routes are run in the end: the next event finds that it may
 *   END      nobody waits for ever
 *
 * Left out: how the poller and the thread are woken (park.pml, close.pml), what is in the ring and its losses of other
 * kinds (ring.pml), outputs (lane.pml), a callback that does not wait for the gate, whose loss has no place of its own in
 * the order of events, and openings that follow.
 */

#ifndef CALLBACKS
#define CALLBACKS 2
#endif
#ifndef EVENTS
#define EVENTS 2
#endif
#ifndef TABLES
#define TABLES 2 /* that come into force, one after the other */
#endif
#ifndef MOST
#define MOST EVENTS /* events that may wait */
#endif
#ifndef TAGS
#define TAGS 3 /* 15 in C; routeNow needs these */
#endif
#ifndef BACKS
#define BACKS 1 /* times that the thread gives up waiting for the gate */
#endif
#define SLOTS (2 * EVENTS)

/* The gate. */
#define TOKEN 0
#define BUSY  1
#define SHUT  2

/* Words. */
#define GATE  0
#define WORDS 1

#define THREAD    CALLBACKS
#define PROCESSES (CALLBACKS + 1)

#include "tso.pml"

/* 0, and in front of an assertion to name it. */
hidden byte ALIVE, FREED, WHOLE, EXPECTED, ORDER, LOST, BEGUN;

#define NEVER 255

/* What is shared. */
byte routes, retired;              /* a table; 0: none */
byte next_one[TABLES + 1], tag_of[TABLES + 1];
bool runs[TABLES + 1], alive[TABLES + 1]; /* runs: onset_routes.active; ONSET_LOOK says it to who asks nothing else */
byte head, lost, recorded;         /* onset_ring.told */
byte tail, calm = NEVER;
byte older;                        /* replaced and not yet freed */
bool soon = true;
/* Slots. Number 0: a gap record, which holds the first and the last of those that are lost in place of tag and table. */
byte number_at[SLOTS], tag_at[SLOTS], table_at[SLOTS], lost_at[SLOTS];
byte lost_first, lost_last;        /* the open entry: those that nobody has sent */
bool closing, thread_sleeps, notified;

/* In Go. */
bool mu, ending;
byte tag, calmed, tags[TAGS + 1], command; /* tags: the tables that they stand for */

/* Ghosts. */
byte came, sent_last, sent;

#if MOST < EVENTS
#define LOOK
#else
#define LOOK d_step /* nothing is lost */
#endif

#ifdef TWIN_COME_SINCE
#define BEGINS (calm != NEVER)
#else
#define BEGINS (calm == head)
#endif

#define TOUCH(table) assert(ALIVE || alive[table])

/* A message, or what ends those from one number to another. */
inline send(from, to)
{
	assert(ORDER || from > sent_last);
	sent_last = to;
	sent = sent + to - from + 1
}

proctype callback(byte me)
{
	byte number, table, with, at;
	bool gap;
	do
	:: came < EVENTS ->
		/* enter */
#ifdef TWIN_ROUTES_BEFORE_GATE
		table = routes;
#endif
#ifdef TWIN_GATE_BY_STORE
		if
		:: LOAD(me, GATE) == TOKEN -> STORE(me, GATE, BUSY); atomic { came++; number = came }
		:: LOAD(me, GATE) == SHUT -> break
		fi;
#else
		if
#ifdef TWIN_NO_GATE
		:: d_step { DRAINED(me) && came < EVENTS -> memory[GATE] = BUSY; came++; number = came }
#else
		:: d_step {
			DRAINED(me) && memory[GATE] == TOKEN && came < EVENTS ->
			memory[GATE] = BUSY; came++; number = came
		}
#endif
		:: came == EVENTS -> break
		:: d_step { DRAINED(me) && memory[GATE] == SHUT } -> break
		fi;
#endif
		/* deliver; a message may also be one that onset_ring_push_soon is not asked for */
		if
		:: soon && lost == recorded && head - tail < MOST
		:: true ->
			/* route */
#ifndef TWIN_ROUTES_BEFORE_GATE
			table = routes;
#endif
			if
			:: table == 0
			:: table != 0 ->
				TOUCH(table);
#ifdef TWIN_ACTIVE_AT_ONCE
				runs[table] = true;
#else
				if
				:: runs[table]
				:: !runs[table] && !BEGINS -> table = 0
				:: !runs[table] && BEGINS -> runs[table] = true
				fi
#endif
				if
				:: table == 0
				:: table != 0 ->
					atomic { TOUCH(table); send(number, number) } /* onset_routes_run */
#ifdef TWIN_ROUTES_READ_TWICE
					with = tag_of[routes]
#else
					atomic { TOUCH(table); with = tag_of[table] }
#endif
				fi
			fi
		fi;
		/* onset_ring_push */
		d_step {
			gap = (lost != recorded);
			if
			:: head - tail >= MOST - gap -> /* onset_ring_refuse */
				if
				:: table == 0 -> lost_last = number; lost_first = (lost_first > 0 -> lost_first : number)
				:: else
				fi;
				lost++
			:: else ->
				at = head;
				if
				:: gap -> /* write_gap */
					tag_at[at] = lost_first;
					table_at[at] = lost_last;
					lost_at[at] = lost;
					lost_first = 0;
					lost_last = 0;
					recorded = lost;
					at++
				:: else
				fi;
				number_at[at] = number;
				tag_at[at] = with;
				table_at[at] = table;
				head = at + 1
			fi;
			number = 0; table = 0; with = 0; at = 0; gap = false
		}
		STORE(me, GATE, TOKEN) /* finish, leave */
	:: came == EVENTS -> break
	od
}

/* Input.Route, TABLES times */
proctype replacer()
{
	byte table, new, old, seen;
	do
	:: table < TABLES ->
		atomic { !mu -> mu = true };
		if
#ifdef CLOSES
#ifndef TWIN_ROUTE_WHILE_CLOSING
		:: ending -> mu = false; break
#endif
#endif
		:: else
		fi;
		/* routeNow; no routes have no tag */
		atomic {
			table++;
			if
			:: new = tag % TAGS + 1;
#ifndef TWIN_TAG_IN_USE
				if
				:: new == calmed -> new = new % TAGS + 1
				:: else
				fi
#endif
				tag_of[table] = new;
				alive[table] = true
#ifdef NONE
			:: new = 0
#endif
			fi
		}
#ifndef TWIN_CALM_OF_OTHERS
		calm = NEVER;
#endif
		/* onset_input_route */
		d_step { old = routes; routes = (new > 0 -> table : 0) }
#ifndef TWIN_HURRY_ON
		soon = (new == 0);
#endif
		if
		:: old > 0 ->
			older++;
			do
			:: seen = retired;
				next_one[old] = seen;
				if
				:: d_step { retired == seen -> retired = old } -> break
				:: retired != seen
				fi
			od;
#ifndef TWIN_RETIRED_SILENTLY
			atomic { thread_sleeps = false; notified = true } /* onset_notify */
#endif
		:: else
		fi;
		atomic {
			if
			:: new > 0 -> tag = new; tags[new] = table; command++ /* Waiter.Tell */
			:: else
			fi;
			mu = false;
			new = 0; old = 0; seen = 0
		}
	:: table == TABLES -> break
	od
}

#ifdef CLOSES
/* Input.Close */
proctype closer()
{
	atomic { !mu -> ending = true };
	d_step { closing = true; thread_sleeps = false; notified = true }
}
#endif

/* onset_routes_free, of a list */
inline free_all(list)
{
	do
	:: list == 0 -> break
	:: list > 0 ->
		d_step {
			assert(FREED || alive[list]);
			alive[list] = false;
			seen = next_one[list];
			next_one[list] = 0;
			list = seen;
			seen = 0;
			n++
		}
	od
}

/* serve */
proctype thread(byte me)
{
	byte list, last, seen, backs, n;
	do
	:: closing -> break
	:: !closing ->
		notified = false; /* onset_arm */
		/* free_retired */
		d_step { list = retired; retired = 0 }
		if
		:: list == 0 ->
			if /* onset_rest */
			:: d_step { !closing && !notified -> thread_sleeps = true };
end:				!thread_sleeps
			:: closing || notified
			fi
		:: list > 0 ->
			do
#ifdef TWIN_FREED_AT_ONCE
			:: true ->
#else
			:: LOAD(me, GATE) != BUSY -> /* is_free */
#endif
				free_all(list);
				older = older - n;
				n = 0;
#ifndef TWIN_FREED_SILENTLY
				command++; /* onset_command */
#endif
				break
			:: backs < BACKS && LOAD(me, GATE) == BUSY ->
				d_step {
					backs++;
					last = list;
					do
					:: next_one[last] > 0 -> last = next_one[last]
					:: else -> break
					od
				}
				do
				:: seen = retired;
#ifdef TWIN_PUT_BACK_ALONE
					seen = retired;
					d_step { retired = list };
					break;
#endif
					next_one[last] = seen;
					if
					:: d_step { retired == seen -> retired = list } -> break
					:: retired != seen
					fi
				od;
				atomic { list = 0; last = 0; seen = 0 };
				break
			od
		fi
	od;
	/* shut, let_go */
	atomic { DRAINED(me) && memory[GATE] == TOKEN -> memory[GATE] = SHUT };
	d_step { list = routes; routes = 0 };
	free_all(list);
	atomic { list = retired; retired = 0 };
	free_all(list)
}

proctype poller()
{
	byte obeyed, next, end_seen, lost_seen, told, own, own_tags[TAGS + 1], i;
	bool any, arming, quiet;
end:
	do
	:: any || command != obeyed || head != next || lost > told ->
		any = false;
		/* obey, adoptRoutes */
		if
		:: command != obeyed ->
			atomic {
				!mu ->
				obeyed = command;
				arming = (arming || own != tag);
				own = tag;
				do
				:: i <= TAGS -> own_tags[i] = tags[i]; i++
				:: else -> i = 0; break
				od
			}
		:: else
		fi;
		LOOK { lost_seen = lost; end_seen = head }; /* Look */
		/* calm */
		if
		:: arming && end_seen == next ->
			atomic { !mu -> mu = true }
			/* Ring.Calm */
#ifdef TWIN_HEAD_BEFORE_OLDER
			quiet = (head == next);
			quiet = (quiet && older == 0);
#else
#ifdef TWIN_CALM_WHILE_OLDER
			quiet = true;
#else
			quiet = (older == 0);
#endif
			quiet = (quiet && head == next);
#endif
#ifndef TWIN_CALM_WITH_A_LOSS
			quiet = (quiet && lost <= told);
#endif
			atomic {
				if
				:: quiet -> calm = next; calmed = tag; quiet = false
				:: else
				fi;
				mu = false
			}
		:: else
		fi;
		do
		:: end_seen != next ->
			any = true;
			d_step { /* Next, Meet */
				if
				:: number_at[next] == 0 ->
					if
					:: tag_at[next] > 0 -> send(tag_at[next], table_at[next])
					:: else
					fi;
					told = (told > lost_at[next] -> told : lost_at[next]);
					lost_at[next] = 0
				:: else ->
					if
					:: table_at[next] == 0 -> send(number_at[next], number_at[next])
					:: else ->
						assert(WHOLE || own_tags[tag_at[next]] == table_at[next]);
						assert(EXPECTED || tag_at[next] == tag || tag_at[next] == calmed);
						arming = arming && tag_at[next] != own
					fi
				fi;
				number_at[next] = 0; tag_at[next] = 0; table_at[next] = 0;
				next++;
				tail = next
			}
		:: end_seen == next -> break
		od;
		/* silence, Lost */
		if
		:: !any && lost_seen > told ->
			d_step {
				if
				:: head == end_seen ->
					if
					:: lost_first > 0 -> send(lost_first, lost_last); lost_first = 0; lost_last = 0
					:: else
					fi;
					told = lost;
					any = true
				:: else
				fi
			}
		:: else
		fi;
		atomic { lost_seen = 0; end_seen = 0 }
	od
}

/* When nothing moves any more. */
proctype at_rest()
{
	byte i;
end:
	timeout ->
	do
	:: i < TABLES ->
		i++;
#ifdef CLOSES
		assert(FREED || !alive[i])
#else
		assert(FREED || !alive[i] || i == routes)
#endif
	:: else -> break
	od;
#ifndef CLOSES
	assert(LOST || sent == EVENTS);
	assert(BEGUN || routes == 0 || runs[routes] || calm == head)
#endif
}

init {
	atomic {
		run callback(0);
#if CALLBACKS > 1
		run callback(1);
#endif
		run replacer();
#ifdef CLOSES
		run closer();
#endif
		run thread(THREAD);
		run poller();
		run drain();
		run at_rest()
	}
}
