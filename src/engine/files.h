// Reading what is not fetched from DynamoDB item by item: exports to S3 and files of items. Bytes go in as they are
// stored, items come out page by page; where the bytes come from is the caller's affair.
//
// A file's memory is bounded, whatever its size: some megabytes, the pages that are not yet destroyed, and the longest
// line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/item.h"
#include "engine/status.h"
#include "exports/types.h"

namespace podyn::engine {

using exports::ExportFile;
using exports::ExportSummary;
using exports::FileFormat;
using exports::FileItem;
using exports::FilePage;

// ---- Files ---------------------------------------------------------------------------------------------------------

struct FileReader;
[[nodiscard]] Status file_reader_create(FileFormat format, NulCharacters nul_characters, FileReader **reader) noexcept;
void destroy(FileReader *reader) noexcept;

// Passes over lines up to this one without parsing them, so that a load goes on inside a file: FilePage::lines of the
// last page that was kept. In documents: over items. Before the first feed.
void file_skip_lines(FileReader *reader, std::uint64_t lines) noexcept;

// The MD5 is known already: file_md5() stays empty. Before the first feed.
void file_leave_out_md5(FileReader *reader) noexcept;

// The file's next bytes as stored, gzipped or not (seen from the first byte; several gzip members in a row are one
// file). They stay the caller's and must live until file_wants_bytes() is true again, or the reader is destroyed.
// `last`: no more come.
[[nodiscard]] Status file_feed(FileReader *reader, std::string_view bytes, bool last) noexcept;
// False for ever after the last bytes, and after a failure.
[[nodiscard]] bool file_wants_bytes(const FileReader *reader) noexcept;

struct FileItems;
// At most so many items; a page also ends after so many bytes of JSON, but holds at least one item. Pages are full but
// for the last one, and before a failure: they do not depend on how the bytes are fed. An empty page that has not
// ended: bytes are wanted (the handle is null, and what the pages before held is all that `lines` speaks of).
//
// Empty lines are lines without an item. Fails (Failure::kCorrupt, not retryable, and so does every call after it)
// where the compressed data is broken or truncated, or a document {"Items": is broken JSON: what came before has been
// given.
[[nodiscard]] Status take_file_page(FileReader *reader, std::uint32_t most_items, std::size_t most_bytes,
                                    FileItems **handle, FilePage *page) noexcept;
// Pages may outlive their reader.
void destroy(FileItems *handle) noexcept;

// MD5 of all bytes fed, base64, as md5Checksum of a manifest has it; empty before the last feed.
[[nodiscard]] std::string_view file_md5(const FileReader *reader) noexcept;
// So many bytes were fed.
[[nodiscard]] std::uint64_t file_bytes(const FileReader *reader) noexcept;

// The same MD5 of bytes that nobody parses.
struct FileChecksum;
[[nodiscard]] Status file_checksum_create(FileChecksum **checksum) noexcept;
void destroy(FileChecksum *checksum) noexcept;
[[nodiscard]] Status file_checksum_add(FileChecksum *checksum, std::string_view bytes) noexcept;
// Once, after the last bytes.
[[nodiscard]] Status file_checksum_finish(FileChecksum *checksum, std::string_view *md5) noexcept;

// ---- Manifests -----------------------------------------------------------------------------------------------------

// What is missing or wrong is named (Failure::kCorrupt, not retryable); an export in Amazon Ion format is refused
// (Failure::kInvalid, SQLSTATE 0A000).

struct Summary;
[[nodiscard]] Status parse_export_summary(std::string_view text, Summary **handle, ExportSummary *summary) noexcept;
void destroy(Summary *handle) noexcept;

struct FileList;
[[nodiscard]] Status parse_export_files(std::string_view text, FileList **handle,
                                        std::span<const ExportFile> *files) noexcept;
void destroy(FileList *handle) noexcept;

}  // namespace podyn::engine
