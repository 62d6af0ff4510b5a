// IMPORT FOREIGN SCHEMA: one foreign table for each table of DynamoDB.
#pragma once

#include "compat.h"

namespace podyn {

// The statements that make the tables: char *.
List *import_schema(ImportForeignSchemaStmt *statement, Oid server);

}  // namespace podyn
