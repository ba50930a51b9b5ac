/* (a) The ring: callbacks and the handle's thread on the producer's side, the poller on the other.
 *
 * Stands for
 *   ring.h   onset_ring_push_soon, onset_ring_publish
 *   ring.c   onset_ring_push, onset_ring_push_long, onset_ring_refuse, keep_end, write_gap, gap_fits, untold,
 *            onset_gap_note, onset_ring_absorb
 *   input.c  enter, leave, publish, deliver_long, fold: what of them decides who is the producer
 *   ring.go  Ring.Look, Next, Meet, take, tell, Lost, News
 *   engine/poller.go  pass, silence: Look, so many Next, then Lost
 *
 * Memory is sequentially consistent here. Every word has one writer at a time but the bits of what the lost messages
 * end, which are touched by read-modify-writes only, and nobody decides anything by a store followed by a load (that is
 * park.pml's). What is left of an order is that of the program, release and acquire, which the twins break.
 *
 * A step is one access to a word that another side uses at the same time, together with accesses next to it that
 * nobody else can see or that may as well come at the same moment: taking the gate goes with what follows it, leaving
 * with what precedes it; a slot that is not yet published, or not yet handed back, and an entry of gap[] that is
 * closed, are one side's own, which ROOM and ENTRY check.
 *
 * Events are numbered as they are published. The ghosts beside a slot are what had been lost at that moment: `least`,
 * what the gap records so far stand for, and `most`, all of it.
 *
 * ■ is an invariant of the design.
 *   ORDER   every event that was not refused is delivered once, whole, in order
 *   ROOM    no slot is written that has not been read; the event of a buffer always finds one
 *   ENTRY   no entry of gap[] is used again before the consumer is done with it
 *   LATE    ■ nothing is lost silently: what was lost before an event is told before it
 *   EARLY   ■ at the place where it happened: what was lost after an event is not told before it. (Not so: what lost
 *           messages end, before the event of a buffer that found no free entry for a record, which ends nothing.)
 *   SILENT  ■ nothing is lost silently: when all is quiet, all that was lost has been told, once
 *   STUCK   overload leaves no stuck note: and so has all that the lost messages ended
 *   BUSY    who finds something to do does something: no cycle without progress (-DBUSY)
 *   END     nobody waits for ever (spin's own check of final states)
 *
 * Left out: all kinds of loss but two (two, so that counting them is not one step), time stamps, the stream above
 * (engine/stream.go), indices that pass 2^64, openings that follow one another (close.pml).
 */

#ifndef CAPACITY
#define CAPACITY 2
#endif
#ifndef BUFFERS
#define BUFFERS 1
#endif
#ifndef GAPS
#define GAPS 3 /* ONSET_GAPS */
#endif
#ifndef CALLBACKS
#define CALLBACKS 1
#endif
#ifndef EVENTS
#define EVENTS 6 /* that the driver calls with */
#endif
#ifndef LONGS
#define LONGS 2 /* of them, at most: buffers */
#endif
#ifndef STRANGERS
#define STRANGERS 0 /* besides, short messages for which the gate is taken too long */
#endif

#ifdef TWIN_NO_RESERVE
#define SLOTS CAPACITY
#elif CAPACITY + 2 * BUFFERS <= 4
#define SLOTS 4
#else
#define SLOTS 8
#endif

#ifdef TWIN_GAP_NEEDS_ONE
#define MOST(gap) CAPACITY
#else
#define MOST(gap) (CAPACITY - gap)
#endif

#ifdef TWIN_ENTRY_IN_USE
#define GAP_FITS true
#else
#define GAP_FITS (gaps + 1 - gaps_met < GAPS) /* acquire: Meet */
#endif

#define SHORT 1
#define LONG  2
#define GAP   3

typedef slot {
	byte kind, number;
	byte least, least_ends, most, most_ends /* ghosts */
}
typedef entry {
	byte ends;  /* note_off, pedal_up, all_off: a bit for each lost message */
	byte by[2] /* lost_by */
}

/* 0, and in front of an assertion to name it. */
hidden byte ORDER, ROOM, ENTRY, LATE, EARLY, SILENT, STUCK;

/* struct onset_ring */
byte head, lost, tail_seen, told, gaps, tail, gaps_met, lost_by[2];
entry gap[GAPS];
slot slots[SLOTS];

/* struct onset_input */
bool gate;
entry refused;
byte concurrent, folded;

/* The driver. */
byte to_come = EVENTS, longs_to_come = LONGS, strange = STRANGERS, away = BUFFERS, calling;

/* Ghosts. */
byte published, all_lost;
byte kept_ends; /* bits put into an entry so far */
byte told_ends; /* those when the last gap record was written */

#define OPEN (gaps % GAPS)
#define UNTOLD (lost != told)
#define LEAVE gate = false; calling--
#define BIT(n) (1 << (n))

inline write_slot(kind_, number_)
{
	assert(ROOM || h - tail < SLOTS);
	slots[h % SLOTS].kind = kind_;
	slots[h % SLOTS].number = number_;
	slots[h % SLOTS].least = told;
	slots[h % SLOTS].least_ends = told_ends;
	slots[h % SLOTS].most = lost;
	if
	:: kind_ == LONG && UNTOLD -> slots[h % SLOTS].most_ends = 255 /* see EARLY */
	:: else -> slots[h % SLOTS].most_ends = kept_ends
	fi;
	h++
}

/* onset_ring_publish, and leave */
inline publish(kind_)
{
#ifdef TWIN_HEAD_BEFORE_SLOT
	head = h + 1;
	d_step { write_slot(kind_, published); h = 0; published++; LEAVE }
#else
	d_step {
		write_slot(kind_, published);
		published++;
		head = h; /* release: Look */
		h = 0;
		LEAVE
	}
#endif
}

inline keep_end()
{
	kept_ends = kept_ends | BIT(own);
	gap[OPEN].ends = gap[OPEN].ends | BIT(own) /* release: take */
}

/* onset_ring_refuse, and leave */
inline refuse()
{
	d_step {
		h = 0;
		own = all_lost;
		all_lost++;
#ifndef TWIN_COUNT_BEFORE_END
		keep_end()
#endif
	}
	lost_by[kind]++;
#ifdef TWIN_COUNT_BEFORE_END
	lost++;
	d_step { keep_end(); own = 0; LEAVE }
#else
	d_step { lost++; own = 0; LEAVE } /* release: Look */
#endif
}

inline write_gap()
{
	d_step {
		gap[OPEN].by[0] = lost_by[0];
		gap[OPEN].by[1] = lost_by[1];
		told = lost;
		told_ends = kept_ends;
		write_slot(GAP, gaps);
		assert(ENTRY || gaps + 1 - gaps_met < GAPS);
		gaps++
	}
}

/* onset_ring_push_soon, then onset_ring_push */
inline push()
{
	if
	:: h - tail_seen >= MOST(untold) -> refuse()
	:: else ->
		if
		:: untold && !GAP_FITS -> refuse()
		:: else ->
			if
			:: untold -> write_gap()
			:: else
			fi;
			publish(SHORT)
		fi
	fi
}

inline push_long()
{
	if
	:: untold && GAP_FITS -> write_gap()
	:: else
	fi;
	publish(LONG)
}

/* onset_gap_note */
inline note()
{
	d_step {
		own = all_lost;
		all_lost++;
		refused.ends = refused.ends | BIT(own);
		own = 0
	}
	refused.by[kind]++; /* release: absorb */
	concurrent++
}

proctype callback()
{
	byte h, own;
	bool kind; /* of its next short message */
	bool untold, is_long;
	do
	:: atomic {
		to_come > 0 ->
		to_come--;
		calling++;
		if
		:: true
		:: longs_to_come > 0 && away > 0 -> longs_to_come--; away--; is_long = true
		fi
	}
		if
#ifdef TWIN_NO_GATE
		:: atomic {
#else
		:: atomic {
			!gate -> /* enter */
#endif
			gate = true;
			h = head;
			untold = UNTOLD;
			if
			:: !is_long && h - tail_seen >= MOST(untold) -> tail_seen = tail /* acquire: Next */
			:: else
			fi
		}
			if
			:: is_long -> push_long()
			:: else -> push()
			fi
#if CALLBACKS > 1
		:: atomic { gate -> skip } /* enter: its patience is at an end */
			note();
			d_step {
				calling--;
				if
				:: is_long -> away++ /* a stray: the thread gives it to the driver again */
				:: else
				fi
			}
#endif
		fi;
		d_step { untold = false; is_long = false; kind = !kind }
	:: atomic { to_come == 0 -> break }
	od
}

/* A callback that never gets in. */
proctype stranger()
{
	byte own;
	bool kind;
	do
	:: atomic { strange > 0 -> strange--; calling++ }
		note();
		d_step { calling--; kind = !kind }
	:: atomic { strange == 0 -> break }
	od
}

#ifdef TWIN_FOLD_BY_COUNT
#define TO_FOLD (concurrent != folded)
#else
#define TO_FOLD (refused.by[0] > 0 || refused.by[1] > 0)
#endif

/* The handle's thread: fold, onset_ring_absorb. */
proctype thread()
{
	byte n, m;
end:
	do
	:: d_step { TO_FOLD && !gate -> gate = true; n = refused.by[0]; refused.by[0] = 0 }
#ifdef TWIN_ABSORB_COUNTS_FIRST
		lost_by[0] = lost_by[0] + n;
#endif
		d_step { m = refused.by[1]; refused.by[1] = 0 }
#ifdef TWIN_ABSORB_COUNTS_FIRST
		lost_by[1] = lost_by[1] + m;
#endif
		d_step {
			kept_ends = kept_ends | refused.ends;
			gap[OPEN].ends = gap[OPEN].ends | refused.ends; /* release: take */
			refused.ends = 0
		}
#ifndef TWIN_ABSORB_COUNTS_FIRST
		lost_by[0] = lost_by[0] + n;
		lost_by[1] = lost_by[1] + m;
#endif
		d_step {
			lost = lost + n + m; /* release: Look */
			gate = false;
			folded = folded + n + m;
			n = 0;
			m = 0
		}
	od
}

#ifdef TWIN_SILENCE_UNTOLD
#define NEWS (head != next)
#else
#define NEWS (lost > told_by[0] + told_by[1] || head != next)
#endif

inline take(from)
{
	ends = ends | gap[from].ends;
	gap[from].ends = 0
}

inline tell(kind_, total)
{
	if
	:: total > told_by[kind_] -> told_by[kind_] = total
	:: else
	fi
}

proctype poller()
{
	byte next, end_, lost_seen, met, told_by[2], ends, delivered;
	byte kind, t0, t1;
	do
	/* News: until there is some, looking changes nothing. Then Look. */
	:: d_step { NEWS -> lost_seen = lost } /* acquire: refuse, absorb */
		end_ = head; /* acquire: publish */
		do
		:: next != end_ ->
#ifdef TWIN_TAIL_BEFORE_COPY
			tail = next + 1;
#endif
progress_next:		d_step { /* Next */
				kind = slots[next % SLOTS].kind;
				if
				:: kind == GAP -> assert(ORDER || slots[next % SLOTS].number == met)
				:: else ->
					assert(ORDER || slots[next % SLOTS].number == delivered);
					delivered++;
					assert(LATE || told_by[0] + told_by[1] >= slots[next % SLOTS].least);
					assert(EARLY || told_by[0] + told_by[1] <= slots[next % SLOTS].most);
					assert(LATE || (slots[next % SLOTS].least_ends & ends) == slots[next % SLOTS].least_ends);
					assert(EARLY || (slots[next % SLOTS].most_ends & ends) == ends)
				fi;
				slots[next % SLOTS].kind = 0;
				slots[next % SLOTS].number = 0;
				slots[next % SLOTS].least = 0;
				slots[next % SLOTS].most = 0;
				slots[next % SLOTS].least_ends = 0;
				slots[next % SLOTS].most_ends = 0;
				next++;
				tail = next; /* release: push */
				if
				:: kind == LONG -> away++ /* Return, and the thread gives it to the driver */
				:: else
				fi
			}
			if
			:: kind == GAP -> /* Meet */
#ifdef TWIN_MET_BEFORE_READ
				gaps_met = met + 1;
#endif
				d_step {
					take(met % GAPS);
					tell(0, gap[met % GAPS].by[0]);
					tell(1, gap[met % GAPS].by[1]);
					gap[met % GAPS].by[0] = 0;
					gap[met % GAPS].by[1] = 0;
					met++;
					gaps_met = met /* release: gap_fits */
				}
			:: else
			fi
		:: else -> break
		od;
		kind = 0;
#if !defined(TWIN_SILENCE_UNTOLD) && !defined(TWIN_SILENCE_IGNORED)
		/* Lost */
		if
#ifdef TWIN_LOST_LOOKS_FIRST
		:: lost_seen > told_by[0] + told_by[1] && gaps == met -> /* acquire: write_gap */
#else
		:: lost_seen > told_by[0] + told_by[1] ->
#endif
#ifdef TWIN_LOST_TAKES_FIRST
			d_step { take(met % GAPS) }
#endif
			t0 = lost_by[0]; /* acquire: refuse, absorb */
			t1 = lost_by[1];
			if
#ifndef TWIN_LOST_LOOKS_FIRST
			:: head != end_ -> skip /* acquire: publish */
#endif
			:: else ->
#ifndef TWIN_LOST_TAKES_FIRST
				d_step { take(met % GAPS) }
#endif
progress_lost:		d_step { tell(0, t0); tell(1, t1) }
			fi
		:: else
		fi;
#endif
		d_step { lost_seen = 0; end_ = 0; t0 = 0; t1 = 0 }
	:: d_step {
		to_come == 0 && strange == 0 && calling == 0 && !gate && !TO_FOLD && !NEWS ->
		assert(ORDER || delivered == published);
		assert(SILENT || (lost == all_lost && told_by[0] + told_by[1] == lost));
		assert(STUCK || ends == BIT(all_lost) - 1)
	}
		break
	od
}

init {
	atomic {
		run poller();
		run thread();
		run callback();
#if CALLBACKS > 1
		run callback();
#endif
#if STRANGERS
		run stranger()
#endif
	}
}
