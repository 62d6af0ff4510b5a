// See item_file.h.
#include "exports/item_file.h"

#include <string>
#include <utility>

#include "exports/corrupt.h"
#include "exports/lines.h"

namespace podyn::exports {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
// By then a document's items have begun.
constexpr std::size_t kMostOfBeginning = 256 * 1024;

RecordParser::Form form_of_lines(FileFormat format)
{
    return format == FileFormat::kChanges ? RecordParser::Form::kChange : RecordParser::Form::kUnknown;
}

bool is_blank(std::string_view text)
{
    return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

void ItemPage::add(const Record &record, std::uint64_t number, const std::shared_ptr<Block> &block)
{
    records_.push_back({record, number});
    if (blocks_.empty() || blocks_.back() != block)
        blocks_.push_back(block);
}

void ItemPage::finish()
{
    items_.reserve(records_.size());
    for (const NumberedRecord &numbered : records_) {
        const Record &record = numbered.record;
        items_.push_back({record.item.on(tape_), record.keys.on(tape_).values, numbered.number, record.remove});
    }
}

ItemFile::ItemFile(FileFormat format, dynamodb::NulCharacters nul_characters, std::unique_ptr<Inflater> inflater)
    : format_(format),
      nul_characters_(nul_characters),
      contents_(std::move(inflater)),
      window_(contents_),
      parser_(form_of_lines(format), nul_characters)
{
}

std::unique_ptr<ItemPage> ItemFile::take_page(std::uint32_t most_items, std::size_t most_bytes)
{
    if (!failure_) {
        try {
            if (!fill_page(most_items, most_bytes))
                return nullptr;
        } catch (...) {
            failure_ = std::current_exception();
        }
    }
    if (failure_ && (!page_ || page_->size() == 0))
        std::rethrow_exception(failure_);
    return give_page();
}

// False: bytes are wanted before the page is full.
bool ItemFile::fill_page(std::uint32_t most_items, std::size_t most_bytes)
{
    if (!splitter_ && !begin())
        return false;
    while (!page_ || (page_->size() < most_items && page_bytes_ < most_bytes)) {
        Piece piece;
        const Found found = splitter_->next(&piece);
        if (found == Found::kNothingYet)
            return false;
        ended_ = found == Found::kEnd;
        if (ended_)
            return true;
        add(piece);
        passed_ = piece.number;
    }
    return true;
}

void ItemFile::add(const Piece &piece)
{
    if (piece.number <= skip_) {
        parser_.pass_over(piece.text);
        return;
    }
    page_bytes_ += piece.text.size() + 1;
    if (is_blank(piece.text))
        return;
    if (!page_)
        page_ = std::make_unique<ItemPage>(last_values_);
    const Record record =
        piece.too_long ? too_long_record(piece.text, page_->tape()) : parser_.parse(piece.text, page_->tape());
    if (document_ && record.broken)
        throw corrupt_file("file is not a sound JSON document",
                           "Item " + std::to_string(piece.number) + ": " + std::string(record.item.problem.message));
    page_->add(record, piece.number, window_.block());
}

// False: there is not enough text yet to see what it is.
bool ItemFile::begin()
{
    if (!wait_for_text(kByteOrderMark.size()))
        return false;
    if (!marked_ && window_.text().starts_with(kByteOrderMark)) {
        window_.pass(kByteOrderMark.size());
        marked_ = true;
    }
    Beginning beginning = Beginning::kOther;
    if (format_ == FileFormat::kItems && !look_at_beginning(&beginning))
        return false;
    document_ = beginning == Beginning::kDocument;
    if (document_) {
        parser_ = RecordParser(RecordParser::Form::kItem, nul_characters_);
        splitter_ = std::make_unique<Document>(window_);
    } else {
        splitter_ = std::make_unique<Lines>(window_);
    }
    return true;
}

// False: it is not there yet. True also if the text ends before.
bool ItemFile::wait_for_text(std::size_t size)
{
    while (window_.text().size() < size)
        if (!window_.read_more())
            return window_.complete();
    return true;
}

bool ItemFile::look_at_beginning(Beginning *beginning)
{
    for (;;) {
        *beginning = exports::look_at_beginning(window_.text());
        if (*beginning != Beginning::kUndecided || window_.text().size() >= kMostOfBeginning)
            return true;
        if (!window_.read_more())
            return window_.complete();
    }
}

std::unique_ptr<ItemPage> ItemFile::give_page()
{
    given_ = passed_;
    page_bytes_ = 0;
    if (!page_)
        return nullptr;
    page_->finish();
    last_values_ = page_->tape().values.size();
    return std::move(page_);
}

}  // namespace podyn::exports
