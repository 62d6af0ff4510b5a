// See place.h.
#include "imports/place.h"

#include <sys/stat.h>

#include <climits>
#include <cstdlib>

#include "engine/s3.h"
#include "raise.h"

namespace podyn {
namespace {

constexpr char kScheme[] = "s3://";

char *without_slashes_at_the_end(const char *path)
{
    char *copy = pstrdup(path);
    for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/'; --length)
        copy[length - 1] = '\0';
    return copy;
}

Place parse_s3(const char *location)
{
    const char *bucket = location + strlen(kScheme);
    const char *slash = strchr(bucket, '/');
    size_t length = slash == nullptr ? strlen(bucket) : static_cast<size_t>(slash - bucket);
    if (length == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" names no bucket", location),
                        errhint("Give s3://bucket/prefix.")));
    const char *path = slash == nullptr ? "" : without_slashes_at_the_end(slash + 1);
    return {pnstrdup(bucket, length), strcmp(path, "/") == 0 ? "" : path};
}

// One page of what lies below a prefix, or with a delimiter right below it.
engine::S3ObjectsPage list_page(const Source &source, const Place &place, const char *prefix, const char *delimiter,
                                std::string_view token)
{
    engine::Call *call = nullptr;
    check(engine::start_list_objects(source.loop->client, source.session, place.bucket, prefix, delimiter, token, now(),
                                     &call));
    finish(source.loop, own_call(call));
    engine::S3Objects *handle = nullptr;
    engine::S3ObjectsPage page;
    check(engine::take_objects(call, &handle, &page));
    own<engine::S3Objects>(CurrentMemoryContext, handle, engine::destroy);
    return page;
}

bool find_object(const Source &source, const Place &place, StoredFile *file)
{
    if (place.path[0] == '\0')
        return false;
    engine::S3ObjectsPage page = list_page(source, place, place.path, "/", {});
    for (const engine::S3Object &object : page.objects)
        if (object.key == place.path) {
            file->size = static_cast<int64>(object.size);
            return true;
        }
    return false;
}

const char *prefix_of(const Place &directory)
{
    return directory.path[0] == '\0' ? "" : psprintf("%s/", directory.path);
}

void add_listed(Listing *listing, const char *name, int64 size)
{
    constexpr int kFirst = 64;  // doubled whenever they are full
    int count = listing->count;
    if (listing->files == nullptr)
        listing->files = static_cast<ListedFile *>(palloc(sizeof(ListedFile) * kFirst));
    else if (count >= kFirst && (count & (count - 1)) == 0)
        listing->files = static_cast<ListedFile *>(
            repalloc_huge(listing->files, sizeof(ListedFile) * static_cast<size_t>(count) * 2));
    listing->files[listing->count++] = {name, {size}};
}

Listing list_objects(const Source &source, const Place &directory)
{
    const char *prefix = prefix_of(directory);
    Listing listing = {};
    std::string_view token;
    do {
        engine::S3ObjectsPage page = list_page(source, directory, prefix, "/", token);
        for (const engine::S3Object &object : page.objects) {
            std::string_view name = object.key;
            name.remove_prefix(strlen(prefix));
            add_listed(&listing, copy_string(name), static_cast<int64>(object.size));
        }
        token = page.next_token;
    } while (!token.empty());
    return listing;
}

List *list_prefixes(const Source &source, const Place &place)
{
    const char *prefix = prefix_of(place);
    List *names = NIL;
    std::string_view token;
    do {
        engine::S3ObjectsPage page = list_page(source, place, prefix, "/", token);
        for (std::string_view below : page.common_prefixes) {
            below.remove_prefix(strlen(prefix));
            below.remove_suffix(1);
            names = lappend(names, copy_string(below));
        }
        token = page.next_token;
    } while (!token.empty());
    return names;
}

// At most kMostBytesOfPart bytes. False: there is no such object.
bool read_part(const Source &source, const Place &place, uint64 first, size_t most, engine::S3Part *part)
{
    engine::Call *call = nullptr;
    check(engine::start_get_object(source.loop->client, source.session, place.bucket, place.path, first, most, {},
                                   now(), &call));
    engine::Status status = wait_for_call(source.loop, own_call(call));
    if (status.failure == engine::Failure::kNotFound)
        return false;
    check(status);
    engine::ObjectPart *handle = nullptr;
    check(engine::take_object_part(call, &handle, part));
    own<engine::ObjectPart>(CurrentMemoryContext, handle, engine::destroy);
    return true;
}

char *read_object(const Source &source, const Place &place, size_t most, size_t *length)
{
    char *whole = nullptr;
    engine::S3Part part = {};
    *length = 0;
    do {
        size_t wanted = Min(most - *length, static_cast<size_t>(engine::kMostBytesOfPart));
        if (!read_part(source, place, *length, wanted, &part))
            return nullptr;
        size_t size = *length + part.bytes.size() + 1;
        whole =
            static_cast<char *>(whole == nullptr ? palloc_extended(size, MCXT_ALLOC_HUGE) : repalloc_huge(whole, size));
        memcpy(whole + *length, part.bytes.data(), part.bytes.size());
        *length += part.bytes.size();
    } while (*length < most && *length < part.object_size);
    whole[*length] = '\0';
    return whole;
}

bool is_missing()
{
    return errno == ENOENT || errno == ENOTDIR;
}

List *list_directories(const char *path)
{
    List *names = NIL;
    DIR *directory = AllocateDir(path);
    if (directory == nullptr && is_missing())
        return NIL;
    struct dirent *entry;
    while ((entry = ReadDir(directory, path)) != nullptr) {  // raises an error for any other failure
        struct stat status;
        if (entry->d_name[0] != '.' && stat(psprintf("%s/%s", path, entry->d_name), &status) == 0 &&
            S_ISDIR(status.st_mode))
            names = lappend(names, pstrdup(entry->d_name));
    }
    FreeDir(directory);
    return names;
}

char *read_file(const char *path, size_t most, size_t *length)
{
    int file = OpenTransientFile(path, O_RDONLY);
    if (file < 0 && is_missing())
        return nullptr;
    if (file < 0)
        raise_file_error("open", path);
    struct stat status;
    if (fstat(file, &status) != 0)
        raise_file_error("stat", path);
    size_t size = Min(most, static_cast<size_t>(status.st_size));
    auto *bytes = static_cast<char *>(palloc_extended(size + 1, MCXT_ALLOC_HUGE));
    *length = 0;
    while (*length < size) {
        ssize_t count = read(file, bytes + *length, size - *length);
        if (count < 0)
            raise_file_error("read", path);
        if (count == 0)
            break;
        *length += static_cast<size_t>(count);
    }
    bytes[*length] = '\0';
    CloseTransientFile(file);
    return bytes;
}

char *real_path(const char *path)
{
    char resolved[PATH_MAX];
    if (realpath(path, resolved) == nullptr)
        raise_file_error("find", path);
    return pstrdup(resolved);
}

}  // namespace

bool is_in_s3(const char *location)
{
    return strncmp(location, kScheme, strlen(kScheme)) == 0;
}

bool is_place(const char *location)
{
    return is_in_s3(location) || location[0] == '/';
}

Place parse_place(const char *location)
{
    if (is_in_s3(location))
        return parse_s3(location);
    if (location[0] == '/')
        return {nullptr, without_slashes_at_the_end(location)};
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is no place of files", location),
                    errhint("Give s3://bucket/prefix, or the absolute path of a directory or file of the server.")));
}

char *describe(const Place &place)
{
    return place.bucket == nullptr ? pstrdup(place.path) : psprintf("%s%s/%s", kScheme, place.bucket, place.path);
}

Place inside(const Place &place, const char *relative)
{
    char *path = pstrdup(place.path);
    while (strncmp(relative, "../", 3) == 0) {
        relative += 3;
        char *slash = strrchr(path, '/');
        (slash == nullptr ? path : slash)[0] = '\0';
    }
    bool at_top = path[0] == '\0' && place.bucket != nullptr;
    return {place.bucket, at_top ? pstrdup(relative) : psprintf("%s/%s", path, relative)};
}

Place without_links(const Place &place)
{
    char resolved[PATH_MAX];
    if (place.bucket != nullptr || realpath(place.path, resolved) == nullptr)
        return place;  // who looks there next says what is wrong
    return {nullptr, pstrdup(resolved)};
}

bool is_file(const Source &source, const Place &place, StoredFile *file)
{
    if (place.bucket != nullptr)
        return find_object(source, place, file);
    struct stat status;
    bool exists = stat(place.path, &status) == 0;
    if (!exists && !is_missing())
        raise_file_error("stat", place.path);
    if (!exists || !S_ISREG(status.st_mode))
        return false;
    file->size = static_cast<int64>(status.st_size);
    return true;
}

namespace {

Listing list_regular_files(const char *path)
{
    Listing listing = {};
    DIR *directory = AllocateDir(path);
    if (directory == nullptr && is_missing())
        return listing;
    struct dirent *entry;
    while ((entry = ReadDir(directory, path)) != nullptr) {  // raises an error for any other failure
        struct stat status;
        if (stat(psprintf("%s/%s", path, entry->d_name), &status) == 0 && S_ISREG(status.st_mode))
            add_listed(&listing, pstrdup(entry->d_name), status.st_size);
    }
    FreeDir(directory);
    return listing;
}

int by_name(const void *left, const void *right)
{
    return strcmp(static_cast<const ListedFile *>(left)->name, static_cast<const ListedFile *>(right)->name);
}

}  // namespace

Listing list_files(const Source &source, const Place &directory)
{
    Listing listing =
        directory.bucket != nullptr ? list_objects(source, directory) : list_regular_files(directory.path);
    if (listing.count > 0)
        qsort(listing.files, static_cast<size_t>(listing.count), sizeof(ListedFile), by_name);
    return listing;
}

const StoredFile *find_file(const Listing &listing, const char *name)
{
    ListedFile wanted = {name, {}};
    auto *found = listing.count == 0
                      ? nullptr
                      : static_cast<ListedFile *>(bsearch(&wanted, listing.files, static_cast<size_t>(listing.count),
                                                          sizeof(ListedFile), by_name));
    return found == nullptr ? nullptr : &found->file;
}

List *directories(const Source &source, const Place &place)
{
    return place.bucket != nullptr ? list_prefixes(source, place) : list_directories(place.path);
}

char *read_beginning(const Source &source, const Place &place, size_t most, size_t *length)
{
    return place.bucket != nullptr ? read_object(source, place, most, length) : read_file(place.path, most, length);
}

char *resolve_file(const Place &place, const Place &root)
{
    char *file = real_path(place.path);
    char *directory = real_path(root.path);
    size_t length = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
    if (strncmp(file, directory, length) != 0 || file[length] != '/')
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("file \"%s\" lies outside of \"%s\"", place.path, root.path), errdetail("It is \"%s\".", file),
                 errhint("Symbolic links out of an export are not followed.")));
    return file;
}

void require_server_files(Oid role)
{
    if (!has_privs_of_role(role, ROLE_PG_READ_SERVER_FILES))
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to read files of the server"),
                 errhint("Use GRANT pg_read_server_files TO %s, or load from S3.",
                         quote_identifier(GetUserNameFromId(role, false)))));
}

}  // namespace podyn
