// See sample.h.
#include "imports/sample.h"

#include "engine/files.h"
#include "raise.h"

namespace podyn {
namespace {

// An item has at most 400 KB (developer guide, Limits), which may be some MB of JSON.
constexpr size_t kSampleBytes = 4 << 20;

// Whether it has given any item.
bool sample_file(const Source &source, const Place &place, const ImportFile &file, engine::NulCharacters nul_characters,
                 int most_items, ImportSample *sample)
{
    size_t length;
    char *bytes = read_beginning(source, {place.bucket, file.name}, kSampleBytes, &length);
    if (bytes == nullptr)
        return false;
    engine::FileReader *reader = nullptr;
    check(engine::file_reader_create(file.changes ? engine::FileFormat::kChanges : engine::FileFormat::kItems,
                                     nul_characters, &reader));
    own<engine::FileReader>(CurrentMemoryContext, reader, engine::destroy);
    const char *about = describe({place.bucket, file.name});
    check(engine::file_feed(reader, {bytes, length}, static_cast<int64>(length) == file.size), about);
    auto size = static_cast<size_t>(most_items + 1);
    auto *items = static_cast<engine::Item *>(palloc0(sizeof(engine::Item) * size));
    auto *read = static_cast<engine::FileItem *>(palloc0(sizeof(engine::FileItem) * size));
    size_t count = 0;
    sample->read_count = 0;
    // Where none of them is sound, the first one that is: the key's type is seen by it, and the rest is to be loaded.
    while (sample->read_count < most_items || count == 0) {  // a page is full or the last one: of one item each
        engine::FileItems *handle = nullptr;
        engine::FilePage page;
        check(engine::take_file_page(reader, 1, kSampleBytes, &handle, &page), about);
        own<engine::FileItems>(CurrentMemoryContext, handle, engine::destroy);
        if (page.items.empty())
            break;
        const engine::FileItem &item = page.items[0];
        if (sample->read_count < most_items)
            read[sample->read_count++] = item;
        if (sample->keys.empty())
            sample->keys = item.keys;
        if (!item.remove && !item.item.problem.exists())
            items[count++] = item.item;
    }
    sample->items = {items, count};
    sample->read = read;
    sample->file = sample->read_count > 0 ? &file : nullptr;
    return sample->file != nullptr;
}

}  // namespace

ImportSample read_sample(const Source &source, const Place &place, const ImportFiles &files,
                         engine::NulCharacters nul_characters, int most_items)
{
    ImportSample sample = {};
    for (int i = 0; i < files.count; ++i)
        if (files.files[i].item_count != 0 && files.files[i].size > 0 &&
            sample_file(source, place, files.files[i], nul_characters, most_items, &sample))
            break;
    return sample;
}

}  // namespace podyn
