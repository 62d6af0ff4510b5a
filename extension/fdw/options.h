// Options of foreign servers, user mappings, foreign tables and their columns, and of IMPORT FOREIGN SCHEMA: one table
// for validation, hints and reading.
#pragma once

#include <string_view>

#include "catalog/options.h"
#include "compat.h"

namespace podyn {

// The options of a server and of its user's mapping, null where not given. Palloc'ed.
struct SourceOptions {
    const char *region;
    const char *endpoint;
    const char *streams_endpoint;
    const char *sts_endpoint;
    const char *s3_endpoint;
    const char *ca_file;
    const char *credentials;  // user_mapping, default
    const char *profile;      // with credentials 'default'
    const char *role_arn;
    const char *external_id;  // with role_arn
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token;
    int64 request_timeout_us;
    bool use_fips;
    bool use_dualstack;
    bool s3_path_style;
    bool has_mapping;
};

// Reads a server's options, and those of the role's user mapping for it if there is one.
SourceOptions read_source_options(const ForeignServer *server, Oid role);

// How an attribute is written that has no value in its row.
enum class Nulls : uint8 { kAbsent, kNull };
inline constexpr const char *kNullsWords[] = {"absent", "null"};

enum class KeyRole : uint8 { kNone, kPartition, kSort };
inline constexpr const char *kKeyRoleWords[] = {"", "partition", "sort"};

inline constexpr int kMostReadSegments = 100;

// The options of a foreign table. Palloc'ed.
struct TableOptions {
    const char *table_name;  // null: the foreign table's own name
    const char *index_name;  // null: the table itself
    double scan_rate;        // read units per second of a full scan; 0: no limit
    ConsistentRead consistent_read;
    int segments;  // of a full scan, read beside each other
    ConversionMode conversion_mode;
    Nulls nulls;
    bool sets;  // arrays of text, numeric and bytea are written as sets
};

// The options of one of its columns.
struct ColumnOptions {
    const char *attribute;  // null: the column's name
    KeyRole key;
    Nulls nulls;
    bool sets;
};

// The options of IMPORT FOREIGN SCHEMA that are not those of the tables made.
struct ImportOptions {
    TableOptions table;
    int sample_items;
    bool lower_case_columns;
    bool collate_sort_keys;  // COLLATE "C", DynamoDB's own order
    List *table_options;     // DefElem: as given, for the tables made
};

TableOptions read_table_options(Oid relation);
// Where the column does not say, what its table says.
ColumnOptions read_column_options(Oid relation, AttrNumber number, const TableOptions &table);
// Checks them too: IMPORT FOREIGN SCHEMA calls no validator.
ImportOptions read_import_options(List *options);

}  // namespace podyn
