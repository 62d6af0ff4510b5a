// Writes items, or their removal, in the caller's transaction, in which the replication is held (hold_own_replication):
// each by itself if need be, so that what cannot be written is told apart.
#pragma once

#include "functions/reason.h"
#include "load/apply.h"
#include "source_table.h"

namespace podyn {

struct ItemWriter {
    const catalog::Replication *replication;
    Target *target;
    OnConflict on_conflict;
    PageItem *items;  // each key once; null: nothing has to be written
    int count;
    Reason *reasons;  // the outcome, of each item
    int64 written;    // all but those that on_conflict leaves out
    // What is written under way
    Row *rows;
    int *numbers;  // of each row, in `items`
};

// With room for so many items.
ItemWriter make_item_writer(const catalog::Replication &replication, Target *target, int most);

// The number of a key among the items, which have digests; -1: it is not there.
int find_key(const ItemWriter &writer, const uint8 *digest);

// Reads the items again, consistently, of which the keys are known so far: those that are there are to be put, the
// others stay removals. As the workers wait, what they have written is not newer.
void read_current_items(ItemWriter *writer, const Source &source, double *read_units);

// Makes the columns that are missing, then writes.
void write_items(ItemWriter *writer);

// Adds what a call has read to the replication's counter.
void count_read_units(int32 replication, double read_units);

}  // namespace podyn
