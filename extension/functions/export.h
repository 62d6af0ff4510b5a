// What asking DynamoDB for an export of a table needs, whoever asks: podyn_export, or a replication for its copy.
#pragma once

#include "functions/source_table.h"
#include "imports/place.h"

namespace podyn {

// 's3://bucket/prefix'; an error for what is no place in S3.
Place read_destination(const char *export_to);
engine::BackupsDescription describe_backups(const Source &source, const char *table);
// An error unless the table's point-in-time recovery is on.
void require_recovery(const engine::BackupsDescription &backups, const char *table);
// One that nobody has used: who sends it again asks for the same export.
char *make_client_token();
// The folder of an export that is complete.
Place location_of(const engine::ExportDescription &found);

}  // namespace podyn
