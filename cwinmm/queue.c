#include "queue.h"

// Each cell says whose turn it is: a writer's when turn == its index, the reader's when turn ==
// index + 1; the reader hands it on to the writer one lap later. Indices wrap.

void onset_queue_make(struct onset_queue *queue, struct onset_cell *cells, uint32_t capacity)
{
    queue->mask = capacity - 1;
    queue->cells = cells;
    for (uint32_t i = 0; i < capacity; i++)
        cells[i].turn = i;
}

static struct onset_cell *cell_at(struct onset_queue *queue, uint32_t index)
{
    return &queue->cells[index & queue->mask];
}

bool onset_queue_put(struct onset_queue *queue, const struct onset_item *items, uint32_t count)
{
    if (count > queue->mask + 1)
        return false;
    uint32_t index = atomic_load_explicit(&queue->put, memory_order_relaxed);
    for (uint32_t free = 0; free < count;) {
        // Acquire: the reader has taken what stood there a lap ago (hand_on).
        uint32_t turn =
            atomic_load_explicit(&cell_at(queue, index + free)->turn, memory_order_acquire);
        if (turn != index + free) {
            if ((int32_t)(turn - (index + free)) < 0)
                return false; // a lap behind: full
            index = atomic_load_explicit(&queue->put, memory_order_relaxed);
            free = 0;
        } else if (++free == count && !atomic_compare_exchange_weak_explicit(
                                          &queue->put, &index, index + count, memory_order_relaxed,
                                          memory_order_relaxed)) {
            free = 0;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        struct onset_cell *cell = cell_at(queue, index + i);
        uint32_t marks = (i > 0 ? ONSET_BELONGS : 0) | (i + 1 < count ? ONSET_GOES_ON : 0);
        // Relaxed: what is ordered by turn. Atomic, since a reader may look at a cell that another
        // one has just taken (onset_queue_get).
        atomic_store_explicit(&cell->message, items[i].message | marks, memory_order_relaxed);
        atomic_store_explicit(&cell->long_one, items[i].long_one, memory_order_relaxed);
        // Release: the item, for the reader (look_at).
        atomic_store_explicit(&cell->turn, index + i + 1, memory_order_release);
    }
    return true;
}

bool onset_wants(enum onset_wanted wanted, struct onset_item item)
{
    return wanted == ONSET_ANY ||
           (!item.long_one && (wanted == ONSET_ANY_SHORT || (item.message & 0xFF) >= 0xF8));
}

enum found { NOTHING, MOVED, ITEM };

// Looks at what stands at an index. MOVED: that is not the next any more.
static enum found look_at(struct onset_queue *queue, uint32_t index, struct onset_item *item)
{
    struct onset_cell *cell = cell_at(queue, index);
    // Acquire: the item (onset_queue_put).
    uint32_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
    if ((int32_t)(turn - (index + 1)) < 0)
        return NOTHING; // empty, or its writer is not done and will ring the bell when it is
    if (turn != index + 1)
        return MOVED;
    // If another reader has taken it meanwhile, this may be what was put there a lap later: then
    // the exchange that follows fails, or what is wanted is found by the next to look.
    *item = (struct onset_item){atomic_load_explicit(&cell->message, memory_order_relaxed),
                                atomic_load_explicit(&cell->long_one, memory_order_relaxed)};
    return ITEM;
}

// Takes count cells from an index on, if that is still the next. False: index is now.
static bool take(struct onset_queue *queue, uint32_t *index, uint32_t count)
{
    uint32_t first = *index;
    if (!atomic_compare_exchange_strong_explicit(&queue->got, index, first + count,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false;
    for (uint32_t i = first; i != first + count; i++)
        // Release: the cell may be written again (onset_queue_put, a lap later).
        atomic_store_explicit(&cell_at(queue, i)->turn, i + queue->mask + 1, memory_order_release);
    return true;
}

bool onset_queue_get(struct onset_queue *queue, enum onset_wanted wanted, struct onset_item *item)
{
    uint32_t index = atomic_load_explicit(&queue->got, memory_order_relaxed);
    for (;;) {
        switch (look_at(queue, index, item)) {
        case NOTHING:
            return false;
        case MOVED:
            index = atomic_load_explicit(&queue->got, memory_order_relaxed);
            continue;
        case ITEM:
            if (!onset_wants(wanted, *item))
                return false;
            if (take(queue, &index, 1))
                return true;
        }
    }
}

uint32_t onset_queue_get_all(struct onset_queue *queue, enum onset_wanted wanted,
                             struct onset_item *items)
{
    uint32_t index = atomic_load_explicit(&queue->got, memory_order_relaxed);
    for (uint32_t count = 0;;) {
        enum found found = look_at(queue, index + count, &items[count]);
        if (found == MOVED) {
            index = atomic_load_explicit(&queue->got, memory_order_relaxed);
            count = 0;
            continue;
        }
        if (found == NOTHING || !onset_wants(wanted, items[count]) ||
            (count == 0 && items[0].message & ONSET_BELONGS))
            return 0;
        bool last = !(items[count].message & ONSET_GOES_ON) || count + 1 == ONSET_TOGETHER;
        if (++count && last) {
            if (take(queue, &index, count))
                return count;
            count = 0;
        }
    }
}

bool onset_queue_ready(struct onset_queue *queue)
{
    // Seq_cst: read between arm and sleep, and after giving the claim up.
    uint32_t got = atomic_load(&queue->got);
    return atomic_load(&cell_at(queue, got)->turn) == got + 1;
}

bool onset_queue_long_is_next(struct onset_queue *queue)
{
    uint32_t got = atomic_load(&queue->got);
    struct onset_cell *cell = cell_at(queue, got);
    return atomic_load(&cell->turn) == got + 1 && atomic_load(&cell->long_one);
}

uint32_t onset_queue_length(struct onset_queue *queue)
{
    uint32_t got = atomic_load_explicit(&queue->got, memory_order_relaxed);
    // Acquire: what stands before is in the queue for whoever reads the one after (send_inline in
    // output.c).
    return atomic_load_explicit(&queue->put, memory_order_acquire) - got;
}
