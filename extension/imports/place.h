// Where files lie: in a bucket of S3 ('s3://bucket/path') or in the server's file system (an absolute path). Whoever
// reads the server's files needs the rights of pg_read_server_files.
//
// These functions wait; they are for a user's own call. Memory is that of the current context.
#pragma once

#include "compat.h"
#include "source_table.h"

namespace podyn {

struct Place {
    const char *bucket;  // null: the server's file system
    const char *path;    // S3: a key or a prefix, without a slash at its ends
};

bool is_in_s3(const char *location);
// Whether it names a place of files, which no name of a table can be.
bool is_place(const char *location);
// An error for what is neither of the two.
Place parse_place(const char *location);
char *describe(const Place &place);
// The place of a relative path with slashes; ".." at its beginning goes up.
Place inside(const Place &place, const char *relative);
// What a folder of the server is behind symbolic links on the way to it; as it is, where nothing is there.
Place without_links(const Place &place);

// What a file is, as stored.
struct StoredFile {
    int64 size;
};
bool is_file(const Source &source, const Place &place, StoredFile *file);
// The files right below a directory, by their names' order; asked for at once, where a request for each would take
// long.
struct ListedFile {
    const char *name;
    StoredFile file;
};
struct Listing {
    ListedFile *files;
    int count;
};
Listing list_files(const Source &source, const Place &directory);
// Null: there is none of that name.
const StoredFile *find_file(const Listing &listing, const char *name);

// Names of the directories right below.
List *directories(const Source &source, const Place &place);
// The file's bytes from its beginning, at most so many. Null: there is no such file.
char *read_beginning(const Source &source, const Place &place, size_t most, size_t *length);

// The file system's own name of a file, for who reads it later; an error if it lies outside of `root` by way of a
// symbolic link.
char *resolve_file(const Place &place, const Place &root);

// Raises an error unless the role may read the server's files.
void require_server_files(Oid role);

}  // namespace podyn
