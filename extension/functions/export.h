// Whether a table can be exported to a place: checked for podyn_export, and for a replication that copies in this way.
#pragma once

#include "imports/place.h"

namespace podyn {

// 's3://bucket/prefix'; an error for what is no place in S3.
Place read_destination(const char *export_to);
engine::BackupsDescription describe_backups(const Source &source, const char *table);
// An error unless the table's point-in-time recovery is on.
void require_recovery(const engine::BackupsDescription &backups, const char *table);

}  // namespace podyn
