// DynamoDB's exports to S3 at a place: found, checked against their manifests, put in order (developer guide, "DynamoDB
// data export to Amazon S3: output format").
//
// A place holds one export, or several: then at most one full one, and the incremental ones in the order of their
// periods. It may also be a plain file, of which nothing is known but its size.
#pragma once

#include "imports/place.h"

namespace podyn {

struct ImportFile {
    char *name;  // S3: the key; else the path, without symbolic links
    int stage;   // 0: the first export of the chain
    bool changes;
    int64 size;
    const char *md5;   // of the stored bytes, base64; null: not known
    int64 item_count;  // -1: not known
};

// An export of the chain.
struct ImportExport {
    char *place;
    bool incremental;
    const char *view;  // of an incremental one
    // Microseconds since 1970 UTC: what it contains. Of a full export both are its time.
    int64 from;
    int64 to;
    int64 item_count;
    int64 billed_bytes;  // as DynamoDB counts the items' size; 0: not known
};

struct ImportFiles {
    ImportFile *files;  // by stage, then the largest first
    int count;
    ImportExport *chain;    // by stage
    int exports;            // 0: a plain file
    List *left_out;         // char *: places of exports whose changes all are older than the full one
    int64 item_count;       // of the manifests; -1: not known
    const char *table_arn;  // null: not known
    bool full;              // the first export is a full one
    int64 until_us;         // microseconds since 1970 UTC: what the exports contain ends then
};

// A gap between two periods: an error, also one that tells how to allow it, or a notice.
enum class Gaps : uint8 { kRefused, kNotAllowed, kAllowed };

// Everything that the place holds. Errors name what is missing, not finished, or does not go together.
ImportFiles find_files(const Source &source, const Place &place, Gaps gaps);

}  // namespace podyn
