// Reads XML in one pass and without recursion, and tells a sink what its elements hold: as much of XML 1.0 as AWS's
// answers need. Attributes are passed over, name space prefixes cut off. There are no document types: nothing can be
// defined, fetched or made to grow.
//
// UTF-8 is checked. What is not one sound document throws base::Error with Failure::kCorrupt.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace podyn::xml {

// How deeply elements may nest.
inline constexpr std::size_t kMaxDepth = 32;

class Sink {
  public:
    // `path`: names from the root, as in "ListBucketResult/Contents/Key".
    virtual void on_begin(std::string_view) {}
    // `text`: what stands directly inside, with entities and CDATA resolved and white space as it is. Lives until the
    // call returns.
    virtual void on_end(std::string_view path, std::string_view text) = 0;

  protected:
    ~Sink() = default;
};

void read(std::string_view document, Sink &sink);

// The text of the first element of that name, without white space at its ends; empty where there is none, where it has
// elements inside, or where the document is not sound.
[[nodiscard]] std::string text_of(std::string_view document, std::string_view element);

}  // namespace podyn::xml
