// An export that DynamoDB is asked for: by podyn_export in a user's call, or by the export task of a replication.
#pragma once

#include "engine/operations.h"
#include "imports/place.h"

namespace podyn {

// One that nobody has used: who sends it again asks for the same export.
char *make_client_token();
// What either request has been answered with: for the export, or for its description.
engine::ExportDescription take_export(engine::Call *call);
// The folder of an export that is complete.
Place location_of(const engine::ExportDescription &found);

}  // namespace podyn
