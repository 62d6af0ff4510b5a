// The steps of podyn_import, in the order in which it takes them; podyn_plan takes the same, and undoes them.
#pragma once

#include "catalog/profiles.h"
#include "functions/import_options.h"
#include "functions/replicate.h"
#include "imports/sample.h"

namespace podyn {

struct Importing {
    ImportOptions options;
    const char *name;
    Place place;
    Source source;  // nothing is connected while it has no session
    ImportFiles files;
    ImportSample sample;
    std::span<const engine::Item> items;  // of the sample, as parse has them
    engine::TableDescription table;
    catalog::Profile *profile;  // null: none
    ErrorData *describing;      // why the table could not be described; null: it was not asked for

    [[nodiscard]] bool by_hooks() const { return profile != nullptr && profile->makes_records(); }
};

// What follows raises an error where podyn_import could not go on. Memory is that of the current context.
Importing begin_import(const ImportOptions &options);
// Finds what there is to load.
void find_import_files(Importing *import, bool allow_gaps);
// Looks at so many items. Needed before make_import, unless hooks make the records.
void take_sample(Importing *import, int most_items);
// Makes or adopts the target and writes the import down. It has no tasks yet.
NewReplication make_import(Importing *import);

}  // namespace podyn
