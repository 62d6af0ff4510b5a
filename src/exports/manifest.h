// The manifests of exports to S3 (developer guide, S3DataExport.Output). What is missing or wrong in one is named.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "exports/types.h"

namespace podyn::exports {

// manifest-summary.json.
class Summary {
  public:
    // Throws base::Error, also for an export whose format podyn cannot read.
    explicit Summary(std::string_view text);
    Summary(const Summary &) = delete;
    Summary &operator=(const Summary &) = delete;

    [[nodiscard]] const ExportSummary &summary() const { return summary_; }

  private:
    std::string text_;
    base::Arena arena_;
    ExportSummary summary_{};
};

// manifest-files.json: a JSON object on each line.
class FileList {
  public:
    explicit FileList(std::string_view text);
    FileList(const FileList &) = delete;
    FileList &operator=(const FileList &) = delete;

    [[nodiscard]] std::span<const ExportFile> files() const { return files_; }

  private:
    std::string text_;
    base::Arena arena_;
    std::vector<ExportFile> files_;
};

}  // namespace podyn::exports
