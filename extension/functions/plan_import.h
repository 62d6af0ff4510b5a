// podyn_plan of a place of files: what podyn_import would do. The files are listed and their manifests read; a sample
// goes through the profile's hooks and into the target, all of which is undone.
#pragma once

#include "functions/plan_rows.h"

namespace podyn {

// Of a call of podyn_plan. Raises an error for an option that has to do with tables of DynamoDB only.
void plan_import(PlanRows *rows, FunctionCallInfo fcinfo);

// For a plan of podyn_replicate: raises an error for an option of podyn_import only.
void refuse_import_options(FunctionCallInfo fcinfo);

}  // namespace podyn
