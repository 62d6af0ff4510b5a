// See files.h.
#include "engine/files.h"

#include <memory>
#include <string>

#include "base/base64.h"
#include "base/digest.h"
#include "engine/guard.h"
#include "exports/item_file.h"
#include "exports/manifest.h"

namespace podyn::engine {

struct FileReader : exports::ItemFile {
    using ItemFile::ItemFile;
};
struct FileChecksum {
    base::Md5 digest;
    std::string md5;
};
// A page is made before anybody asks for its handle.
struct FileItems {
    std::unique_ptr<exports::ItemPage> page;
};
struct Summary : exports::Summary {
    using exports::Summary::Summary;
};
struct FileList : exports::FileList {
    using exports::FileList::FileList;
};

Status file_reader_create(FileFormat format, NulCharacters nul_characters, FileReader **reader) noexcept
{
    *reader = nullptr;
    return guarded([&] {
        *reader = new FileReader(format, nul_characters, exports::fastest_inflater());
        return Status{};
    });
}

void destroy(FileReader *reader) noexcept
{
    delete reader;
}

void file_skip_lines(FileReader *reader, std::uint64_t lines) noexcept
{
    reader->skip(lines);
}

void file_leave_out_md5(FileReader *reader) noexcept
{
    reader->leave_out_md5();
}

Status file_feed(FileReader *reader, std::string_view bytes, bool last) noexcept
{
    return guarded([&] {
        reader->feed(bytes, last);
        return Status{};
    });
}

bool file_wants_bytes(const FileReader *reader) noexcept
{
    return reader->wants_bytes();
}

Status take_file_page(FileReader *reader, std::uint32_t most_items, std::size_t most_bytes, FileItems **handle,
                      FilePage *page) noexcept
{
    *handle = nullptr;
    return guarded([&] {
        auto items = std::make_unique<FileItems>();
        items->page = reader->take_page(most_items, most_bytes);
        *page = {{}, reader->lines(), reader->ended()};
        if (items->page) {
            page->items = items->page->items();
            *handle = items.release();
        }
        return Status{};
    });
}

void destroy(FileItems *handle) noexcept
{
    delete handle;
}

std::string_view file_md5(const FileReader *reader) noexcept
{
    return reader->contents().md5();
}

std::uint64_t file_bytes(const FileReader *reader) noexcept
{
    return reader->contents().bytes_fed();
}

Status file_checksum_create(FileChecksum **checksum) noexcept
{
    *checksum = nullptr;
    return guarded([&] {
        *checksum = new FileChecksum();
        return Status{};
    });
}

void destroy(FileChecksum *checksum) noexcept
{
    delete checksum;
}

Status file_checksum_add(FileChecksum *checksum, std::string_view bytes) noexcept
{
    return guarded([&] {
        checksum->digest.update(bytes);
        return Status{};
    });
}

Status file_checksum_finish(FileChecksum *checksum, std::string_view *md5) noexcept
{
    return guarded([&] {
        checksum->md5 = base::encode_base64(base::as_text(checksum->digest.finish()));
        *md5 = checksum->md5;
        return Status{};
    });
}

Status parse_export_summary(std::string_view text, Summary **handle, ExportSummary *summary) noexcept
{
    *handle = nullptr;
    return guarded([&] {
        *handle = new Summary(text);
        *summary = (*handle)->summary();
        return Status{};
    });
}

void destroy(Summary *handle) noexcept
{
    delete handle;
}

Status parse_export_files(std::string_view text, FileList **handle, std::span<const ExportFile> *files) noexcept
{
    *handle = nullptr;
    return guarded([&] {
        *handle = new FileList(text);
        *files = (*handle)->files();
        return Status{};
    });
}

void destroy(FileList *handle) noexcept
{
    delete handle;
}

}  // namespace podyn::engine
