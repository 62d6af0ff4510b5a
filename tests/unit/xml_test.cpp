// The reader of XML, against sound and hostile documents; and UTF-8.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/guard.h"
#include "base/utf8.h"
#include "xml/reader.h"

namespace podyn::xml {
namespace {

class Recorder final : public Sink {
  public:
    void on_begin(std::string_view path) override { events.append("<").append(path).append(">"); }
    void on_end(std::string_view path, std::string_view text) override
    {
        events.append("[").append(path).append("=").append(text).append("]");
    }

    std::string events;
};

std::string events_of(std::string_view document)
{
    Recorder recorder;
    read(document, recorder);
    return recorder.events;
}

base::Status status_of(std::string_view document)
{
    return base::guarded([&] {
        (void)events_of(document);
        return base::Status{};
    });
}

TEST(Xml, elements_are_told_with_their_paths_and_their_own_text)
{
    EXPECT_EQ(events_of("<a><b>x</b>y<b/><c> z </c></a>"), "<a><a/b>[a/b=x]<a/b>[a/b=]<a/c>[a/c= z ][a=y]");
}

TEST(Xml, what_s3_writes_around_its_answers_is_passed_over)
{
    EXPECT_EQ(
        events_of("\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- <no> -->\n"
                  "<s3:a xmlns:s3=\"http://s3.amazonaws.com/doc/2006-03-01/\" x = '>\"' ><s3:b\n/></s3:a >\n<!-- -->"),
        "<a><a/b>[a/b=][a=]");
}

TEST(Xml, entities_and_cdata_are_text)
{
    EXPECT_EQ(
        events_of("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#223;&#x65E5;&#x1F600;&#10;<![CDATA[<b>&amp;]]>]]</a>"),
        "<a>[a=<>&\"'ABß日😀\n<b>&amp;]]]");
}

TEST(Xml, unsound_documents_are_refused)
{
    for (const std::string_view document : {"",
                                            " ",
                                            "x",
                                            "<a>",
                                            "<a",
                                            "<",
                                            "</a>",
                                            "<a></b>",
                                            "<a><b></a></b>",
                                            "<a/><b/>",
                                            "<a/>x",
                                            "x<a/>",
                                            "<a/>&amp;",
                                            "<a/><![CDATA[x]]>",
                                            "<a b></a>",
                                            "<a b=></a>",
                                            "<a b=c></a>",
                                            "<a b=\"></a>",
                                            "<a b=\"<\"></a>",
                                            "<a/ >",
                                            "< a/>",
                                            "<a>&</a>",
                                            "<a>&;</a>",
                                            "<a>&nbsp;</a>",
                                            "<a>&amp</a>",
                                            "<a>&lt</a>;",
                                            "<a>&#;</a>",
                                            "<a>&#x;</a>",
                                            "<a>&#0;</a>",
                                            "<a>&#x0;</a>",
                                            "<a>&#8;</a>",
                                            "<a>&#xd800;</a>",
                                            "<a>&#xfffe;</a>",
                                            "<a>&#xffff;</a>",
                                            "<a>&#x110000;</a>",
                                            "<a>&#-1;</a>",
                                            "<a>&#+1;</a>",
                                            "<a>&#99999999;</a>",
                                            "<a>&#4294967361;</a>",
                                            "<a>&#x41</a>",
                                            "<a>&#00000000000065;</a>",
                                            "<a><![CDATA[x]]</a>",
                                            "<a><!-- </a>",
                                            "<a><? </a>",
                                            "<a>\xff</a>",
                                            "<a>\x01</a>",
                                            "<a>\xc0\xaf</a>",
                                            "<a>\xed\xa0\x80</a>",
                                            "<a></a",
                                            "<=/>"}) {
        const base::Status status = status_of(document);
        EXPECT_EQ(status.failure, base::Failure::kCorrupt) << document;
        EXPECT_TRUE(status.retryable);
        EXPECT_STREQ(status.sqlstate, "08P01");
    }
    EXPECT_FALSE(status_of(std::string_view("<a>\0</a>", 8)).ok());
}

TEST(Xml, nothing_can_be_defined_or_fetched)
{
    const base::Status status = status_of(
        "<!DOCTYPE a [<!ENTITY b \"cc\"><!ENTITY c SYSTEM \"file:///etc/passwd\">]>"
        "<a>&b;&c;</a>");
    EXPECT_NE(std::string(status.detail).find("document types"), std::string::npos) << status.detail;
}

TEST(Xml, depth_is_bounded)
{
    const auto nested = [](std::size_t depth) {
        std::string text;
        for (std::size_t i = 0; i < depth; ++i)
            text.append("<a>");
        for (std::size_t i = 0; i < depth; ++i)
            text.append("</a>");
        return text;
    };
    EXPECT_TRUE(status_of(nested(kMaxDepth)).ok());
    EXPECT_FALSE(status_of(nested(kMaxDepth + 1)).ok());
    EXPECT_FALSE(status_of(nested(1'000'000)).ok());
}

TEST(Xml, a_document_cut_off_anywhere_is_refused)
{
    const std::string whole = "<?xml version='1.0'?><a x=\"1\"><b>&#65;<![CDATA[c]]></b><!-- d --></a>";
    ASSERT_TRUE(status_of(whole).ok());
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(status_of(std::string_view(whole).substr(0, size)).ok()) << size;
}

TEST(Xml, the_first_text_of_a_name_is_found)
{
    EXPECT_EQ(text_of("<a><b><c> 1\n</c></b><c>2</c></a>", "c"), "1");
    EXPECT_EQ(text_of("<a><b><c>1</c></b></a>", "b"), "");
    EXPECT_EQ(text_of("<a/>", "b"), "");
    EXPECT_EQ(text_of("<a><b>1</b>", "b"), "");
}

TEST(Utf8, is_told_from_what_is_none)
{
    for (const char *text : {"", "a", "ß", "日本", "😀", "\xf4\x8f\xbf\xbf", "\xee\x80\x80"})
        EXPECT_TRUE(base::is_utf8(text)) << text;
    for (const char *text : {"\x80", "\xc3", "\xc3(", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                             "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff", "a\xe6\x97"})
        EXPECT_FALSE(base::is_utf8(text)) << text;
}

TEST(Utf8, is_written_as_it_is_read)
{
    for (std::uint32_t character = 1; character <= 0x10ffff; character += 7) {
        if (!base::is_character(character))
            continue;
        std::string text;
        base::append_utf8(text, character);
        ASSERT_TRUE(base::is_utf8(text)) << character;
        ASSERT_EQ(text.size(), character < 0x80 ? 1u : character < 0x800 ? 2u : character < 0x10000 ? 3u : 4u);
    }
}

}  // namespace
}  // namespace podyn::xml
