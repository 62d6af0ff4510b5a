// Notes the DDL that runs in this session, as it was sent: CREATE TABLE, CREATE INDEX, ALTER TABLE, whoever sends it.
#pragma once

#include "compat.h"

namespace podyn {

struct RecordedDdl {
    MemoryContext context;
    List *statements;  // char *, in the order in which they ran
};

// Between the two, statements that succeed are noted. An error in between: stop_recording_ddl has to be called.
void record_ddl(RecordedDdl *into);
void stop_recording_ddl();

}  // namespace podyn
