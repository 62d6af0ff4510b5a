// What files of items hold, as plain data. Views belong to whoever hands the struct out.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dynamodb/item.h"

namespace podyn::exports {

// What a file holds.
enum class FileFormat : std::uint8_t {
    // {"Item": {…}} on each line, as in full exports; or an item on each line; or documents {"Items": […], …} as
    // `aws dynamodb scan` prints them. Which of them is seen from the beginning.
    kItems,
    // {"Metadata": {…}, "Keys": {…}, "NewImage": {…}, "OldImage": {…}} on each line, as in incremental exports.
    kChanges,
};

struct FileItem {
    // Of a removed item only its keys. Where the line is no JSON, no record, or too long, the problem says so, and
    // `json` is the line's beginning, in sound UTF-8 without U+0000.
    dynamodb::Item item;
    std::span<const dynamodb::Value> keys;  // kChanges: what the record says that the key is; empty in unsound records
    std::uint64_t line;                     // from 1; in documents: which item, from 1
    bool remove;                            // kChanges: there is no new image
};

struct FilePage {
    std::span<const FileItem> items;
    std::uint64_t lines;  // passed since the beginning of the file, with this page's; in documents: items
    bool ended;           // nothing comes after this page
};

// manifest-summary.json (developer guide, S3DataExport.Output). Times are microseconds of Unix time, 0 where there is
// none.
struct ExportSummary {
    std::string_view export_arn;
    std::string_view table_arn;
    std::string_view table_id;  // empty if there is none
    std::string_view s3_bucket;
    std::string_view s3_prefix;           // empty if there is none
    std::string_view manifest_files_key;  // of manifest-files.json
    std::string_view output_format;       // DYNAMODB_JSON
    std::string_view output_view;         // of incremental exports: NEW_IMAGE, NEW_AND_OLD_IMAGES
    std::int64_t start_time_us;
    std::int64_t end_time_us;
    std::int64_t export_time_us;  // of full exports: the time whose contents they hold
    std::int64_t from_time_us;    // of incremental exports: changes from here on …
    std::int64_t to_time_us;      // … and before here
    std::int64_t item_count;
    std::int64_t billed_size_bytes;
    bool incremental;
    bool finished;  // it has an end; counts and the key of manifest-files.json are only promised if so
};

// A line of manifest-files.json.
struct ExportFile {
    std::string_view key;   // dataFileS3Key: where the file lies in the bucket
    std::string_view md5;   // of the file as stored, base64
    std::string_view etag;  // empty if there is none; of an upload in parts, no MD5
    std::int64_t item_count;
};

}  // namespace podyn::exports
