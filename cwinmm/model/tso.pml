/* Memory as x86 has it (x86-TSO): each process has a store buffer, first in first out. Its own loads see what is in
 * there, the newest first; the others' see memory. The buffer drains at any moment (proctype drain), and has to be empty
 * for a fence or a read-modify-write (a locked instruction) to go on. Loads are not reordered with loads, nor stores
 * with stores, so acquire and release cost nothing and are always there; what can happen is that a load overtakes an
 * older store to another word. Windows on ARM is weaker, and not covered.
 *
 * To be defined before: WORDS, PROCESSES. A store waits when the buffer is full; that is DEPTH stores without a fence or
 * locked instruction in between, which the models stay below. */

#define DEPTH 2

typedef buffer {
	byte n, word[DEPTH], value[DEPTH]
}
byte memory[WORDS];
buffer stores[PROCESSES];

#define LOAD(p, w) \
	(stores[p].n > 1 && stores[p].word[1] == (w) -> stores[p].value[1] : \
	(stores[p].n > 0 && stores[p].word[0] == (w) -> stores[p].value[0] : memory[w]))

#define CAN_STORE(p) (stores[p].n < DEPTH)
#define DRAINED(p) (stores[p].n == 0)

/* Within a d_step that begins with CAN_STORE. */
#define PUT(p, w, v) \
	stores[p].word[stores[p].n] = w; \
	stores[p].value[stores[p].n] = v; \
	stores[p].n++

#define STORE(p, w, v) d_step { CAN_STORE(p) -> PUT(p, w, v) }
#define FENCE(p) DRAINED(p)

inline commit(p)
{
	memory[stores[p].word[0]] = stores[p].value[0];
	stores[p].word[0] = stores[p].word[1];
	stores[p].value[0] = stores[p].value[1];
	stores[p].word[1] = 0;
	stores[p].value[1] = 0;
	stores[p].n--;
	if
	:: stores[p].n == 0 -> stores[p].word[0] = 0; stores[p].value[0] = 0
	:: else
	fi
}

proctype drain()
{
end:
	do
	:: d_step { !DRAINED(0) -> commit(0) }
	:: d_step { !DRAINED(1) -> commit(1) }
#if PROCESSES > 2
	:: d_step { !DRAINED(2) -> commit(2) }
#endif
#if PROCESSES > 3
	:: d_step { !DRAINED(3) -> commit(3) }
#endif
#if PROCESSES > 4
	:: d_step { !DRAINED(4) -> commit(4) }
#endif
#if PROCESSES > 5
	:: d_step { !DRAINED(5) -> commit(5) }
#endif
#if PROCESSES > 6
	:: d_step { !DRAINED(6) -> commit(6) }
#endif
	od
}
