// Keys whose two sides seem to differ, looked at again until it is sure whether they do.
//
// A key may have moved while it was looked at: the source first, and the stream brings the change a moment later. So
// its item is read again, consistently, and then its row; where they are equal, they agree. Otherwise the stream is
// waited for, up to what had been acknowledged by then, and both are looked at again. Every change rewrites its row. A
// row that three looks in a row find as it was, and different each time, shows a difference that no change on its way
// accounts for:
//
//   look 1   the row has version v
//   look 2   the item is read; then the row has version v
//            the stream is waited for
//   look 3   the row has version v. Had the item changed between the looks 1 and 2, the row would have been written by
//            now. So the item that look 2 read is the one that v should show, and does not.
//
// Where there is no row, or no version (Citus), it takes two looks more. A key that moves all the time is given up
// after a number of looks: the stream writes its row again and again, and the whole of it each time.
#pragma once

#include "functions/look.h"
#include "shared.h"
#include "source_table.h"

namespace podyn {

struct Settling {
    const catalog::Replication *replication;
    const Source *source;
    shared::Replication *budget;
    const Target *target;   // of which the keys count
    uint32 bytes_per_item;  // about; so many items are read at once as memory allows
    // Told of each key that differs. `askable`: a request can name it.
    void (*differs)(void *context, const char *key, bool askable, const Subject &subject);
    void (*tick)(void *context);  // called every now and then
    void *context;
    // Outcome
    double read_units;
    int64 restless;  // keys that were given up
};

// A batch of keys, DynamoDB JSON, in the current memory context.
void settle(Settling *settling, const char *const *keys, int count);

}  // namespace podyn
