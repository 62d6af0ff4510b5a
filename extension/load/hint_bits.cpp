// See hint_bits.h.
#include "load/hint_bits.h"

namespace podyn {
namespace {

// Mostly the WAL of a page of items is on disk when the next but one is written, but a disk may be slow. What is older
// than these, some 60 MB, may have left shared_buffers.
constexpr int kTransactions = 24;

// The blocks that one transaction has written to, a subtransaction mostly.
struct Blocks {
    TransactionId transaction;
    XLogRecPtr committed;  // its commit is in the WAL before this; invalid: the transaction was not over yet
    BlockNumber *numbers;
    int count;
    int room;
};

void add_block(Blocks *blocks, BlockNumber number)
{
    if (blocks->count > 0 && blocks->numbers[blocks->count - 1] == number)
        return;
    if (blocks->count == blocks->room) {
        int room = 2 * blocks->room;
        blocks->numbers =
            static_cast<BlockNumber *>(repalloc(blocks->numbers, sizeof(BlockNumber) * static_cast<size_t>(room)));
        blocks->room = room;
    }
    blocks->numbers[blocks->count++] = number;
}

// The page is locked for reading: hint bits need no more.
void hint_page(Buffer buffer, TransactionId transaction)
{
    Page page = BufferGetPage(buffer);
    OffsetNumber last = PageGetMaxOffsetNumber(page);
    for (OffsetNumber i = FirstOffsetNumber; i <= last; ++i) {
        ItemId item = PageGetItemId(page, i);
        if (!ItemIdIsNormal(item))
            continue;
        auto *tuple = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
        // Without the transaction's number, as its commit is known to be on disk: PostgreSQL would ask for that of the
        // latest of 32 transactions.
        if (HeapTupleHeaderGetRawXmin(tuple) == transaction && (tuple->t_infomask & HEAP_XMIN_FROZEN) == 0)
            HeapTupleSetHintBits(tuple, buffer, HEAP_XMIN_COMMITTED, InvalidTransactionId);
    }
}

// Somebody may have emptied the table since.
void hint_blocks(Relation relation, const Blocks &blocks)
{
    BlockNumber end = RelationGetNumberOfBlocks(relation);
    for (int i = 0; i < blocks.count; ++i) {
        if (blocks.numbers[i] >= end)
            continue;
        Buffer buffer = ReadBuffer(relation, blocks.numbers[i]);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        hint_page(buffer, blocks.transaction);
        UnlockReleaseBuffer(buffer);
    }
}

}  // namespace

struct UnhintedRows {
    Blocks blocks[kTransactions];  // the oldest first
    int count;
};

namespace {

// Gives what is forgotten, until its array is used again.
Blocks forget_first(UnhintedRows *rows)
{
    Blocks first = rows->blocks[0];
    --rows->count;
    memmove(rows->blocks, rows->blocks + 1, sizeof(Blocks) * static_cast<size_t>(kTransactions - 1));
    rows->blocks[kTransactions - 1] = first;
    return first;
}

Blocks *blocks_of(UnhintedRows *rows, TransactionId transaction)
{
    if (rows->count > 0 && rows->blocks[rows->count - 1].transaction == transaction)
        return &rows->blocks[rows->count - 1];
    if (rows->count == kTransactions)
        (void)forget_first(rows);
    Blocks *blocks = &rows->blocks[rows->count++];
    blocks->transaction = transaction;
    blocks->committed = InvalidXLogRecPtr;
    blocks->count = 0;
    return blocks;
}

// Transactions that are over, if they have committed, have done so before this.
void note_commits(UnhintedRows *rows)
{
    for (int i = 0; i < rows->count; ++i)
        if (XLogRecPtrIsInvalid(rows->blocks[i].committed) &&
            !TransactionIdIsCurrentTransactionId(rows->blocks[i].transaction))
            rows->blocks[i].committed = XactLastCommitEnd;
}

// Of transactions whose rows have been frozen since nothing may be known any more.
bool has_committed(TransactionId transaction, Relation relation)
{
    return !TransactionIdPrecedes(transaction, relation->rd_rel->relfrozenxid) && TransactionIdDidCommit(transaction);
}

}  // namespace

UnhintedRows *make_unhinted_rows(MemoryContext context, Relation relation)
{
    if (relation->rd_tableam != GetHeapamTableAmRoutine())
        return nullptr;
    auto *rows = static_cast<UnhintedRows *>(MemoryContextAllocZero(context, sizeof(UnhintedRows)));
    for (Blocks &blocks : rows->blocks) {
        blocks.room = 64;
        blocks.numbers = static_cast<BlockNumber *>(
            MemoryContextAlloc(context, sizeof(BlockNumber) * static_cast<size_t>(blocks.room)));
    }
    return rows;
}

void note_unhinted_rows(UnhintedRows *rows, TupleTableSlot *const *slots, int count)
{
    if (rows == nullptr)
        return;
    Blocks *blocks = blocks_of(rows, GetCurrentTransactionId());
    for (int i = 0; i < count; ++i)
        add_block(blocks, ItemPointerGetBlockNumber(&slots[i]->tts_tid));
}

void set_hint_bits(UnhintedRows *rows, Relation relation)
{
    if (rows == nullptr)
        return;
    note_commits(rows);
    while (rows->count > 0 && !XLogRecPtrIsInvalid(rows->blocks[0].committed) &&
           !XLogNeedsFlush(rows->blocks[0].committed)) {
        Blocks first = forget_first(rows);  // a block that cannot be read is in the way once
        if (has_committed(first.transaction, relation))
            hint_blocks(relation, first);
    }
}

}  // namespace podyn
